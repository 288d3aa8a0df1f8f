"""Does the client understand every server, and lose no letter?"""

import pytest

from emaillab.engine import Outcome
from emaillab.protocol.pop3 import DropListing, Pop3Client, Refused, ScanListing, UniqueId
from emaillab.protocol.stream import ProtocolError
from tests.dialogues.fakes import RECEIVED_AT
from tests.dialogues.fakes_pop3 import Pop3Host, Wire

LETTERS = [b"Subject: one\r\n\r\n.\r\n..dots\r\n", b"Subject: two\r\n\r\nlast line open", b"Subject: three\r\n\r\n"]


class Script:
    """A server that says what it was told to, in pieces of any size."""

    def __init__(self, said: bytes, limit: int = 8192) -> None:
        self.said, self.limit, self.heard = said, limit, b""

    def send(self, data: bytes) -> None:
        self.heard += data

    def readline(self, limit: int = 8192) -> bytes:
        if not self.said:
            raise ConnectionError("the server closed the connection")
        end = self.said.find(b"\n") + 1 or len(self.said)
        return self.read(min(end, self.limit))

    def read(self, count: int) -> bytes:
        data, self.said = self.said[:count], self.said[count:]
        return data

    def ready(self) -> bool:
        return b"\n" in self.said

    def start_tls(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def host() -> Pop3Host:
    return Pop3Host(LETTERS)


def connect(host: Pop3Host, id: str = "1", **session: object) -> Pop3Client:
    server = host.server(id, **session)
    return Pop3Client(Wire(server, server.session))


def logged_in(host: Pop3Host, id: str = "1") -> Pop3Client:
    pop = connect(host, id)
    assert pop.login("alice", "secret").ok
    return pop


def test_a_whole_session(host: Pop3Host) -> None:
    pop = connect(host)
    assert pop.greeting.ok and pop.user("alice").ok and pop.password("secret").ok
    assert pop.stat().drop_listing == DropListing(3, sum(map(len, LETTERS)) + 2)
    assert pop.list().scan_listings[2] == pop.list(3).scan_listings[0] == ScanListing(3, len(LETTERS[2]))
    assert pop.uidl().unique_ids[0] == pop.uidl(1).unique_ids[0] == UniqueId(1, "7.1")
    assert pop.retr(1) == LETTERS[0] and pop.top(1, 1) == b"Subject: one\r\n\r\n.\r\n"
    assert [pop.dele(1).ok, pop.rset().ok, pop.dele(2).ok, pop.noop().ok] == [True] * 4
    assert pop.quit().ok and list(host.letters) == [1, 3]


def test_a_negative_reply_is_returned_and_a_missing_message_raises(host: Pop3Host) -> None:
    pop = logged_in(host)
    assert not pop.dele(9).ok
    with pytest.raises(Refused, match=r"^the server refused RETR 9: no such message, the maildrop has 3$"):
        pop.retr(9)
    assert pop.noop().ok


def test_response_codes(host: Pop3Host) -> None:
    pop = logged_in(host)
    assert connect(host, "2").login("alice", "secret").code == "IN-USE"
    assert connect(host, "3").login("alice", "wrong").code == "AUTH"
    assert pop.noop().code == ""


@pytest.mark.parametrize("length", [8, 600])
def test_auth_plain_with_short_and_long_passwords(host: Pop3Host, length: int) -> None:
    host.passwords["alice"] = "p" * length
    pop = connect(host)
    assert pop.auth_plain("alice", "p" * length).ok and pop.stat().ok


def test_stls_and_what_capa_says_before_and_after(host: Pop3Host) -> None:
    pop = connect(host, loopback=False, offers_tls=True)
    assert "STLS" in pop.capa().capabilities and "USER" not in pop.capa().capabilities
    assert pop.stls().ok
    assert pop.capa().capabilities["SASL"][0] == "PLAIN" and "STLS" not in pop.capa().capabilities
    assert pop.login("alice", "secret").ok


def test_by_hand_the_client_knows_which_responses_have_more_lines(host: Pop3Host) -> None:
    pop = connect(host)
    assert pop.command("AUTH").lines is not None and pop.command("capa").lines is not None
    assert pop.command("AUTH PLAIN").outcome is Outcome.MORE
    assert not pop.command("LIST").ok  # a response, in no matter what words
    assert pop.command(b"user alice").ok and pop.command("Pass secret").ok
    assert pop.command("retr 1").content == LETTERS[0]
    assert pop.command("list").lines == (b"1 27", b"2 32", b"3 18")
    assert pop.command("list 1").lines is None and not pop.command("retr 9").ok
    assert str(pop.command("uidl")) == "+OK unique-ids follow\n1 7.1\n2 7.2\n3 7.3\n."


def test_a_sasl_response_is_no_command_even_if_it_looks_like_one() -> None:
    pop = Pop3Client(Script(b"+OK\r\n+ \r\n+OK logged in\r\n+OK\r\nTOP\r\n.\r\n"))
    assert not pop.command("AUTH PLAIN").ok
    assert pop.command("CAPA").lines is None  # base64 may spell anything
    assert pop.command("CAPA").lines == (b"TOP",)


def test_pipelined_commands_go_out_in_one_segment(host: Pop3Host) -> None:
    pop = logged_in(host)
    replies = pop.pipeline(["STAT", "LIST", "DELE 1", "LIST"])
    assert pop.stream.sent[-1] == b"STAT\r\nLIST\r\nDELE 1\r\nLIST\r\n"  # type: ignore[attr-defined]
    assert [len(reply.lines or ()) for reply in replies] == [0, 3, 0, 2]


def test_news_is_what_has_arrived_and_never_waits() -> None:
    script = Script(b"+OK\r\n")
    pop = Pop3Client(script)
    assert pop.news() == ()
    script.said = b"-ERR [SYS/TEMP] shutting down\r\n-ERR idle for too lo"
    assert [reply.text for reply in pop.news()] == ["[SYS/TEMP] shutting down"]
    script.said += b"ng\r\n"
    assert [(reply.outcome, reply.text) for reply in pop.news()] == [(Outcome.NO, "idle for too long")]


@pytest.mark.parametrize("limit", [8192, 7, 4, 3])
def test_dots_are_unstuffed_however_long_lines_are_cut(limit: int) -> None:
    script = Script(b"+OK\r\n")
    pop = Pop3Client(script)
    script.said, script.limit = b"..x\r\n12345\r\n1.2.3.4.5.\r\n...\r\n.\n\r\n.\r\n+OK next\r\n", limit
    assert pop._body() == b".x\r\n12345\r\n1.2.3.4.5.\r\n..\r\n\n\r\n"
    assert script.said == b"+OK next\r\n"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"220 mail ESMTP\r\n", r"begins with \+OK, -ERR or \+, but '220 mail ESMTP"),
        (b"+OK no end", r"ends with CRLF, but 10 octets came without it"),
    ],
)
def test_a_peer_that_is_no_pop3_server(said: bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        Pop3Client(Script(said))


def test_other_servers_say_more() -> None:
    """Comments after the numbers, several blanks before the id, lower-case capabilities, no text at all."""
    pop = Pop3Client(
        Script(b"+OK\r\n+OK 2 320 octets\r\n+OK\r\n1 120 octets\r\n.\r\n+OK 1   a.b\r\n+OK\r\ntop\r\n.\r\n")
    )
    assert pop.greeting.text == ""
    assert pop.stat().drop_listing == DropListing(2, 320)
    assert pop.list().scan_listings == (ScanListing(1, 120),)
    assert pop.uidl(1).unique_ids == (UniqueId(1, "a.b"),)
    assert "TOP" in pop.capa().capabilities


def test_nonsense_in_a_listing_is_one_sentence() -> None:
    pop = Pop3Client(Script(b"+OK\r\n+OK\r\none big\r\n.\r\n"))
    with pytest.raises(
        ProtocolError, match=r"^a line of LIST holds a message number and its octets, but 'one big' came$"
    ):
        _ = pop.list().scan_listings


def test_no_second_command_can_be_smuggled_in(host: Pop3Host) -> None:
    with pytest.raises(ValueError, match="one line"):
        connect(host).user("alice\r\nQUIT")
    client = connect(host)
    client.login("alice", "secret")
    for fetch in (lambda: client.retr("1\r\nDELE 1"), lambda: client.top(1, "0\r\nDELE 1")):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="one line"):
            fetch()
    assert client.stat().drop_listing.count == 3


