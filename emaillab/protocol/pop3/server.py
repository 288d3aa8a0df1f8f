"""How does a POP3 server work? Log in, fetch and mark in the maildrop, and on QUIT remove what was marked.

The three states of the textbook are rows of one table. USER_GIVEN and SASL are steps within AUTHORIZATION; UPDATE
is passed without a further word from the client.

>>> from emaillab.protocol.backend import Session
>>> class Nobody:
...     def log_in(self, user, password): return None
>>> server = Pop3Server(Nobody(), Session("mail.crepes.fr", "192.0.2.7"))
>>> server.receive(b"")
b'+OK mail.crepes.fr POP3 server ready\\r\\n'
>>> server.receive(b"STAT\\r\\nUSER alice\\r\\n"), server.state
(b'-ERR STAT is not allowed in state AUTHORIZATION\\r\\n+OK password, please\\r\\n', 'USER_GIVEN')
>>> server.receive(b"PASS secret\\r\\n"), server.state
(b'-ERR [AUTH] user name or password is wrong\\r\\n', 'AUTHORIZATION')
"""

from __future__ import annotations

from typing import Any, ClassVar

from emaillab.engine import Outcome, Signal
from emaillab.protocol import sasl
from emaillab.protocol.backend import Account, MailReader, Session
from emaillab.protocol.machine import CLOSED, Machine, verb
from emaillab.protocol.pop3.grammar import (
    LINE_LIMIT,
    Reply,
    octets_sent,
    parse_auth,
    parse_message_number,
    parse_top,
    refuse,
    shown,
    stuffed_lines,
    stuffed_message,
    top_end,
)
from emaillab.protocol.pop3.maildrop import Maildrop
from emaillab.protocol.table import Table
from emaillab.protocol.wire import Buffer, Framer, FramingError, LineFramer

AUTHORIZATION, USER_GIVEN, SASL, TRANSACTION, UPDATE = "AUTHORIZATION", "USER_GIVEN", "SASL", "TRANSACTION", "UPDATE"
OK, MORE, NO, BAD = Outcome.OK, Outcome.MORE, Outcome.NO, Outcome.BAD

MAX_FAILURES = 3  # failed log-ins before the connection is closed
SASL_LINE_LIMIT = 12288  # a response may be longer than a command (RFC 5034 §4)

_LOG_IN: dict[str | tuple[str, Outcome], str] = {
    "USER": USER_GIVEN,
    ("AUTH", MORE): SASL,
    ("AUTH", OK): TRANSACTION,
    "(mechanisms)": AUTHORIZATION,
    "STLS": AUTHORIZATION,
    "CAPA": AUTHORIZATION,
    "QUIT": CLOSED,
}
_REFUSED = ("USER", "AUTH", "(mechanisms)", "STLS", "CAPA", "QUIT")

_SILENT = Reply(OK)  # QUIT after log-in: the UPDATE state answers


class NoInput:
    """The reader of a state in which the server acts without waiting for the client: each unit is empty."""

    invites = False
    eager: ClassVar[bool] = True

    def whole(self, data: bytes) -> None:
        """Leave octets alone."""

    def take(self, buffer: Buffer) -> bytes:
        """Return an empty unit."""
        return b""

    def missing(self, buffer: Buffer) -> str:
        """Say that nothing is missing."""
        return "nothing"


