"""Does the client hear all that a server tells, and say what it means?"""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from emaillab.engine import Outcome, Signal
from emaillab.protocol.backend import Session
from emaillab.protocol.imap.client import ImapClient, Refused
from emaillab.protocol.imap.server import ImapServer
from emaillab.protocol.stream import ProtocolError
from tests.dialogues.fakes import RECEIVED_AT, FakeHost

LETTER = (
    "From: =?utf-8?B?5p2O6Zu3?= <lilei@crepes.fr>\r\nTo: friends: han@crepes.fr, bob@b.example;, carol@c.example\r\n"
    "Subject: =?utf-8?B?5L2g5aW9?=\r\nMessage-ID: <1@crepes.fr>\r\n\r\n再见\r\n"
).encode()


class Wire:
    """A Stream whose other end is a machine; `sent` is what the client said, send by send."""

    def __init__(self, server: ImapServer) -> None:
        self.server, self.sent, self.waiting, self.closed = server, [], b"", False
        self.drive()

    def drive(self) -> None:
        while (item := self.server.pull()) is not None:
            if isinstance(item, bytes):
                self.waiting += item
            elif item is Signal.CLOSE:
                self.server.disconnected()

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self.server.feed(data)
        self.drive()

    def readline(self, limit: int = 8192) -> bytes:
        if not self.waiting:
            raise TimeoutError(f"the server still waits for {self.server.waiting_for}")
        return self.read(min(self.waiting.find(b"\n") + 1 or len(self.waiting), limit))

    def read(self, count: int) -> bytes:
        data, self.waiting = self.waiting[:count], self.waiting[count:]
        return data

    def ready(self) -> bool:
        return b"\n" in self.waiting

    def start_tls(self) -> None:
        self.server.session.tls = "TLSv1.3"
        self.server.tls_started()
        self.drive()

    def close(self) -> None:
        self.closed = True


class Script(Wire):
    """A Stream that has been said already."""

    def __init__(self, said: bytes) -> None:
        self.sent, self.waiting, self.closed = [], said, False

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def readline(self, limit: int = 8192) -> bytes:
        return self.read(self.waiting.find(b"\n") + 1 or len(self.waiting))


def connect(letters: list[bytes] = [LETTER], **facts: bool) -> ImapClient:  # noqa: B006
    session = Session(server_name="b.example", peer_ip="192.0.2.7", now=lambda: RECEIVED_AT, **facts)  # type: ignore[arg-type]
    return ImapClient(Wire(ImapServer(FakeHost(letters), session)))


@pytest.fixture
def imap() -> ImapClient:
    client = connect()
    assert client.login("alice", "secret").ok
    assert client.select().ok
    return client


def test_logging_in() -> None:
    client = connect()
    assert client.greeting.name == "OK" and "AUTH=PLAIN" in client.capability()
    refused = client.login("alice", "wrong")
    assert (refused.ok, refused.outcome, refused.code) == (False, Outcome.NO, "AUTHENTICATIONFAILED")
    assert client.authenticate_plain("alice", "secret").ok
    assert client.logout().all("BYE") and client.stream.closed


def test_plain_without_initial_response() -> None:
    client = connect()
    client._capabilities = ()
    assert client.authenticate_plain("alice", "secret").ok
    assert client.stream.sent == [b"A1 AUTHENTICATE PLAIN\r\n", b"AGFsaWNlAHNlY3JldA==\r\n"]


def test_starttls_forgets_what_was_announced_in_the_clear() -> None:
    client = connect(offers_tls=True, loopback=False)
    assert client.login("alice", "secret").code == "PRIVACYREQUIRED"
    assert client.starttls().ok
    assert "LOGINDISABLED" not in client.capability()
    assert client.login("alice", "secret").ok


def test_a_password_of_any_characters_arrives() -> None:
    client = connect()
    client.login('a"b\\c', "pässwörd\r\n")
    assert client.stream.sent == [b'A1 LOGIN "a\\"b\\\\c" {12}\r\n', "pässwörd\r\n\r\n".encode()]
    assert not client.stream.server.errors


def test_selecting() -> None:
    client = connect()
    client.login("alice", "secret")
    box = client.select()
    assert (box.exists, box.uid_validity, box.uid_next, box.unseen, box.read_only) == (1, 7, 2, 1, False)
    assert "\\*" in box.permanent_flags and "\\Seen" in box.flags
    assert client.select(readonly=True).read_only
    assert not client.select("Nowhere").ok


