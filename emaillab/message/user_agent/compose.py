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

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from email.message import EmailMessage
from typing import NamedTuple, TypedDict, Unpack

from emaillab.message.header.addresses import Address
from emaillab.message.header.field_writer import WIRE
from emaillab.message.header.values import (
    Mailboxes,
    clean,
    date_of,
    key,
    literal,
    mailboxes,
    message_id_of,
    set_header,
    set_mailboxes,
    unique,
)
from emaillab.message.mime.source import Source, octets_of
from emaillab.message.mime.writer import BLIND, Enclosure, Letter, Resent, to_bytes, without_fields
from emaillab.message.user_agent.content import Attachable, Attachment, set_content
from emaillab.message.user_agent.envelope import Envelope, envelope
from emaillab.message.user_agent.original import Original

__all__ = ["Attachment", "Envelope", "compose", "envelope", "forward", "redirect", "reply", "to_bytes"]

# QUIRK: mailers write "Re:" in their user's language, count it ("Re[2]:", "Re^2:") and use the wide Chinese colon.
_RE = re.compile(
    r"(?:\s*(?:re|aw|sv|vs|antw|res|odp|回复|回覆|答复|答覆)\s*(?:[\[(]\d{1,4}[\])]|\^\d{1,4})?\s*[:：])+\s*",
    re.IGNORECASE,
)
_FWD = re.compile(r"(?:\s*(?:fwd?|wg|tr|rv|enc|转发|轉寄|轉發)\s*[:：])+\s*", re.IGNORECASE)


def compose(
    from_: Mailboxes,
    to: Mailboxes,
    subject: str = "",
    text: str = "",
    *,
    cc: Mailboxes = (),
    bcc: Mailboxes = (),
    html: str | None = None,
    images: Iterable[Attachable] = (),
    attachments: Iterable[Attachable] = (),
    headers: Mapping[str, str] | None = None,
    date: datetime | None = None,
    message_id: str | None = None,
) -> Letter:
    """Write a letter.

    Arguments: `date` must know its zone; without it the wall clock is asked, and without `message_id` one is drawn.
    `images` stand in the HTML, which shows them by their file names: `<img src="cid:map.png">`.

    Raises: ValueError for a control character in any header value, and for what is no address.
    Source: RFC 5322 §3.6, RFC 2045, RFC 2046 §5.1; RFC 2387 for images.
    """
    writers = [one for group in mailboxes(from_, "from_") for one in group.members]
    if len(writers) != 1:
        raise ValueError(f"from_ names {len(writers)} mailboxes; a letter has one writer")
    message = Letter(policy=WIRE)
    message["Date"] = date_of(date)
    set_mailboxes(message, "From", mailboxes(writers, "from_"))
    set_mailboxes(message, "To", mailboxes(to, "to"))
    set_mailboxes(message, "Cc", mailboxes(cc, "cc"))
    set_mailboxes(message, "Bcc", mailboxes(bcc, "bcc"))
    message["Subject"] = literal(clean(subject, "subject").strip())
    message["Message-ID"] = message_id_of(message_id, writers[0].domain)
    for name, value in (headers or {}).items():
        set_header(message, name, value)
    message["MIME-Version"] = "1.0"
    set_content(message, text, html, images, attachments)
    return message


class Options(TypedDict, total=False):
    """What else may be said of an answer or a letter passed on, as in `compose`."""

    cc: Mailboxes
    bcc: Mailboxes
    html: str | None
    images: Iterable[Attachable]
    attachments: Iterable[Attachable]
    headers: Mapping[str, str] | None
    date: datetime | None
    message_id: str | None


def reply(
    original: Source,
    text: str,
    *,
    from_: str | Address,
    all: bool = False,
    quote: bool = True,
    **options: Unpack[Options],
) -> Letter:
    """Answer a letter: to Reply-To or else From; with `all`, to everybody but oneself.

    Arguments: `options` are those of `compose`: cc, bcc, html, images, attachments, headers, date, message_id.

    Raises: ValueError when the original names nobody who could be answered.
    Source: RFC 5322 §3.6.2 (Reply-To), §3.6.3 (who gets it), §3.6.4 (In-Reply-To, References), §3.6.5 ("Re: ").
    """
    letter = Original(octets_of(original))
    answer = answer_to(letter, from_, everybody=all)
    added = [one for group in mailboxes(options.get("cc", ()), "cc") for one in group.members]
    options["cc"] = unique([*answer.cc, *added])
    options["headers"] = answer.thread | dict(options.get("headers") or {})
    return compose(from_, answer.to, answer.subject, text + letter.quoted() if quote else text, **options)


class AnswerFields(NamedTuple):
    """What the header of an answer says, as the letter that it answers would have it."""

    to: list[Address]
    cc: list[Address]
    subject: str
    thread: dict[str, str]
    """In-Reply-To and References, where there are such."""


