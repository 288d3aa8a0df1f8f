"""What can a client say to any POP3 server? The verbs of RFC 1939 that no server may lack, and QUIT.

USER and PASS are not among them: a server may have other ways to log in.

>>> from emaillab.protocol.backend import EmptyHost, Session
>>> class Plain(MaildropCommands, SessionCommands): ...
>>> server = Plain(EmptyHost(), Session("b.example", "192.0.2.7"))
>>> server.receive(b"STAT\\r\\nQUIT\\r\\n").splitlines()[1:]
[b'-ERR STAT is not allowed in state AUTHORIZATION', b'+OK bye']
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import State
from emaillab.protocol.framing.framer import Framer, NoInput
from emaillab.protocol.machine import CLOSED, verb
from emaillab.protocol.pop3.grammar import (
    SILENCE,
    Reply,
    messages,
    octets_sent,
    parse_message_number,
    stuffed_lines,
    stuffed_message,
)
from emaillab.protocol.pop3.session import AUTHORIZATION, NO, OK, TRANSACTION, Pop3Session, none
from emaillab.protocol.table import Table

UPDATE = "UPDATE"


class MaildropCommands(Pop3Session):
    """The verbs about the maildrop: STAT, LIST, RETR, DELE, RSET, NOOP.

    Source: RFC 1939 §5.
    """

    MOVES: ClassVar[Table] = {
        TRANSACTION: dict.fromkeys(("STAT", "LIST", "RETR", "DELE", "RSET", "NOOP"), TRANSACTION),
    }

    @verb("STAT", rfc="1939 §5")
    def stat(self, args: bytes) -> Reply:
        """Count the messages and their octets."""
        none(args)
        return Reply(OK, str(self.drop.listing()))

    @verb("LIST [msg]", rfc="1939 §5")
    def list_(self, args: bytes) -> Reply:
        """Give the octets of one message, or of all in a multi-line response."""
        drop = self.drop
        if args.strip(b" "):
            return Reply(OK, str(drop.scan_listing(drop.check(parse_message_number(args)))))
        lines = (bytes(drop.scan_listing(number)) for number in drop.numbers())
        return Reply(OK, messages(len(drop.numbers())), body=stuffed_lines(lines))

    @verb("RETR msg", rfc="1939 §5")
    def retr(self, args: bytes) -> Reply:
        """Send a message."""
        raw = self.drop.raw(parse_message_number(args))
        return Reply(OK, f"{octets_sent(raw)} octets", body=stuffed_message(raw))

    @verb("DELE msg", rfc="1939 §5")
    def dele(self, args: bytes) -> Reply:
        """Mark a message as deleted; it is removed when QUIT leads to UPDATE."""
        number = parse_message_number(args)
        self.drop.mark(number)
        return Reply(OK, f"message {number} is marked as deleted")

    @verb("RSET", rfc="1939 §5")
    def rset(self, args: bytes) -> Reply:
        """Unmark all messages."""
        none(args)
        self.drop.unmark_all()
        return Reply(OK, f"maildrop has {messages(len(self.drop.numbers()))}")

    @verb("NOOP", rfc="1939 §5")
    def noop(self, args: bytes) -> Reply:
        """Do nothing."""
        none(args)
        return Reply(OK)


class SessionCommands(Pop3Session):
    """QUIT, and the UPDATE state that it leads to after log-in.

    Source: RFC 1939 §4, §6.
    """

    MOVES: ClassVar[Table] = {
        AUTHORIZATION: {"QUIT": CLOSED},
        TRANSACTION: {"QUIT": UPDATE},
        UPDATE: {"(update)": CLOSED, ("(update)", NO): CLOSED},
    }
    MODES: ClassVar = {UPDATE: "(update)"}
    PHASES: ClassVar = {UPDATE: "update"}

    @verb("QUIT", rfc="1939 §4, §6")
    def quit(self, args: bytes) -> Reply:
        """Say good-bye; after log-in the UPDATE state says it, once the marked messages are removed."""
        none(args)
        return Reply(OK, "bye") if self.maildrop is None else SILENCE

    @verb("(update)", rfc="1939 §6")
    def update(self, args: bytes) -> Reply:
        """Remove the marked messages, give the lock back, say good-bye."""
        try:
            removed = self.drop.update()
        finally:
            self.unlock_maildrop()
        return Reply(OK, f"bye, {messages(removed)} removed" if removed else "bye", durable=removed > 0)

    def framer_for(self, state: State) -> Framer:
        """Wait for no further word in UPDATE."""
        return NoInput() if state == UPDATE else super().framer_for(state)
