"""An extension is one class, and two that claim the same are told so when they are put together."""

import re
from collections.abc import Sequence
from typing import ClassVar

import pytest

from emaillab.engine import Outcome
from emaillab.protocol.backend import Mailbox, MailReader, Session
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.items import FLAGS, FetchItem, fetch_item
from emaillab.protocol.imap.keys import SearchReader, argument_key
from emaillab.protocol.imap.names import Listed
from emaillab.protocol.imap.server import OPTIONAL, ImapServer, imap_server
from emaillab.protocol.imap.session import NOT_AUTHENTICATED, SELECTED, ImapSession, When, no, verb
from emaillab.protocol.imap.view import View
from tests.dialogues.fakes import RECEIVED_AT, FakeHost

LETTERS = [b"Subject: a\r\n\r\none\r\n", b"Subject: b\r\n\r\nseventeen\r\n", b"Subject: c\r\n\r\nx\r\n"]
WORDS = fetch_item(lambda message: [b"%d" % len(message.letter.raw.split())])


class Words(ImapSession):
    """A toy: messages have a number of words, which can be fetched, searched for and counted."""

    CAPABILITIES: ClassVar = {"XWORDS": When.AFTER_LOG_IN}
    MOVES: ClassVar = {SELECTED: {"UID READ": SELECTED, "READ": SELECTED}}
    PHASES: ClassVar = {"READ": "reading"}
    FETCH_ITEMS: ClassVar = {"XWORDS": WORDS}
    SEARCH_KEYS: ClassVar = {
        "XWORDS": argument_key(
            SearchReader.number, lambda message, count: len(message.letter.raw.split()) == count, reads_content=True
        )
    }
    STATUS_ITEMS: ClassVar = {"XLONGEST": lambda mailbox: b"%d" % max(entry.size for entry in mailbox.entries())}
    LONGEST_LITERALS: ClassVar = {SELECTED: 100}
    NUMBERS_IN_FLIGHT = frozenset(("READ",))

    def __init__(self, backend: MailReader, session: Session) -> None:
        self.limit = 9
        super().__init__(backend, session)

    def announcement(self, capability: str) -> str:
        return f"XWORDS={self.limit}" if capability == "XWORDS" else super().announcement(capability)

    def deselect(self) -> None:
        super().deselect()
        self.read_aloud: list[str] = []

    def opened(self, view: View) -> list[bytes]:
        return [*super().opened(view), b"OK [XWORDS %d] all words" % (3 * len(view.uids))]

    def changed_items(self) -> tuple[FetchItem, ...]:
        return (FetchItem("XWORDS", render=lambda message: [b"3"]), *super().changed_items())

    def list_attributes(self, found: Listed) -> list[str]:
        return [*super().list_attributes(found), "\\XWordy"]

    def append_code(self, mailbox: Mailbox, uids: Sequence[int]) -> bytes:
        return b"XAPPENDED"

    @verb("READ", rfc="0 §1")
    def read(self, args: bytes) -> ImapReply:
        self.read_aloud.append(args.decode())
        return ImapReply(Outcome.OK, f"{len(self.read_aloud)} read")

    @verb("UID READ", rfc="0 §1", name="UID READ")
    def uid_read(self, args: bytes) -> ImapReply:
        raise no(b"XWORDS", "not by UID")


class Library(Words, ImapServer): ...


def server(kind: type[ImapSession], said: bytes = b"", host: FakeHost | None = None) -> ImapSession:
    session = Session(server_name="b.example", peer_ip="192.0.2.7", now=lambda: RECEIVED_AT)
    made = kind(host or FakeHost(LETTERS), session)
    made.receive(said)
    return made


def lines(said: bytes) -> list[str]:
    return said.decode().split("\r\n")[:-1]


SELECT = b"a LOGIN alice secret\r\nb SELECT INBOX\r\n"