def answer_to(letter: Original, from_: str | Address, *, everybody: bool = False) -> AnswerFields:
    """Find out who is answered, about what, and in which thread. Raises: ValueError when there is nobody to answer."""
    own = {key(one) for group in mailboxes(from_, "from_") for one in group.members}
    to, others = _answered(letter, own, everybody)
    known = {*own, *map(key, to)}
    copies = unique(one for one in others if key(one) not in known)
    return AnswerFields(to, copies, "Re: " + _bare(letter.subject, _RE), thread_of(letter))


def thread_of(letter: Original) -> dict[str, str]:
    """Write the fields that join an answer to the letter it answers. Source: RFC 5322 §3.6.4."""
    fields = {"In-Reply-To": letter.message_id, "References": " ".join(letter.thread)}
    return {name: value for name, value in fields.items() if value}


def _answered(letter: Original, own: set[str], everybody: bool) -> tuple[list[Address], list[Address]]:
    """Choose who is answered, and who else gets it."""
    # QUIRK: no RFC has Mail-Followup-To, but the readers of lists say there who is to get the answers to all.
    wanted = letter.mailboxes("Mail-Followup-To") if everybody else []
    if to := _without(own, wanted):
        return to, []
    writers = letter.mailboxes("Reply-To") or letter.mailboxes("From") or letter.mailboxes("Sender")
    if not writers:
        raise ValueError("the original has no address in Reply-To, From or Sender: there is nobody to answer")
    others = [*letter.mailboxes("To"), *letter.mailboxes("Cc")] if everybody else []
    to = unique(writers)
    if not _without(own, to):  # an answer to one's own letter goes to its recipients
        to = _without(own, letter.mailboxes("To")) or to
    elif everybody:
        to = _without(own, to)
    return to, others


def _without(own: set[str], addresses: Iterable[Address]) -> list[Address]:
    """Leave out one's own addresses, and any that stands twice."""
    return unique(one for one in addresses if key(one) not in own)


def forward(
    original: Source,
    text: str = "",
    *,
    from_: str | Address,
    to: Mailboxes,
    as_attachment: bool = True,
    **options: Unpack[Options],
) -> Letter:
    """Pass a letter on: whole, as a `message/rfc822` part that is written octet for octet, or quoted inline.

    Inline, the original's attachments come along as attachments. Bcc stays behind, as in the writer's own copy.

    Arguments: `options` are those of `compose`: cc, bcc, html, images, attachments, headers, date, message_id.

    Source: RFC 2046 §5.2.1; RFC 5322 §3.6.6 (this is forwarding, not resending).
    """
    letter = Original(octets_of(original))
    files: list[Attachable] = [Attachment(*one) for one in letter.attachments()]
    if as_attachment:
        files = [Enclosure.of(without_fields(letter.octets, BLIND))]
    options["attachments"] = [*files, *options.get("attachments", ())]
    subject = "Fwd: " + _bare(letter.subject, _FWD)
    return compose(from_, to, subject, text if as_attachment else text + letter.shown(), **options)


def redirect(
    original: Source,
    *,
    from_: str | Address,
    to: Mailboxes,
    cc: Mailboxes = (),
    bcc: Mailboxes = (),
    date: datetime | None = None,
    message_id: str | None = None,
) -> Resent:
    """Put a letter into the mail again as if it had come to somebody else first: the same letter, not a new one.

    A block of Resent fields is set before the letter, which is otherwise sent octet for octet, so that signatures
    hold; only Bcc, Return-Path and an mbox file's "From " line stay behind. `envelope` goes by the block.

    Raises: ValueError for what is no address.
    Source: RFC 5322 §3.6.6; RFC 5321 §4.4 for Return-Path.
    """
    senders = [one for group in mailboxes(from_, "from_") for one in group.members]
    if len(senders) != 1:
        raise ValueError(f"from_ names {len(senders)} mailboxes; a letter is redirected by one")
    block = EmailMessage(policy=WIRE)
    block["Resent-Date"] = date_of(date)
    set_mailboxes(block, "Resent-From", mailboxes(senders, "from_"))
    set_mailboxes(block, "Resent-To", mailboxes(to, "to"))
    set_mailboxes(block, "Resent-Cc", mailboxes(cc, "cc"))
    set_mailboxes(block, "Resent-Bcc", mailboxes(bcc, "bcc"))
    block["Resent-Message-ID"] = message_id_of(message_id, senders[0].domain)
    return Resent.of(block, octets_of(original))


def _bare(subject: str, prefix: re.Pattern[str]) -> str:
    found = prefix.match(subject)
    return subject[found.end() :] if found else subject