class Pop3Server(Machine):
    """A POP3 server: one session, from greeting to close.

    Source: RFC 1939; RFC 2449 (CAPA); RFC 2595 §4 (STLS); RFC 5034 (AUTH); RFC 3206 (response codes).
    """

    START = AUTHORIZATION
    TRANSITIONS: ClassVar[Table] = {
        AUTHORIZATION: _LOG_IN,
        USER_GIVEN: {
            **_LOG_IN,
            **{(name, NO): AUTHORIZATION for name in _REFUSED},  # PASS must follow USER directly
            "PASS": TRANSACTION,
            ("PASS", NO): AUTHORIZATION,
        },
        SASL: {
            "(response)": TRANSACTION,
            ("(response)", MORE): SASL,
            ("(response)", NO): AUTHORIZATION,
            ("(response)", BAD): AUTHORIZATION,
        },
        TRANSACTION: {
            "STAT": TRANSACTION,
            "LIST": TRANSACTION,
            "RETR": TRANSACTION,
            "TOP": TRANSACTION,
            "UIDL": TRANSACTION,
            "DELE": TRANSACTION,
            "RSET": TRANSACTION,
            "NOOP": TRANSACTION,
            "CAPA": TRANSACTION,
            "QUIT": UPDATE,
        },
        UPDATE: {"(update)": CLOSED, ("(update)", NO): CLOSED},
        CLOSED: {},
    }
    MODES: ClassVar = {SASL: "(response)", UPDATE: "(update)"}
    PHASES: ClassVar = {
        AUTHORIZATION: "authorization",
        USER_GIVEN: "authorization",
        SASL: "authorization",
        TRANSACTION: "transaction",
        UPDATE: "update",
    }
    MAX_BAD_COMMANDS = 20

    def __init__(self, backend: MailReader, session: Session) -> None:
        super().__init__()
        self.backend, self.session = backend, session
        self.maildrop: Maildrop | None = None
        self._account: Account | None = None
        self._user = b""  # what USER said, for the PASS right after it
        self._exchange: sasl.SaslServer = sasl.PlainServer()
        self._failures = 0
        self.greet(Reply(OK, f"{session.server_name} POP3 server ready"))

    # AUTHORIZATION

    @verb("USER name", rfc="1939 §7")
    def user(self, args: bytes) -> Reply:
        """Take the user name; whether there is such a user shows only after PASS."""
        self._check_privacy()
        self._user = args.strip(b" ")
        if not self._user:
            raise refuse("USER takes a user name")
        return Reply(OK, "password, please")

    @verb("PASS string", rfc="1939 §7")
    def pass_(self, args: bytes) -> Reply:
        """Log in with the password, which may hold spaces."""
        user, self._user = self._user, b""
        if not user:
            raise refuse("PASS must follow USER directly")
        # Octets that are not UTF-8 are nobody's name or password, but the answer is the same as for wrong ones.
        return self._log_in(user.decode("utf-8", "replace"), args.decode("utf-8", "replace"))

    @verb("AUTH mechanism [initial-response]", rfc="5034 §4")
    def auth(self, args: bytes) -> Reply:
        """Begin a SASL exchange, or do all of it at once with an initial response."""
        self._check_privacy()
        name, initial = parse_auth(args)
        mechanism = sasl.MECHANISMS.get(name)
        if mechanism is None:
            raise refuse(f"{shown(name.encode())} is not among the mechanisms: {' '.join(sasl.MECHANISMS)}")
        self._exchange = mechanism()
        if initial is None:
            return self._sasl_step(None)
        return self._sasl_step(b"" if initial == b"=" else initial)

    @verb("(response)", rfc="5034 §4")
    def response(self, args: bytes) -> Reply:
        """Take the client's answer to a challenge; "*" ends the exchange."""
        if args == b"*":
            raise refuse("the exchange is cancelled")
        return self._sasl_step(args)

    @verb("AUTH", rfc="5034 §4", name="(mechanisms)")
    def mechanisms(self, args: bytes) -> Reply:
        """List the mechanisms.

        QUIRK: AUTH without argument was never in an RFC that still stands; older clients send it instead of CAPA.
        """
        names = sasl.MECHANISMS if self.session.may_log_in else {}
        return Reply(OK, "mechanisms follow", body=stuffed_lines(name.encode() for name in names))

    @verb("STLS", rfc="2595 §4")
    def stls(self, args: bytes) -> Reply:
        """Encrypt the connection from the next octet on."""
        _none(args)
        if self.session.secure:
            raise refuse("the connection is encrypted already")
        if not self.session.offers_tls:
            raise refuse("STLS is not offered here")
        return Reply(OK, "begin TLS", then=Signal.START_TLS)

    # TRANSACTION

    @verb("STAT", rfc="1939 §5")
    def stat(self, args: bytes) -> Reply:
        """Count the messages and their octets."""
        _none(args)
        return Reply(OK, str(self._drop.listing()))

    @verb("LIST [msg]", rfc="1939 §5")
    def list_(self, args: bytes) -> Reply:
        """Give the octets of one message, or of all in a multi-line response."""
        drop = self._drop
        if args.strip(b" "):
            return Reply(OK, str(drop.scan_listing(drop.check(parse_message_number(args)))))
        lines = (bytes(drop.scan_listing(number)) for number in drop.numbers())
        return Reply(OK, _messages(len(drop.numbers())), body=stuffed_lines(lines))

    @verb("RETR msg", rfc="1939 §5")
    def retr(self, args: bytes) -> Reply:
        """Send a message."""
        raw = self._drop.raw(parse_message_number(args))
        return Reply(OK, f"{octets_sent(raw)} octets", body=stuffed_message(raw))

    @verb("TOP msg n", rfc="1939 §7")
    def top(self, args: bytes) -> Reply:
        """Send a message's header, the blank line, and the first n lines of its body."""
        number, lines = parse_top(args)
        raw = self._drop.raw(number)
        return Reply(OK, "top of message follows", body=stuffed_message(raw, top_end(raw, lines)))

    @verb("UIDL [msg]", rfc="1939 §7")
    def uidl(self, args: bytes) -> Reply:
        """Give the unique-id of one message, or of all in a multi-line response."""
        drop = self._drop
        if args.strip(b" "):
            return Reply(OK, str(drop.unique_id(drop.check(parse_message_number(args)))))
        lines = (bytes(drop.unique_id(number)) for number in drop.numbers())
        return Reply(OK, "unique-ids follow", body=stuffed_lines(lines))

    @verb("DELE msg", rfc="1939 §5")
    def dele(self, args: bytes) -> Reply:
        """Mark a message as deleted; it is removed when QUIT leads to UPDATE."""
        number = parse_message_number(args)
        self._drop.mark(number)
        return Reply(OK, f"message {number} is marked as deleted")

    @verb("RSET", rfc="1939 §5")
    def rset(self, args: bytes) -> Reply:
        """Unmark all messages."""
        _none(args)
        self._drop.unmark_all()
        return Reply(OK, f"maildrop has {_messages(len(self._drop.numbers()))}")

    @verb("NOOP", rfc="1939 §5")
    def noop(self, args: bytes) -> Reply:
        """Do nothing."""
        _none(args)
        return Reply(OK)

    # Any state

    @verb("CAPA", rfc="2449 §5")
    def capa(self, args: bytes) -> Reply:
        """List what this server can do beyond the minimum."""
        _none(args)
        return Reply(OK, "capabilities follow", body=stuffed_lines(self.capabilities()))

    @verb("QUIT", rfc="1939 §4, §6")
    def quit(self, args: bytes) -> Reply:
        """Say good-bye; after log-in the UPDATE state says it, once the marked messages are removed."""
        _none(args)
        return Reply(OK, "bye") if self.maildrop is None else _SILENT

    # UPDATE

    @verb("(update)", rfc="1939 §6")
    def update(self, args: bytes) -> Reply:
        """Remove the marked messages, give the lock back, say good-bye."""
        try:
            removed = self._drop.update()
        finally:
            self._unlock()
        return Reply(OK, f"bye, {_messages(removed)} removed" if removed else "bye", durable=removed > 0)

    # What a driver calls

    def disconnected(self) -> None:
        """End the session without UPDATE: what was marked stays, the lock is given back."""
        super().disconnected()
        self._unlock()

    # Steps

    def capabilities(self) -> list[bytes]:
        """Return what CAPA lists now; all but STLS is the same before and after log-in (RFC 2449 §5, RFC 2595 §4)."""
        listed = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "IMPLEMENTATION emaillab"]
        if self.session.may_log_in:
            listed += ["USER", f"SASL {' '.join(sasl.MECHANISMS)}"]
        if self.session.offers_tls and not self.session.secure and self.maildrop is None:
            listed += ["STLS"]
        return [line.encode() for line in listed]

    def _check_privacy(self) -> None:
        if not self.session.may_log_in:
            raise refuse("[AUTH] a password is not taken in the clear here, use STLS first")

    def _sasl_step(self, line: bytes | None) -> Reply:
        """Give the client's response, a line of base64, to the mechanism; None when there was none."""
        try:
            step = self._exchange.step(None if line is None else sasl.decode(line))
        except sasl.SaslError as error:
            raise refuse(str(error)) from None
        if isinstance(step, sasl.Challenge):
            return Reply(MORE, bytes(step).decode())
        return self._log_in(step.user, step.password)

    def _log_in(self, user: str, password: str) -> Reply:
        """Open the maildrop of a user whose password is right; the answer does not tell which of both was wrong."""
        account = self.backend.log_in(user, password)
        if account is None:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                return Reply(NO, "[AUTH] too many failed log-ins, good-bye", then=Signal.CLOSE)
            raise refuse("[AUTH] user name or password is wrong")
        self._open(account)
        self.session.user = account.name
        return Reply(OK, f"maildrop has {_messages(len(self._drop.numbers()))}")

    def _open(self, account: Account) -> None:
        """Lock the account's INBOX and take the snapshot that this session works on."""
        if not account.lock_maildrop(self.session.id):
            raise refuse("[IN-USE] another session has locked the maildrop")
        self._account = account
        try:
            inbox = account.mailbox("INBOX")
            if inbox is None:
                raise refuse("[SYS/PERM] the account has no INBOX")
            self.maildrop = Maildrop(inbox)
        except BaseException:
            self._unlock()
            raise

    def _unlock(self) -> None:
        account, self._account = self._account, None
        if account is not None:
            account.unlock_maildrop(self.session.id)

    @property
    def _drop(self) -> Maildrop:
        assert self.maildrop is not None, "the table lets nobody here before log-in"
        return self.maildrop

    # What Machine leaves to a protocol

    def framer_for(self, state: str) -> Framer:
        """Return the reader of a state."""
        if state == UPDATE:
            return NoInput()
        return LineFramer(SASL_LINE_LIMIT if state == SASL else LINE_LIMIT)

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a line; AUTH without argument is a verb of its own, since it leads nowhere."""
        name, args = super().split(unit)
        return ("(mechanisms)" if name == "AUTH" and not args.strip(b" ") else name), args

    def unknown(self, name: str) -> Reply:
        """Say that there is no such command."""
        self._user = b""
        return Reply(BAD, f"{shown(name.encode())} is not a command" if name else "a command is missing")

    def misplaced(self, name: str) -> Reply:
        """Say that a command has its place in another state."""
        self._user = b""
        if name == "PASS" and self.state == AUTHORIZATION:
            return Reply(BAD, "PASS must follow USER directly")
        return Reply(BAD, f"{self.VERBS[name].syntax.split()[0]} is not allowed in state {self.state}")

    def misframed(self, error: FramingError) -> Reply:
        """Say what was wrong with a line; it ends a SASL exchange."""
        self._user = b""
        return Reply(BAD, str(error))

    def exhausted(self) -> Reply:
        """Part from a peer that does not speak POP3, such as a browser sent to the wrong port."""
        return Reply(BAD, "too many bad commands, good-bye", then=Signal.CLOSE)

    def broken(self, error: Exception) -> Reply:
        """Say that the server itself failed."""
        return Reply(NO, "[SYS/TEMP] internal error, please try again")

    def not_kept(self, promise: Any, reason: str) -> Reply:
        """Say that the marked messages were not removed (RFC 1939 §6)."""
        return Reply(NO, f"[SYS/TEMP] some marked messages were not removed: {' '.join(reason.split())}")

    def _queue(self, reply: Any) -> None:
        if reply is not _SILENT:
            super()._queue(reply)


def _none(args: bytes) -> None:
    """Refuse an argument where none is expected."""
    if args.strip(b" "):
        raise refuse(f"no argument is expected, {shown(args)} came")


def _messages(count: int) -> str:
    return f"{count} message" if count == 1 else f"{count} messages"
