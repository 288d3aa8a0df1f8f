"""What dialogues cannot show: two sessions on one mailbox, commits, large messages, limits, failures."""

import re
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from emaillab.engine import Outcome, Signal, Step
from emaillab.protocol.backend import Session
from emaillab.protocol.imap.letter import MOST_PARTS
from emaillab.protocol.imap.server import ImapServer
from emaillab.protocol.imap.session import LINE_LIMIT
from tests.dialogues.fakes import RECEIVED_AT, FakeHost, FakeMailbox

LETTER = b"From: bob@b.example\r\nSubject: lunch\r\n\r\nAt noon?\r\n"


def open_session(host: FakeHost, *, select: bool = True) -> ImapServer:
    server = ImapServer(host, Session(server_name="b.example", peer_ip="192.0.2.7", now=lambda: RECEIVED_AT))
    server.receive(b"a LOGIN alice secret\r\n")
    if select:
        server.receive(b"b SELECT INBOX\r\n")
    return server


def inbox(host: FakeHost) -> FakeMailbox:
    return host.accounts["alice"].mailboxes["INBOX"]


def lines(said: bytes) -> list[str]:
    return said.decode().split("\r\n")[:-1]


# The 5 points most often wrong


def test_point_1_no_expunge_during_fetch_store_search() -> None:
    host = FakeHost([LETTER] * 4)
    one, other = open_session(host), open_session(host)
    other.receive(b"x STORE 2:3 +FLAGS.SILENT (\\Deleted)\r\ny EXPUNGE\r\n")
    for command in (b"FETCH 4 UID", b"STORE 4 +FLAGS.SILENT (\\Seen)", b"SEARCH ALL"):
        assert b"EXPUNGE\r\n" not in one.receive(b"c " + command + b"\r\n")
    assert lines(one.receive(b"d NOOP\r\n")) == ["* 2 EXPUNGE", "* 2 EXPUNGE", "d OK nothing done"]
    assert lines(one.receive(b"e FETCH 1:* UID\r\n"))[:2] == ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 4)"]


def test_point_1_numbers_stay_while_the_expunge_is_held_back() -> None:
    host = FakeHost([LETTER] * 3)
    one, other = open_session(host), open_session(host)
    other.receive(b"x STORE 1 +FLAGS.SILENT (\\Deleted)\r\ny EXPUNGE\r\n")
    assert lines(one.receive(b"c FETCH 3 UID\r\n")) == ["* 3 FETCH (UID 3)", "c OK fetched"]
    inbox(host).append(LETTER, (), RECEIVED_AT)
    assert lines(one.receive(b"d SEARCH ALL\r\n")) == ["* SEARCH 2 3", "* 4 EXISTS", "d OK searched"]
    assert lines(one.receive(b"e UID SEARCH ALL\r\n")) == ["* SEARCH 2 3 4", "* 1 EXPUNGE", "e OK searched"]


def test_point_1_uid_commands_may_report_an_expunge() -> None:
    host = FakeHost([LETTER] * 2)
    one = open_session(host)
    inbox(host).remove([1])
    assert lines(one.receive(b"c UID FETCH 2 FLAGS\r\n"))[:2] == ["* 2 FETCH (UID 2 FLAGS ())", "* 1 EXPUNGE"]


def test_point_1_a_message_that_another_session_removed_is_named_as_gone() -> None:
    host = FakeHost([LETTER] * 2)
    one = open_session(host)
    inbox(host).remove([1])
    assert lines(one.receive(b"c FETCH 1:2 UID\r\n")) == [
        "* 2 FETCH (UID 2)",
        "c NO [EXPUNGEISSUED] 1 of the messages were removed meanwhile",
    ]
    assert one.receive(b"d STORE 1 +FLAGS (\\Seen)\r\n").startswith(b"d NO [EXPUNGEISSUED]")
    assert not one.errors


def test_point_2_uids_ascend_and_are_announced_before_use() -> None:
    host = FakeHost([LETTER] * 2)
    one = open_session(host)
    one.receive(b"c STORE 2 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\n")
    assert b"(UIDNEXT 3)" in one.receive(b"e STATUS INBOX (UIDNEXT)\r\n")
    assert b"[APPENDUID 7 3]" in one.receive(b"f APPEND INBOX {2+}\r\nhi\r\n")
    assert lines(one.receive(b"g UID FETCH 2 FLAGS\r\n")) == ["g OK fetched"]
    assert lines(one.receive(b"h UID FETCH 559:* UID\r\n"))[0] == "* 2 FETCH (UID 3)"


