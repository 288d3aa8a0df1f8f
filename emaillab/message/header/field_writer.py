"""How is one header field written: short lines, ASCII only, and nothing that could end it early?

The standard library writes encoded words of 76 and lines of 77 octets for Chinese, and folds differently from one
Python version to the next. Here fields are folded by the functions below, whoever asks for the octets.

>>> from email.message import EmailMessage
>>> letter = EmailMessage(policy=WIRE)
>>> letter["From"] = "艾丽斯 <alice@crepes.fr>"
>>> field_octets("From", letter["From"])
b'From: =?utf-8?B?6Im+5Li95pav?= <alice@crepes.fr>\\r\\n'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.headerregistry import (
    Address,
    AddressHeader,
    BaseHeader,
    Group,
    HeaderRegistry,
    ParameterizedMIMEHeader,
    SingleAddressHeader,
    UniqueAddressHeader,
    UniqueSingleAddressHeader,
    UniqueUnstructuredHeader,
    UnstructuredHeader,
)
from email.policy import EmailPolicy
from typing import Any

from emaillab.message.header.addresses import Address as Mailbox
from emaillab.message.header.encoded_words import LINE_LIMIT, decode_words, encode_words, word_lengths
from emaillab.message.header.parameters import encode_parameter
from emaillab.message.octets.charsets import decode_raw

HARD_LIMIT = 998  # octets of any line, without CRLF: RFC 5322 §2.1.1
_UNFOLDABLE = 900  # a longer run without white space would break that limit: it is encoded

# phrase of atoms = atext … *(SP atext …)   RFC 5322 §3.2.3, §3.2.5
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PRINTABLE = re.compile(r"[\t -~]*")
_WORD = re.compile(r"(?<![ \t])[ \t]*+[^ \t]++")  # begins where a run of blanks does: linear
_LINE_END = re.compile(rb"\r\n|\r|\n")
_ENDS_THE_FIELD = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?![ \t])|\0")


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

    def put_encoded(self, text: str, *, blank: str = " ", whole: bool = False) -> None:
        """Add text as encoded words, in whichever encoding is shorter.

        Arguments: `blank` stands before the first word, and in the text that is read; `whole` keeps text that fits
        into one word in one: many readers show a gap within a split name.
        """
        valid = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair has no octets
        in_q, in_b = word_lengths(valid)
        encoding = "Q" if in_q <= in_b else "B"
        alone = encode_words(valid, encoding=encoding)
        split = encode_words(valid, used=len(self.line) + 1, encoding=encoding)
        for word in alone if whole and len(alone) == 1 else split:
            self.put(blank.encode("ascii") + word)
            blank = " "

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
        blank, text = words[first][0], "".join(words[first:last])[1:]
        lines.put_encoded(text, blank=blank)  # of several blanks, the others are encoded
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
    domain = ascii_domain(address.domain) if address.username.isascii() else address.domain
    return Mailbox("", address.username, domain).addr_spec


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


# --- the policy of our messages ---


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


class _Quick:
    """What our kinds of fields do without the standard library's parser, which takes quadratic time over long ones."""

    @classmethod
    def parse(cls, value: object, kwds: dict[str, Any]) -> None:
        """Take addresses as they are, and decode text by our own reading; the text of addresses is parsed as ever."""
        kwds["parse_tree"] = None  # only the standard library's own folding would ask for it
        if isinstance(value, str) and not issubclass(cls, AddressHeader):
            kwds["decoded"] = decode_words(value.encode("utf-8", "surrogateescape")) if "=?" in value else value
        else:
            super().parse(value, kwds)  # type: ignore[misc]


class Text(_Quick, UnstructuredHeader):
    """A field of text."""


class TextOnce(_Quick, UniqueUnstructuredHeader):
    """A field of text that a header has once."""


class Addresses(_Quick, AddressHeader):
    """A field of addresses."""


class AddressesOnce(_Quick, UniqueAddressHeader):
    """A field of addresses that a header has once."""


class OneAddress(_Quick, SingleAddressHeader):
    """A field of one address."""


class OneAddressOnce(_Quick, UniqueSingleAddressHeader):
    """A field of one address that a header has once."""


def _registry() -> HeaderRegistry:
    """Make the standard library's registry of fields, with our kinds in it."""
    registry = HeaderRegistry(default_class=Text)
    ours: dict[Any, Any] = {
        kind.__mro__[2]: kind for kind in (TextOnce, Addresses, AddressesOnce, OneAddress, OneAddressOnce)
    }
    for name, kind in list(registry.registry.items()):
        registry.map_to_type(name, ours.get(kind, kind))
    return registry


WIRE = WirePolicy(linesep="\r\n", max_line_length=LINE_LIMIT, header_factory=_registry())
"""The policy of every message that `compose` makes: also `bytes(message)` and smtplib then fold as we do."""
