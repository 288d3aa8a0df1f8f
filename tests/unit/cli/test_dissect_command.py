"""What `emaillab dissect` shows in a terminal: tree, octets, explanations, saved parts, mailbox files."""

from __future__ import annotations

import hashlib
import io
import json
import mailbox
import re
import sys
from pathlib import Path

import pytest

from emaillab.cli import main
from emaillab.cli.source import letters_of
from emaillab.message.mime.dissect import dissect

DATA = Path(__file__).resolve().parents[3] / "data"
MENU = DATA / "messages" / "mixed-alternative-related.eml"
MBOX = DATA / "mbox" / "bob.mbox"


def printed(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert main(["dissect", *map(str, words)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Return the one line that says why."""
    assert main(["dissect", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


def test_tree_fields_and_defects(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, DATA / "messages" / "boundaries.eml").splitlines()
    assert (
        lines[0] == "message  multipart/mixed  7bit  1147 octets  ! delimiter-look-alike, delimiter-without-line-break"
    )
    assert "Subject: Where a part ends" in lines
    assert lines[-3:] == [
        "2 defects",
        "  message  at 894: delimiter-look-alike (RFC 2046 §5.1.1): no delimiter; kept as text",
        "  message  at 1119: delimiter-without-line-break (RFC 2046 §5.1.1): "
        "the part before it has nothing, not even a line break",
    ]


def test_a_letter_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "letter"
    file.write_bytes(b"Subject: \x1b[2J\xe2\x80\xaehi\r\nContent-Type: te\x1b[1mxt/plain\r\n\r\n\x1b[2J\r\n")
    for words in ([], ["--part", "1"], ["--explain", "12"]):
        assert not set(printed(capsys, file, *words)) & {"\x1b", "\u202e"}
    assert "Subject: \\x1b[2J\\u202ehi" in printed(capsys, file)


def test_a_part_in_hexadecimal_holds_every_octet(capsys: pytest.CaptureFixture[str]) -> None:
    part = dissect(MENU).part("1.2")
    assert part is not None
    lines = printed(capsys, MENU, "--part", "1.2").splitlines()
    assert lines[0] == f"part 1.2  multipart/related  7bit  octets {part.span[0]}-{part.span[1]}"
    rows = [re.fullmatch(r" *(\d+)  ([0-9a-f ]{48})  \|(.+)\|", line) for line in lines]
    octets = b"".join(bytes.fromhex(row[2]) for row in rows if row)
    assert octets == part.raw[slice(*part.span)]
    at = part.span[0]
    for row in filter(None, rows):
        assert int(row[1]) == at
        at += len(row[3])
    kinds = [line.rpartition("  octets ")[0] for line, row in zip(lines[1:], rows[1:], strict=True) if not row]
    assert kinds == [
        "header", "delimiter", "header of part 1.2.1", "body of part 1.2.1", "delimiter",
        "header of part 1.2.2", "body of part 1.2.2", "close-delimiter",
    ]  # fmt: skip


def test_the_whole_message_is_a_part_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, MENU, "--part", "message").startswith("message  multipart/mixed")
    single = DATA / "messages" / "plain.eml"
    assert printed(capsys, single, "--part", "1") == printed(capsys, single, "--part", "message")


def test_a_part_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    whole, node = (json.loads(printed(capsys, MENU, "--json", *words)) for words in ([], ["--part", "1.2.2"]))
    assert node == whole["children"][0]["children"][1]["children"][1]


def test_explain_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    at = MENU.read_bytes().index(b"--rel_1bb7--")
    assert printed(capsys, MENU, "--explain", str(at)) == printed(capsys, MENU, "--explain", hex(at))
    assert "two dashes that begin the delimiter --rel_1bb7--, close-delimiter of part 1.2" in printed(
        capsys, MENU, "--explain", str(at)
    )
    found = json.loads(printed(capsys, MENU, "--json", "--explain", str(at)))
    assert (found["offset"], found["region"], found["part"]) == (at, "close-delimiter", "1.2")


def test_save_writes_the_decoded_octets_to_exactly_that_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = json.loads(printed(capsys, MENU, "--json", "--part", "2"))
    to = tmp_path / "here.bin"  # not the name that the sender suggests
    assert printed(capsys, MENU, "--save", "2", to) == f"{node['decoded_size']} octets of part 2 written to {to}\n"
    assert hashlib.sha256(to.read_bytes()).hexdigest() == node["decoded_sha256"]
    assert [file.name for file in tmp_path.iterdir()] == ["here.bin"]
    to.write_bytes(b"mine")
    assert "exists already" in refused(capsys, MENU, "--save", "2", to)
    assert to.read_bytes() == b"mine"


def test_m23_both_readings_of_an_encoded_word_where_none_may_stand(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, DATA / "messages" / "ugly-webmail.eml").splitlines()
    assert (
        'From:    "=?GB2312?B?s8LDtw==?=" <mei@noodles.example>  (many programs show "陈梅" <mei@noodles.example>)'
    ) in lines
    assert "Subject: 回复：Re:Re:Fw: Menu" in lines


@pytest.mark.parametrize("command", ["dissect", "trace"])
def test_a_mailbox_file_read_as_one_message_is_noted(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(MBOX)]) == 0
    note = "a mailbox file of 5 messages, read as if it were one: use --all"
    assert capsys.readouterr().out.splitlines()[-1] == note
    assert main([command, str(MBOX), "--all"]) == main([command, str(MENU)]) == 0
    assert "mailbox file" not in capsys.readouterr().out


def test_a_bounce_says_what_became_of_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    shown = printed(capsys, DATA / "messages" / "dsn-delayed.eml")
    assert "\nsmtp.crepes.fr reports on <potatoes@crepes.fr>\ncarol@fries.example  delayed  4.4.3\n" in shown


def test_save_writes_the_octets_alone_to_the_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["dissect", str(MENU), "--save", "2", "-"]) == 0
    part = dissect(MENU).part("2")
    assert part is not None and capfdbinary.readouterr().out == part.decoded


def test_a_closed_standard_input_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["dissect", "-"]) == 2
    assert capsys.readouterr().err == ("emaillab dissect: the standard input is closed; name a file with one message\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--part", "9.9"], "there is no part '9.9'; the parts are message, 1, 1.1, 1.2, 1.2.1, 1.2.2, 2"),
        (["--part", "x"], "there is no part 'x'"),
        (["--part", "1.MIME"], "there is no part '1.MIME'"),
        (["--save", "9", "unwritten"], "there is no part '9'"),
        (["--explain", "99999"], "there is no octet 99999: the message has"),
        (["--explain", "-1"], "there is no octet -1"),
        (["--explain", "one"], "expected an offset such as 120 or 0x78, not 'one'"),
        (["--all"], "is no mbox file"),
        (["--all", "--part", "1"], "not allowed with"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in refused(capsys, MENU, *words)
    assert list(tmp_path.iterdir()) == []


def test_every_message_of_a_mailbox_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    out = printed(capsys, MBOX, "--all")
    subjects = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("Subject: ")]
    # The standard library takes the text line "From and a blank line before it" for one more separator.
    theirs = [letter["Subject"] for letter in mailbox.mbox(MBOX)]
    assert (len(subjects), len(theirs), theirs.count(None)) == (5, 6, 1)
    assert out.startswith("== 1 of 5: octets 0-544 of the file, 2 lines unquoted (>From)\nmessage  text/plain")
    nodes = json.loads(printed(capsys, MBOX, "--all", "--json"))
    assert [node["mbox_span"][0] for node in nodes[1:]] == [node["mbox_span"][1] for node in nodes[:-1]]
    assert [node["unquoted"] for node in nodes] == [2, 1, 0, 0, 0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MBOX.read_bytes())))
    assert printed(capsys, "-", "--all") == out


def test_a_mailbox_file_is_split_and_unquoted() -> None:
    line = b"From a@b Wed Apr  1 09:30:00 2026\n"
    first, second = letters_of(
        line + b">From c@d Wed Apr  1 09:29:00 2026\nSubject: a\n\nFrom now on:\n\nFrom the market\n"
        b">From here\n>>From there\n> From\n\n" + line + b"Subject: b\n\nhi\n"
    )
    assert (
        first.raw
        == (  # UUCP's line in the header stays; in the body one ">" goes
            line + b">From c@d Wed Apr  1 09:29:00 2026\nSubject: a\n\nFrom now on:\n\nFrom the market\n"
            b"From here\n>From there\n> From\n"
        )
    )
    assert (first.unquoted, second.raw) == (2, line + b"Subject: b\n\nhi\n")
    crlf = letters_of((line + b"Subject: a\n\nhi\n\n" + line + b"\n\n").replace(b"\n", b"\r\n"))
    assert [letter.raw.count(b"\r\n") for letter in crlf] == [4, 2]
    assert letters_of(b"Subject: a\n\n" + line) == []