def test_point_3_a_count_equals_the_octets_sent() -> None:
    host = FakeHost(["Subject: 你好\r\n\r\n再见\r\n".encode()])
    one = open_session(host)
    said = one.receive(b"c FETCH 1 (ENVELOPE BODY.PEEK[TEXT])\r\n")
    assert b"(NIL {6}\r\n\xe4\xbd\xa0\xe5\xa5\xbd NIL" in said
    assert b"BODY[TEXT] {8}\r\n\xe5\x86\x8d\xe8\xa7\x81\r\n)" in said


def test_point_4_size_equals_the_octets_of_the_whole_body() -> None:
    one = open_session(FakeHost([LETTER]))
    said = one.receive(b"c FETCH 1 (RFC822.SIZE BODY.PEEK[])\r\n")
    assert b"RFC822.SIZE %d BODY[] {%d}\r\n" % (len(LETTER), len(LETTER)) in said


def test_point_5_silent_still_reports_what_others_changed() -> None:
    host = FakeHost([LETTER] * 2)
    one, other = open_session(host), open_session(host)
    other.receive(b"x STORE 1 +FLAGS.SILENT (\\Flagged)\r\n")
    assert lines(one.receive(b"c STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n")) == [
        "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))",
        "c OK stored",
    ]


# What others do is told, once


def test_another_sessions_flags_and_letters_are_told_at_the_next_command() -> None:
    host = FakeHost([LETTER])
    one, other = open_session(host), open_session(host)
    other.receive(b"x STORE 1 FLAGS (\\Seen Later)\r\n")
    inbox(host).append(LETTER, (), RECEIVED_AT)
    assert one.receive(b"") == b""
    assert lines(one.receive(b"c NOOP\r\n")) == [
        "* 2 EXISTS",
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Later)",
        "* 1 FETCH (UID 1 FLAGS (\\Seen Later))",
        "c OK nothing done",
    ]
    assert lines(one.receive(b"d NOOP\r\n")) == ["d OK nothing done"]


def test_bad_commands_tell_no_news() -> None:
    host = FakeHost([LETTER])
    one = open_session(host)
    inbox(host).append(LETTER, (), RECEIVED_AT)
    assert lines(one.receive(b"c FETCH 1\r\n")) == ["c BAD octet 9: expected a space, found the end"]


# Commits


def pulled(server: ImapServer, said: bytes) -> list[bytes | Signal]:
    server.feed(said)
    return list(iter(server.pull, None))


@pytest.mark.parametrize(
    "command",
    [b"STORE 1 +FLAGS (\\Deleted)", b"FETCH 1 BODY[]", b"APPEND INBOX {2+}\r\nhi", b"CHECK", b"EXPUNGE", b"CLOSE"],
)
def test_what_is_promised_waits_for_the_commit(command: bytes) -> None:
    host = FakeHost([LETTER, LETTER])
    inbox(host).set_flags(2, ["\\Deleted"])
    said = pulled(open_session(host), b"c " + command + b"\r\n")
    assert said[0] is Signal.COMMIT
    assert all(isinstance(item, bytes) for item in said[1:])


@pytest.mark.parametrize("command", [b"FETCH 1 BODY.PEEK[]", b"SEARCH ALL", b"NOOP", b"STATUS INBOX (UNSEEN)"])
def test_what_changes_nothing_waits_for_no_commit(command: bytes) -> None:
    assert Signal.COMMIT not in pulled(open_session(FakeHost([LETTER])), b"c " + command + b"\r\n")


def test_a_failed_commit_is_a_refusal_and_the_view_stays_true() -> None:
    host = FakeHost([LETTER, LETTER])
    one = open_session(host)
    one.receive(b"c STORE 1 +FLAGS.SILENT (\\Deleted)\r\n")
    one.feed(b"d EXPUNGE\r\n")
    kept = inbox(host)._entries, dict(inbox(host).letters)
    assert one.pull() is Signal.COMMIT
    inbox(host)._entries, inbox(host).letters = kept
    one.commit_failed("the disk is full")
    assert one.receive(b"") == b"d NO [UNAVAILABLE] the disk is full\r\n"
    assert lines(one.receive(b"e FETCH 1:2 UID\r\n"))[:2] == ["* 1 FETCH (UID 1)", "* 2 FETCH (UID 2)"]


# Large messages


class CountingMailbox(FakeMailbox):
    """Counts how many messages have been read from the store."""

    def __init__(self, name: str, letters: Iterable[bytes] = ()) -> None:
        super().__init__(name, letters)
        self.read = 0

    def raw(self, uid: int) -> bytes:
        self.read += 1
        return super().raw(uid)


