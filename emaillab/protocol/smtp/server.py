"""What does an SMTP server say, and when?

>>> from emaillab.protocol.backend import Session
>>> from emaillab.protocol.envelope import Envelope, Recipient
>>> class PostOffice:
...     max_size = 10_000_000
...     def check_sender(self, session: Session, envelope: Envelope) -> None: ...
...     def check_recipient(self, session: Session, envelope: Envelope, recipient: Recipient) -> None: ...
...     def check_password(self, user: str, password: str) -> str | None: ...
...     def accept(self, session: Session, envelope: Envelope, content: bytes) -> str: return "1A"
>>> server = SmtpServer(PostOffice(), Session(server_name="hamburger.edu", peer_ip="192.0.2.7"))
>>> def hear(said: bytes) -> None:
...     print(server.receive(said).decode().replace("\\r", ""), end="")
>>> hear(b"HELO crepes.fr\\r\\nDATA\\r\\n")
220 hamburger.edu ESMTP emaillab
250 hamburger.edu greets crepes.fr
503 5.5.1 MAIL comes before DATA
>>> hear(b"MAIL FROM:<alice@crepes.fr>\\r\\nRCPT TO:<bob@hamburger.edu>\\r\\n")
250 2.1.0 sender ok
250 2.1.5 recipient ok
>>> server.state
'RCPT'
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

from emaillab.protocol import sasl
from emaillab.protocol.backend import MailAcceptor, Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import CLOSED, Machine, Outcome, Refusal, Signal, State, Table, verb
from emaillab.protocol.smtp.grammar import Parameters, Reply, parse_forward_path, parse_reverse_path
from emaillab.protocol.wire import ContentFramer, ContentTooBig, Framer, FramingError, LineFramer, LineTooLong

GREETED, READY, MAIL, RCPT, CONTENT, AUTH = "GREETED", "READY", "MAIL", "RCPT", "CONTENT", "AUTH"

HANDSHAKE, TRANSFER, CLOSURE = "handshake", "transfer", "closure"


def _always(state: State) -> dict[str | tuple[str, Outcome], State]:
    """Return the moves of the verbs that are welcome between any two commands."""
    return {"EHLO": READY, "HELO": READY, "NOOP": state, "VRFY": state, "HELP": state, "QUIT": CLOSED}


class SmtpServer(Machine):
    """One SMTP session, the server's end.

    Source: RFC 5321; RFC 1870 (SIZE), 2034 (ENHANCEDSTATUSCODES), 2920 (PIPELINING), 3207 (STARTTLS), 4954 (AUTH),
    6152 (8BITMIME), 6409 (submission).
    """

    START = GREETED
    TRANSITIONS: ClassVar[Table] = {
        GREETED: {**_always(GREETED), "RSET": GREETED},
        READY: {
            **_always(READY),
            "RSET": READY,
            "STARTTLS": GREETED,
            ("AUTH", Outcome.OK): READY,
            ("AUTH", Outcome.MORE): AUTH,
            "MAIL": MAIL,
        },
        AUTH: {
            ("(response)", Outcome.MORE): AUTH,
            ("(response)", Outcome.OK): READY,
            ("(response)", Outcome.NO): READY,
            ("(response)", Outcome.BAD): READY,
        },
        MAIL: {**_always(MAIL), "RSET": READY, "RCPT": RCPT},
        RCPT: {**_always(RCPT), "RSET": READY, "RCPT": RCPT, "DATA": CONTENT},
        CONTENT: {("(content)", Outcome.OK): READY, ("(content)", Outcome.NO): READY},
        CLOSED: {},
    }
    MODES: ClassVar[Mapping[State, str]] = {AUTH: "(response)", CONTENT: "(content)"}
    PHASES: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys((GREETED, "EHLO", "HELO", "STARTTLS", "AUTH", "(response)"), HANDSHAKE),
        **dict.fromkeys((READY, MAIL, RCPT, CONTENT), TRANSFER),
        **dict.fromkeys((CLOSED, "QUIT"), CLOSURE),
    }

    LINE_LIMIT = 512  # octets with CRLF, RFC 5321 §4.5.3.1.4
    LONGER_LINES: ClassVar[Mapping[str, int]] = {
        "MAIL": LINE_LIMIT + 26 + 17 + 500,  # SIZE, BODY and AUTH: RFC 1870 §3, 6152 §2, 4954 §3
        "AUTH": 12288,  # RFC 4954 §4
    }
    MAX_RECIPIENTS = 1000  # at least 100, RFC 5321 §4.5.3.1.8
    MAX_BAD_COMMANDS = 20

    OPTIONAL = frozenset(["PIPELINING", "SIZE", "8BITMIME"])
    """Extensions that a session may be told to leave out, so that it is a server of an older kind."""

    ABSENT = frozenset(["EXPN", "SEND", "SOML", "SAML", "TURN", "ETRN", "BDAT", "BURL"])
    """Verbs that SMTP has, but not this server: 502, not 500."""

    _SPELT: ClassVar[dict[bytes, str]] = {}
    """The verbs as most clients spell them, so that few have to be decoded."""

    def __init__(self, backend: MailAcceptor, session: Session) -> None:
        self.backend = backend
        self.session = session
        self.envelope = Envelope("")
        self._asked_for = 0  # recipients, granted or not
        self._exchange: sasl.SaslServer | None = None
        self._lines = LineFramer(max(self.LONGER_LINES.values()))
        self._content = ContentFramer(backend.max_size)
        super().__init__()
        self.greet(Reply(220, "", f"{session.server_name} ESMTP emaillab"))

    # Handshake

    @verb("EHLO <client-name>", rfc="5321 §4.1.1.1")
    def ehlo(self, args: bytes) -> Reply:
        """Greet a client that knows extensions, and name ours."""
        self._meet(args, "EHLO")
        self.session.esmtp = True
        lines = [f"{self.session.server_name} greets {self.session.helo}", *self.extensions]
        return Reply(250, "", "\n".join(lines))

    @verb("HELO <client-name>", rfc="5321 §4.1.1.1")
    def helo(self, args: bytes) -> Reply:
        """Greet a client of the old kind."""
        self._meet(args, "HELO")
        self.session.esmtp = False
        return Reply(250, "", f"{self.session.server_name} greets {self.session.helo}")

    @property
    def extensions(self) -> list[str]:
        """What the answer to EHLO announces, as it applies just now."""
        words = ["PIPELINING", f"SIZE {self.backend.max_size}", "8BITMIME", "ENHANCEDSTATUSCODES", "HELP"]
        if self.session.offers_tls and not self.session.tls:
            words.append("STARTTLS")
        if self.session.may_log_in:
            words.append("AUTH " + " ".join(sasl.MECHANISMS))
        if self.session.without:
            return [word for word in words if word.split()[0] not in self.session.without]
        return words

    @verb("STARTTLS", rfc="3207 §4")
    def starttls(self, args: bytes) -> Reply:
        """Invite the client to encrypt the rest of the session."""
        _none(args, "STARTTLS")
        if self.session.tls:
            raise Refusal(Reply(503, "5.5.1", "this session is encrypted already"))
        if not self.session.offers_tls:
            raise Refusal(Reply(502, "5.5.1", "STARTTLS is not offered here"))
        return Reply(220, "2.0.0", "go ahead with TLS", then=Signal.START_TLS)

    @verb("AUTH <mechanism> [<initial-response>]", rfc="4954 §4")
    def auth(self, args: bytes) -> Reply:
        """Begin to log in; an initial response of "=" is an empty one."""
        if self.session.user is not None:
            raise Refusal(Reply(503, "5.5.1", f"you are logged in already, as {self.session.user}"))
        if not self.session.may_log_in:
            raise Refusal(Reply(538, "5.7.11", "passwords are taken under TLS only: STARTTLS comes first"))
        name, _, initial = args.strip(b" ").partition(b" ")
        mechanism = sasl.MECHANISMS.get(name.decode("ascii", "replace").upper())
        if mechanism is None:
            raise Refusal(Reply(504, "5.5.4", f"expected one of the mechanisms {' '.join(sasl.MECHANISMS)}"))
        self._exchange = mechanism()
        return self._exchange_step(initial or None)

    @verb("<base64>", rfc="4954 §4", name="(response)")
    def response(self, line: bytes) -> Reply:
        """Take the client's next word in a log-in; "*" cancels it."""
        if line == b"*":
            raise Refusal(Reply(501, "5.7.0", "log-in cancelled"))
        return self._exchange_step(line)

    # Transfer

    @verb("MAIL FROM:<reverse-path> [SIZE=<octets>] [BODY=7BIT|8BITMIME]", rfc="5321 §4.1.1.2")
    def mail(self, args: bytes) -> Reply:
        """Open an envelope."""
        if self.session.submission and self.session.user is None:
            raise Refusal(Reply(530, "5.7.0", "log in first, with AUTH"))
        reverse_path, parameters = parse_reverse_path(args)
        envelope = Envelope(reverse_path)
        if parameters:
            self._note(parameters, envelope)
        self.backend.check_sender(self.session, envelope)
        self.envelope, self._asked_for = envelope, 0
        return SENDER_OK

    @verb("RCPT TO:<forward-path>", rfc="5321 §4.1.1.3")
    def rcpt(self, args: bytes) -> Reply:
        """Add one recipient to the open envelope."""
        self._asked_for += 1
        forward_path, parameters = parse_forward_path(args)
        if parameters:
            raise Refusal(_unknown_parameter(next(iter(parameters))))
        if len(self.envelope.recipients) >= self.MAX_RECIPIENTS:
            raise Refusal(Reply(452, "4.5.3", f"too many recipients, at most {self.MAX_RECIPIENTS} are allowed"))
        recipient = _plain(forward_path)
        self.backend.check_recipient(self.session, self.envelope, recipient)
        self.envelope.recipients.append(recipient)
        return RECIPIENT_OK

    @verb("DATA", rfc="5321 §4.1.1.4")
    def data(self, args: bytes) -> Reply:
        """Ask for the content."""
        _none(args, "DATA")
        return SEND_CONTENT

    @verb("<content> CRLF .", rfc="5321 §4.1.1.4", name="(content)")
    def content(self, content: bytes) -> Reply:
        """Take responsibility for the letter: from this 250 on it is ours."""
        envelope, self.envelope = self.envelope, Envelope("")
        queue_id = self.backend.accept(self.session, envelope, content)
        return Reply(250, "2.0.0", f"kept as {queue_id}", durable=True)

    @verb("RSET", rfc="5321 §4.1.1.5")
    def rset(self, args: bytes) -> Reply:
        """Throw the open envelope away."""
        _none(args, "RSET")
        self.envelope = Envelope("")
        return OK

    # At any time

    @verb("NOOP", rfc="5321 §4.1.1.9")
    def noop(self, args: bytes) -> Reply:
        """Do nothing."""
        return OK

    @verb("VRFY <user>", rfc="5321 §4.1.1.6")
    def vrfy(self, args: bytes) -> Reply:
        """Decline to tell who has a mailbox here, which only address collectors ask (§7.3)."""
        if not args.strip():
            raise Refusal(Reply(501, "5.5.4", "expected VRFY <user>"))
        return Reply(252, "2.0.0", "send the letter, then we shall see")

    @verb("HELP [<verb>]", rfc="5321 §4.1.1.8")
    def help(self, args: bytes) -> Reply:
        """List the verbs, or show one's syntax."""
        name = args.strip().decode("ascii", "replace").upper()
        known = self.VERBS.get(name)
        if known:
            return Reply(214, "2.0.0", f"{known.syntax}\nRFC {known.rfc.replace('§', 'section ')}")
        if name:
            raise Refusal(Reply(504, "5.5.4", "HELP knows the verbs that HELP alone lists"))
        verbs = " ".join(name for name in self.VERBS if name.isalpha())
        return Reply(214, "2.0.0", f"{verbs}\nHELP <verb> shows its syntax")

    @verb("QUIT", rfc="5321 §4.1.1.10")
    def quit(self, args: bytes) -> Reply:
        """End the session; an envelope that is still open is thrown away."""
        _none(args, "QUIT")
        return Reply(221, "2.0.0", f"{self.session.server_name} closes the connection")

    # What the verbs have in common

    def _meet(self, args: bytes, name: str) -> None:
        """Learn the client's name. No enhanced codes here: they are agreed on by this very command (RFC 2034 §4)."""
        # QUIRK: the name should be a domain or an address literal, but clients send anything, and §4.1.4 forbids to
        # refuse mail because of it; only what cannot be repeated in a reply line and a trace field is refused.
        name_of_client = args.strip(b" ")
        if not name_of_client or len(name_of_client) > 255 or not _is_word(name_of_client):
            raise Refusal(Reply(501, "", f"expected {name} and the client's name"))
        self.session.helo = name_of_client.decode("ascii")
        self.envelope = Envelope("")

    def _exchange_step(self, line: bytes | None) -> Reply:
        """Hand a response to the mechanism and say what comes next."""
        assert self._exchange is not None
        try:
            said = self._exchange.step(None if line is None else sasl.decode(b"" if line == b"=" else line))
        except sasl.NotAuthorised as error:
            raise Refusal(Reply(535, "5.7.8", str(error))) from None
        except sasl.SaslError as error:
            raise Refusal(Reply(501, "5.5.2", str(error))) from None
        if isinstance(said, sasl.Challenge):
            return Reply(334, "", bytes(said).decode("ascii"))
        return self._log_in(said)

    def _log_in(self, credentials: sasl.Credentials) -> Reply:
        try:
            self.session.user = self.backend.check_password(credentials.user, credentials.password)
        except Refusal:
            raise
        except Exception as error:
            self.errors.append(error)
            raise Refusal(Reply(454, "4.7.0", "log-in is not possible just now")) from error
        if self.session.user is None:
            raise Refusal(Reply(535, "5.7.8", "user or password is wrong"))
        return Reply(235, "2.7.0", f"welcome, {self.session.user}")

    def _note(self, parameters: Parameters, envelope: Envelope) -> None:
        """Write MAIL's parameters on the envelope."""
        known = {parameter for extension, parameter in _EXTENSIONS if extension not in self.session.without}
        if self.session.may_log_in:
            known.add("AUTH")  # SIMPLIFIED: who submitted the letter elsewhere is of no use here
        if unknown := [name for name in parameters if name not in known]:
            raise Refusal(_unknown_parameter(unknown[0]))
        size, body = parameters.get("SIZE"), parameters.get("BODY")
        if size is not None:
            # size-value = 1*20DIGIT      RFC 1870 §3
            if not (size.isdigit() and len(size) <= 20):
                raise Refusal(Reply(501, "5.5.4", "expected SIZE=<octets>"))
            envelope.size = int(size)
            if envelope.size > self.backend.max_size:
                raise Refusal(Reply(552, "5.3.4", f"{size} octets, at most {self.backend.max_size} are allowed"))
        if body is not None:
            envelope.body = body.upper()
            if envelope.body not in ("7BIT", "8BITMIME"):
                raise Refusal(Reply(501, "5.5.4", "expected BODY=7BIT or BODY=8BITMIME"))

    # How the machine speaks SMTP

    def framer_for(self, state: State) -> Framer:
        """Read lines, and content after DATA."""
        return self._content if state == CONTENT else self._lines

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a command line; a line that is too long for its verb is refused."""
        word, _, args = unit.partition(b" ")
        name = self._SPELT.get(word) or word.upper().decode("ascii", "replace")
        if len(unit) > self.LINE_LIMIT - 2:
            limit = self.LONGER_LINES.get(name, self.LINE_LIMIT)
            if len(unit) > limit - 2:
                raise Refusal(Reply(500, "5.5.2", f"line of {len(unit) + 2} octets, at most {limit} are allowed"))
        return name, args

    def render(self, reply: Reply) -> bytes:
        """Return the octets of a reply; those of the frequent ones are ready."""
        return reply.raw or bytes(reply)

    def unknown(self, name: str) -> Reply:
        """Say that a verb is not one, or not ours."""
        if name in self.ABSENT:
            return Reply(502, "5.5.1", f"{name} is not offered here")
        shown = f"{name} is" if name.isascii() and name.isalnum() and len(name) <= 40 else "that is"
        return Reply(500, "5.5.1", f"{shown} not a command, HELP lists them")

    def misplaced(self, name: str) -> Reply:
        """Say what should have come before a verb, or that it comes too late."""
        if name == "DATA" and self.state == MAIL and self._asked_for:
            return Reply(554, "5.5.1", "no valid recipients")
        if self.state == GREETED:
            return Reply(503, "5.5.1", f"EHLO or HELO comes before {name}")
        if self.state == READY:
            return Reply(503, "5.5.1", f"MAIL comes before {name}")
        if name == "DATA":
            return Reply(503, "5.5.1", "RCPT comes before DATA")
        return Reply(503, "5.5.1", f"{name} is not allowed in a mail transaction")

    def misframed(self, error: FramingError) -> Reply:
        """Refuse a line or a content; in both cases the session goes on."""
        if isinstance(error, ContentTooBig):
            return Reply(552, "5.3.4", str(error))
        if self.state == CONTENT:
            return Reply(554, "5.6.0", str(error))
        too_long_a_response = self.state == AUTH and isinstance(error, LineTooLong)
        return Reply(500, "5.5.6" if too_long_a_response else "5.5.2", str(error))

    def broken(self, error: Exception) -> Reply:
        """Ask the client to keep the letter and come again."""
        return Reply(451, "4.3.0", "internal error, please try again later")

    def not_kept(self, promise: Reply, reason: str) -> Reply:
        """Leave the letter with the client: it could not be kept here."""
        return Reply(451, "4.3.0", reason)

    def exhausted(self) -> Reply:
        """Part with a client that does not speak SMTP."""
        return Reply(421, "4.7.0", "too many bad commands, closing the connection", then=Signal.CLOSE)

    def farewell(self, *, idle: bool) -> bytes:
        """Say why there will be no answer any more. Source: RFC 5321 §3.8, §4.5.3.2.7."""
        enhanced, why = ("4.4.2", "waited too long") if idle else ("4.3.2", "is shutting down")
        return bytes(Reply(421, enhanced, f"{self.session.server_name} {why}, closing the connection"))

    def reset_for_tls(self) -> None:
        """Forget what was said in the clear: anybody could have said it (RFC 3207 §4.2)."""
        self.session.helo, self.session.esmtp, self.session.user = "", False, None
        self.envelope = Envelope("")


SmtpServer._SPELT.update({name.encode(): name for name in SmtpServer.VERBS if name.isalpha()})

OK = Reply(250, "2.0.0", "ok").rendered()
SENDER_OK = Reply(250, "2.1.0", "sender ok").rendered()
RECIPIENT_OK = Reply(250, "2.1.5", "recipient ok").rendered()
_EXTENSIONS = (("SIZE", "SIZE"), ("8BITMIME", "BODY"))  # and MAIL's parameter of each

SEND_CONTENT = Reply(354, "", "send the content, end it with a dot on a line of its own").rendered()


def _none(args: bytes, name: str) -> None:
    """Refuse arguments where there are none."""
    if args.strip(b" "):
        raise Refusal(Reply(501, "5.5.4", f"{name} takes no argument"))


@lru_cache(1024)  # most mail goes to and fro between a few addresses
def _plain(forward_path: str) -> Recipient:
    """Return a recipient of whom nothing is said but the address."""
    return Recipient(forward_path)


def _unknown_parameter(name: str) -> Reply:
    return Reply(555, "5.5.4", f"parameter {name[:80]} is not known")


def _is_word(octets: bytes) -> bool:
    """Tell whether octets are printable ASCII without a space."""
    return octets.isascii() and octets.decode("ascii").isprintable() and b" " not in octets
