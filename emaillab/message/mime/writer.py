"""How does a message become the octets that travel: CRLF everywhere, no Bcc, what is enclosed as it came?

Of the standard library's generator only its walk through the parts is used: header fields are written by
`field_writer`, an `Enclosure` is written as it came, and no boundary is random.

>>> letter = Letter(policy=WIRE)
>>> letter["From"], letter["Bcc"], letter["Subject"] = "艾丽斯 <alice@crepes.fr>", "eve@example.org", "晚饭吃薄饼"
>>> to_bytes(letter).splitlines()
[b'From: =?utf-8?B?6Im+5Li95pav?= <alice@crepes.fr>', b'Subject: =?utf-8?B?5pma6aWt5ZCD6JaE6aW8?=', b'']
>>> bytes(letter) == to_bytes(letter)
True
"""

from __future__ import annotations

import copy
import hashlib
import io
import re
from collections.abc import Container
from email.generator import BytesGenerator
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import Policy, compat32
from typing import Any

from emaillab.message.header.field_writer import HARD_LIMIT, WIRE, field_octets
from emaillab.message.header.fields import parse_header

_OLD: Policy[Any] = compat32
_LINE_END = re.compile(rb"\r\n|\r|\n")
BLIND = ("bcc", "resent-bcc")
"""The fields that nobody but the writer may see. Source: RFC 5322 §3.6.3."""


class Letter(EmailMessage):
    """A letter as its writer holds it, with Bcc; what travels, `bytes(letter)`, is that of `to_bytes`."""

    def as_bytes(self, unixfrom: bool = False, policy: Policy[Any] | None = None) -> bytes:
        """Write the letter as it travels."""
        return to_bytes(self)

    def as_string(
        self, unixfrom: bool = False, maxheaderlen: int | None = None, policy: Policy[Any] | None = None
    ) -> str:
        """Write the letter as it travels, as text: some programs send that."""
        return to_bytes(self).decode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        """Show the letter to a person: its words decoded, and no Bcc, since this too might be sent."""
        shown = copy.copy(self)
        del shown["Bcc"], shown["Resent-Bcc"]
        return EmailMessage.as_string(shown, policy=WIRE.clone(utf8=True, linesep="\n"))


class Enclosure(EmailMessage):
    """A `message/rfc822` part that keeps the octets of the message in it, beside the parsed message."""

    octets: bytes

    @classmethod
    def of(cls, octets: bytes) -> Enclosure:
        """Enclose a message, its line ends made CRLF (RFC 2045 §4), not one other octet changed.

        Source: RFC 2046 §5.2.1; RFC 6532 §3.7 for UTF-8 header fields.
        """
        part = cls(policy=WIRE)
        part.octets = canonical(octets)
        header = part.octets.partition(b"\r\n\r\n")[0]
        part["Content-Type"] = "message/rfc822" if header.isascii() else "message/global"
        part["Content-Disposition"] = "attachment"
        if encoding := needed_encoding(part.octets):
            part["Content-Transfer-Encoding"] = encoding
        part.set_payload([parsed(part.octets)])
        return part


class Resent(Letter):
    """A letter that is sent again: a block of Resent fields, and the octets of the letter that it stands before."""

    octets: bytes

    @classmethod
    def of(cls, block: EmailMessage, octets: bytes) -> Resent:
        """Set a block before a letter, its line ends made CRLF; what was for others' eyes only is left out."""
        raw = canonical(octets)
        header = parse_header(raw)
        raw = without_fields(raw[header.span[0] :], (*BLIND, "return-path"))
        if not header and not raw.startswith(b"\r\n"):
            raw = b"\r\n" + raw  # a body without a header must not become one
        letter = cls(policy=WIRE)
        letter.octets = raw
        below = parsed(letter.octets)
        for name, value in (*block.raw_items(), *below.raw_items()):
            letter.set_raw(name, value)
        below.policy = _OLD  # which takes no quadratic time to read how the payload is encoded
        letter.set_payload(below.get_payload())
        return letter

    def written(self, *, keep_bcc: bool = False) -> bytes:
        """Write the newest block and, octet for octet, the letter."""
        block = [(name, value) for name, value in resent_block(self) if keep_bcc or name.lower() != "resent-bcc"]
        return b"".join(field_octets(name, value) for name, value in block) + self.octets


