r"""Do the servers answer as the dialogues say, however the octets are cut into segments?

A dialogue is a file in the folder of its protocol. Its lines:

    # with: offers_tls, submission      facts of the session (fields of Session); "not loopback" is the opposite
    # message: Subject: hi\r\n\r\n      a letter in alice's INBOX, with Python's escapes, one line for each
    # anything else                     a comment
    C: text                             the client sends a line
    C\ text                             the client sends octets, with Python's escapes and no line end of its own
    S: text                             the server sends exactly this line
    S~ pattern                          the server sends a line that the whole pattern matches
    T:                                  the TLS handshake that the server has just agreed to takes place
    N: letter text                      something happens outside: a letter comes into alice's INBOX (Python's escapes),
    N: flags uid flag …                 a message there gets these flags, or messages there are removed; the server is
    N: gone uid …                       woken, as it would be after the commit
    E:                                  the server closes the connection
    K: text                             the host has kept this content, with Python's escapes

Users, passwords and rules of the host are in fakes.py. Each file is played four times: turn by turn, the same by the
short way that a busy server goes, octet by octet, and with all that the client says in one segment (between two
handshakes).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emaillab.engine import Elsewhere, Signal
from emaillab.protocol.backend import Session
from emaillab.protocol.machine import CLOSED, Machine
from tests.dialogues.fakes import RECEIVED_AT, FakeHost, machine, unescaped

FOLDER = Path(__file__).parent
DIALOGUES = sorted(FOLDER.glob("*/*.txt"))
CUTS = ("turn by turn", "turn by turn, the short way", "octet by octet", "all at once")


@dataclass
class Turn:
    """What the client says, or a handshake, and all that the server says to it."""

    first_line: int
    said: bytes = b""
    handshake: bool = False
    event: str = ""  # what happens outside
    answers: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass
class Dialogue:
    facts: list[str]
    messages: list[bytes]
    turns: list[Turn]
    kept: list[bytes]
    ends: bool


def parse(path: Path) -> Dialogue:
    dialogue = Dialogue([], [], [Turn(1)], [], False)
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        mark, text = line[:3].rstrip(" "), line[3:]
        if line.startswith("# with: "):
            dialogue.facts += line.removeprefix("# with: ").split(", ")
        elif line.startswith("# message: "):
            dialogue.messages.append(unescaped(line.removeprefix("# message: ")))
        elif mark in ("C:", "C\\", "T:", "N:"):
            if dialogue.turns[-1].answers or dialogue.turns[-1].event or mark in ("T:", "N:"):
                event = text if mark == "N:" else ""
                dialogue.turns.append(Turn(number, handshake=mark == "T:", event=event))
            if mark in ("C:", "C\\"):
                dialogue.turns[-1].said += unescaped(text) if mark == "C\\" else text.encode() + b"\r\n"
        elif mark in ("S:", "S~"):
            dialogue.turns[-1].answers.append((number, mark, text))
        elif mark == "K:":
            dialogue.kept.append(unescaped(text))
        elif mark == "E:":
            dialogue.ends = True
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{path.name}, line {number}: what is {line!r}?")
    return dialogue


def drive(server: Machine) -> bytes:
    """Pull all that the server has to say."""
    out = b""
    while (item := server.pull()) is not None:
        if isinstance(item, bytes):
            out += item
        elif isinstance(item, Elsewhere):
            item.work()
    return out


def segments(turns: list[Turn], cut: str) -> Iterator[tuple[bytes, list[Turn]]]:
    """Yield what to send in one go, and the turns that are over when it has been sent."""
    if cut != "all at once":
        yield from ((turn.said, [turn]) for turn in turns)
        return
    group: list[Turn] = []
    for turn in turns:
        if group and (turn.handshake or turn.event):
            yield b"".join(t.said for t in group), group
            group = []
        group.append(turn)
    yield b"".join(t.said for t in group), group


def check(path: Path, turns: list[Turn], said: bytes) -> None:
    """Hold what the server said against the file."""
    lines = said.decode("utf-8", "replace").split("\r\n")
    assert lines.pop() == "", f"{path.name}: the server's last line does not end with CRLF: {said!r}"
    expected = [answer for turn in turns for answer in turn.answers]
    for (number, mark, text), line in zip(expected, lines, strict=False):
        right = line == text if mark == "S:" else re.fullmatch(text, line) is not None
        assert right, f"{path.name}, line {number}: expected {text!r}, the server said {line!r}"
    where = f"{path.name}, after line {expected[-1][0] if expected else turns[0].first_line}"
    assert len(lines) <= len(expected), f"{where}: the server also said {lines[len(expected) :]}"
    assert len(lines) >= len(expected), f"{where}: the server did not say {expected[len(lines)][2]!r}"


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_dialogue(path: Path, cut: str) -> None:
    dialogue = parse(path)
    facts = {fact.removeprefix("not "): not fact.startswith("not ") for fact in dialogue.facts}
    host = FakeHost(dialogue.messages)
    session = Session(server_name="b.example", peer_ip="192.0.2.7", now=lambda: RECEIVED_AT, **facts)  # type: ignore[arg-type]
    server = machine(path.parent.name, host, session)
    session.wake = server.wake
    for said, turns in segments(dialogue.turns, cut):
        heard = b""
        if turns[0].handshake:
            session.tls = "TLSv1.3"
            server.tls_started()
        if turns[0].event:
            host.accounts["alice"].mailboxes["INBOX"].happens(turns[0].event)
        if cut == "octet by octet":
            for at in range(len(said)):
                server.feed(said[at : at + 1])
                heard += drive(server)
        elif cut == "turn by turn, the short way":
            heard = server.serve(said) or b""
        else:
            server.feed(said)
        heard += drive(server)
        check(path, turns, heard)
    assert (server.state == CLOSED) == dialogue.ends
    assert [content for _, content in host.accepted] == dialogue.kept


def test_no_folder_is_empty() -> None:
    """A renamed folder or suffix must not make the dialogues vanish."""
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {path.parent.name for path in DIALOGUES} == folders >= {"smtp"}


def test_a_handshake_is_asked_for() -> None:
    """STARTTLS stops the machine until the driver has done it."""
    session = Session(server_name="b.example", peer_ip="192.0.2.7", offers_tls=True)
    server = machine("smtp", FakeHost(), session)
    server.feed(b"EHLO a\r\nSTARTTLS\r\nNOOP\r\n")
    said = []
    while (item := server.pull()) is not None:
        said.append(item)
    assert said[-1] is Signal.START_TLS
    assert said[-2] == b"220 2.0.0 go ahead with TLS\r\n"
    server.tls_started()
    assert server.pull() is None  # the NOOP that came in the clear is forgotten
