"""What do all IMAP commands share? A tag, literals, untagged data before the tagged line, and news of the mailbox.

>>> from emaillab.protocol.backend import Session
>>> class Silent(ImapSession):
...     START, TRANSITIONS = "DEAF", {"DEAF": {}}
>>> server = Silent(Session(server_name="mail.crepes.fr", peer_ip="192.0.2.7"))
>>> server.receive(b"a1 NOOP\\r\\n")
b"a1 BAD 'NOOP' is not a command of this server\\r\\n"
>>> server.receive(b")\\r\\n")
b"* BAD octet 0: expected a tag (letters and digits), found ')'\\r\\n"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from emaillab.engine import Outcome, Signal, State
from emaillab.protocol.backend import Account, Mailbox, Session
from emaillab.protocol.imap.fetch import chunks
from emaillab.protocol.imap.grammar import Cursor, ImapReply, first_word, shown
from emaillab.protocol.imap.letter import Octets
from emaillab.protocol.imap.names import decode_name
from emaillab.protocol.imap.view import View
from emaillab.protocol.machine import Machine, Refusal
from emaillab.protocol.wire import Framer, FramingError, LineFramer, LiteralFramer, LiteralTooBig

LINE_LIMIT = 65536  # octets; clients name hundreds of messages in one line
LITERAL_LIMIT = 64 * 1024 * 1024
LITERAL_LIMIT_BEFORE_LOGIN = 4096  # a name or a password
SASL_LINE_LIMIT = 12288

NUMBERS_IN_FLIGHT = frozenset({"FETCH", "STORE", "SEARCH"})
"""Commands during which no EXPUNGE may be sent, since their message numbers would change: RFC 9051 §7.5.1."""


class ImapSession(Machine):
    """One IMAP session without its commands: who is logged in, which mailbox is selected, how replies go out."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.account: Account | None = None
        self.view: View | None = None
        self._tag = b"*"
        self._name = ""
        self._args_at = 0

    @property
    def _logged_in(self) -> Account:
        assert self.account is not None, "the table lets nobody here before log-in"
        return self.account

    @property
    def _selected(self) -> View:
        assert self.view is not None, "the table lets nobody here without a mailbox"
        return self.view

    def _existing(self, name: str, code: bytes = b"NONEXISTENT") -> Mailbox:
        """Return a mailbox. Raises: Refusal when there is none of this name."""
        mailbox = self._logged_in.mailbox(name)
        if mailbox is None:
            raise no(code, f"there is no mailbox {name[:60]!a}")
        return mailbox

    # What a driver calls

    def disconnected(self) -> None:
        """End the session; messages marked \\Deleted stay."""
        super().disconnected()
        self.view = None

    # What Machine leaves to a protocol

    def framer_for(self, state: State) -> Framer:
        """Return the reader of a state."""
        if state in self.MODES:
            return LineFramer(SASL_LINE_LIMIT)
        return LiteralFramer(LINE_LIMIT, LITERAL_LIMIT_BEFORE_LOGIN if state == self.START else LITERAL_LIMIT)

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a unit into tag, command, with "UID" as its first word, and arguments."""
        self._tag, self._name = b"*", ""
        cursor = Cursor(unit)
        self._tag = cursor.tag()
        cursor.space()
        name = cursor.keyword("a command")
        if name == "UID":
            cursor.space()
            name += " " + cursor.keyword("COPY, FETCH, STORE, SEARCH or EXPUNGE")
        self._name, self._args_at = name, cursor.at
        return name, unit[cursor.at :]

    def cursor(self, args: bytes) -> Cursor:
        """Return a cursor over a command's arguments; places count from the command's first octet."""
        return Cursor(args, self._args_at)

    def unknown(self, name: str) -> ImapReply:
        """Say that there is no such command."""
        return ImapReply(Outcome.BAD, f"{shown(name.encode())} is not a command of this server")

    def misplaced(self, name: str) -> ImapReply:
        """Say that a command has its place in another state."""
        return ImapReply(Outcome.BAD, f"{name} is not allowed in state {self.state}")

    def misframed(self, error: FramingError) -> ImapReply:
        """Say what was wrong with a line or a literal; it ends a SASL exchange."""
        if self.state not in self.MODES:
            self._tag, self._name = first_word(error.unit) or b"*", ""
        if isinstance(error, LiteralTooBig):
            return ImapReply(Outcome.NO, str(error), code=b"TOOBIG")
        return ImapReply(Outcome.BAD, str(error))

    def broken(self, error: Exception) -> ImapReply:
        """Say that the server itself failed."""
        return ImapReply(Outcome.NO, "internal error, please try again", code=b"SERVERBUG")

    def not_kept(self, promise: Any, reason: str) -> ImapReply:
        """Say that nothing of the command was kept."""
        return ImapReply(Outcome.NO, " ".join(reason.split()), code=b"UNAVAILABLE", tag=promise.tag)

    def exhausted(self) -> ImapReply:
        """End a session of nothing but bad commands."""
        text = "too many bad commands"
        return ImapReply(Outcome.BAD, text, untagged=(b"* BYE %b\r\n" % text.encode(),), then=Signal.CLOSE)

    def farewell(self, *, idle: bool) -> bytes:
        """Say good-bye unasked. Source: RFC 9051 §5.4, §7.1.5."""
        return b"* BYE %b\r\n" % (b"logged out, idle for too long" if idle else b"the server is shutting down")

    def wants_literal(self) -> ImapReply:
        """Invite a literal."""
        return ImapReply(Outcome.MORE, "OK")

    def _queue(self, reply: ImapReply) -> None:
        """Queue untagged data, news of the mailbox and the tagged line; behind a commit, all of it waits for that."""
        reply = replace(reply, tag=self._tag)
        lines = self._lines(reply, self._name)
        if reply.durable:
            self._promise = reply
            self._out += (Signal.COMMIT, chunks(lines))
        elif reply.body is not None:
            self._out += (Signal.FLUSH, chunks(lines))
        else:
            self._out.append(b"".join(lines))

    def _lines(self, reply: ImapReply, name: str) -> Iterator[Octets]:
        """Yield what belongs to a reply. The body may find, after the fact, that the reply must be another."""
        yield from reply.untagged
        try:
            if reply.body is not None:
                yield from reply.body
        except Refusal as refusal:
            reply = replace(refusal.reply, tag=reply.tag)
        except Exception as error:  # a body yields whole answers, so the client is still in step
            self.errors.append(error)
            reply = replace(self.broken(error), tag=reply.tag)
        if self.view is not None and reply.outcome in (Outcome.OK, Outcome.NO):
            yield from self.view.news(may_expunge=name not in NUMBERS_IN_FLIGHT)
        yield bytes(reply)


def no(code: bytes, text: str) -> Refusal:
    """Return a Refusal that says NO, with a response code."""
    return Refusal(ImapReply(Outcome.NO, text, code=code))


def parse_mailbox(cursor: Cursor, expected: str = "a mailbox name") -> str:
    """Consume a mailbox name; INBOX is INBOX in any case."""
    name = decode_name(cursor.astring(expected))
    return "INBOX" if name.upper() == "INBOX" else name
