"""Does the server do what RFC 1939 and its extensions ask, above all where servers most often go wrong?"""

import base64

import pytest

from emaillab.engine import Pause, Signal, Step
from emaillab.protocol.framing.dots import unstuff
from emaillab.protocol.machine import CLOSED
from emaillab.protocol.pop3 import Pop3Server
from tests.dialogues.fakes import RECEIVED_AT
from tests.dialogues.fakes_pop3 import Pop3Host

DOTTED = b"Subject: dots\r\n\r\n.\r\n..\r\n.end\r\n"
OPEN_ENDED = b"Subject: open\r\n\r\nno line end"
LETTERS = [DOTTED, OPEN_ENDED, b"Subject: three\r\n\r\none\r\ntwo\r\nthree\r\n"]
BYE = b"+OK bye\r\n"


@pytest.fixture
def host() -> Pop3Host:
    return Pop3Host(LETTERS)


def said(server: Pop3Server, *lines: str | bytes) -> list[bytes]:
    """Say lines one after the other; return the whole response to each, without the greeting."""
    server.receive(b"")
    return [server.receive((line.encode() if isinstance(line, str) else line) + b"\r\n") for line in lines]


def logged_in(host: Pop3Host, id: str = "1", **session: object) -> Pop3Server:
    server = host.server(id, **session)
    server.receive(b"USER alice\r\nPASS secret\r\n")
    assert server.state == "TRANSACTION"
    return server


def ok(replies: list[bytes]) -> list[bool]:
    return [reply.startswith(b"+OK") for reply in replies]


def body(response: bytes) -> bytes:
    """Return what follows the status line, without the final dot, as a client would."""
    _, _, rest = response.partition(b"\r\n")
    assert rest.endswith(b".\r\n") and (rest == b".\r\n" or rest.endswith(b"\r\n.\r\n"))
    return unstuff(rest[:-3])


# The five points most often wrong


class TestPoint1Framing:
    def test_every_line_with_a_leading_dot_is_stuffed(self, host: Pop3Host) -> None:
        assert said(logged_in(host), "RETR 1")[0].endswith(b"\r\n\r\n..\r\n...\r\n..end\r\n.\r\n")

    def test_top_is_stuffed_too(self, host: Pop3Host) -> None:
        assert said(logged_in(host), "TOP 1 1")[0].endswith(b"\r\n\r\n..\r\n.\r\n")

    def test_a_message_without_a_last_line_end_is_completed(self, host: Pop3Host) -> None:
        assert said(logged_in(host), "RETR 2")[0].endswith(b"no line end\r\n.\r\n")

    def test_an_empty_message_is_only_the_dot(self) -> None:
        assert said(logged_in(Pop3Host([b""])), "RETR 1")[0] == b"+OK 0 octets\r\n.\r\n"

    @pytest.mark.parametrize("verb", ["LIST", "UIDL"])
    def test_multi_line_without_argument_single_line_with_one(self, host: Pop3Host, verb: str) -> None:
        whole, one = said(logged_in(host), verb, f"{verb} 2")
        assert whole.count(b"\r\n") == 5 and whole.endswith(b"\r\n.\r\n")
        assert one.count(b"\r\n") == 1 and one[4:] in whole

    def test_listing_an_empty_maildrop_is_multi_line_too(self) -> None:
        assert said(logged_in(Pop3Host()), "LIST") == [b"+OK 0 messages\r\n.\r\n"]

    def test_dots_at_the_border_of_two_chunks(self) -> None:
        for shift in range(6):
            raw = b"x" * shift + b"\r\n." * 60_000 + b"\r\n"
            server = logged_in(Pop3Host([raw]))
            server.feed(b"RETR 1\r\n")
            chunks = [item for item in iter(server.pull, None) if isinstance(item, bytes)]
            assert chunks[0] == f"+OK {len(raw)} octets\r\n".encode()
            assert max(map(len, chunks)) <= 64 * 1024 and len(chunks) > 4
            assert body(b"".join(chunks)) == raw


