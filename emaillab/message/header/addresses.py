"""Who is meant by the text of From, To and Cc?

>>> for address in parse_addresses(b'"Li, Lei" <lilei@crepes.fr>, friends: han@crepes.fr (Han Meimei), bob@b.org;'):
...     print(address.name, address.addr_spec, address.group, sep=" | ")
Li, Lei | lilei@crepes.fr | None
Han Meimei | han@crepes.fr | friends
 | bob@b.org | friends
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from emaillab.message.header.encoded_words import decode_words
from emaillab.message.header.tokens import comment_end, unfold, unquote
from emaillab.message.octets.charsets import decode_raw
from emaillab.message.octets.patterns import compiled

# dot-atom-text, RFC 5322 §3.2.3, and any character beyond ASCII, RFC 6532 §3.2
_DOT_ATOM = re.compile(r"[^\x00-\x20\x7f\"(),:;<>@\[\]\\.]+(?:\.[^\x00-\x20\x7f\"(),:;<>@\[\]\\.]+)*\Z")
_TOKEN = compiled(
    rb"""(?P<blank>[ \t\r\n]+)
    |(?P<quoted>"(?:[^"\\]|\\.)*+"?)
    |(?P<domain>\[[^\]]*+\]?)
    |(?P<comment>\()
    |(?P<special>,[ \t\r\n,]*+|[<>@;:])
    |(?P<atom>[^\ \t\r\n"()<>@,;:\[]+)
    |(?P<stray>.)""",
    re.VERBOSE | re.DOTALL,
)

# Most members of a list, up to the comma: an address, or a name of plain words and an address. Short cut of the rest.
_USUAL = compiled(
    rb"[ \t]*+(?:((?:[A-Za-z0-9'.-]++[ ])++)<)?+([A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+)"
    rb"@([A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)(?(1)>)[ \t]*+(?:,[ \t,]*+|\Z)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox, as a header names it."""

    name: str
    local: str
    """The local part without quotation marks."""
    domain: str
    group: str | None = None

    @property
    def addr_spec(self) -> str:
        """Write local-part@domain, quoted where it must be; only the local part when there is no domain."""
        local = self.local
        if local and not _DOT_ATOM.match(local):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{self.domain}" if self.domain else local


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """The members of one named group, or, with `name` None, one mailbox that stands alone."""

    name: str | None
    members: tuple[Address, ...]


def parse_addresses(body: bytes) -> list[Address]:
    """Read an address list, obsolete and damaged forms too; the members of groups carry the group's name.

    Source: RFC 5322 §3.4, §4.4; RFC 6532 §3.2.
    """
    return [member for group in parse_address_groups(body) for member in group.members]


def parse_address_groups(body: bytes) -> list[AddressGroup]:
    """Read an address list with its groups, empty ones too. Source: RFC 5322 §3.4; RFC 6854."""
    return _ListReader().read(unfold(body))


@dataclass(slots=True)
class _ListReader:
    """Reads one address list from left to right."""

    groups: list[AddressGroup] = field(default_factory=list)
    group: str | None = None
    members: list[Address] = field(default_factory=list)
    words: list[tuple[str, bytes]] = field(default_factory=list)  # what stands before or without "<"
    angle: list[tuple[str, bytes]] | None = None  # what stands between "<" and ">"
    open: bool = False
    comment: bytes = b""

    def read(self, body: bytes) -> list[AddressGroup]:
        at = 0
        while at < len(body):
            at = self.read_usual(body, at)
            for kind, text, end in _tokens(body, at):
                at = end
                self.take(kind, text)
                if kind == "special" and text[:1] == b"," and not self.open:
                    break  # between two addresses
        self.end_group() if self.group is not None else self.end_address()
        return self.groups

    def read_usual(self, body: bytes, at: int) -> int:
        """Read addresses as most are written. Returns: where the first one begins that is not."""
        groups, members, group = self.groups, self.members, self.group
        while usual := _USUAL.match(body, at):
            phrase, local, domain = usual.groups()
            name = phrase.decode("ascii").strip() if phrase else ""
            address = Address(name, local.decode("ascii"), domain.decode("ascii"), group)
            if group is None:
                groups.append(AddressGroup(None, (address,)))
            else:
                members.append(address)
            at = usual.end()
        return at

    def take(self, kind: str, text: bytes) -> None:
        """Take one token."""
        if kind == "comment":
            self.comment = self.comment or text
        elif kind == "special" and text != b"@":
            self.special(text[:1])
        elif self.open and self.angle is not None:
            self.angle.append((kind, text))
        elif kind != "blank" or not self.words or self.words[-1][0] != "blank":  # a comment stood between two
            self.words.append((kind, text))

    def special(self, mark: bytes) -> None:
        if mark == b"<":
            self.open, self.angle = True, []
        elif mark == b">":
            self.open = False
        elif self.open and mark == b":":
            self.angle = []  # obs-route: what stood before is a source route, to be ignored (RFC 5322 §4.4)
        elif self.open and mark == b",":
            if self.angle and self.angle[0][1] == b"@":
                return  # a comma of the route
            self.end_address()  # QUIRK: ">" is missing
        elif mark == b",":
            self.end_address()
        elif mark == b":" and self.group is None:
            self.group, self.words, self.comment = _phrase(self.words), [], b""
        elif mark == b";":
            self.end_group()

    def end_address(self) -> None:
        spec = self.words if self.angle is None else self.angle
        name = _phrase(self.words) if self.angle is not None else ""
        if self.angle is None:
            name, spec = _split_bare(spec)
        local, domain = _split_at(spec)
        name = name or decode_words(self.comment).strip()
        if local or domain or (self.angle is not None and name):
            address = Address(name, local, domain, self.group)
            if self.group is None:
                self.groups.append(AddressGroup(None, (address,)))
            else:
                self.members.append(address)
        self.words, self.angle, self.open, self.comment = [], None, False, b""

    def end_group(self) -> None:
        self.end_address()
        if self.group is not None:
            self.groups.append(AddressGroup(self.group, tuple(self.members)))
        self.group, self.members = None, []


def _tokens(body: bytes, at: int) -> Iterator[tuple[str, bytes, int]]:
    while match := _TOKEN.match(body, at):
        at = match.end()
        kind = match.lastgroup or "stray"
        if kind == "comment":
            at = comment_end(body, match.start())
            yield kind, body[match.start() + 1 : at - (body[at - 1 : at] == b")")], at
        else:
            yield kind, match[0], at


def _phrase(words: list[tuple[str, bytes]]) -> str:
    """Join a phrase's words; encoded words count, but not between quotation marks. Source: RFC 2047 §5 (3)."""
    pieces: list[str] = []
    plain: list[bytes] = []
    for kind, text in [*words, ("quoted", b"")]:
        if kind == "quoted":
            pieces += [decode_words(b"".join(plain)), decode_raw(unquote(text))]
            plain.clear()
        else:
            plain.append(text)
    return " ".join("".join(pieces).split())


def _split_bare(words: list[tuple[str, bytes]]) -> tuple[str, list[tuple[str, bytes]]]:
    """Part `Bob bob@b.org`, which lacks its angle brackets, into name and address (QUIRK)."""
    ats = [at for at, (_, text) in enumerate(words) if text == b"@"]
    if not ats:
        return "", words
    start = ats[0]
    while start > 0 and not _is_gap(words, start - 1, ats[0]):
        start -= 1
    return _phrase(words[:start]), words[start:]


def _is_gap(words: list[tuple[str, bytes]], at: int, end: int) -> bool:
    """Tell whether the blank at `at` ends a word, rather than surround a dot or stand before the "@"."""
    if words[at][0] != "blank" or at + 1 == end or at == 0:
        return False
    return not (words[at - 1][1].endswith(b".") or words[at + 1][1].startswith(b"."))


def _split_at(spec: list[tuple[str, bytes]]) -> tuple[str, str]:
    """Part an addr-spec into local part and domain, without blanks around the dots (obs-local-part)."""
    plain = [(kind, text) for kind, text in spec if kind != "blank"]
    ats = [at for at, (_, text) in enumerate(plain) if text == b"@"]
    cut = ats[-1] if ats else len(plain)
    local = b"".join(unquote(text) for _, text in plain[:cut])
    domain = b"".join(text for _, text in plain[cut + 1 :])
    return decode_raw(local), decode_raw(domain)
