"""Who is meant by the text of From, To and Cc?

>>> for address in parse_addresses(b'"Li, Lei" <lilei@crepes.fr>, friends: han@crepes.fr (Han Meimei), bob@b.org;'):
...     print(address.name, address.addr_spec, address.group, sep=" | ")
Li, Lei | lilei@crepes.fr | None
Han Meimei | han@crepes.fr | friends
 | bob@b.org | friends
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from emaillab.message.header.address_tokens import Token, address_tokens
from emaillab.message.header.encoded_words import decode_words
from emaillab.message.header.tokens import unfold, unquote
from emaillab.message.octets.charsets import decode_raw
from emaillab.message.octets.defects import Defect

# dot-atom-text, RFC 5322 §3.2.3, and any character beyond ASCII, RFC 6532 §3.2
_DOT_ATOM = re.compile(r"[^\x00-\x20\x7f\"(),:;<>@\[\]\\.]+(?:\.[^\x00-\x20\x7f\"(),:;<>@\[\]\\.]+)*\Z")
# In a local part a backslash quotes any character; `unquote` spares those of Windows paths, which stand in names.
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_BLANKS = re.compile(rb"[ \t\r\n]+")
_NO_NAME = '，：；、"()[] '
_SYNTAX = "5322 §3.4"


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
        if (local or self.domain) and not _DOT_ATOM.match(local):
            local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{local}@{self.domain}" if self.domain else local


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """The members of one named group, or, with `name` None, one mailbox that stands alone."""

    name: str | None
    members: tuple[Address, ...]


class AddressList(NamedTuple):
    """What an address list says, and what is wrong with it."""

    groups: list[AddressGroup]
    defects: list[Defect]


def parse_addresses(body: bytes) -> list[Address]:
    """Read an address list, obsolete and damaged forms too; the members of groups carry the group's name.

    Source: RFC 5322 §3.4, §4.4; RFC 6532 §3.2.
    """
    return [member for group in parse_address_groups(body) for member in group.members]


def parse_address_groups(body: bytes) -> list[AddressGroup]:
    """Read an address list with its groups, empty ones too. Source: RFC 5322 §3.4; RFC 6854."""
    return parse_address_list(body).groups


def parse_address_list(body: bytes, at: int = 0) -> AddressList:
    """Read an address list, folded or not, and note what in it names nobody, or is not as it should be.

    No address is made up of pieces that nobody wrote as one: `a@b@c` is none.

    Arguments: `at` is the offset of `body` in the message, which the defects count from.

    Source: RFC 5322 §3.4, §4.4.
    """
    return _ListReader(at).read(body)


@dataclass(slots=True)
class _ListReader:
    """Reads one address list from left to right, item by item."""

    at: int
    groups: list[AddressGroup] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    group: str | None = None
    members: list[Address] = field(default_factory=list)
    item: list[Token] = field(default_factory=list)  # what stands between two commas
    angle_at: int | None = None  # where in the item "<" stands, when ">" is still to come
    route: bool = False  # whether what stands behind it began with "@": a source route
    has_address: bool = False  # whether the item holds "@", in the angle brackets if they are open

    def read(self, body: bytes) -> AddressList:
        for token in address_tokens(body):
            if token.kind == "stray" and token.text in b'"([':
                self.note("address-mark-unclosed", token, "read as plain text")
            if token.kind == "mark" and token.text == b"@" and not self.has_address:
                before = self.item if self.angle_at is None else self.item[self.angle_at + 1 :]
                self.route, self.has_address = not any(map(_is_solid, before)), True
            if token.kind == "mark" and token.text != b"@":
                self.mark(token)
            else:
                self.item.append(token)
        self.end_group() if self.group is not None else self.end_item()
        return AddressList(self.groups, self.defects)

    def mark(self, token: Token) -> None:
        if token.text == b"<":
            self.angle_at, self.route, self.has_address = len(self.item), False, False
            self.item.append(token)
        elif token.text == b">":
            self.angle_at, self.has_address = None, True
            self.item.append(token)
        elif token.text == b":":
            self.colon(token)
        elif token.text == b";":
            self.end_group()
        elif self.angle_at is None or not self.route:  # QUIRK: a comma where ">" is missing
            self.end_item()

    def colon(self, token: Token) -> None:
        """Begin a group, or end a source route, which is to be ignored. Source: RFC 5322 §3.4, §4.4."""
        if self.route:
            del self.item[0 if self.angle_at is None else self.angle_at + 1 :]
            self.route = self.has_address = False
        elif self.has_address:  # QUIRK: a colon for a comma
            if self.angle_at is None:
                self.end_item()
            else:
                self.item.append(Token("stray", b" ", token.start, token.end))
        elif self.angle_at is not None:  # QUIRK: `<mailto:bob@b.org>`
            del self.item[self.angle_at + 1 :]
        elif self.group is None and any(map(_is_solid, self.item)):
            self.group, self.item = _phrase(self.item), []
        elif self.item:
            self.item.append(Token("stray", b":", token.start, token.end))

    def end_item(self) -> None:
        found = _read_item(self.item)
        if found.unread is not None:
            self.note("address-unreadable", found.unread, "names nobody")
        if len(found.addresses) > 1:
            self.note("address-comma-missing", self.item[0], f"read as {len(found.addresses)} addresses")
        for address in found.addresses:
            if self.group is None:
                self.groups.append(AddressGroup(None, (address,)))
            else:
                self.members.append(replace(address, group=self.group))
        self.item, self.angle_at, self.route, self.has_address = [], None, False, False

    def end_group(self) -> None:
        self.end_item()
        if self.group is not None:
            self.groups.append(AddressGroup(self.group, tuple(self.members)))
        self.group, self.members = None, []

    def note(self, kind: str, token: Token, done: str) -> None:
        self.defects.append(Defect(kind, self.at + token.start, _SYNTAX, done))


def _is_solid(token: Token) -> bool:
    return token.kind not in ("blank", "comment")


# --- one item: a mailbox, or several that nothing parts ---


class _Item(NamedTuple):
    """The addresses between two commas, and the first piece that belongs to none of them."""

    addresses: list[Address]
    unread: Token | None


class _Spec(NamedTuple):
    """Where in an item an addr-spec stands, and what it says."""

    start: int
    end: int
    local: str
    domain: str


def _read_item(item: list[Token]) -> _Item:
    """Read what stands between two commas. QUIRK: several mailboxes, where the comma was forgotten."""
    found: list[Address] = []
    unread = None
    for phrase, angle in _segments(item):
        part = _read_bare(phrase, alone=not found) if angle is None else _read_named(phrase, angle)
        unread = unread or part.unread
        if angle is None and not part.addresses and found and not found[-1].name:
            found[-1] = replace(found[-1], name=_phrase(phrase) or _comment(phrase))  # `<bob@b.org> (Bob)`
        found += part.addresses
    return _Item(found, unread)


def _segments(item: list[Token]) -> list[tuple[list[Token], list[Token] | None]]:
    """Part an item into a phrase and the angle brackets that follow it, again and again; the last may have none."""
    segments: list[tuple[list[Token], list[Token] | None]] = []
    phrase: list[Token] = []
    angle: list[Token] | None = None
    for token in item:
        if token.kind != "mark" or token.text == b"@":
            (phrase if angle is None else angle).append(token)
        elif token.text == b">" and angle is None:  # it ends nothing, but parts what stands around it
            phrase.append(Token("stray", b" ", token.start, token.end))
        else:
            if angle is not None and (token.text == b">" or any(map(_is_solid, angle))):
                segments.append((phrase, angle))
                phrase = []
            angle = [] if token.text == b"<" else None
    if phrase or angle is not None:
        segments.append((phrase, angle))
    return segments


def _read_named(phrase: list[Token], angle: list[Token]) -> _Item:
    """Read `phrase <angle>`."""
    specs, unread = _specs(angle, in_angle=True)
    before: list[Address] = []
    cut = _end_of_others(phrase, specs[0] if specs else None)
    if cut:
        before, phrase = _read_bare(phrase[:cut], alone=True).addresses, phrase[cut:]
    name = _phrase(phrase) or _comment([*phrase, *angle])
    if specs:
        inside = _named(angle, specs)
        return _Item([*before, replace(inside[0], name=name or inside[0].name), *inside[1:]], unread)
    local = _only_local(angle, ("atom", "quoted", "encoded"))
    if local or name:
        before.append(Address(name, local, ""))
    return _Item(before, None if local else next(filter(_is_solid, angle), None))


def _end_of_others(phrase: list[Token], own: _Spec | None) -> int:
    """Find where addresses end that stand before a name: `bob@b.org Carol <carol@c.org>` lacks a comma.

    One that stands in the place of the name is a name, and one that is written twice is one.
    """
    solid = [place for place, token in enumerate(phrase) if _is_solid(token)]
    end = 0
    for spec in _specs(phrase)[0]:
        twice = own is not None and (spec.local, spec.domain) == (own.local, own.domain)
        if spec.end <= solid[-1] and not twice and _is_utf8(phrase[spec.start : spec.end]):
            end = spec.end
    return end


def _is_utf8(tokens: list[Token]) -> bool:
    """Tell whether octets are text; if not, they may be a name in some charset, with "@" as half a character."""
    try:
        b"".join(token.text for token in tokens).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _read_bare(phrase: list[Token], *, alone: bool) -> _Item:
    """Read what has no angle brackets. QUIRK: `Bob bob@b.org`; an address without a domain."""
    specs, unread = _specs(phrase)
    if specs:
        return _Item(_named(phrase, specs), unread)
    if not alone:
        return _Item([], unread)  # the words are the name of the address before them
    local = _only_local(phrase, ("atom",))
    if local:
        return _Item([Address(_comment(phrase), local, "")], None)
    return _Item([], next(filter(_is_solid, phrase), None))


def _named(tokens: list[Token], specs: list[_Spec]) -> list[Address]:
    """Give each address the words before it as its name, the last one else those behind it, or else a comment."""
    found: list[Address] = []
    behind = 0
    for place, spec in enumerate(specs):
        last = place + 1 == len(specs)
        name = _phrase(tokens[behind : spec.start]) or (_phrase(tokens[spec.end :]) if last else "")
        following = len(tokens) if last else specs[place + 1].start
        name = name or _comment(tokens[spec.start if place else 0 : following])
        found.append(Address(name, spec.local, spec.domain))
        behind = spec.end
    return found


def _phrase(tokens: Sequence[Token]) -> str:
    """Join a phrase's words; encoded words count, but not between quotation marks. Source: RFC 2047 §5 (3)."""
    pieces: list[str] = []
    plain: list[bytes] = []
    for token in tokens:
        if token.kind == "quoted":
            pieces += [decode_words(b"".join(plain)), decode_raw(unquote(token.text))]
            plain.clear()
        else:
            plain.append(b" " if token.kind == "comment" else token.text)
    name = " ".join("".join([*pieces, decode_words(b"".join(plain))]).split())
    return name if name.strip(_NO_NAME) else ""