def test_one_class_adds_capability_verb_phase_item_key_status_and_code() -> None:
    library = server(Library)
    assert b"XWORDS" not in library.receive(b"a CAPABILITY\r\n")
    assert b"[CAPABILITY XWORDS=9 IMAP4rev1 " in library.receive(b"a LOGIN alice secret\r\n")
    assert lines(library.receive(b"b SELECT INBOX\r\n"))[-2:] == [
        "* OK [XWORDS 9] all words",
        "b OK [READ-WRITE] selected for reading and writing",
    ]
    assert lines(library.receive(b"c FETCH 1:2 (UID xwords BODY.PEEK[TEXT])\r\n"))[0] == (
        "* 1 FETCH (UID 1 XWORDS 3 BODY[TEXT] {5}"
    )
    assert lines(library.receive(b"d SEARCH NOT (XWORDS 3 SMALLER 20)\r\n"))[0] == "* SEARCH 2"
    assert lines(library.receive(b"e STATUS INBOX (XLONGEST MESSAGES)\r\n"))[0] == (
        '* STATUS "INBOX" (XLONGEST 25 MESSAGES 3)'
    )
    steps = []
    library.watch = steps.append
    assert library.receive(b"f READ\r\nf READ\r\n") == b"f OK 1 read\r\nf OK 2 read\r\n"
    assert [step.phase for step in steps] == ["reading", "reading"]
    assert library.receive(b"g UID READ\r\n") == b"g NO [XWORDS] not by UID\r\n"
    assert library.receive(b"h UID\r\n").startswith(b"h BAD octet 5: expected a space")
    assert b"expected READ, COPY, FETCH, STORE, SEARCH or EXPUNGE, found the end" in library.receive(b"i UID \r\n")
    assert not library.errors


def test_a_part_has_a_say_in_lists_codes_limits_and_news() -> None:
    host = FakeHost(LETTERS)
    library = server(Library, SELECT, host)
    assert lines(library.receive(b'c LIST "" INBOX\r\n'))[0] == '* LIST (\\HasNoChildren \\XWordy) "/" "INBOX"'
    assert library.receive(b"d APPEND Sent {2+}\r\nhi\r\n") == b"d OK [XAPPENDED] message kept\r\n"
    assert library.receive(b"e APPEND Sent {101}\r\n").startswith(b"e NO [TOOBIG] literal of 101 octets, at most 100")
    assert lines(library.receive(b"f STORE 1 +FLAGS (\\Seen)\r\n"))[0] == "* 1 FETCH (XWORDS 3 FLAGS (\\Seen))"
    host.accounts["alice"].mailboxes["INBOX"].set_flags(2, ["\\Seen"])
    assert lines(library.receive(b"g NOOP\r\n"))[0] == "* 2 FETCH (UID 2 XWORDS 3 FLAGS (\\Seen))"
    assert lines(library.receive(b"h FETCH 3 BODY[TEXT]<0.1>\r\n"))[:2] == [
        "* 3 FETCH (BODY[TEXT]<0> {1}",
        "x XWORDS 3 FLAGS (\\Seen))",
    ]
    host.accounts["alice"].mailboxes["INBOX"].remove([1])
    assert library.receive(b"i READ\r\n") == b"i OK 1 read\r\n"
    assert library.receive(b"j NOOP\r\n").startswith(b"* 1 EXPUNGE\r\n")


@pytest.mark.parametrize(
    "end", [b"c CLOSE\r\n", b"c UNSELECT\r\n", b"c SELECT Sent\r\n", b"c SELECT No\r\n", b"c LOGOUT\r\n"]
)
def test_its_state_ends_with_the_mailbox(end: bytes) -> None:
    assert server(Library, SELECT + b"c READ\r\n").read_aloud == [""]  # type: ignore[attr-defined]
    assert server(Library, SELECT + b"c READ\r\n" + end).read_aloud == []  # type: ignore[attr-defined]


def test_a_server_without_it_knows_nothing_of_it() -> None:
    plain = server(ImapServer, SELECT)
    assert plain.receive(b"c READ\r\n") == b"c BAD 'READ' is not a command of this server\r\n"
    assert b"c BAD octet 10: expected an item to fetch" in plain.receive(b"c FETCH 1 XWORDS\r\n")
    assert b"c BAD octet 9: expected a search key" in plain.receive(b"c SEARCH XWORDS 3\r\n")
    assert b"c BAD octet 16: expected one of MESSAGES RECENT" in plain.receive(b"c STATUS INBOX (XLONGEST)\r\n")


class Reader(ImapSession):
    MOVES: ClassVar = {SELECTED: {"READ": SELECTED}}

    @verb("READ", rfc="1 §1")
    def read(self, args: bytes) -> ImapReply:
        return ImapReply(Outcome.OK, "read")


