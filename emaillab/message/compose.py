"""What does a user agent do when the user writes, answers or passes on a letter?

It writes Date, Message-ID and the thread's references, folds and encodes what is not ASCII, and draws up the envelope:
who is told about a blind copy is the envelope's business, never the letter's.

>>> from datetime import UTC, datetime
>>> noon = datetime(2025, 3, 3, 12, tzinfo=UTC)
>>> letter = compose("Alice <alice@crepes.fr>", "bob@hamburger.edu", "晚饭", "薄饼?", bcc="eve@example.org",
...                  date=noon, message_id="1@crepes.fr")
>>> for line in to_bytes(letter).decode().splitlines():
...     print(line)
Date: Mon, 03 Mar 2025 12:00:00 +0000
From: Alice <alice@crepes.fr>
To: bob@hamburger.edu
Subject: =?utf-8?B?5pma6aWt?=
Message-ID: <1@crepes.fr>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64
<BLANKLINE>
6JaE6aW8Pw0K
>>> envelope(letter)
Envelope(reverse_path='alice@crepes.fr', forward_paths=['bob@hamburger.edu', 'eve@example.org'])
>>> answer = reply(letter, "好!", from_="bob@hamburger.edu", date=noon, message_id="2@hamburger.edu")
>>> answer["To"], answer["Subject"], answer["In-Reply-To"]
('Alice <alice@crepes.fr>', 'Re: 晚饭', '<1@crepes.fr>')
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, Message
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeAlias

from .addresses import Address, AddressGroup, parse_address_groups
from .encodings import encode_base64, encode_quoted_printable
from .envelope import Envelope, envelope
from .original import Original
from .sizes import best_encoding
from .words import LINE_LIMIT, encode_words
from .writer import WIRE, Enclosure, Source, ascii_domain, octets_of, to_bytes

__all__ = ["Attachment", "Envelope", "compose", "envelope", "forward", "reply", "to_bytes"]

Mailboxes = str | Address | Iterable[str | Address]
"""One or many: `"Bob <bob@b.org>"`, `"a@b.org, c@d.org"`, `["a@b.org", "friends: c@d.org, e@f.org;"]`."""

# ftext = %d33-57 / %d59-126, a field name's characters   RFC 5322 §2.2
_FIELD_NAME = re.compile(r"[!-9;-~]+")
# msg-id = "<" id-left "@" id-right ">", without white space or comments   RFC 5322 §3.6.4
_MESSAGE_ID = re.compile(r"<?([!-;=?-~]+@[!-;=?-~]+)>?")
# What no header value may hold; all of these end a line for one reader or another.
_NOT_IN_A_HEADER = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_NAMES = {"\0": "NUL", "\n": "LF", "\r": "CR"}
_DOMAIN = re.compile(r"\[[!-Z^-~]+\]|[^\x00-\x20\x7f()<>@,;:\\\"\[\].]+(?:\.[^\x00-\x20\x7f()<>@,;:\\\"\[\].]+)*\.?")
_SEVEN_BIT = re.compile(r"[\t\r\n -~]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_OWN_FIELDS = ("date", "from", "to", "cc", "bcc", "subject", "message-id", "mime-version")
# QUIRK: mailers write "Re:" in their user's language, count it ("Re[2]:") and use the wide Chinese colon.
_RE = re.compile(r"(?:\s*(?:re|aw|sv|antw|回复|回覆|答复)\s*(?:[\[(]\d{1,4}[\])])?\s*[:：])+\s*", re.IGNORECASE)
_FWD = re.compile(r"(?:\s*(?:fwd?|wg|转发|轉寄)\s*[:：])+\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter; without a media type, the name tells it."""

    name: str
    content: bytes
    media_type: str = ""


Attachable: TypeAlias = "Attachment | tuple[str, bytes] | str | os.PathLike[str] | Message[Any, Any]"
"""A file by its path, a name with its octets, or a message to enclose."""


def compose(
    from_: Mailboxes,
    to: Mailboxes,
    subject: str = "",
    text: str = "",
    *,
    cc: Mailboxes = (),
    bcc: Mailboxes = (),
    html: str | None = None,
    attachments: Iterable[Attachable] = (),
    headers: Mapping[str, str] | None = None,
    date: datetime | None = None,
    message_id: str | None = None,
) -> EmailMessage:
    """Write a letter.

    Arguments: `date` must know its zone; without it the wall clock is asked, and without `message_id` one is drawn.

    Raises: ValueError for a control character in any header value, and for what is no address.
    Source: RFC 5322 §3.6, RFC 2045, RFC 2046 §5.1.
    """
    writers = [one for group in _mailboxes(from_, "from_") for one in group.members]
    if len(writers) != 1:
        raise ValueError(f"from_ names {len(writers)} mailboxes; a letter has one writer")
    message = EmailMessage(policy=WIRE)
    message["Date"] = _date(date)
    _set_mailboxes(message, "From", _mailboxes(writers, "from_"))
    _set_mailboxes(message, "To", _mailboxes(to, "to"))
    _set_mailboxes(message, "Cc", _mailboxes(cc, "cc"))
    _set_mailboxes(message, "Bcc", _mailboxes(bcc, "bcc"))
    message["Subject"] = _literal(_clean(subject, "subject").strip())
    message["Message-ID"] = _message_id(message_id, writers[0].domain)
    for name, value in (headers or {}).items():
        _set_header(message, name, value)
    message["MIME-Version"] = "1.0"
    _set_content(message, text, html, attachments)
    return message


