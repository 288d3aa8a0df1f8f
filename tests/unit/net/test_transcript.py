"""The record of a session: lines, phases, states, and keeping it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from emaillab.net.chunk import Chunk
from emaillab.net.transcript import Label, Transcript, readable


def talk() -> Transcript:
    """Two pipelined commands, cut in the middle of a line, and a reply of two lines."""
    transcript = Transcript(protocol="smtp", client="a", server="b", port=25)
    transcript.heard(Chunk("S", b"220 b\r\n", 0.0, 0.1))
    transcript.heard(Chunk("C", b"EHLO a\r\nNO", 0.1, 0.2))
    transcript.labelled(Label("EHLO", "OK", "GREETED", "READY", "handshake", 8, 7))
    transcript.heard(Chunk("S", b"250-b\r\n250 HELP\r\n", 0.2, 0.3))
    transcript.heard(Chunk("C", b"OP\r\n", 0.3, 0.4))
    transcript.labelled(Label("NOOP", "OK", "READY", "READY", "transfer", 14, 24))
    transcript.heard(Chunk("S", b"250 \xff ok\r\n", 0.4, 0.5))
    return transcript


def test_a_line_cut_in_two_is_one_line_where_it_ends() -> None:
    assert [str(line) for line in talk().lines] == [
        "S: 220 b",
        "C: EHLO a",
        "S: 250-b",
        "S: 250 HELP",
        "C: NOOP",
        "S: 250 \\xff ok",
    ]
    noop = talk().lines[4]
    assert (noop.sent_s, noop.arrived_s) == (0.1, 0.4)


def test_every_line_has_one_phase_and_its_states() -> None:
    assert [(p.name, p.octets) for p in talk().phases] == [("handshake", 7 + 8 + 17), ("transfer", 6 + 10)]
    assert [(line.before, line.after) for line in talk().lines][1:4] == [("GREETED", "READY")] * 3
    assert sum(phase.octets for phase in talk().phases) == talk().octets()


def test_what_is_unfinished_is_a_line_too() -> None:
    transcript = talk()
    transcript.heard(Chunk("C", b"QUI", 0.6, 0.7))
    assert transcript.lines[-1].data == b"QUI"


def test_the_digest_does_not_depend_on_segments() -> None:
    whole, cut = talk(), talk()
    cut.chunks[1:2] = [Chunk("C", b"EHLO", 0.1, 0.2), Chunk("C", b" a\r\nNO", 0.1, 0.2)]
    assert whole.digest == cut.digest
    cut.chunks[0] = Chunk("C", b"220 b\r\n", 0.0, 0.1)
    assert whole.digest != cut.digest


def test_its_repr_fits_a_line() -> None:
    assert repr(talk()) == f"<Transcript 1: SMTP, a and b, {talk().octets()} octets>"


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    path = talk().save(tmp_path / "talk.json")
    assert Transcript.load(path) == talk()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda v: "[]", "not a transcript"),
        (lambda v: "{", "not JSON: .*line 1"),
        (lambda v: json.dumps({k: v[k] for k in v if k != "chunks"}), "chunks"),
        (lambda v: json.dumps(v | {"labels": [{"verb": "x"}]}), "damaged"),
        (lambda v: json.dumps(v | {"labels": [v["labels"][0] | {"consumed": "much"}]}), "damaged"),
        (lambda v: json.dumps(v | {"labels": ["NOOP"]}), "damaged"),
        (lambda v: json.dumps(v | {"chunks": [v["chunks"][0] | {"side": "X"}]}), "damaged"),
        (lambda v: json.dumps(v | {"chunks": [v["chunks"][0] | {"sent_s": None}]}), "damaged"),
        (lambda v: json.dumps(v | {"chunks": [v["chunks"][0] | {"text": 5}]}), "damaged"),
    ],
)
def test_a_file_that_is_no_transcript_gets_one_sentence(tmp_path: Path, damage, says: str) -> None:
    path = tmp_path / "talk.json"
    path.write_text(damage(talk().to_json()), "utf-8")
    with pytest.raises(ValueError, match=says) as caught:
        Transcript.load(path)
    assert "talk.json" in str(caught.value) and "\n" not in str(caught.value)


def test_long_content_is_folded_and_dialogue_is_not() -> None:
    transcript = Transcript(protocol="smtp", client="a", server="b", port=25)
    content = b"".join(b"line %d\r\n" % n for n in range(30)) + b".\r\n"
    transcript.heard(Chunk("C", b"DATA\r\n", 0, 0))
    transcript.labelled(Label("DATA", "MORE", "RCPT", "CONTENT", "transfer", 6, 0))
    transcript.heard(Chunk("C", content, 0, 0))
    transcript.labelled(Label("(content)", "OK", "CONTENT", "READY", "transfer", 6 + len(content), 0))
    lines = transcript.text(fold=6).splitlines()
    assert lines[:4] == ["C: DATA", "C: line 0", "C: line 1", "C: line 2"]
    assert lines[4].startswith("C: … 25 lines, ") and lines[-1] == "C: ."


def test_control_octets_are_shown_not_obeyed() -> None:
    assert readable("\x1b[31mrot\x00\t中".encode() + b"\xfe") == "\\x1b[31mrot\\x00\t中\\xfe"


def test_a_unit_without_a_line_end_ends_its_line() -> None:
    """A web form is followed by the next request without a line end between them, whatever the segments were."""
    asks, answers = (
        [b"POST / HTTP/1.1\r\n\r\na=b", b"GET / HTTP/1.1\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\nhi", b"HTTP/1.1 204 \r\n\r\n"],
    )
    for size in (1, 5, 1000):
        talk = Transcript(protocol="http", client="a", server="b", port=80)
        consumed = produced = 0
        for number, (ask, answer) in enumerate(zip(asks, answers, strict=True)):
            for at in range(0, len(ask), size):
                talk.heard(Chunk("C", ask[at : at + size], number, number))
            consumed += len(ask)
            for phase in ("request", "response"):
                talk.labelled(Label("GET", "OK", "OPEN", "OPEN", phase, consumed, produced))
            for at in range(0, len(answer), size):
                talk.heard(Chunk("S", answer[at : at + size], number, number))
            produced += len(answer)
        assert str(talk) == (
            "C: POST / HTTP/1.1\nC: \nC: a=b\nS: HTTP/1.1 200 OK\nS: \nS: hi\n"
            "C: GET / HTTP/1.1\nC: \nS: HTTP/1.1 204 \nS: "
        )
        assert [phase.name for phase in talk.phases] == ["request", "response"] * 2
        assert b"".join(line.data for line in talk.lines if line.side == "C") == b"".join(asks)


@pytest.mark.parametrize(
    ("client", "server", "seen"),
    [
        ("192.0.2.7", "192.0.2.25", ["192.0.2.7", "192.0.2.25"]),
        ("2001:db8::7", "2001:db8::25", ["2001:db8::7", "2001:db8::25"]),
        ("192.0.2.7", "2001:db8::25", ["::ffff:192.0.2.7", "2001:db8::25"]),
        ("2001:db8::7", "192.0.2.25", ["2001:db8::7", "::ffff:192.0.2.25"]),
    ],
)
def test_a_capture_has_addresses_of_one_kind(
    client: str, server: str, seen: list[str], tmp_path: Path, tool: Callable[[str], str]
) -> None:
    transcript = talk()
    transcript.client_ip, transcript.server_ip = client, server
    file = transcript.to_pcapng(tmp_path / "talk.pcapng")

    def tshark(*options: str) -> list[str]:
        command = [tool("tshark"), "-r", str(file), "-o", "tcp.check_checksum:TRUE", "-T", "fields", *options]
        done = subprocess.run(command, capture_output=True, check=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin"})
        return done.stdout.decode().split("\n")[:-1]

    assert tshark("-Y", "_ws.malformed or tcp.checksum.status == 0 or tcp.analysis.flags", "-e", "frame.number") == []
    first = tshark(
        "-Y", "tcp.flags.syn == 1 and tcp.flags.ack == 0", "-e", "_ws.col.Source", "-e", "_ws.col.Destination"
    )
    assert first[0].split("\t") == seen