def test_fetching(imap: ImapClient) -> None:
    (one,) = imap.fetch(1, "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY.PEEK[]")
    assert (one.number, one.uid, one.size, one.flags) == (1, 1, len(LETTER), frozenset())
    assert one.internal_date == RECEIVED_AT
    assert one.body() == one["body[]"] == LETTER
    assert one.envelope is not None
    assert (one.envelope.subject, one.envelope.message_id) == ("你好", "<1@crepes.fr>")
    assert [(a.name, a.addr_spec) for a in one.envelope.from_] == [("李雷", "lilei@crepes.fr")]
    assert [(a.addr_spec, a.group) for a in one.envelope.to] == [
        ("han@crepes.fr", "friends"),
        ("bob@b.example", "friends"),
        ("carol@c.example", None),
    ]


def test_fetching_parts(imap: ImapClient) -> None:
    (one,) = imap.fetch([1], ["BODY.PEEK[HEADER.FIELDS (Subject)]", "BODY.PEEK[TEXT]<2.3>"], uid=True)
    assert one.uid == 1
    assert one.body("HEADER.FIELDS (SUBJECT)") == b"Subject: =?utf-8?B?5L2g5aW9?=\r\n\r\n"
    assert one.body("TEXT") == "再见".encode()[2:5]
    assert one.body("9") is None


def test_storing_searching_expunging(imap: ImapClient) -> None:
    assert imap.store(1, "+FLAGS", ["\\Seen"]).fetched[0].flags == {"\\Seen"}
    assert imap.search("SEEN") == imap.search("SUBJECT", "你好") == imap.search("BODY", "再见", uid=True) == [1]
    assert imap.search("UNSEEN") == []
    date = datetime(2024, 2, 29, 23, 0, tzinfo=timezone(timedelta(hours=8)))
    kept = imap.append("INBOX", b"Subject: b\r\n\r\n", ["\\Draft"], date)
    assert (kept.code, kept.code_values, kept.numbers("EXISTS")) == ("APPENDUID", (7, 2), [2])
    assert imap.fetch("*", "INTERNALDATE")[0].internal_date == date
    imap.store([1, 2], "+FLAGS", ["\\Deleted"], silent=True)
    assert imap.expunge(uids=2).numbers("EXPUNGE") == [2]
    assert imap.expunge().numbers("EXPUNGE") == [1]


def test_mailboxes(imap: ImapClient) -> None:
    assert [(box.name, box.delimiter) for box in imap.list()] == [("INBOX", "/"), ("Sent", "/")]
    assert imap.status("Sent") == {"MESSAGES": 0, "UIDNEXT": 1, "UNSEEN": 0}
    assert imap.close_mailbox().ok and not imap.unselect().ok


def test_data_that_is_refused_is_an_error_with_the_reason(imap: ImapClient) -> None:
    with pytest.raises(Refused, match="the server refused FETCH: there is no message 9, the mailbox has 1"):
        imap.fetch(9, "FLAGS")
    with pytest.raises(Refused, match="STATUS"):
        imap.status("Nowhere")


def test_speaking_by_hand() -> None:
    client = connect()
    assert (client.command("LOGIN {5}").outcome, client.command("alice {6}").outcome) == (Outcome.MORE, Outcome.MORE)
    assert client.command("secret").ok
    assert client.command("FROB").outcome is Outcome.BAD
    assert client.command("APPEND Sent {9}").outcome is Outcome.MORE
    assert client.command("two\r\nline").ok
    said = str(client.command("STATUS Sent (MESSAGES)"))
    assert said == '* STATUS "Sent" (MESSAGES 1)\nA4 OK that is all'


def test_a_literal_refused_is_not_sent() -> None:
    client = connect()
    assert client.login("a" * 5000, "x").code == "TOOBIG"
    assert len(client.stream.sent) == 1
    assert client.noop().ok


def test_a_line_end_in_a_command_is_refused(imap: ImapClient) -> None:
    with pytest.raises(ValueError, match="a command is one line"):
        imap.command("NOOP\r\nLOGOUT")
    with pytest.raises(ValueError, match="a literal of 9 octets was announced, 2 are there"):
        imap.command("LOGIN {9}\r\nab")


def test_a_message_is_octets(imap: ImapClient) -> None:
    with pytest.raises(TypeError, match="octets, not as str"):
        imap.append("INBOX", "Subject: hi\r\n")  # type: ignore[arg-type]