def test_leaving_a_with_block_quits_but_an_error_only_closes(host: Pop3Host) -> None:
    with pytest.raises(KeyError), logged_in(host) as pop:
        pop.dele(1)
        raise KeyError
    assert len(host.letters) == 3 and not host.locked
    with logged_in(host) as pop:
        pop.dele(1)
    assert len(host.letters) == 2 and not host.locked


# Download: R20


def test_download_and_delete(host: Pop3Host) -> None:
    pop, kept = logged_in(host), []
    assert pop.download(store=kept.append) == (1, 2, 3)
    assert len(host.letters) == 3  # until QUIT
    pop.quit()
    assert kept == [LETTERS[0], LETTERS[1] + b"\r\n", LETTERS[2]] and not host.letters


def test_download_and_keep_fetches_what_is_new(host: Pop3Host) -> None:
    memory: set[str] = set()
    for id, fetched in (("1", (1, 2, 3)), ("2", ())):
        with logged_in(host, id) as pop:
            assert pop.download(memory, keep=True, store=lambda raw: None) == fetched
    host.inbox.append(b"Subject: four\r\n\r\n", (), RECEIVED_AT)
    with logged_in(host, "3") as pop:
        assert pop.download(memory, keep=True, store=lambda raw: None) == (4,)
    assert len(host.letters) == 4


