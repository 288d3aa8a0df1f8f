"""How are POP3's commands and replies spelled, and how does one get from octets to values and back?

Both sides use it: what the server says with `bytes(x)`, the client reads with `parse_x`.

>>> parse_reply(b"-ERR [IN-USE] maildrop is locked\\r\\n").code
'IN-USE'
>>> parse_scan_listing("1 120"), bytes(ScanListing(1, 120))
(ScanListing(number=1, octets=120), b'1 120')
>>> bytes(Reply(Outcome.OK, "2 messages", (b"1 120", b"2 200")))
b'+OK 2 messages\\r\\n1 120\\r\\n2 200\\r\\n.\\r\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from emaillab.engine import Outcome, Signal
from emaillab.protocol.framing.dots import stuff
from emaillab.protocol.framing.lines import CRLF
from emaillab.protocol.machine import Refusal, is_plain
from emaillab.protocol.stream import ProtocolError

LINE_LIMIT = 255  # octets of a command, CRLF included (RFC 2449 §4)
PIECE = 48 * 1024 - 3  # octets of a message in one chunk: at most 64 KiB when every third octet is a dot to be stuffed
END = b".\r\n"

# status-indicator = "+OK" / "-ERR"; continue-req = "+" SP [base64]   RFC 1939 §3, §9; RFC 5034 §4
_REPLY = re.compile(rb"(\+OK|-ERR|\+)(?: (.*))?\Z", re.DOTALL)
# resp-code = "[" resp-level *("/" resp-level) "]"   RFC 2449 §8
_CODE = re.compile(r"\[([^\]\[ ]+)\]")
# message-number = 1*DIGIT, octets = 1*DIGIT   RFC 1939 §5
_TWO_NUMBERS = re.compile(r"(\d{1,20}) (\d{1,20})(?: .*)?\Z", re.ASCII)
# unique-id = 1*70(%x21-7E)   RFC 1939 §7
_UNIQUE_ID = re.compile(r"(\d{1,20}) +([\x21-\x7e]{1,70}) *\Z", re.ASCII)
_NUMBER = re.compile(rb"\d{1,20}")

_STATUS = {Outcome.OK: b"+OK", Outcome.MORE: b"+", Outcome.NO: b"-ERR", Outcome.BAD: b"-ERR"}
_OUTCOME = {b"+OK": Outcome.OK, b"+": Outcome.MORE, b"-ERR": Outcome.NO}


@dataclass(frozen=True, slots=True)
class DropListing:
    """What STAT says: how many messages, and their octets together (RFC 1939 §5)."""

    count: int
    octets: int

    def __str__(self) -> str:
        return f"{self.count} {self.octets}"

    def __bytes__(self) -> bytes:
        return str(self).encode()


@dataclass(frozen=True, slots=True)
class ScanListing:
    """What LIST says of one message: its number in this session and its octets (RFC 1939 §5)."""

    number: int
    octets: int

    def __str__(self) -> str:
        return f"{self.number} {self.octets}"

    def __bytes__(self) -> bytes:
        return str(self).encode()


@dataclass(frozen=True, slots=True)
class UniqueId:
    """What UIDL says of one message: its number in this session and its name in all sessions (RFC 1939 §7)."""

    number: int
    id: str

    def __str__(self) -> str:
        return f"{self.number} {self.id}"

    def __bytes__(self) -> bytes:
        return str(self).encode()


@dataclass(frozen=True, slots=True)
class Reply:
    """A POP3 response: a status line, and for some commands lines after it.

    `lines` is a multi-line response as plain lines, without CRLF and stuffed dots; None is a single-line response.
    A server gives a large response as `body` instead, chunk by chunk, ready for the wire.
    Source: RFC 1939 §3.
    """

    outcome: Outcome
    text: str = ""
    lines: tuple[bytes, ...] | None = None
    durable: bool = field(default=False, repr=False, compare=False)
    body: Iterator[bytes] | None = field(default=None, repr=False, compare=False)
    then: Signal | None = field(default=None, repr=False, compare=False)
    pause_s: float = field(default=0.0, repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """True for +OK."""
        return self.outcome is Outcome.OK

    @property
    def plain(self) -> bool:
        """True when its octets are all there is to it."""
        return is_plain(self)

    @property
    def code(self) -> str:
        """The response code that a program can act on, such as IN-USE or AUTH; "" when there is none (RFC 2449 §8)."""
        found = _CODE.match(self.text)
        return found[1] if found else ""

    @property
    def content(self) -> bytes:
        """The lines as one run of octets: after RETR, the message."""
        return b"".join(line + CRLF for line in self.lines or ())

    @property
    def drop_listing(self) -> DropListing:
        """What STAT answered. Raises: ProtocolError."""
        return parse_drop_listing(self.text)

    @property
    def scan_listings(self) -> tuple[ScanListing, ...]:
        """What LIST answered, with or without a message number. Raises: ProtocolError."""
        return tuple(parse_scan_listing(line) for line in self._listed())

    @property
    def unique_ids(self) -> tuple[UniqueId, ...]:
        """What UIDL answered, with or without a message number. Raises: ProtocolError."""
        return tuple(parse_unique_id(line) for line in self._listed())

    @property
    def capabilities(self) -> dict[str, tuple[str, ...]]:
        """What CAPA answered: each capability's name in capitals, and its arguments."""
        words = [line.decode("utf-8", "replace").split() for line in self.lines or ()]
        return {name.upper(): tuple(arguments) for name, *arguments in filter(None, words)}

    def _listed(self) -> list[str]:
        if self.lines is None:
            return [self.text]
        return [line.decode("utf-8", "surrogateescape") for line in self.lines]

    def __bytes__(self) -> bytes:
        status = _STATUS[self.outcome]
        if self.text or self.outcome is Outcome.MORE:  # "+" is always followed by a space (RFC 5034 §4)
            status += b" " + self.text.encode("utf-8", "surrogateescape")
        return status + CRLF + (b"" if self.lines is None else stuff(self.content) + END)

    def __str__(self) -> str:
        return bytes(self).decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")