class Counter(ImapSession):
    FETCH_ITEMS: ClassVar = {"XWORDS": WORDS}


class Finder(ImapSession):
    SEARCH_KEYS: ClassVar = {"XWORDS": argument_key(SearchReader.number, lambda message, count: False)}


class Summer(ImapSession):
    STATUS_ITEMS: ClassVar = {"XLONGEST": lambda mailbox: b"0"}


class Herald(ImapSession):
    CAPABILITIES: ClassVar = {"XWORDS": When.ALWAYS}


class Miser(ImapSession):
    LONGEST_LITERALS: ClassVar = {SELECTED: 10}


class Sizer(ImapSession):
    FETCH_ITEMS: ClassVar = {"RFC822.SIZE": WORDS}


class Intruder(ImapSession):
    MOVES: ClassVar = {NOT_AUTHENTICATED: {"LOGIN": SELECTED}}

    @verb("LOGIN", rfc="1 §2")
    def login(self, args: bytes) -> ImapReply:
        return ImapReply(Outcome.OK, "come in")


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Reader, "Reader and Words both do the verb READ"),
        (Counter, "Counter and Words both answer the FETCH item XWORDS"),
        (Finder, "Finder and Words both answer the SEARCH key XWORDS"),
        (Summer, "Summer and Words both answer the STATUS item XLONGEST"),
        (Herald, "Herald and Words both announce XWORDS"),
        (Miser, "Miser and Words both say how long literals may be in SELECTED"),
        (Sizer, "Sizer and MessageCommands both answer the FETCH item RFC822.SIZE"),
        (Intruder, "Intruder and Auth both do the verb LOGIN"),
    ],
)
def test_a_second_that_claims_the_same_fails_when_the_class_is_made(part: type[ImapSession], sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^Archive: {re.escape(sentence)}"):
        type("Archive", (part, Library), {})


def announced(kind: type[ImapSession]) -> list[str]:
    before, after = server(kind), server(kind, b"a LOGIN alice secret\r\n")
    return list(dict.fromkeys(before.capabilities + after.capabilities))


@pytest.mark.parametrize("word", sorted(OPTIONAL))
def test_each_optional_extension_can_be_left_out(word: str) -> None:
    older = imap_server(frozenset([word]))
    assert announced(older) == [known for known in announced(ImapServer) if known != word]
    assert imap_server(frozenset([word])) is older
    session = server(older, SELECT)
    assert session.receive(b"c FETCH 1 UID\r\nd APPEND Sent {2+}\r\nhi\r\n").endswith(b"message kept\r\n")
    assert session.receive(b"e COPY 1 Sent\r\n").endswith(b"copied\r\n")
    assert not session.errors


def test_what_is_left_out_does_not_work_either() -> None:
    older = server(imap_server(frozenset(["CHILDREN", "UIDPLUS", "STATUS=SIZE", "SASL-IR", "UNSELECT"])))
    assert older.receive(b"a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n").endswith(
        b"a BAD octet 20: expected the end of the command, found ' AGFsaWNlAHNlY3JldA=='\r\n"
    )
    older.receive(SELECT)
    assert lines(older.receive(b'c LIST "" INBOX\r\n'))[0] == '* LIST () "/" "INBOX"'
    assert older.receive(b"d APPEND Sent {2+}\r\nhi\r\n") == b"d OK message kept\r\n"
    assert older.receive(b"e COPY 1 Sent\r\n") == b"e OK copied\r\n"
    assert b"e BAD octet 16: expected one of MESSAGES" in older.receive(b"e STATUS INBOX (SIZE)\r\n")
    assert older.receive(b"f UNSELECT\r\n") == b"f BAD 'UNSELECT' is not a command of this server\r\n"
    assert older.receive(b"g UID EXPUNGE 1\r\n") == b"g BAD 'UID EXPUNGE' is not a command of this server\r\n"


def test_what_cannot_be_left_out_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"can be without CHILDREN, ID, .*, not without AUTH, X$"):
        imap_server(frozenset(["X", "AUTH"]))


def test_only_what_was_read_knows_its_answer() -> None:
    with pytest.raises(TypeError, match="only an item that was read from a command"):
        FetchItem("FLAGS").render(None)  # type: ignore[arg-type]
    assert FetchItem("FLAGS") == FLAGS