def _comment(tokens: Sequence[Token]) -> str:
    """Give the first comment, where old mailers put the name."""
    found = next((token.text for token in tokens if token.kind == "comment"), b"")
    return " ".join(decode_words(unfold(found)).split())


# --- addr-spec ---


def _specs(tokens: list[Token], *, in_angle: bool = False) -> tuple[list[_Spec], Token | None]:
    """Find each local-part@domain; an "@" that two of them would share makes none.

    Returns: what was found, and the first "@" that belongs to none.
    """
    ats = [place for place, token in enumerate(tokens) if token.kind == "mark" and token.text == b"@"]
    runs = [(_local_start(tokens, at, in_angle), at, _domain_end(tokens, at, in_angle)) for at in ats]
    found: list[_Spec] = []
    unread = None
    for place, (start, at, end) in enumerate(runs):
        shared = (place and runs[place - 1][2] > start) or (place + 1 < len(runs) and runs[place + 1][0] < end)
        if start == at or end == at + 1 or shared:
            unread = unread or tokens[at]
        else:
            found.append(_spec(tokens, start, at, end))
    return found, unread


def _spec(tokens: list[Token], start: int, at: int, end: int) -> _Spec:
    """Write an addr-spec without the blanks and comments around its dots (obs-local-part, obs-domain)."""
    local = b"".join(_local_text(token) for token in tokens[start:at] if _is_solid(token))
    domain = b"".join(_BLANKS.sub(b"", token.text) for token in tokens[at + 1 : end] if _is_solid(token))
    if local[:1] == b"'" and domain[-1:] == b"'":  # QUIRK: Outlook writes 'bob@b.org'
        local, domain = local[1:], domain[:-1]
    return _Spec(start, end, decode_raw(local), decode_raw(domain))