def resent_block(message: Message[Any, Any]) -> list[tuple[str, Any]]:
    """Give the newest block of Resent fields: the topmost, up to another field or one that stands in it already.

    Source: RFC 5322 §3.6.6.
    """
    block: dict[str, tuple[str, Any]] = {}
    for name, value in message.raw_items():
        key = name.lower()
        if key.startswith("resent-") and key not in block:
            block[key] = (name, value)
        elif block:
            break
    return list(block.values())


def without_fields(octets: bytes, names: Container[str]) -> bytes:
    """Leave fields out of a message's header, and change nothing else; `names` are in lower case."""
    kept, at = [], 0
    for field in parse_header(octets):
        if field.name.lower() in names:
            kept.append(octets[at : field.span[0]])
            at = field.span[1]
    return b"".join([*kept, octets[at:]])


def canonical(octets: bytes) -> bytes:
    """Make every line end CRLF, and change nothing else. Source: RFC 2045 §4, RFC 5321 §2.3.8."""
    return _LINE_END.sub(b"\r\n", octets)


def needed_encoding(octets: bytes) -> str | None:
    """Name the Content-Transfer-Encoding that octets need to stand unencoded; None for 7bit.

    Source: RFC 2045 §2.7-2.9.
    """
    if b"\0" in octets or any(len(line) > HARD_LIMIT for line in octets.split(b"\r\n")):
        return "binary"
    return None if octets.isascii() else "8bit"


def parsed(octets: bytes) -> Message[Any, Any]:
    """Parse a message with the standard library; one nested too deep for it stays unparsed below its header.

    Parsed by the old policy, which reads no header field: the new one takes quadratic time over some, and stumbles
    over others. Ours then counts for what is asked of it later.
    """
    message: Message[Any, Any]
    try:
        message = BytesParser(EmailMessage, policy=_OLD).parsebytes(octets)
    except (RecursionError, ValueError, LookupError):
        message = BytesParser(EmailMessage, policy=_OLD).parsebytes(octets, headersonly=True)
    for part in message.walk():
        part.policy = WIRE
    return message


class _Writer(BytesGenerator):
    """The standard library's walk through a message, but enclosed messages as they came and no random boundary."""

    def _handle_message(self, part: Message[Any, Any]) -> None:
        if isinstance(part, Enclosure):
            self.write(part.octets.decode("ascii", "surrogateescape"))
        else:
            super()._handle_message(part)  # type: ignore[misc]

    @classmethod
    def _make_boundary(cls, text: bytes | None = None) -> str:
        """Derive a boundary from the parts; `=_` stands in no base64 and no quoted-printable text (RFC 2045 §6.7)."""
        seed = text or b""
        while True:
            seed = hashlib.sha256(seed).hexdigest()[:32].encode()
            if text is None or seed not in text:
                return "=_" + seed.decode()


def to_bytes(message: Message[Any, Any], *, keep_bcc: bool = False) -> bytes:
    """Write a message ready for the wire: CRLF, folded, and without Bcc.

    Arguments: `keep_bcc` is for the writer's own copy (RFC 5322 §3.6.3).
    """
    if isinstance(message, Resent):
        return message.written(keep_bcc=keep_bcc)
    letter = copy.copy(message)
    if not keep_bcc:
        del letter["Bcc"], letter["Resent-Bcc"]
    out = io.BytesIO()
    _Writer(out, mangle_from_=False, policy=WIRE).flatten(letter)
    octets = out.getvalue()
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"
