"""Do `emaillab dissect` and `emaillab trace` read every letter of the course, and refuse in one line what is none?"""

import hashlib
import io
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from emaillab.cli import main

DATA = Path(__file__).resolve().parents[3] / "data"
NO_LETTERS = {"empty.eml", "not-a-message.eml"}
FILES = sorted(file for file in DATA.rglob("*") if file.is_file() and file.name not in NO_LETTERS)
JPEG = bytes.fromhex("ffd8ffe000104a46494600010101006000600000ffdb0043") + b"\r\n\r\n" + bytes(range(256))

NODE = {"type", "encoding", "header_span", "body_span", "decoded_sha256", "decoded_size", "filename", "charset"}
HOP = {"from", "by", "with", "id", "for", "time", "delay_s", "from_ip", "helo", "span", "defects"}


def printed(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """Return what a command prints."""
    assert main([str(word) for word in words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def check_node(node: dict[str, Any], raw: bytes, outer: tuple[int, int]) -> None:
    """See that a part tree keeps the contract: its keys, and spans that lie in order, one within the other."""
    assert set(node) >= NODE | {"defects", "children"}
    (start, split), (body, end) = node["header_span"], node["body_span"]
    assert outer[0] <= start <= split == body <= end <= outer[1]
    for defect in node["defects"]:
        assert set(defect) >= {"kind", "at"}
        assert 0 <= defect["at"] <= len(raw)
    # What is neither header nor a child's is preamble, delimiter or epilogue, and belongs to the body.
    at = body
    for child in node["children"]:
        if child["header_span"][0] >= at:  # a child inside an encoding has spans of its own
            check_node(child, raw, (at, end))
            at = child["body_span"][1]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
class TestEveryLetter:
    def test_dissect(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        raw = file.read_bytes()
        root = json.loads(printed(capsys, "dissect", file, "--json"))
        check_node(root, raw, (0, len(raw)))
        assert root["body_span"][1] == len(raw)
        mbox = raw[: root["header_span"][0]]
        assert mbox == b"" or (mbox.startswith((b"From ", b">From ")) and mbox.endswith(b"\n"))

    def test_leaves_decode_to_what_is_said_of_them(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        raw = file.read_bytes()
        nodes = [json.loads(printed(capsys, "dissect", file, "--json"))]
        for node in nodes:
            nodes += node["children"]
            if node["encoding"] in ("7bit", "8bit", "binary") and not node["children"]:
                body = raw[slice(*node["body_span"])]
                if node["decoded_size"] == len(body):
                    assert node["decoded_sha256"] == hashlib.sha256(body).hexdigest()

    def test_trace(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        raw = file.read_bytes()
        path = json.loads(printed(capsys, "trace", file, "--json"))
        assert set(path) >= {"hops", "total_s"}
        for hop in path["hops"]:
            assert set(hop) >= HOP
            assert raw[slice(*hop["span"])].lower().startswith(b"received")
            if hop["time"] is not None:
                moment = datetime.fromisoformat(hop["time"])
                assert moment.utcoffset() is not None and not moment.utcoffset()
        # In travel order: the first host wrote the last of the fields.
        starts = [hop["span"][0] for hop in path["hops"]]
        assert starts == sorted(starts, reverse=True)

    def test_as_text(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert printed(capsys, "dissect", file).startswith("message  ")
        assert printed(capsys, "trace", file).strip()


class TestWhatIsNoLetter:
    @pytest.mark.parametrize("command", ["dissect", "trace"])
    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("empty", b"", "is empty"),
            ("picture.jpg", JPEG, "is not a message"),
            ("program", b"\x7fELF\x02\x01\x01\0\0\0", "is not a message"),
            ("archive.zip", b"PK\x03\x04\x14\0\0\0", "is not a message"),
            ("text.utf16", "Subject: hi".encode("utf-16"), "is not a message"),
            ("missing", None, "No such file"),
        ],
    )
    def test_is_refused_in_one_line(
        self, command: str, name: str, content: bytes | None, reason: str, tmp_path: Path, capsys: Any
    ) -> None:
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        for words in ([command, str(file)], [command, str(file), "--json"]):
            assert main(words) == 2
            out, err = capsys.readouterr()
            assert (out, err.count("\n")) == ("", 1)
            assert err.startswith(f"emaillab {command}: {file}")
            assert reason in err

    @pytest.mark.parametrize("name", sorted(NO_LETTERS))
    def test_two_files_of_the_course(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["dissect", str(DATA / "broken" / name)]) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["trace", str(tmp_path)]) == 2
        assert capsys.readouterr().err == f"emaillab trace: {tmp_path} is a folder; name a file with one message\n"

    def test_a_name_of_two_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["dissect", "no such\nfile"]) == 2
        assert capsys.readouterr().err == "emaillab dissect: no such file: No such file or directory\n"


class TestDamagedLettersAreLetters:
    @pytest.mark.parametrize(
        "raw",
        [
            b"Dear Bob,\n\nall the header is gone\n",
            b"\r\nonly a body\r\n",
            b"\r\n",
            "可丽饼".encode("gb18030"),
            b"\x1b$B%a!<%k\x1b(B",
            b"Subject: \0\x01\x02\r\n\r\n\xff\0",
            b">From x Mon\nFrom y Tue\nSubject: hi\n\n",
        ],
    )
    def test_is_read(self, raw: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "letter").write_bytes(raw)
        root = json.loads(printed(capsys, "dissect", tmp_path / "letter", "--json"))
        check_node(root, raw, (0, len(raw)))
        assert json.loads(printed(capsys, "trace", tmp_path / "letter", "--json"))["hops"] == []


def test_from_the_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    file = DATA / "messages" / "plain.eml"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert printed(capsys, "dissect", "-", "--json") == printed(capsys, "dissect", file, "--json")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["dissect", "-"]) == 2
    assert capsys.readouterr().err == "emaillab dissect: the standard input is empty; a message has at least a header\n"


def test_trace_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "trace", DATA / "received" / "twelve-hops.eml").splitlines()
    assert lines[0].split()[:4] == ["hop", "from", "by", "with"]
    assert [line.split()[0] for line in lines[1:13]] == [str(number) for number in range(1, 13)]
    assert "over 12 hops" in lines[-1]