def _local_text(token: Token) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", unfold(token.text[1:-1])) if token.kind == "quoted" else token.text


def _only_local(tokens: list[Token], kinds: tuple[str, ...]) -> str:
    """Read an address without a domain, such as `root`; empty when there is more, or less, than one word."""
    end = len(tokens)
    while end and not _is_solid(tokens[end - 1]):
        end -= 1
    if end and tokens[end - 1].text == b"@":
        end -= 1
    start = _local_start(tokens, end, in_angle=True)
    words = [token for token in tokens[start:end] if _is_solid(token)]
    if not words or any(token.kind not in kinds for token in words) or any(map(_is_solid, tokens[:start])):
        return ""
    return decode_raw(b"".join(map(_local_text, words)))


def _local_start(tokens: list[Token], at: int, in_angle: bool) -> int:
    """Find where the local part before an "@" begins; `at` itself when there is none."""
    start = place = at
    while (place := _next_solid(tokens, place, -1)) >= 0:
        if tokens[place].kind not in ("atom", "quoted", "encoded"):
            break
        if start < at and not _belong(tokens, place, start, in_angle):
            break
        start = place
    return start


def _domain_end(tokens: list[Token], at: int, in_angle: bool) -> int:
    """Find where the domain behind an "@" ends; right behind it when there is none."""
    end = place = at
    while (place := _next_solid(tokens, place, 1)) < len(tokens):
        token = tokens[place]
        opening = token.kind == "stray" and token.text == b"[" and end == at  # `bob@[192.0.2.1`
        if token.kind not in ("atom", "literal") and not opening:
            break
        behind_opening = tokens[end].text == b"[" and place == end + 1
        if end > at and not behind_opening and not _belong(tokens, end, place, in_angle):
            break
        end = place
    return end + 1


def _next_solid(tokens: list[Token], place: int, step: int) -> int:
    place += step
    while 0 <= place < len(tokens) and not _is_solid(tokens[place]):
        place += step
    return place


def _belong(tokens: list[Token], left: int, right: int, in_angle: bool) -> bool:
    """Tell whether a dot joins two words. Blanks may stand around it, but `John Q. bob@b.org` has an initial."""
    before, after = tokens[left], tokens[right]
    if after.kind == "atom" and after.text[:1] == b".":
        return True
    dotted = before.kind == "atom" and before.text[-1:] == b"."
    return dotted and (in_angle or right == left + 1 or before.text == b".")
