"""How does an IMAP server answer? Commands carry tags, data go untagged, and what others changed is told on the way.

>>> from emaillab.protocol.backend import Session
>>> class Nobody:
...     def log_in(self, user: str, password: str) -> None: return None
>>> server = ImapServer(Nobody(), Session(server_name="mail.crepes.fr", peer_ip="192.0.2.7"))
>>> def hear(said: bytes) -> None:
...     print(server.receive(said).decode().replace("\\r", ""), end="")
>>> hear(b"a LOGIN alice {5}\\r\\n")
* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN] mail.crepes.fr IMAP server ready
+ OK
>>> hear(b"wrong\\r\\nb SELECT INBOX\\r\\nc NOOP now\\r\\n")
a NO [AUTHENTICATIONFAILED] user name or password is wrong
b BAD SELECT is not allowed in state NOT_AUTHENTICATED
c BAD octet 6: expected the end of the command, found ' now'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from emaillab.engine import Outcome, Signal, State
from emaillab.protocol import sasl
from emaillab.protocol.backend import MailReader, Session
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.hierarchy import HierarchyCommands
from emaillab.protocol.imap.mailboxes import MailboxCommands
from emaillab.protocol.imap.messages import MessageCommands
from emaillab.protocol.machine import CLOSED, Refusal, verb
from emaillab.protocol.table import Table

NOT_AUTHENTICATED, AUTHENTICATING = "NOT_AUTHENTICATED", "AUTHENTICATING"
AUTHENTICATED, SELECTED = "AUTHENTICATED", "SELECTED"
OK, MORE, NO, BAD = Outcome.OK, Outcome.MORE, Outcome.NO, Outcome.BAD

MAX_FAILURES = 3  # failed log-ins before the connection is closed


def _always(state: State) -> dict[str | tuple[str, Outcome], State]:
    """Return the moves of the commands that are welcome in every state."""
    return {"CAPABILITY": state, "NOOP": state, "ID": state, "LOGOUT": CLOSED}


def _logged_in(state: State) -> dict[str | tuple[str, Outcome], State]:
    """Return the moves of the commands on mailboxes; a failing SELECT leaves none selected."""
    return {
        **_always(state),
        "SELECT": SELECTED,
        ("SELECT", NO): AUTHENTICATED,
        "EXAMINE": SELECTED,
        ("EXAMINE", NO): AUTHENTICATED,
        **dict.fromkeys(("LIST", "LSUB", "NAMESPACE", "STATUS", "APPEND"), state),
        **dict.fromkeys(("CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE"), state),
    }


class ImapServer(MailboxCommands, HierarchyCommands, MessageCommands):
    """One IMAP session, the server's end.

    Source: RFC 3501; RFC 9051; RFC 7888 (LITERAL+), 4959 (SASL-IR), 2971 (ID), 3691 (UNSELECT), 2342 (NAMESPACE),
    3348 (CHILDREN), 4315 (UIDPLUS), 8438 (STATUS=SIZE).
    """

    START = NOT_AUTHENTICATED
    TRANSITIONS: ClassVar[Table] = {
        NOT_AUTHENTICATED: {
            **_always(NOT_AUTHENTICATED),
            "STARTTLS": NOT_AUTHENTICATED,
            ("AUTHENTICATE", MORE): AUTHENTICATING,
            ("AUTHENTICATE", OK): AUTHENTICATED,
            "LOGIN": AUTHENTICATED,
        },
        AUTHENTICATING: {
            ("(response)", MORE): AUTHENTICATING,
            ("(response)", OK): AUTHENTICATED,
            ("(response)", NO): NOT_AUTHENTICATED,
            ("(response)", BAD): NOT_AUTHENTICATED,
        },
        AUTHENTICATED: _logged_in(AUTHENTICATED),
        SELECTED: {
            **_logged_in(SELECTED),
            "CLOSE": AUTHENTICATED,
            "UNSELECT": AUTHENTICATED,
            **dict.fromkeys(("CHECK", "FETCH", "STORE", "SEARCH", "COPY", "EXPUNGE"), SELECTED),
            **dict.fromkeys(("UID FETCH", "UID STORE", "UID SEARCH", "UID COPY", "UID EXPUNGE"), SELECTED),
        },
        CLOSED: {},
    }
    MODES: ClassVar[Mapping[State, str]] = {AUTHENTICATING: "(response)"}
    PHASES: ClassVar[Mapping[str, str]] = {
        NOT_AUTHENTICATED: "not authenticated",
        AUTHENTICATING: "not authenticated",
        AUTHENTICATED: "authenticated",
        SELECTED: "selected",
        **dict.fromkeys((CLOSED, "LOGOUT"), "logout"),
    }
    MAX_BAD_COMMANDS = 20

    def __init__(self, backend: MailReader, session: Session) -> None:
        super().__init__(session)
        self.backend = backend
        self._exchange: sasl.SaslServer = sasl.PlainServer()
        self._failures = 0
        self.greet(ImapReply(OK, f"{session.server_name} IMAP server ready", code=self._capability))

    # Any state

    @verb("CAPABILITY", rfc="9051 §6.1.1")
    def capability(self, args: bytes) -> ImapReply:
        """List what this server can do just now."""
        self.cursor(args).end()
        return ImapReply(OK, "that is all", untagged=(b"* " + self._capability + b"\r\n",))

    @verb("NOOP", rfc="9051 §6.1.2")
    def noop(self, args: bytes) -> ImapReply:
        """Do nothing, but tell what has changed."""
        self.cursor(args).end()
        return ImapReply(OK, "nothing done")

    @verb("LOGOUT", rfc="9051 §6.1.3")
    def logout(self, args: bytes) -> ImapReply:
        """Say good-bye; messages marked \\Deleted stay."""
        self.cursor(args).end()
        self.view = None
        return ImapReply(OK, "logged out", untagged=(b"* BYE see you\r\n",))

    @verb("ID NIL | (field value …)", rfc="2971 §3.1")
    def id(self, args: bytes) -> ImapReply:
        """Exchange the names of the programs, for statistics and bug reports."""
        cursor = self.cursor(args)
        cursor.space()
        if cursor.sees(b"("):
            cursor.items(cursor.nstring)
        elif cursor.nstring() is not None:
            cursor.fail("NIL or a list of fields and values")
        cursor.end()
        return ImapReply(OK, "pleased to meet you", untagged=(b'* ID ("name" "emaillab")\r\n',))

    # NOT_AUTHENTICATED

    @verb("STARTTLS", rfc="9051 §6.2.1")
    def starttls(self, args: bytes) -> ImapReply:
        """Encrypt the connection from the next octet on."""
        self.cursor(args).end()
        if self.session.secure:
            raise Refusal(ImapReply(BAD, "the connection is encrypted already"))
        if not self.session.offers_tls:
            raise Refusal(ImapReply(BAD, "STARTTLS is not offered here"))
        return ImapReply(OK, "begin TLS", then=Signal.START_TLS)

    @verb("LOGIN user password", rfc="9051 §6.2.3")
    def login(self, args: bytes) -> ImapReply:
        """Log in with name and password as they are."""
        cursor = self.cursor(args)
        cursor.space()
        user = cursor.astring("a user name")
        cursor.space()
        password = cursor.astring("a password")
        cursor.end()
        self._check_privacy()
        # Octets that are not UTF-8 are nobody's name or password, but the answer is the same as for wrong ones.
        return self._log_in(user.decode("utf-8", "replace"), password.decode("utf-8", "replace"))

    @verb("AUTHENTICATE mechanism [initial-response]", rfc="9051 §6.2.2")
    def authenticate(self, args: bytes) -> ImapReply:
        """Begin a SASL exchange, or do all of it at once with an initial response."""
        cursor = self.cursor(args)
        cursor.space()
        name = cursor.keyword("a SASL mechanism")
        initial = None
        if not cursor.at_end:
            cursor.space()
            initial = cursor.data[cursor.at :]
        self._check_privacy()
        mechanism = sasl.MECHANISMS.get(name)
        if mechanism is None:
            raise Refusal(ImapReply(NO, f"{name} is not among the mechanisms: {' '.join(sasl.MECHANISMS)}"))
        self._exchange = mechanism()
        return self._sasl_step(b"" if initial == b"=" else initial)  # "=" is an empty response: RFC 4959 §3

    @verb("(response)", rfc="9051 §6.2.2")
    def response(self, args: bytes) -> ImapReply:
        """Take the client's answer to a challenge; "*" ends the exchange."""
        if args == b"*":
            raise Refusal(ImapReply(BAD, "the exchange is cancelled"))
        return self._sasl_step(args)

    def _check_privacy(self) -> None:
        if not self.session.may_log_in:
            text = "a password is not taken in the clear here, use STARTTLS first"
            raise Refusal(ImapReply(NO, text, code=b"PRIVACYREQUIRED"))

    def _sasl_step(self, line: bytes | None) -> ImapReply:
        """Give the client's response, a line of base64, to the mechanism; None when there was none."""
        try:
            step = self._exchange.step(None if line is None else sasl.decode(line))
        except sasl.NotAuthorised as error:
            raise Refusal(ImapReply(NO, str(error), code=b"AUTHORIZATIONFAILED")) from None
        except sasl.SaslError as error:
            raise Refusal(ImapReply(BAD, str(error))) from None
        if isinstance(step, sasl.Challenge):
            return ImapReply(MORE, bytes(step).decode())
        return self._log_in(step.user, step.password)

    def _log_in(self, user: str, password: str) -> ImapReply:
        """Open the account of a user whose password is right; the answer does not tell which of both was wrong."""
        account = self.backend.log_in(user, password)
        if account is None:
            self._failures += 1
            reply = ImapReply(NO, "user name or password is wrong", code=b"AUTHENTICATIONFAILED")
            if self._failures >= MAX_FAILURES:
                reply = replace(reply, untagged=(b"* BYE too many failed log-ins\r\n",), then=Signal.CLOSE)
            return reply
        self.account = account
        self.session.user = account.name
        return ImapReply(OK, f"{account.name} is logged in", code=self._capability)

    @property
    def _capability(self) -> bytes:
        """The capabilities as they are just now."""
        words = ["CAPABILITY", "IMAP4rev1", "LITERAL+", "SASL-IR", "ID"]
        if self.account is not None:
            words += ["UNSELECT", "NAMESPACE", "CHILDREN", "UIDPLUS", "STATUS=SIZE"]
            return " ".join(words).encode()
        if self.session.offers_tls and not self.session.secure:
            words.append("STARTTLS")
        mechanisms = [f"AUTH={name}" for name in sasl.MECHANISMS]
        return " ".join(words + (mechanisms if self.session.may_log_in else ["LOGINDISABLED"])).encode()