class TestPoint2Sizes:
    def test_list_stat_and_retr_agree_on_what_is_delivered(self, host: Pop3Host) -> None:
        server = logged_in(host)
        delivered = [len(body(said(server, f"RETR {n}")[0])) for n in (1, 2, 3)]
        assert delivered == [len(DOTTED), len(OPEN_ENDED) + 2, len(LETTERS[2])]
        listed = body(said(server, "LIST")[0]).split(b"\r\n")[:-1]
        assert listed == [f"{n} {octets}".encode() for n, octets in enumerate(delivered, start=1)]
        assert said(server, "STAT") == [f"+OK 3 {sum(delivered)}\r\n".encode()]
        announced = [said(server, f"RETR {n}")[0].split()[1] for n in (1, 2, 3)]
        assert announced == [str(octets).encode() for octets in delivered]


class TestPoint3Deletion:
    def test_marked_messages_vanish_and_numbers_stay(self, host: Pop3Host) -> None:
        server = logged_in(host)
        assert ok(said(server, "DELE 2")) == [True]
        assert said(server, "STAT")[0].split()[1] == b"2"
        for verb in ("LIST", "UIDL"):
            assert [line.split()[0] for line in body(said(server, verb)[0]).splitlines()] == [b"1", b"3"]
        assert not any(ok(said(server, "RETR 2", "TOP 2 0", "DELE 2", "LIST 2", "UIDL 2")))
        assert b"Subject: three" in said(server, "RETR 3")[0]

    def test_rset_restores_all(self, host: Pop3Host) -> None:
        server = logged_in(host)
        said(server, "DELE 1", "DELE 3", "RSET")
        assert said(server, "STAT")[0].split()[1] == b"3"
        said(server, "QUIT")
        assert len(host.letters) == 3

    def test_quit_in_transaction_removes(self, host: Pop3Host) -> None:
        server = logged_in(host)
        assert said(server, "DELE 1", "DELE 2", "QUIT")[-1] == b"+OK bye, 2 messages removed\r\n"
        assert list(host.letters) == [3]

    @pytest.mark.parametrize("last", [b"DELE 2\r\n", b"DELE 2\r\nQUIT", b"DELE 2\r\nQUIT now\r\n"])
    def test_no_other_ending_removes(self, host: Pop3Host, last: bytes) -> None:
        server = logged_in(host)
        said(server, "DELE 1")
        server.receive(last)
        server.disconnected()
        assert len(host.letters) == 3 and not host.locked

    def test_quit_before_log_in_does_not_enter_update(self, host: Pop3Host) -> None:
        server, steps = host.server(), []
        server.watch = steps.append
        server.receive(b"USER alice\r\nQUIT\r\n")
        assert server.state == CLOSED and [step.phase for step in steps] == ["authorization"] * 2

    def test_the_good_bye_stands_behind_the_commit(self, host: Pop3Host) -> None:
        server = logged_in(host)
        server.feed(b"DELE 1\r\nQUIT\r\n")
        server.pull()
        assert server.pull() is Signal.COMMIT
        server.commit_failed("disk\r\nfull")
        assert server.pull() == b"-ERR [SYS/TEMP] some marked messages were not removed: disk full\r\n"
        assert (server.pull(), server.pull(), server.state) == (Signal.CLOSE, None, CLOSED)

    def test_a_removal_that_breaks_is_told_and_ends_the_session(
        self, host: Pop3Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = logged_in(host)
        monkeypatch.setattr(host.inbox, "remove", lambda uids: 1 / 0)
        assert said(server, "DELE 1", "QUIT")[-1].startswith(b"-ERR [SYS/TEMP]")
        assert server.state == CLOSED and not host.locked


class TestPoint4UniqueIds:
    def test_they_stay_through_deletions_and_cuts(self, host: Pop3Host) -> None:
        first = logged_in(host)
        before = dict(line.split(b" ") for line in body(said(first, "UIDL")[0]).splitlines())
        said(first, "DELE 1")
        first.disconnected()
        again = logged_in(host, "2")
        assert dict(line.split(b" ") for line in body(said(again, "UIDL")[0]).splitlines()) == before
        said(again, "DELE 1", "QUIT")
        after = [line.split(b" ")[1] for line in body(said(logged_in(host, "3"), "UIDL")[0]).splitlines()]
        assert after == [before[b"2"], before[b"3"]]

    def test_identical_messages_are_told_apart(self) -> None:
        server = logged_in(Pop3Host([DOTTED, DOTTED]))
        ids = [said(server, f"UIDL {n}")[0].split()[2] for n in (1, 2)]
        assert ids[0] != ids[1] and all(1 <= len(id) <= 70 for id in ids)


class TestPoint5StateAndSecurity:
    @pytest.mark.parametrize("between", ["NOOP", "CAPA", "CAPA x", "STLS", "FOO", "USER", "a\nb", "x" * 300, ""])
    def test_pass_only_directly_after_user(self, host: Pop3Host, between: str) -> None:
        server = host.server()
        replies = said(server, "USER alice", between, "PASS secret")
        assert replies[-1].startswith(b"-ERR") and server.state == "AUTHORIZATION"
        assert ok(said(server, "USER alice", "PASS secret")) == [True, True]

    def test_unknown_user_and_wrong_password_get_the_same_answer(self, host: Pop3Host) -> None:
        wrong = said(host.server(), "USER alice", "PASS nonsense")
        unknown = said(host.server(), "USER mallory", "PASS secret")
        assert wrong == unknown == [wrong[0], b"-ERR [AUTH] user name or password is wrong\r\n"]

    def test_twenty_failures_close(self, host: Pop3Host) -> None:
        server = host.server()
        plain = base64.b64encode(b"\0alice\0wrong").decode()
        said(server, *["USER alice", "PASS 1", f"AUTH PLAIN {plain}"] * 9, "AUTH LOGIN YWxpY2U=", "AAAA")
        server.feed(b"USER alice\r\nPASS 20\r\nUSER alice\r\nPASS secret\r\n")
        out = list(iter(server.pull, None))
        assert out[-3:] == [Pause(4.0), b"-ERR [AUTH] too many failed log-ins, good-bye\r\n", Signal.CLOSE]
        assert server.state == CLOSED and not host.locked

    def test_a_locked_maildrop_is_no_failed_log_in(self, host: Pop3Host) -> None:
        first, second = logged_in(host, "1"), host.server("2")
        for _ in range(25):
            assert said(second, "USER alice", "PASS secret")[-1].startswith(b"-ERR [IN-USE] ")
        assert second.session.user is None and first.session.user == "alice"
        first.disconnected()
        second.feed(b"USER alice\r\nPASS secret\r\n")
        assert not any(isinstance(item, Pause) for item in iter(second.pull, None))
        assert (second.session.user, host.holder) == ("alice", "2")

    def test_the_maildrop_is_locked_for_others(self, host: Pop3Host) -> None:
        first, second = logged_in(host, "1"), host.server("2")
        assert said(second, "USER alice", "PASS secret")[-1].startswith(b"-ERR [IN-USE] ")
        assert ok(said(second, "USER bob", "PASS secret")) == [True, True]
        second.disconnected()
        assert ok(said(first, "STAT")) == [True] and host.holder == "1"

    @pytest.mark.parametrize("end", [b"QUIT\r\n", b"DELE 1\r\nQUIT\r\n", b""])
    def test_every_ending_gives_the_lock_back(self, host: Pop3Host, end: bytes) -> None:
        server = logged_in(host)
        server.receive(end)
        if not end:
            server.disconnected()
        assert not host.locked
        logged_in(host, "2")

    def test_a_log_in_that_breaks_gives_the_lock_back(self, host: Pop3Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.inbox, "entries", lambda: 1 / 0)
        assert said(host.server(), "USER alice", "PASS secret")[-1].startswith(b"-ERR [SYS/TEMP]")
        assert not host.locked

    def test_no_password_in_the_clear_where_it_is_forbidden(self, host: Pop3Host) -> None:
        server = host.server(loopback=False, offers_tls=True)
        assert not any(ok(said(server, "USER alice", "PASS secret", "AUTH PLAIN")))
        assert capabilities(server) & {b"USER", b"SASL PLAIN LOGIN", b"STLS"} == {b"STLS"}

    def test_stls_throws_buffered_plaintext_away(self, host: Pop3Host) -> None:
        server = host.server(loopback=False, offers_tls=True)
        server.feed(b"USER alice\r\nSTLS\r\nUSER alice\r\n")
        out = list(iter(server.pull, None))
        assert out[-2:] == [b"+OK begin TLS\r\n", Signal.START_TLS]
        server.session.tls = "TLSv1.3"
        server.tls_started()
        assert server.pull() is None
        assert said(server, "PASS secret")[0].startswith(b"-ERR")
        assert capabilities(server) >= {b"USER", b"SASL PLAIN LOGIN"} and b"STLS" not in capabilities(server)
        assert ok(said(server, "STLS", "USER alice", "PASS secret")) == [False, True, True]

    def test_the_greeting_holds_no_timestamp(self, host: Pop3Host) -> None:
        assert b"<" not in host.server().receive(b"")  # it would announce APOP


# All else


def capabilities(server: Pop3Server) -> set[bytes]:
    return set(body(said(server, "CAPA")[0]).splitlines())


def test_what_capa_lists_before_log_in_it_lists_after(host: Pop3Host) -> None:
    server = host.server(offers_tls=True)
    before = capabilities(server)
    said(server, "USER alice", "PASS secret")
    assert before - capabilities(server) == {b"STLS"}  # RFC 2595: only where it is permitted


def test_passwords_may_hold_spaces(host: Pop3Host) -> None:
    host.passwords["alice"] = " two  words "
    assert ok(said(host.server(), "user alice", "pass  two  words ")) == [True, True]


@pytest.mark.parametrize("argument", ["0", "-1", "+1", "1.0", "one", "4", "99999999999999999999", "1 2", "\0", "½"])
@pytest.mark.parametrize("verb", ["RETR", "DELE", "LIST", "UIDL", "TOP"])
def test_a_wrong_message_number_is_refused(host: Pop3Host, verb: str, argument: str) -> None:
    server = logged_in(host)
    line = f"{verb} {argument} 0" if verb == "TOP" else f"{verb} {argument}"
    assert ok(said(server, line, "STAT")) == [False, True]
    assert server.errors == []


@pytest.mark.parametrize(
    "line", ["RETR", "DELE", "TOP", "TOP 1", "TOP 1 -1", "TOP 1 x", "TOP 1 2 3", "STAT 1", "NOOP x"]
)
def test_wrong_arguments_are_refused(host: Pop3Host, line: str) -> None:
    assert ok(said(logged_in(host), line)) == [False]


@pytest.mark.parametrize(
    ("lines", "end"), [(0, b"\r\n\r\n"), (1, b"one\r\n"), (2, b"two\r\n"), (3, b"three\r\n"), (99999999, b"three\r\n")]
)
def test_top_gives_header_blank_line_and_lines(host: Pop3Host, lines: int, end: bytes) -> None:
    top = body(said(logged_in(host), f"TOP 3 {lines}")[0])
    assert LETTERS[2].startswith(top) and top.endswith(end)


@pytest.mark.parametrize("raw", [b"Subject: no body\r\n", b"\r\n", b"\r\nbody\r\n", b""])
def test_top_of_odd_messages(raw: bytes) -> None:
    header = body(said(logged_in(Pop3Host([raw])), "TOP 1 0")[0])
    assert header == (b"\r\n" if raw.startswith(b"\r\n") else raw)


def test_the_maildrop_is_a_snapshot(host: Pop3Host) -> None:
    """What another protocol adds is not seen, what it removes is refused, the others go on."""
    server = logged_in(host)
    host.inbox.append(b"new\r\n", (), RECEIVED_AT)
    host.inbox.remove([2])
    assert ok(said(server, "RETR 1", "RETR 2", "TOP 2 0", "RETR 3", "RETR 4")) == [True, False, False, True, False]
    assert ok(said(server, "LIST", "DELE 2", "DELE 1", "QUIT")) == [True] * 4
    assert list(host.letters) == [3, 4] and server.errors == []


def test_a_message_is_fetched_only_when_it_is_asked_for(host: Pop3Host, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[int] = []
    raw = host.inbox.raw
    monkeypatch.setattr(host.inbox, "raw", lambda uid: fetched.append(uid) or raw(uid))  # type: ignore[func-returns-value]
    logged_in(host).receive(b"UIDL\r\nDELE 1\r\nRETR 3\r\n")
    assert fetched == [3]


@pytest.mark.parametrize(
    ("user", "response"),
    [("alice", b"\0alice\0secret"), ("alice", b"alice\0alice\0secret")],
    ids=["msmtp, curl: authzid empty", "mutt: authzid = authcid"],
)
def test_auth_plain_in_one_step_and_in_two(host: Pop3Host, user: str, response: bytes) -> None:
    line = base64.b64encode(response).decode()
    one = host.server()
    assert ok(said(one, f"auth plain {line}")) == [True]
    one.disconnected()
    two = host.server()
    assert said(two, "AUTH PLAIN") == [b"+ \r\n"]
    assert ok(said(two, line)) == [True] and two.session.user == user


@pytest.mark.parametrize("response", ["*", "not base64!", "AAA=", "", "x" * 13_000, "=", "Zm9v"])
def test_a_sasl_exchange_that_fails_leaves_the_session_in_step(host: Pop3Host, response: str) -> None:
    server = host.server()
    assert said(server, "AUTH PLAIN", response)[1].startswith(b"-ERR")
    assert ok(said(server, "USER alice", "PASS secret")) == [True, True]
    assert server.errors == []


@pytest.mark.parametrize("line", ["AUTH PLAIN =", "AUTH NTLM", "AUTH PLAIN a b", "AUTH PLAIN ***"])
def test_auth_that_cannot_begin(host: Pop3Host, line: str) -> None:
    assert ok(said(host.server(), line, "USER alice", "PASS secret")) == [False, True, True]


def test_auth_alone_lists_the_mechanisms(host: Pop3Host) -> None:
    server = host.server()
    assert body(said(server, "AUTH")[0]).splitlines()[0] == b"PLAIN"
    assert server.state == "AUTHORIZATION"


def test_a_long_sasl_response_is_no_long_command(host: Pop3Host) -> None:
    host.passwords["alice"] = "s" * 600
    line = base64.b64encode(b"\0alice\0" + b"s" * 600).decode()
    assert ok(said(host.server(), f"AUTH PLAIN {line}")) == [False]  # RFC 2449 §4: 255 octets
    assert ok(said(host.server(), "AUTH PLAIN", line)) == [False, True]


@pytest.mark.parametrize(
    "line", [b"STAT " + b"x" * 250, b"x" * 100_000, b"ST\nAT", b"ST\rAT", b"", b"\0\xff", b" STAT"]
)
def test_lines_that_are_no_commands(host: Pop3Host, line: bytes) -> None:
    server = logged_in(host)
    assert ok(said(server, line, b"STAT")) == [False, True]
    assert server.errors == []


def test_a_line_of_255_octets_is_taken(host: Pop3Host) -> None:
    assert ok(said(logged_in(host), "NOOP".ljust(253))) == [True]


def test_an_overlong_line_is_not_kept(host: Pop3Host) -> None:
    server = logged_in(host)
    for _ in range(100):
        server.receive(b"x" * 10_000)
        assert len(server.buffer) <= 10_000


def test_a_peer_that_speaks_something_else_is_sent_away(host: Pop3Host) -> None:
    server = host.server()
    out = server.receive(b"GET / HTTP/1.1\r\n" + b"Header: x\r\n" * 30)
    assert out.endswith(b"-ERR too many bad commands, good-bye\r\n") and out.count(b"\r\n") == 21
    assert server.state == CLOSED


def test_pipelined_commands_are_answered_in_order(host: Pop3Host) -> None:
    out = host.server().receive(b"USER alice\r\nPASS secret\r\nSTAT\r\nLIST 1\r\nRETR 1\r\nNOOP\r\nQUIT\r\nSTAT\r\n")
    assert out.endswith(b"\r\n.\r\n+OK\r\n" + BYE)


def test_the_states_and_phases_of_a_session(host: Pop3Host) -> None:
    steps: list[Step] = []
    server = host.server()
    server.watch = steps.append
    server.receive(b"USER alice\r\nPASS secret\r\nSTAT\r\nQUIT\r\n")
    assert [(step.verb, step.phase, step.after) for step in steps] == [
        ("USER", "authorization", "USER_GIVEN"),
        ("PASS", "authorization", "TRANSACTION"),
        ("STAT", "transaction", "TRANSACTION"),
        ("QUIT", "transaction", "UPDATE"),
        ("(update)", "update", "CLOSED"),
    ]


def test_a_large_message_waits_for_its_reader() -> None:
    """Pulled chunk by chunk, and nothing else is done before it is out."""
    server = logged_in(Pop3Host([b"Subject: big\r\n\r\n" + b"x" * 76 + b"\r\n" * 500_000]))
    server.feed(b"RETR 1\r\nDELE 1\r\n")
    sizes = [len(item) for item in iter(server.pull, None) if isinstance(item, bytes)]
    assert len(sizes) > 10 and max(sizes) <= 64 * 1024