def test_memory_forgets_what_is_no_longer_there(host: Pop3Host) -> None:
    memory = {"7.1", "7.99"}
    logged_in(host).download(memory, keep=True, store=lambda raw: None)
    assert memory == {"7.1", "7.2", "7.3"}


def test_nothing_is_deleted_that_is_not_stored(host: Pop3Host) -> None:
    kept: list[bytes] = []

    def store(raw: bytes) -> None:
        if len(kept) == 1:
            raise OSError("disk full")
        kept.append(raw)

    pop = logged_in(host)
    with pytest.raises(OSError, match="disk full"):
        pop.download(store=store)
    pop.quit()
    assert list(host.letters) == [2, 3]


def test_after_a_cut_nothing_is_fetched_twice(host: Pop3Host) -> None:
    memory, kept = set[str](), list[bytes]()
    pop = logged_in(host, "1")
    pop.download(memory, store=kept.append)
    pop.close()  # QUIT never came: all are still there
    with logged_in(host, "2") as pop:
        assert pop.download(memory, store=kept.append) == ()
    assert len(kept) == 3 and not host.letters


def test_a_message_that_goes_while_we_look_does_not_stop_the_others(host: Pop3Host) -> None:
    pop, kept = logged_in(host), []
    host.inbox.remove([2])
    assert pop.download(store=kept.append) == (1, 3) and len(kept) == 2


def test_two_messages_with_one_unique_id_are_both_fetched_before_they_are_deleted() -> None:
    listing = b"+OK\r\n1 same\r\n2 same\r\n.\r\n"
    fetched = b"+OK\r\nx\r\n.\r\n+OK\r\n" * 2
    kept: list[bytes] = []
    memory = {"same"}
    assert Pop3Client(Script(b"+OK\r\n" + listing + fetched)).download(memory, store=kept.append) == (1, 2)


def test_keeping_needs_unique_ids() -> None:
    pop = Pop3Client(Script(b"+OK\r\n-ERR what?\r\n"))
    with pytest.raises(Refused, match="refused UIDL, without which nobody can tell new messages from old: what"):
        pop.download(set(), keep=True, store=lambda raw: None)