def reply(
    original: Source,
    text: str,
    *,
    from_: str | Address,
    all: bool = False,
    quote: bool = True,
    cc: Mailboxes = (),
    bcc: Mailboxes = (),
    html: str | None = None,
    attachments: Iterable[Attachable] = (),
    headers: Mapping[str, str] | None = None,
    date: datetime | None = None,
    message_id: str | None = None,
) -> EmailMessage:
    """Answer a letter: to Reply-To or else From; with `all`, to everybody but oneself.

    Raises: ValueError when the original names nobody who could be answered.
    Source: RFC 5322 §3.6.2 (Reply-To), §3.6.3 (who gets it), §3.6.4 (In-Reply-To, References), §3.6.5 ("Re: ").
    """
    letter = Original(octets_of(original))
    own = {_key(one) for group in _mailboxes(from_, "from_") for one in group.members}
    to, others = _answered(letter, own, everybody=all)
    known = {*own, *map(_key, to)}
    copies = [one for one in others if _key(one) not in known]
    thread = {"In-Reply-To": letter.message_id, "References": " ".join(letter.thread)}
    return compose(
        from_,
        to,
        "Re: " + _bare(letter.subject, _RE),
        text + letter.quoted() if quote else text,
        cc=_unique([*copies, *(one for group in _mailboxes(cc, "cc") for one in group.members)]),
        bcc=bcc,
        html=html,
        attachments=attachments,
        headers={name: value for name, value in thread.items() if value} | dict(headers or {}),
        date=date,
        message_id=message_id,
    )


def _answered(letter: Original, own: set[str], everybody: bool) -> tuple[list[Address], list[Address]]:
    """Choose who is answered, and who else gets it."""
    writers = letter.mailboxes("Reply-To") or letter.mailboxes("From") or letter.mailboxes("Sender")
    if not writers:
        raise ValueError("the original has no address in Reply-To, From or Sender: there is nobody to answer")
    others = [*letter.mailboxes("To"), *letter.mailboxes("Cc")] if everybody else []
    to = _unique(writers)
    if all(_key(one) in own for one in to):  # an answer to one's own letter goes to whom that went to
        to = _unique(one for one in letter.mailboxes("To") if _key(one) not in own) or to
    elif everybody:
        to = [one for one in to if _key(one) not in own]
    return to, others


def forward(
    original: Source,
    text: str = "",
    *,
    from_: str | Address,
    to: Mailboxes,
    as_attachment: bool = True,
    cc: Mailboxes = (),
    bcc: Mailboxes = (),
    headers: Mapping[str, str] | None = None,
    date: datetime | None = None,
    message_id: str | None = None,
) -> EmailMessage:
    """Pass a letter on: whole, as a `message/rfc822` part that `to_bytes` writes octet for octet, or quoted inline.

    Inline, the original's attachments come along as attachments.

    Source: RFC 2046 §5.2.1; RFC 5322 §3.6.6 (this is forwarding, not resending).
    """
    letter = Original(octets_of(original))
    files = [Enclosure.of(letter.octets)] if as_attachment else [Attachment(*one) for one in letter.attachments()]
    return compose(
        from_,
        to,
        "Fwd: " + _bare(letter.subject, _FWD),
        text if as_attachment else text + letter.shown(),
        cc=cc,
        bcc=bcc,
        attachments=files,
        headers=headers,
        date=date,
        message_id=message_id,
    )


# --- header values ---


def _clean(value: str, what: str) -> str:
    """Refuse what could end a header line."""
    if found := _NOT_IN_A_HEADER.search(value):
        name = _CONTROL_NAMES.get(found[0], f"U+{ord(found[0]):04X}")
        raise ValueError(f"{what} holds {name} at character {found.start()}; a header value is one line of text")
    return value


def _literal(text: str) -> str:
    """Write text for the standard library's parser, which would decode what only looks like an encoded word."""
    return b" ".join(encode_words(text)).decode("ascii") if "=?" in text else text


def _mailboxes(value: Mailboxes, what: str) -> list[AddressGroup]:
    if isinstance(value, Address):
        groups = [AddressGroup(None, (value,))]
    elif isinstance(value, str):
        groups = parse_address_groups(_clean(value, what).encode())
        if value.strip() and not groups:
            raise ValueError(f"{what} holds {value!r}, which is no address: expected local-part@domain")
    else:
        groups = [group for one in value for group in _mailboxes(one, what)]
    for one in (member for group in groups for member in group.members):
        _clean(one.name + one.local + one.domain, what)
        if not one.local or not _DOMAIN.fullmatch(one.domain):
            shown = one.addr_spec or one.name
            raise ValueError(f"{what} holds {shown!r}, which is no address: expected local-part@domain")
    return groups


