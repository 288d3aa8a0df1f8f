"""Does what was saved come back octet for octet, also to other programs?"""

from __future__ import annotations

import mailbox
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.mime.dissect import dissect
from emaillab.message.user_agent.compose import compose, to_bytes
from emaillab.message.user_agent.mbox import read_mbox, save_mbox
from emaillab.message.user_agent.saving import read_maildir, save_imap, save_maildir

CORPUS = Path(__file__).resolve().parents[4] / "data"
LINES = st.sampled_from(
    [b"", b"From ", b"From x", b">From y", b">>From z", b"a", b"\r", b"x\r", b" From ", b".", b"\xff"]
)


@given(letters=st.lists(st.lists(LINES, min_size=1, max_size=8), min_size=1, max_size=4))
def test_mbox_gives_every_letter_back(letters: list[list[bytes]], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("mbox") / "kept"
    written = [b"".join(line + b"\r\n" for line in lines) for lines in letters]
    for raw in written:
        save_mbox(raw, path)
    assert read_mbox(path) == written


def test_every_letter_of_the_course_is_kept_to_the_octet(tmp_path: Path) -> None:
    refused = 0
    kept = []
    for path in sorted((CORPUS / "messages").glob("*.eml")) + sorted((CORPUS / "broken").glob("*.eml")):
        raw = path.read_bytes()
        assert save_maildir(raw, tmp_path / "dir").read_bytes() == raw
        try:
            save_mbox(raw, tmp_path / "box")
            kept.append(raw)
        except ValueError as error:
            assert "\n" not in str(error)
            refused += 1
    assert read_mbox(tmp_path / "box") == kept
    assert len(kept) > 80
    assert 0 < refused < 12


def test_the_standard_library_reads_our_mbox_and_maildir(tmp_path: Path) -> None:
    letters = [to_bytes(compose("a@b.org", "c@d.org", f"{n} 你好", "From me\n\nFrom you\n")) for n in range(3)]
    for raw in letters:
        save_mbox(raw, tmp_path / "box")
        save_maildir(raw, tmp_path / "dir", "S")
    found = [message.as_bytes() for message in mailbox.mbox(tmp_path / "box")]
    assert [len(one.splitlines()) for one in found] == [len(raw.splitlines()) for raw in letters]
    assert {message.get_flags() for message in mailbox.Maildir(tmp_path / "dir")} == {"S"}


def test_an_mbox_of_others_is_read(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    box.add(b"Subject: one\n\nFrom here\n")
    box.add(b"Subject: two\n\nx\n")
    box.close()
    save_mbox(b"Subject: three\r\n\r\n", tmp_path / "box")
    assert [dissect(raw).header.text("Subject") for raw in read_mbox(tmp_path / "box")] == ["one", "two", "three"]
    late = b"From b Mon Mar  3 12:00:00 2025\r\nSubject: y\r\n\r\n"
    assert read_mbox(b"From a\r\nSubject: x\r\n\r\n" + late) == [b"Subject: x\r\n", b"Subject: y\r\n"]
    unquoted = b"From a Mon Mar  3 12:00:00 2025\nSubject: x\n\nDear Bob\n\nFrom now on\n"
    assert read_mbox(unquoted) == [b"Subject: x\r\n\r\nDear Bob\r\n\r\nFrom now on\r\n"]
    assert len(read_mbox(CORPUS / "mbox" / "bob.mbox")) > 1
    assert read_mbox(b"") == []


def test_an_mbox_that_ends_without_an_empty_line_is_continued(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(b"From a\nSubject: one\n\nlast line\n")
    save_mbox(b"Subject: two\r\n\r\n", tmp_path / "box")
    assert len(read_mbox(tmp_path / "box")) == 2


def test_what_an_mbox_would_change_is_refused(tmp_path: Path) -> None:
    for raw, sentence in ((b"a\nb\r\n", "LF without CR at octet 1"), (b"a", "does not end in CRLF")):
        with pytest.raises(ValueError, match=sentence):
            save_mbox(raw, tmp_path / "box")
    assert not (tmp_path / "box").exists()


def test_a_maildir_never_shows_half_a_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="disk full"):
        save_maildir(b"x", tmp_path)
    assert read_maildir(tmp_path) == {}


def test_maildir_flags_and_order(tmp_path: Path) -> None:
    seen, fresh = save_maildir(b"1", tmp_path, "SF"), save_maildir(b"2", tmp_path)
    assert (seen.parent.name, seen.name[-5:], fresh.parent.name) == ("cur", ":2,FS", "new")
    assert list(read_maildir(tmp_path).values()) == [b"1", b"2"]
    with pytest.raises(ValueError, match="flags are letters"):
        save_maildir(b"3", tmp_path, "../S")


def test_imap_gets_the_octets_and_the_letters_own_date() -> None:
    class Client:
        def append(self, box: str, raw: bytes, flags: Iterable[str] = (), date: datetime | None = None) -> None:
            self.call = (box, raw, tuple(flags), date)

    client = Client()
    raw = b"Date: Mon, 3 Mar 2025 20:00:00 +0800\r\n\r\nx"
    save_imap(raw, client, "草稿")
    assert client.call[:3] == ("草稿", raw, ("\\Seen",))
    assert client.call[3] is not None and client.call[3].isoformat() == "2025-03-03T12:00:00+00:00"
    save_imap(b"no date\r\n", client)
    assert client.call[3] is None


def test_the_writers_own_copy_keeps_bcc(tmp_path: Path) -> None:
    letter = compose("a@b.org", "c@d.org", bcc="eve@example.org")
    save_mbox(letter, tmp_path / "sent")
    assert b"Bcc: eve@example.org" in read_mbox(tmp_path / "sent")[0]
    assert b"eve@" not in to_bytes(letter)
