"""What do the answers to FETCH, SELECT and LIST say? The values of a response, with names.

>>> from emaillab.protocol.imap.responses import parse_response
>>> data = parse_response(b'* 3 FETCH (UID 7 FLAGS (\\\\Seen) BODY[] {2}\\r\\nhi)')
>>> result = FetchResult(data.number, data.values[0])
>>> result.number, result.uid, result.flags, result["body[]"]
(3, 7, frozenset({'\\\\Seen'}), b'hi')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from emaillab.engine import Outcome
from emaillab.message.header.addresses import Address
from emaillab.message.header.encoded_words import decode_words
from emaillab.protocol.imap.grammar import Cursor, GrammarError
from emaillab.protocol.imap.responses import Tagged, Untagged, Value
from emaillab.protocol.stream import ProtocolError


@dataclass(frozen=True, slots=True)
class Response:
    """All that answered one command: untagged data, then the tagged line. With outcome MORE the server waits."""

    tag: str
    outcome: Outcome
    text: str
    code: str = ""
    code_values: tuple[Value, ...] = ()
    untagged: tuple[Untagged, ...] = ()
    raw: bytes = field(default=b"", repr=False)  # the tagged line

    @classmethod
    def of(cls, line: Tagged, untagged: tuple[Untagged, ...]) -> Response:
        """Join a tagged line and what came before it."""
        return cls(line.tag, line.outcome, line.text, line.code, line.code_values, untagged, line.raw)

    @property
    def ok(self) -> bool:
        """True when the command was done."""
        return self.outcome is Outcome.OK

    def all(self, name: str) -> list[Untagged]:
        """Return the untagged responses of one name."""
        return [data for data in self.untagged if data.name == name]

    def numbers(self, name: str) -> list[int]:
        """Return the numbers before a name, such as EXISTS or EXPUNGE, in their order."""
        return [data.number for data in self.all(name) if data.number is not None]

    def coded(self, code: str) -> tuple[Value, ...] | None:
        """Return the values of a response code, wherever it came; None when it did not come."""
        if self.code == code:
            return self.code_values
        found = [data.code_values for data in self.untagged if data.code == code]
        return found[-1] if found else None

    @property
    def fetched(self) -> list[FetchResult]:
        """The FETCH data by message, several answers about one message joined."""
        merged: dict[int, list[Value]] = {}
        for data in self.all("FETCH"):
            if data.number is not None and data.values and isinstance(data.values[0], tuple):
                merged.setdefault(data.number, []).extend(data.values[0])
        return [FetchResult(number, tuple(values)) for number, values in merged.items()]

    def __str__(self) -> str:
        last = self.raw.decode("utf-8", "replace") or f"+ {self.text}"
        return "\n".join([*map(str, self.untagged), last])


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message's header in outline. Source: RFC 9051 §7.5.2 "ENVELOPE"."""

    date: str
    subject: str
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: str
    message_id: str


class FetchResult(Mapping[str, Value]):
    """What FETCH said of one message: by item's name in any case, and the common items as attributes."""

    def __init__(self, number: int, values: tuple[Value, ...]) -> None:
        self.number = number
        self._items = {str(name).upper(): value for name, value in zip(values[::2], values[1::2], strict=False)}

    def __getitem__(self, name: str) -> Value:
        return self._items[name.upper()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"FetchResult({self.number}, {self._items!r})"

    @property
    def uid(self) -> int | None:
        """The UID, None when it was not asked for."""
        return _number(self.get("UID"))

    @property
    def size(self) -> int | None:
        """RFC822.SIZE in octets, None when it was not asked for."""
        return _number(self.get("RFC822.SIZE"))

    @property
    def flags(self) -> frozenset[str]:
        """The flags."""
        return words(self.get("FLAGS"))

    @property
    def internal_date(self) -> datetime | None:
        """When the server got the message, aware."""
        value = self.get("INTERNALDATE")
        if not isinstance(value, bytes):
            return None
        try:
            return Cursor(b'"' + value + b'"').date_time()
        except GrammarError as error:
            raise ProtocolError(f"INTERNALDATE cannot be read at {error}") from None

    @property
    def envelope(self) -> Envelope | None:
        """The envelope, its texts decoded for people; None when it was not asked for."""
        value = self.get("ENVELOPE")
        if value is None:
            return None
        if not isinstance(value, tuple) or len(value) != 10:
            raise ProtocolError(f"an ENVELOPE has 10 fields, not {len(value) if isinstance(value, tuple) else 1}")
        date, subject, *lists, in_reply_to, message_id = value
        from_, sender, reply_to, to, cc, bcc = map(_addresses, lists)
        ids = (_text(in_reply_to), _text(message_id))
        return Envelope(_text(date), decode_words(_octets(subject)), from_, sender, reply_to, to, cc, bcc, *ids)

    def body(self, section: str = "") -> bytes | None:
        """Return the octets of BODY[section], whole or partial; None when there are none."""
        name = f"BODY[{section.upper()}]"
        for key, value in self._items.items():
            if key == name or key.startswith(name + "<"):
                return value if isinstance(value, bytes) else None
        return None


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One mailbox of a LIST."""

    name: str
    delimiter: str
    attributes: frozenset[str]


def words(value: Value) -> frozenset[str]:
    """Return a list of atoms, such as flags, as a set."""
    return frozenset(str(word) for word in value) if isinstance(value, tuple) else frozenset()


def _number(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _octets(value: Value) -> bytes:
    return value if isinstance(value, bytes) else b"" if value is None else str(value).encode()


def _text(value: Value) -> str:
    return _octets(value).decode("utf-8", "replace")


def _addresses(value: Value) -> tuple[Address, ...]:
    """Read an address list; an address without a host begins a group, or ends it if it has no name either."""
    found: list[Address] = []
    group: str | None = None
    for item in value if isinstance(value, tuple) else ():
        if not isinstance(item, tuple) or len(item) != 4:
            raise ProtocolError("an address in an ENVELOPE has 4 fields: name, route, mailbox, host")
        name, _, mailbox, host = item
        if host is None:
            group = None if mailbox is None else decode_words(_octets(mailbox))
        else:
            found.append(Address(decode_words(_octets(name)), _text(mailbox), _text(host), group))
    return tuple(found)