def test_a_literal_may_hold_anything() -> None:
    client = ImapClient(
        Script(b"* OK hi\r\n* 1 FETCH (BODY[] {22}\r\nA1 OK fake\r\n* 2 {5}\r\n) UID 3)\r\nA1 OK done\r\n")
    )
    (one,) = client.fetch(1, "BODY[] UID")
    assert (one.body(), one.uid) == (b"A1 OK fake\r\n* 2 {5}\r\n)", 3)


def test_the_context_logs_out_but_not_after_an_error() -> None:
    with connect() as client:
        pass
    assert client.stream.sent == [b"A1 LOGOUT\r\n"] and client.stream.closed
    with pytest.raises(KeyError), connect() as client:
        raise KeyError
    assert client.stream.sent == [] and client.stream.closed


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"+OK POP3 ready\r\n", "an IMAP server greets with"),
        (b"220 smtp ready\r\n", "cannot be read at octet 4: expected OK, NO or BAD"),
        (b"* OK hi", "ends with CRLF"),
        (b"* OK hi\r\nA9 OK done\r\n", "a response to A1 was expected, one to A9 came"),
        (b"* OK hi\r\n* 1 FETCH (UID\r\n", r"cannot be read at octet 14: expected a space, found the end"),
        (b"* OK hi\r\n* LIST (((\r\n", "cannot be read at octet 10"),
        (b"* OK hi\r\n* 1 FETCH (BODY[] {9999999999}\r\n", "a literal of 9999999999 octets is too large"),
    ],
)
def test_a_server_that_breaks_the_protocol(said: bytes, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        ImapClient(Script(said)).noop()


def test_news_is_what_was_said_unasked_as_far_as_it_has_come() -> None:
    client = connect()
    client.login("alice", "secret")
    client.select()
    assert client.news() == ()
    client.stream.server.end(idle=True)
    client.stream.drive()
    (bye,) = client.news()
    assert (bye.name, bye.text, client.news()) == ("BYE", "logged out, idle for too long", ())


def test_news_leaves_half_a_line_where_it_is_and_learns_what_is_announced() -> None:
    client = ImapClient(Script(b"* OK hi\r\n* 3 EXISTS\r\n* CAPABILITY IMAP4rev1 ID\r\n* 4 EX"))
    assert [str(data) for data in client.news()] == ["* 3 EXISTS", "* CAPABILITY IMAP4rev1 ID"]
    assert client._capabilities == ("IMAP4REV1", "ID")
    client.stream.waiting += b"ISTS\r\nA1 OK done\r\n"
    assert client.noop().numbers("EXISTS") == [4]


def test_an_answer_to_nothing_is_no_news() -> None:
    client = ImapClient(Script(b"* OK hi\r\nA1 OK done\r\n"))
    with pytest.raises(ProtocolError, match="only untagged responses may come unasked"):
        client.news()


def test_bad_values_are_errors_when_asked_for() -> None:
    said = b'* OK hi\r\n* 1 FETCH (ENVELOPE (NIL) INTERNALDATE "yesterday")\r\nA1 OK done\r\n'
    (one,) = ImapClient(Script(said)).fetch(1, "ENVELOPE")
    with pytest.raises(ProtocolError, match="an ENVELOPE has 10 fields, not 1"):
        _ = one.envelope
    with pytest.raises(ProtocolError, match="INTERNALDATE"):
        _ = one.internal_date


def test_other_servers_habits() -> None:
    """Dovecot's unquoted names, codes with lists, NIL delimiters, numbers as names, flags split from data."""
    client = ImapClient(
        Script(
            b"* PREAUTH [CAPABILITY IMAP4rev1 ID] hello\r\n"
            b'* LIST (\\HasNoChildren) "." Trash\r\n* LIST (\\Noselect) NIL "a b"\r\n* LIST () "/" 123\r\n'
            b"A1 OK done\r\n"
            b'* 2 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (UID 7 BODY[header.fields ("Date" To)] "x" MODSEQ (5))\r\n'
            b"A2 OK [COPYUID 1 2:3 4:5] done\r\n"
        )
    )
    assert [(box.name, box.delimiter) for box in client.list()] == [("Trash", "."), ("a b", ""), ("123", "/")]
    response = client.command("x")
    assert response.code_values == (1, "2:3", "4:5")
    (one,) = response.fetched
    assert (one.uid, one.flags, one.body("HEADER.FIELDS (DATE TO)"), one["MODSEQ"]) == (7, {"\\Seen"}, b"x", (5,))
    assert RECEIVED_AT.tzinfo is UTC