def test_bodies_are_read_when_their_turn_has_come_and_go_out_in_chunks() -> None:
    host = FakeHost()
    big = LETTER + b"x" * 300_000 + b"\r\n"
    mailbox = host.accounts["alice"].mailboxes["INBOX"] = CountingMailbox("INBOX", [big] * 5)
    one = open_session(host)
    one.feed(b"c FETCH 1:* BODY.PEEK[]\r\n")
    assert one.pull() is Signal.FLUSH
    chunks = [one.pull()]
    assert mailbox.read == 1
    chunks += iter(one.pull, None)
    assert mailbox.read == 5
    assert all(isinstance(chunk, bytes) and 0 < len(chunk) <= 65536 for chunk in chunks)
    assert b"".join(chunks).count(big) == 5  # type: ignore[arg-type]


def test_listing_reads_no_message() -> None:
    host = FakeHost()
    mailbox = host.accounts["alice"].mailboxes["INBOX"] = CountingMailbox("INBOX", [LETTER] * 5)
    one = open_session(host)
    one.receive(b"c UID FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)\r\nd SEARCH UNSEEN LARGER 3\r\n")
    assert mailbox.read == 0


# Limits


def test_a_line_too_long_is_refused_with_its_tag() -> None:
    one = open_session(FakeHost())
    said = b"".join(one.receive(b"c NOOP " * 1000) for _ in range(40))
    assert said == b"c BAD line too long, at most 65536 octets are allowed\r\n"
    assert len(one.buffer) < LINE_LIMIT
    assert one.receive(b"\r\n") == b""
    assert one.receive(b"d NOOP\r\n") == b"d OK nothing done\r\n"


def test_a_literal_too_big_that_comes_anyway_is_read_over() -> None:
    one = ImapServer(FakeHost(), Session(server_name="b.example", peer_ip="192.0.2.7"))
    one.receive(b"a LOGIN {100000+}\r\n")
    for _ in range(10):
        assert one.receive(b"b NOOP\r\nx\r\n" + b"x" * 9989) == b""
    assert one.receive(b" secret\r\nb NOOP\r\n") == (
        b"a NO [TOOBIG] literal of 100000 octets, at most 4096 are allowed\r\nb OK nothing done\r\n"
    )


def test_many_small_literals_do_not_fill_the_memory() -> None:
    one = ImapServer(FakeHost(), Session(server_name="b.example", peer_ip="192.0.2.7"))
    one.receive(b"a ID (")
    tracemalloc.start()
    for _ in range(4_000):
        one.receive(b"{4000+}\r\n" + b"x" * 4000 + b" ")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert one.receive(b")\r\nb NOOP\r\n").startswith(b"a NO [TOOBIG]")


def test_a_broken_line_after_a_literal_ends_only_its_own_command() -> None:
    one = ImapServer(FakeHost(), Session(server_name="b.example", peer_ip="192.0.2.7"))
    one.receive(b"a LOGIN {5}\r\nalice\nsecret\r\n")
    assert one.receive(b"b NOOP\r\n") == b"b OK nothing done\r\n"


def test_endless_nonsense_ends_the_session() -> None:
    one = ImapServer(FakeHost(), Session(server_name="b.example", peer_ip="192.0.2.7"))
    said = one.receive(b"nonsense\r\n" * 100)
    assert said.endswith(b"* BYE too many bad commands\r\nnonsense BAD too many bad commands\r\n")
    assert one.state == "CLOSED"


@pytest.mark.parametrize("nested", [b"NOT " * 10_000 + b"ALL", b"(" * 10_000, b"OR ALL " * 5_000 + b"ALL"])
def test_deep_searches_are_refused(nested: bytes) -> None:
    one = open_session(FakeHost([LETTER]))
    said = one.receive(b"c SEARCH " + nested + b"\r\n")
    assert b"c BAD octet" in said and b"levels" in said
    assert not one.errors


# Failures


def test_a_store_that_fails_costs_one_command() -> None:
    host = FakeHost([LETTER])
    one = open_session(host)
    inbox(host).raw = lambda uid: 1 / 0  # type: ignore[method-assign, assignment]
    assert lines(one.receive(b"c FETCH 1 BODY.PEEK[]\r\n")) == ["c NO [SERVERBUG] internal error, please try again"]
    assert [type(error) for error in one.errors] == [ZeroDivisionError]
    assert one.receive(b"d NOOP\r\n") == b"d OK nothing done\r\n"


def test_a_user_data_base_that_fails_costs_one_command() -> None:
    one = ImapServer(FakeHost(), Session(server_name="b.example", peer_ip="192.0.2.7"))
    assert one.receive(b"a LOGIN broken secret\r\n").endswith(b"a NO [SERVERBUG] internal error, please try again\r\n")