class Silence(Reply):
    """No response at all."""

    __slots__ = ()

    def __bytes__(self) -> bytes:
        return b""


SILENCE = Silence(Outcome.OK)
"""What follows QUIT after log-in: the UPDATE state responds, once the marked messages are removed."""


def refuse(text: str) -> Refusal:
    """Return a Refusal that says -ERR."""
    return Refusal(Reply(Outcome.NO, text))


# Commands, as the server reads them


def parse_message_number(args: bytes) -> int:
    """Return the message number that is a command's only argument.

    Raises: Refusal when it is no number from 1 up.
    """
    word = args.strip(b" ")
    if not _NUMBER.fullmatch(word):
        raise refuse(f"a message number is expected, not {shown(word)}" if word else "a message number is missing")
    if not int(word):
        raise refuse("message numbers begin with 1")
    return int(word)


def parse_top(args: bytes) -> tuple[int, int]:
    """Return TOP's message number and number of body lines. Raises: Refusal."""
    words = args.split()
    if len(words) != 2:
        raise refuse("TOP takes a message number and a number of lines")
    if not _NUMBER.fullmatch(words[1]):
        raise refuse(f"a number of lines, 0 or more, is expected, not {shown(words[1])}")
    return parse_message_number(words[0]), int(words[1])


def parse_auth(args: bytes) -> tuple[str, bytes | None]:
    """Return AUTH's mechanism, in capitals, and its initial response if there is one, still in base64.

    Raises: Refusal.
    """
    words = args.split()
    if not 1 <= len(words) <= 2:
        raise refuse("AUTH takes a mechanism and perhaps an initial response")
    return words[0].decode("ascii", "replace").upper(), words[1] if len(words) == 2 else None


def messages(count: int) -> str:
    """Count messages in words."""
    return f"{count} message" if count == 1 else f"{count} messages"


def shown(octets: bytes) -> str:
    """Quote a little of what a peer sent, safe to be sent back in a reply."""
    return repr(octets[:40])[1:]


# Replies, as the client reads them


def parse_reply(line: bytes) -> Reply:
    """Return the first line of a response. Raises: ProtocolError."""
    found = _REPLY.match(line.removesuffix(b"\n").removesuffix(b"\r"))
    if not found:
        raise ProtocolError(f"a POP3 response begins with +OK, -ERR or +, but {shown(line)} came")
    return Reply(_OUTCOME[found[1]], (found[2] or b"").decode("utf-8", "surrogateescape"))


def parse_drop_listing(text: str) -> DropListing:
    """Return what STAT says; anything after the second number is ignored. Raises: ProtocolError."""
    found = _TWO_NUMBERS.match(text)
    if not found:
        raise ProtocolError(f"STAT is answered by two numbers, messages and octets, but {text!r} came")
    return DropListing(int(found[1]), int(found[2]))


def parse_scan_listing(line: str) -> ScanListing:
    """Return one line of LIST; anything after the octets is ignored. Raises: ProtocolError."""
    found = _TWO_NUMBERS.match(line)
    if not found:
        raise ProtocolError(f"a line of LIST holds a message number and its octets, but {line!r} came")
    return ScanListing(int(found[1]), int(found[2]))


def parse_unique_id(line: str) -> UniqueId:
    """Return one line of UIDL. Raises: ProtocolError."""
    found = _UNIQUE_ID.match(line)
    if not found:
        raise ProtocolError(f"a line of UIDL holds a message number and 1 to 70 visible characters, but {line!r} came")
    return UniqueId(int(found[1]), found[2])


# Multi-line bodies, as the server sends them


def stuffed_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a multi-line response's lines and its final dot in chunks of at most a few KiB."""
    chunk: list[bytes] = []
    for line in lines:
        chunk.append(stuff(line) + CRLF)
        if len(chunk) == 100:
            yield b"".join(chunk)
            chunk.clear()
    yield b"".join(chunk) + END


def stuffed_message(content: bytes, end: int | None = None) -> Iterator[bytes]:
    """Yield content[:end] as the body of RETR or TOP, in chunks of at most 64 KiB.

    Dots at the beginning of lines are doubled, also where a line begins in one piece and its dot is in the next;
    a last line that lacks its CRLF gets one.
    """
    end = len(content) if end is None else end
    before = CRLF  # the first octet stands at the beginning of a line
    for at in range(0, end, PIECE):
        seen = before + content[at : min(at + PIECE, end)]
        yield seen.replace(b"\r\n.", b"\r\n..")[2:]
        before = seen[-2:]
    yield END if before == CRLF else CRLF + END


def octets_sent(content: bytes) -> int:
    """Return how many octets RETR delivers once the dots are unstuffed: a missing last CRLF is counted.

    Source: RFC 1939 §11.
    """
    return len(content) + (0 if not content or content.endswith(CRLF) else 2)


def top_end(content: bytes, lines: int) -> int:
    """Return where the header, the blank line and `lines` lines of the body end (RFC 1939 §7)."""
    if content.startswith(CRLF):
        end = 2
    else:
        blank = content.find(b"\r\n\r\n")
        if blank < 0:
            return len(content)
        end = blank + 4
    if lines > content.count(CRLF, end):  # also fetchmail's TOP n 99999999
        return len(content)
    for _ in range(lines):
        end = content.find(CRLF, end) + 2
    return end
