"""What was said, octet by octet, by whom, and when? The record every connection leaves.

>>> from emaillab.net.chunk import Chunk
>>> talk = Transcript(protocol="smtp", client="alice", server="mail.crepes.fr", port=25)
>>> talk.heard(Chunk("S", b"220 mail.crepes.fr ESMTP\\r\\n", 0.0, 0.01))
>>> talk.heard(Chunk("C", b"QUIT\\r\\n", 0.01, 0.02))
>>> talk.labelled(Label("QUIT", "OK", "GREETED", "CLOSED", "closure", consumed=6, produced=26))
>>> talk.heard(Chunk("S", b"221 2.0.0 bye\\r\\n", 0.02, 0.03))
>>> print(talk)
S: 220 mail.crepes.fr ESMTP
C: QUIT
S: 221 2.0.0 bye
>>> [(line.phase, line.before, line.after) for line in talk.lines]
[('handshake', 'GREETED', 'GREETED'), ('closure', 'GREETED', 'CLOSED'), ('closure', 'GREETED', 'CLOSED')]
"""

from __future__ import annotations

import binascii
import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from emaillab.net.chunk import Chunk, Side

FIRST_PHASE = {"smtp": "handshake", "pop3": "authorization", "imap": "not authenticated", "http": "request"}


@dataclass(frozen=True, slots=True)
class Label:
    """What the server made of one unit; see `Step` in the protocol engines, whose fields these are."""

    verb: str
    outcome: str
    before: str
    after: str
    phase: str
    consumed: int
    produced: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a session, with its line end, or what there is of it."""

    side: Side
    data: bytes
    sent_s: float
    arrived_s: float
    tls: bool
    verb: str
    phase: str
    before: str
    after: str

    @property
    def text(self) -> str:
        """The line without its line end, as far as it is text; other octets show as \\xNN."""
        return readable(self.data.removesuffix(b"\n").removesuffix(b"\r"))

    def __str__(self) -> str:
        return f"{self.side}: {self.text}"


@dataclass(frozen=True, slots=True)
class Phase:
    """Consecutive lines of one phase of the protocol."""

    name: str
    lines: tuple[Line, ...]

    @property
    def octets(self) -> int:
        """How many octets both sides sent in it."""
        return sum(len(line.data) for line in self.lines)


@dataclass(slots=True, repr=False)
class Transcript:
    """One connection's record; `str` shows it as C: and S: lines."""

    protocol: str
    client: str
    server: str
    port: int  # the textbook's port, whatever the operating system gave
    id: str = "1"
    client_ip: str = "192.0.2.1"
    server_ip: str = "192.0.2.2"
    opened_s: float = 0.0
    closed_s: float | None = None
    cause: str | None = None  # the id of the session that made this one happen
    start: str = ""  # what 0 s on the clock means, ISO 8601
    chunks: list[Chunk] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def __repr__(self) -> str:
        ends = f"{self.client} and {self.server}"
        return f"<Transcript {self.id}: {self.protocol.upper()}, {ends}, {self.octets()} octets>"

    # Recording

    def heard(self, chunk: Chunk) -> None:
        """Add octets in the order in which they were sent."""
        self.chunks.append(chunk)

    def labelled(self, label: Label) -> None:
        """Add what the server made of a unit."""
        self.labels.append(label)

    # Reading

    @property
    def lines(self) -> list[Line]:
        """All lines, in the order in which they were completed, each with its phase and states."""
        found = [*self._lines_of("C"), *self._lines_of("S")]
        return [line for _, line in sorted(found, key=lambda item: item[0])]

    @property
    def phases(self) -> list[Phase]:
        """The session cut into its phases, in order."""
        runs = itertools.groupby(self.lines, key=lambda line: line.phase)
        return [Phase(name, tuple(lines)) for name, lines in runs]

    def octets(self, side: Side | None = None) -> int:
        """Return how many octets a side sent, or both."""
        return sum(len(chunk.data) for chunk in self.chunks if side in (None, chunk.side))

    def sent_by(self, side: Side) -> bytes:
        """Return one side's whole stream."""
        return b"".join(chunk.data for chunk in self.chunks if chunk.side == side)

    @property
    def round_trips(self) -> int:
        """How often the direction turned from client to server and back: what a long line makes costly."""
        sides = [side for side, _ in itertools.groupby(chunk.side for chunk in self.chunks)]
        return sum(1 for a, b in itertools.pairwise(sides) if (a, b) == ("C", "S"))

    @property
    def digest(self) -> str:
        """SHA-256 over every octet with its direction, whatever the segmentation."""
        import hashlib

        total = hashlib.sha256()
        for side, run in itertools.groupby(self.chunks, key=lambda chunk: chunk.side):
            data = b"".join(chunk.data for chunk in run)
            total.update(f"{side}{len(data)}:".encode() + data)
        return total.hexdigest()

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    def text(self, fold: int = 12) -> str:
        """Return the C: and S: lines, with runs of more than `fold` content lines shortened in their middle."""
        shown: list[str] = []
        for (verb, side), run in itertools.groupby(self.lines, key=lambda line: (_content(line), line.side)):
            lines = list(run)
            if not verb or len(lines) <= fold:
                shown += map(str, lines)
                continue
            hidden = lines[fold // 2 : -(fold // 2)]
            octets = sum(len(line.data) for line in hidden)
            shown += map(str, lines[: fold // 2])
            shown.append(f"{side}: … {len(hidden)} lines, {octets} octets …")
            shown += map(str, lines[-(fold // 2) :])
        return "\n".join(shown)

    def _lines_of(self, side: Side) -> Iterator[tuple[tuple[int, int], Line]]:
        """Cut one side's stream into lines; each comes with the place of its last octet in the record.

        A line also ends where a unit of the protocol does, as the content of an HTTP request has no line end.
        """
        labels = _Labels(self.labels, side, FIRST_PHASE.get(self.protocol, ""), "GREETED")
        units = sorted({label.consumed if side == "C" else label.produced for label in self.labels})
        rest, begun, end = b"", 0.0, 0
        for index, chunk in enumerate(self.chunks):
            if chunk.side != side:
                continue
            pieces = _cut(rest + chunk.data, end, units)
            begun, rest = (begun if rest else chunk.sent_s), pieces.pop()
            for number, piece in enumerate(pieces):
                end += len(piece)
                label = labels.at(end)
                yield (index, number), _line(side, piece, begun, chunk, label)
                begun = chunk.sent_s
            last = chunk, index
        if rest:
            chunk, index = last
            yield (index, len(self.chunks)), _line(side, rest, begun, chunk, labels.at(end + len(rest)))

    # Keeping

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values; octets that are not UTF-8 text become base64."""
        values = {name: getattr(self, name) for name in _PLAIN}
        chunks = [
            {"side": c.side, "sent_s": c.sent_s, "arrived_s": c.arrived_s, "tls": c.tls, **_octets(c.data)}
            for c in self.chunks
        ]
        return {
            "emaillab": "transcript",
            **values,
            "chunks": chunks,
            "labels": [asdict(label) for label in self.labels],
        }

    @classmethod
    def from_json(cls, values: Any) -> Transcript:
        """Return the transcript that `to_json` described. Raises: ValueError when it is something else."""
        if not isinstance(values, dict) or values.get("emaillab") != "transcript":
            raise ValueError('not a transcript: the key "emaillab" with the value "transcript" is missing')
        try:
            chunks, labels = [_chunk(c) for c in values["chunks"]], [_label(label) for label in values["labels"]]
            return cls(**{name: values[name] for name in _PLAIN}, chunks=chunks, labels=labels)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"a damaged transcript: {error!r} is missing or wrong") from None

    def save(self, path: str | Path) -> Path:
        """Write the transcript as JSON and return the path."""
        import json

        target = Path(path)
        target.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")
        return target

    @classmethod
    def load(cls, path: str | Path) -> Transcript:
        """Read a transcript that `save` wrote. Raises: OSError, ValueError."""
        import json

        try:
            values = json.loads(Path(path).read_bytes())
        except ValueError as error:
            raise ValueError(f"{path}: not a transcript, since it is not JSON: {error}") from None
        try:
            return cls.from_json(values)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def to_pcapng(self, path: str | Path) -> Path:
        """Write the session as a packet capture that Wireshark opens, and return the path."""
        from emaillab.net.pcapng import write

        return write([self], path)


_PLAIN = (
    "protocol",
    "client",
    "server",
    "port",
    "id",
    "client_ip",
    "server_ip",
    "opened_s",
    "closed_s",
    "cause",
    "start",
)


class _Labels:
    """Finds the label of an octet of one stream; asked in ascending order."""

    def __init__(self, labels: Sequence[Label], side: Side, phase: str, state: str) -> None:
        self._labels, self._side, self._next = labels, side, 0
        state = labels[0].before if labels else state
        self._first = Label("", "OK", state, state, phase, 0, 0)

    def at(self, end: int) -> Label:
        """Return the label of the line that ends at offset `end`."""
        if self._side == "C":
            while self._next < len(self._labels) and self._labels[self._next].consumed < end:
                self._next += 1
            return self._labels[min(self._next, len(self._labels) - 1)] if self._labels else self._first
        while self._next < len(self._labels) and self._labels[self._next].produced < end:
            self._next += 1
        return self._labels[self._next - 1] if self._next else self._first


def _line(side: Side, data: bytes, begun: float, chunk: Chunk, label: Label) -> Line:
    """Return a line with the label of its unit."""
    return Line(side, data, begun, chunk.arrived_s, chunk.tls, label.verb, label.phase, label.before, label.after)


def _cut(data: bytes, start: int, units: Sequence[int]) -> list[bytes]:
    """Cut octets, the first of them at `start`, behind each LF and each unit; the last piece is not complete."""
    pieces, at = [], 0
    unit = bisect.bisect_right(units, start)
    for line in data.split(b"\n"):
        end = at + len(line) + 1
        while unit < len(units) and (stop := units[unit] - start) <= min(end, len(data)):
            if stop < end:
                pieces.append(data[at:stop])
                at = stop
            unit += 1
        pieces.append(data[at:end])
        at = end
    return pieces


def _content(line: Line) -> str:
    """Return the verb if a line may be a line of a message rather than of the dialogue."""
    if line.side == "C":
        return line.verb if line.verb in ("(content)", "APPEND") else ""
    return line.verb if line.verb in ("RETR", "TOP", "FETCH", "UID FETCH") or line.phase == "response" else ""


def readable(data: bytes) -> str:
    """Return octets as text on one line: UTF-8 where it is, every control octet and other octet as \\xNN."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def _octets(data: bytes) -> dict[str, str]:
    """Spell octets for JSON."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": binascii.b2a_base64(data, newline=False).decode()}


def _chunk(values: dict[str, Any]) -> Chunk:
    """Read a chunk. Raises: KeyError, TypeError, ValueError."""
    if values["side"] not in ("C", "S"):
        raise ValueError(values["side"])
    return Chunk(
        values["side"], _from_octets(values), float(values["sent_s"]), float(values["arrived_s"]), bool(values["tls"])
    )


def _label(values: dict[str, Any]) -> Label:
    """Read a label. Raises: KeyError, TypeError, ValueError."""
    words = {name: str(value) for name, value in values.items()}
    return Label(**words | {name: int(values[name]) for name in ("consumed", "produced")})  # type: ignore[arg-type]


def _from_octets(value: dict[str, str]) -> bytes:
    """Read what `_octets` spelt."""
    return value["text"].encode() if "text" in value else binascii.a2b_base64(value["base64"], strict_mode=True)