def test_a_peer_that_goes_away_changes_nothing() -> None:
    host = FakeHost([LETTER])
    one = open_session(host)
    one.receive(b"c STORE 1 +FLAGS (\\Deleted)\r\n")
    one.feed(b"d APPEND INBOX {100+}\r\nhalf a mess")
    one.pull()
    one.disconnected()
    assert one.pull() is None
    assert list(inbox(host).letters) == [1]


# What the course shows


def test_every_octet_belongs_to_a_phase() -> None:
    steps: list[Step] = []
    one = ImapServer(FakeHost([LETTER]), Session(server_name="b.example", peer_ip="192.0.2.7"))
    one.watch = steps.append
    one.receive(b"a AUTHENTICATE PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\nb SELECT INBOX\r\nc FETCH 1 UID\r\nd LOGOUT\r\n")
    assert [(step.verb, step.outcome, step.after, step.phase) for step in steps] == [
        ("AUTHENTICATE", Outcome.MORE, "AUTHENTICATING", "not authenticated"),
        ("(response)", Outcome.OK, "AUTHENTICATED", "not authenticated"),
        ("SELECT", Outcome.OK, "SELECTED", "authenticated"),
        ("FETCH", Outcome.OK, "SELECTED", "selected"),
        ("LOGOUT", Outcome.OK, "CLOSED", "logout"),
    ]


def test_an_invitation_belongs_to_the_command_that_it_asks_to_go_on() -> None:
    steps: list[Step] = []
    one = ImapServer(FakeHost(), Session(server_name="b.example", peer_ip="192.0.2.7"))
    one.watch = steps.append
    said = one.receive(b"a NOOP\r\nb LOGIN {5}\r\nalice {6}\r\nsecret\r\nc NOOP\r\n")
    begins = [step.produced for step in steps]
    assert said[begins[0] : begins[1]] == b"a OK nothing done\r\n"
    assert said[begins[1] : begins[2]].startswith(b"+ OK\r\n+ OK\r\nb OK ")
    assert said[begins[2] :] == b"c OK nothing done\r\n"


def test_the_server_says_what_it_waits_for() -> None:
    one = open_session(FakeHost())
    one.receive(b"c NOOP")
    assert one.waiting_for == "CRLF after 'c NOOP'"
    one.receive(b"\r\nd APPEND Sent {10}\r\nabc")
    assert one.waiting_for == "7 more octets of a literal"


def test_the_date_of_an_appended_message_is_the_hosts_own_without_one() -> None:
    host = FakeHost()
    one = open_session(host)
    one.receive(b"c APPEND INBOX {2+}\r\nhi\r\n")
    assert inbox(host).entries()[0].internal_date == RECEIVED_AT == datetime(2024, 5, 1, 8, 0, tzinfo=UTC)


# Letters that would cost much


def test_of_too_many_parts_the_last_are_no_parts_but_are_found_and_fetched() -> None:
    parts = b"".join(b"--b\r\n\r\npart %d.\r\n" % number for number in range(1, MOST_PARTS + 100))
    letter = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts + b"--b--\r\n"
    server = open_session(FakeHost([letter]))
    last = MOST_PARTS - 1  # the message is one of them
    assert b"part %d." % last in server.receive(b"c FETCH 1 BODY.PEEK[%d]\r\n" % last)
    assert b"NIL" in server.receive(b"d FETCH 1 BODY.PEEK[%d]\r\n" % (last + 1))
    assert server.receive(b"e FETCH 1 BODY\r\n").count(b'"TEXT"') == last
    for sought in (b"part 7.", b"part %d." % last, b"part %d." % (MOST_PARTS + 50)):
        assert b"* SEARCH 1\r\n" in server.receive(b'f SEARCH BODY "%b"\r\n' % sought)
    assert letter in server.receive(b"g FETCH 1 BODY.PEEK[]\r\n")


def test_an_envelope_names_whole_addresses_of_a_list_too_long() -> None:
    people = [b"u%d@b.example" % number for number in range(20_000)]
    letter = b"From: a@b.example\r\nTo: " + b",\r\n ".join(people) + b"\r\n\r\nhi\r\n"
    said = open_session(FakeHost([letter])).receive(b"c FETCH 1 ENVELOPE\r\n")
    named = re.findall(rb'\(NIL NIL "(u\d+)" "b.example"\)', said)
    assert 10_000 < len(named) < 20_000
    assert [name + b"@b.example" for name in named] == people[: len(named)]
