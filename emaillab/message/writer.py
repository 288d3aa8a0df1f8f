"""How does a message become the octets that travel: short lines, ASCII header fields, CRLF everywhere?

The standard library's generator writes encoded words of 76 and lines of 77 octets for Chinese, folds differently from
one Python version to the next, and writes an enclosed message anew. Here only its walk through the parts is used;
header fields are folded by the functions below, and an `Enclosure` is written as it came.

>>> letter = EmailMessage(policy=WIRE)
>>> letter["From"], letter["Bcc"], letter["Subject"] = "艾丽斯 <alice@crepes.fr>", "eve@example.org", "晚饭吃薄饼"
>>> to_bytes(letter).splitlines()
[b'From: =?utf-8?B?6Im+5Li95pav?= <alice@crepes.fr>', b'Subject: =?utf-8?B?5pma6aWt5ZCD6JaE6aW8?=', b'']
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import re
from collections.abc import Sequence
from email.generator import BytesGenerator
from email.headerregistry import Address, AddressHeader, BaseHeader, Group, ParameterizedMIMEHeader
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import EmailPolicy, Policy
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from .charsets import decode_raw
from .fields import parse_header
from .parameters import encode_parameter
from .words import LINE_LIMIT, encode_words, word_lengths

HARD_LIMIT = 998  # octets of any line, without CRLF: RFC 5322 §2.1.1
_UNFOLDABLE = 900  # a longer run without white space would break that limit: it is encoded

# phrase of atoms = atext … *(SP atext …)   RFC 5322 §3.2.3, §3.2.5
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PRINTABLE = re.compile(r"[\t -~]*")
_WORD = re.compile(r"[ \t]*[^ \t]+")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ENDS_THE_FIELD = re.compile(rb"(?:\r\n|\r|\n)(?![ \t])|\0")


def field_octets(name: str, value: object) -> bytes:
    """Write one header field: folded, encoded, ended by CRLF.

    A header object of the standard library is written by its meaning. A plain string is source text and kept as it
    stands, unless it is not ASCII or holds a line over 998 octets.

    Raises: ValueError for a plain string that would end the field early.
    Source: RFC 5322 §2.2.3, RFC 2047, RFC 2231.
    """
    if not isinstance(value, BaseHeader):
        source = str(value).encode("utf-8", "surrogateescape")
        if end := _ENDS_THE_FIELD.search(source):
            raise ValueError(
                f"the {name} field holds {_named(end[0])} at octet {end.start()}, which would end it there"
            )
        if source.isascii() and all(len(line) + len(name) + 2 <= HARD_LIMIT for line in source.splitlines()):
            return b"%s: %s\r\n" % (name.encode("ascii"), _LINE_END.sub(b"\r\n", source))
        value = WIRE.header_factory(name, decode_raw(_LINE_END.sub(b"", source)))
    lines = _Lines(name)
    if isinstance(value, AddressHeader):
        _put_addresses(lines, value.groups)
    elif isinstance(value, ParameterizedMIMEHeader):
        _put_parameters(lines, value)
    else:
        _put_text(lines, str(value))
    return bytes(lines)


def _named(octets: bytes) -> str:
    return "NUL" if octets == b"\0" else octets.replace(b"\r", b"CR").replace(b"\n", b"LF").decode()


class _Lines:
    """Lines of one header field; a piece that begins with a blank may begin a new line."""

    def __init__(self, name: str) -> None:
        self.done: list[bytes] = []
        self.line = name.encode("ascii") + b":"

    def put(self, piece: bytes) -> None:
        """Add a piece to the line, or begin a new one with it where it does not fit."""
        if len(self.line) + len(piece) > LINE_LIMIT and piece[:1] in (b" ", b"\t") and self.line.strip():
            self.done.append(self.line)
            self.line = b""
        self.line += piece

    def put_encoded(self, text: str, *, whole: bool = False) -> None:
        """Add text as encoded words, in whichever encoding is shorter.

        Arguments: `whole` keeps text that fits into one word in one: many readers show a gap within a split name.
        """
        valid = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair has no octets
        in_q, in_b = word_lengths(valid)
        encoding = "Q" if in_q <= in_b else "B"
        alone = encode_words(valid, encoding=encoding)
        split = encode_words(valid, used=len(self.line) + 1, encoding=encoding)
        for word in alone if whole and len(alone) == 1 else split:
            self.put(b" " + word)

    def __bytes__(self) -> bytes:
        return b"".join(line + b"\r\n" for line in (*self.done, self.line))


# --- text ---


def _needs_encoding(word: str) -> bool:
    return not _PRINTABLE.fullmatch(word) or "=?" in word or len(word) > _UNFOLDABLE


def _put_text(lines: _Lines, text: str) -> None:
    """Put unstructured text: from the first word that needs it to the last one, encoded. Source: RFC 2047 §5 (1)."""
    words: list[str] = _WORD.findall(text)
    needy = [place for place, word in enumerate(words) if _needs_encoding(word)]
    first, last = (needy[0], needy[-1] + 1) if needy else (len(words), len(words))
    if words and not words[0].startswith((" ", "\t")):
        words[0] = " " + words[0]
    for word in words[:first]:
        lines.put(word.encode("ascii"))
    if needy:
        lines.put_encoded("".join(words[first:last]).lstrip(" \t"))
    for word in words[last:]:
        lines.put(word.encode("ascii"))


# --- addresses ---


def ascii_domain(domain: str) -> str:
    """Write a domain with ASCII letters only, `例子.cn` as `xn--fsqu00a.cn`; one that has no such form stays.

    Source: RFC 5890 §2.3.2.1.
    """
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def wire_address(address: Address) -> str:
    """Write an addr-spec for the wire: in ASCII, unless the local part is not (then it needs SMTPUTF8).

    Source: RFC 5322 §3.4.1, RFC 6531 §3.2.
    """
    if address.username.isascii() and not address.domain.isascii():
        return Address(username=address.username, domain=ascii_domain(address.domain)).addr_spec
    return address.addr_spec


def _put_addresses(lines: _Lines, groups: Sequence[Group]) -> None:
    for place, group in enumerate(groups, start=1):
        end = b"," if place < len(groups) else b""
        if group.display_name is not None:
            _put_phrase(lines, group.display_name, b":")
            end = b";" + end
        for position, address in enumerate(group.addresses, start=1):
            _put_mailbox(lines, address, b"," if position < len(group.addresses) else end)
        if not group.addresses:
            lines.put(end)


def _put_mailbox(lines: _Lines, address: Address, end: bytes) -> None:
    """Put `name <addr-spec>`, or the addr-spec alone. Source: RFC 5322 §3.4."""
    spec = wire_address(address).encode("utf-8", "replace")
    if address.display_name:
        _put_phrase(lines, address.display_name, b" <" + spec + b">" + end)
    else:
        lines.put(b" " + spec + end)


def _put_phrase(lines: _Lines, phrase: str, tail: bytes) -> None:
    """Put a display name as atoms, a quoted string or encoded words. Source: RFC 5322 §3.2.5, RFC 2047 §5 (3)."""
    if _needs_encoding(phrase) or len(phrase) > LINE_LIMIT - 4:
        lines.put_encoded(phrase, whole=True)
        lines.put(tail)
    elif _ATOMS.fullmatch(phrase):
        lines.put(b" " + phrase.encode("ascii") + tail)
    else:
        lines.put(b' "' + re.sub(r'([\\"])', r"\\\1", phrase).encode("ascii") + b'"' + tail)


# --- parameters ---


def _put_parameters(lines: _Lines, value: ParameterizedMIMEHeader) -> None:
    lines.put(b" " + str(value).partition(";")[0].strip().encode("ascii", "replace"))
    for name, text in value.params.items():
        for piece in _parameter(name, text):
            lines.line += b";"
            lines.put(b" " + piece)


def _parameter(name: str, text: str) -> list[bytes]:
    """Write a parameter; a boundary stays in one piece, for readers that know no RFC 2231."""
    if name == "boundary" and _PRINTABLE.fullmatch(text):
        return [b'boundary="' + re.sub(r'([\\"])', r"\\\1", text).encode("ascii") + b'"']
    return encode_parameter(name, text)


# --- whole messages ---


class WirePolicy(EmailPolicy):
    """How emaillab's letters are written: the standard library's policy with our folding."""

    def fold(self, name: str, value: str) -> str:
        """Write a field as text: readable where UTF-8 is asked for (as `str(message)` does), else as on the wire."""
        if self.utf8 and str(value).isprintable():
            return f"{name}: {value}{self.linesep}"
        return field_octets(name, value).decode("utf-8", "surrogateescape")

    def fold_binary(self, name: str, value: str) -> bytes:
        """Write a field as octets."""
        return field_octets(name, value)


WIRE = WirePolicy(linesep="\r\n", max_line_length=LINE_LIMIT)
"""The policy of every message that `compose` makes: also `bytes(message)` and smtplib then fold as we do."""


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


_STAYS_BEHIND = ("bcc", "resent-bcc", "return-path")


class Resent(EmailMessage):
    """A letter that is sent again: a block of Resent fields, and the octets of the letter that it stands before."""

    octets: bytes

    @classmethod
    def of(cls, block: EmailMessage, octets: bytes) -> Resent:
        """Set a block before a letter, its line ends made CRLF; what was for others' eyes only is left out."""
        raw = canonical(octets)
        header = parse_header(raw)
        kept, at = [], header.span[0]
        for field in header:
            if field.name.lower() in _STAYS_BEHIND:
                kept.append(raw[at : field.span[0]])
                at = field.span[1]
        if not header and not raw.startswith(b"\r\n", at):
            kept.append(b"\r\n")  # a body without a header must not become one
        letter = cls(policy=WIRE)
        letter.octets = b"".join(kept) + raw[at:]
        below = parsed(letter.octets)
        for name, value in (*block.raw_items(), *below.raw_items()):
            letter.set_raw(name, value)
        letter.set_payload(below.get_payload())
        return letter

    def written(self, *, keep_bcc: bool = False) -> bytes:
        """Write the newest block and, octet for octet, the letter."""
        block = [(name, value) for name, value in resent_block(self) if keep_bcc or name.lower() != "resent-bcc"]
        return b"".join(field_octets(name, value) for name, value in block) + self.octets

    def as_bytes(self, unixfrom: bool = False, policy: Policy[Any] | None = None) -> bytes:
        """Write the letter as it travels."""
        return self.written()


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
    """Parse a message with the standard library; one nested too deep for it stays unparsed below its header."""
    try:
        return BytesParser(EmailMessage, policy=WIRE).parsebytes(octets)
    except (RecursionError, ValueError, LookupError):
        return BytesParser(EmailMessage, policy=WIRE).parsebytes(octets, headersonly=True)


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


class SupportsRead(Protocol):
    """An open file."""

    def read(self) -> bytes | str:
        """Read all of it."""


Source: TypeAlias = "bytes | str | os.PathLike[str] | SupportsRead | Message[Any, Any]"


def octets_of(source: Source) -> bytes:
    """Get a message's octets from bytes, a file name, a path, an open file, or a message object.

    Raises: ValueError for a string that is a message rather than a file name; OSError for a file that cannot be read.
    """
    if isinstance(source, bytes):
        return source
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if isinstance(source, Message):
        return to_bytes(source)
    if isinstance(source, str | os.PathLike):
        if isinstance(source, str) and "\n" in source:
            raise ValueError("a string here names a file; a message is bytes: write b'...' or text.encode()")
        return Path(source).read_bytes()
    if hasattr(source, "read"):
        found = source.read()
        return found if isinstance(found, bytes) else found.encode("utf-8", "surrogateescape")
    raise TypeError(f"a message is bytes, a file, a path or an EmailMessage, not {type(source).__name__}")