def _set_mailboxes(message: EmailMessage, name: str, groups: Sequence[AddressGroup]) -> None:
    if not groups:
        return
    written = [
        ", ".join(map(_written, group.members))
        if group.name is None
        else f"{_phrase(group.name)}: {', '.join(map(_written, group.members))};"
        for group in groups
    ]
    message[name] = ", ".join(written)
    understood = [(one.username, one.domain) for one in message[name].addresses]
    meant = [(one.local, one.domain) for group in groups for one in group.members]
    if understood != meant:
        raise ValueError(f"{name} cannot be written so that every reader finds {meant}")


def _written(one: Address) -> str:
    spec = Address("", one.local, one.domain).addr_spec
    return f"{_phrase(one.name)} <{spec}>" if one.name else spec


def _phrase(name: str) -> str:
    if "=?" in name:
        return _literal(name)
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _set_header(message: EmailMessage, name: str, value: str) -> None:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no field name: expected printable ASCII without a colon")
    if name.lower() in _OWN_FIELDS or name.lower().startswith("content-"):
        raise ValueError(f"headers holds {name}, which compose writes itself: use its argument of that name")
    message[name] = _literal(_clean(value, name).strip())


def _date(date: datetime | None) -> str:
    moment = datetime.now().astimezone() if date is None else date
    if moment.utcoffset() is None:
        raise ValueError(f"date {moment} has no time zone: give it one, such as tzinfo=datetime.UTC")
    return format_datetime(moment)


def _message_id(given: str | None, domain: str) -> str:
    if given is None:
        return f"<{os.urandom(12).hex()}@{ascii_domain(domain).strip('[]')}>"
    found = _MESSAGE_ID.fullmatch(_clean(given, "message_id"))
    if not found or "=?" in given:
        raise ValueError(f"message_id {given!r} is none: expected ASCII left@right without blanks")
    return f"<{found[1]}>"


def _bare(subject: str, prefix: re.Pattern[str]) -> str:
    found = prefix.match(subject)
    return subject[found.end() :] if found else subject


def _key(one: Address) -> str:
    return one.addr_spec.casefold()


def _unique(addresses: Iterable[Address]) -> list[Address]:
    first: dict[str, Address] = {}
    for one in addresses:
        first.setdefault(_key(one), one)
    return list(first.values())


# --- content ---


def _set_content(message: EmailMessage, text: str, html: str | None, attachments: Iterable[Attachable]) -> None:
    _set_text(message, text, "plain")
    if html is not None:
        message.make_alternative()
        part = EmailMessage(policy=WIRE)
        _set_text(part, html, "html")
        message.attach(part)
    parts = [_attached(one) for one in attachments]
    if parts:
        message.make_mixed()
        for part in parts:
            message.attach(part)
        # A multipart declares what its most demanding part needs (RFC 2045 §6.4).
        encodings = {str(part["Content-Transfer-Encoding"]) for part in parts if isinstance(part, Enclosure)}
        for encoding in ("binary", "8bit"):
            if encoding in encodings:
                message["Content-Transfer-Encoding"] = encoding
                break


def _set_text(part: EmailMessage, text: str, subtype: str) -> None:
    """Set text as 7bit where it is, else as whichever of quoted-printable and base64 is smaller."""
    canonical = _LINE_END.sub("\r\n", text)
    if canonical and not canonical.endswith("\r\n"):
        canonical += "\r\n"
    octets = canonical.encode("utf-8", "replace")
    encoding = best_encoding(octets, longest=LINE_LIMIT)
    if encoding == "7bit" and not _SEVEN_BIT.fullmatch(canonical):
        encoding = "quoted-printable"  # control characters are legal, and fare badly
    payload = {"base64": encode_base64, "quoted-printable": encode_quoted_printable}.get(encoding, bytes)(octets)
    part["Content-Type"] = f"text/{subtype}; charset={'us-ascii' if octets.isascii() else 'utf-8'}"
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(payload.decode("ascii"))


def _attached(one: Attachable) -> EmailMessage:
    if isinstance(one, Enclosure):
        return one
    if isinstance(one, Message):
        return Enclosure.of(to_bytes(one))
    if isinstance(one, tuple):
        one = Attachment(*one)
    elif not isinstance(one, Attachment):
        one = Attachment(Path(one).name, Path(one).read_bytes())
    media_type = one.media_type or _guess(one.name)
    if media_type.startswith("message/"):
        return Enclosure.of(one.content)
    part = EmailMessage(policy=WIRE)
    part["Content-Type"] = media_type
    part["Content-Transfer-Encoding"] = "base64"
    part["Content-Disposition"] = "attachment"
    part.set_param("filename", _clean(one.name, "an attachment's name"), header="Content-Disposition")
    part.set_payload(encode_base64(one.content).decode("ascii"))
    return part


def _guess(name: str) -> str:
    """Guess a media type from a file name by Python's own table, not this machine's: the same anywhere."""
    from mimetypes import MimeTypes

    media_type, packed = MimeTypes().guess_type(name)
    return media_type if media_type and not packed else "application/octet-stream"
