"""What do all parts of an SMTP server share? The session's states, its envelope, and how replies are worded.

Commands and extensions are parts of a server, each in a file of its own. A part declares its moves in the table, what
the answer to EHLO announces, the parameters it adds to MAIL and RCPT, and which lines may be longer than usual.

>>> from emaillab.protocol.backend import Session
>>> class Weather(SmtpSession):
...     '''An extension that nobody needs.'''
...     MOVES = {ANY: {"SKY": BACK}}
...     KEYWORDS = ("XSKY",)
...     @verb("SKY", rfc="0 §1")
...     def sky(self, args: bytes) -> Reply:
...         return Reply(250, "2.0.0", "blue")
>>> server = Weather(None, Session("b.example", "192.0.2.7"))
>>> server.receive(b"sky\\r\\nmoon\\r\\n").splitlines()[1:], server.keywords
([b'250 2.0.0 blue', b'500 5.5.1 MOON is not a command, HELP lists them'], ['XSKY'])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar, TypeVar

from emaillab.engine import Outcome, Signal, State
from emaillab.protocol.backend import MailAcceptor, Session
from emaillab.protocol.envelope import Envelope
from emaillab.protocol.framing.content import ContentFramer, ContentTooBig
from emaillab.protocol.framing.framer import Framer, FramingError
from emaillab.protocol.framing.lines import CRLF, LineFramer
from emaillab.protocol.framing.payload import Announced, PayloadFramer, PayloadTooBig, PayloadUnknown
from emaillab.protocol.machine import CLOSED, Machine, Refusal, verb
from emaillab.protocol.smtp.grammar import Parameters, Reply
from emaillab.protocol.table import ANY, BACK, declared, merge

__all__ = ["ANY", "BACK", "SmtpSession", "mail_parameter", "rcpt_parameter", "verb"]

GREETED, READY, MAIL, RCPT, CONTENT = "GREETED", "READY", "MAIL", "RCPT", "CONTENT"
HANDSHAKE, TRANSFER, CLOSURE = "handshake", "transfer", "closure"

LINE_LIMIT = 512  # octets with CRLF, RFC 5321 §4.5.3.1.4

NO_ENVELOPE = Envelope("")
"""What there is between two transactions; nothing is ever written on it."""

Noter = TypeVar("Noter", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of MAIL or RCPT: its syntax, how much longer a line may be for it, and who notes its value."""

    name: str
    syntax: str
    rfc: str
    octets: int  # with the space before it
    note: Callable[..., Any]
    shown: bool  # in HELP


def mail_parameter(syntax: str, *, rfc: str, octets: int, shown: bool = True) -> Callable[[Noter], Noter]:
    """Mark a method as the one that notes a parameter of MAIL: it takes the value, "" for none, and the envelope.

    Args: octets: by how many octets the parameter makes the line longer; shown: whether HELP shows it.
    """
    return _parameter("__mail_parameter__", syntax, rfc, octets, shown)


def rcpt_parameter(syntax: str, *, rfc: str, octets: int, shown: bool = True) -> Callable[[Noter], Noter]:
    """Mark a method as the one that notes a parameter of RCPT: takes value and Recipient, returns the new one."""
    return _parameter("__rcpt_parameter__", syntax, rfc, octets, shown)


def _parameter(mark: str, syntax: str, rfc: str, octets: int, shown: bool) -> Callable[[Noter], Noter]:
    def marked(method: Noter) -> Noter:
        setattr(method, mark, Parameter(syntax.partition("=")[0], syntax, rfc, octets, method, shown))
        return method

    return marked


def _marked(mark: str) -> Callable[[type], Mapping[str, Parameter]]:
    """Return a function for `merge` that reads the parameters of one part of a server."""

    def own(part: type) -> Mapping[str, Parameter]:
        methods = [vars(value) for value in vars(part).values() if isinstance(value, FunctionType)]
        return {method[mark].name: method[mark] for method in methods if mark in method}

    return own


def _announced(part: type) -> Mapping[str, str]:
    """Return the lines that one part adds to the answer to EHLO, by keyword."""
    return {line.split()[0]: line for line in vars(part).get("KEYWORDS", ())}


class SmtpSession(Machine[Reply]):
    """One SMTP session without its commands.

    Parts declare, beside MOVES, MODES and PHASES:
        KEYWORDS: what the answer to EHLO announces; `announcement` fills it in, or leaves it out for now.
        PAYLOADS: for verbs that are followed by octets of their own, how their arguments say how many.
        LONGER_LINES: for verbs whose line may be longer than 512 octets, how long; parameters add to it.
        and methods marked with `verb`, `mail_parameter`, `rcpt_parameter`.
    """

    START = GREETED
    PHASES: ClassVar[Mapping[str, str]] = {
        GREETED: HANDSHAKE,
        **dict.fromkeys((READY, MAIL, RCPT, CONTENT), TRANSFER),
        CLOSED: CLOSURE,
    }
    MAX_BAD_COMMANDS = 20
    USUAL_LINE = LINE_LIMIT - len(CRLF)

    KEYWORDS: ClassVar[tuple[str, ...]] = ()
    PAYLOADS: ClassVar[Mapping[str, Announced]] = {}
    LONGER_LINES: ClassVar[Mapping[str, int]] = {}

    MAIL_PARAMETERS: ClassVar[dict[str, Parameter]] = {}
    RCPT_PARAMETERS: ClassVar[dict[str, Parameter]] = {}
    _ANNOUNCED: ClassVar[dict[str, str]] = {}
    _PAYLOADS: ClassVar[dict[str, Announced]] = {}
    _LONGER_LINES: ClassVar[dict[str, int]] = {}

    ABSENT = frozenset(["EXPN", "SEND", "SOML", "SAML", "TURN", "ETRN", "BDAT", "BURL", "STARTTLS", "AUTH"])
    """Verbs that SMTP has, but perhaps not this server: 502, not 500."""

    _SPELT: ClassVar[dict[bytes, str]] = {}
    """The verbs as most clients spell them, so that few have to be decoded."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.MAIL_PARAMETERS = merge(cls, _marked("__mail_parameter__"), "take the parameter {} of MAIL")
        cls.RCPT_PARAMETERS = merge(cls, _marked("__rcpt_parameter__"), "take the parameter {} of RCPT")
        cls._ANNOUNCED = merge(cls, _announced, "announce {}")
        cls._PAYLOADS = merge(cls, declared("PAYLOADS"), "read the payload of {}")
        cls._LONGER_LINES = merge(cls, declared("LONGER_LINES"), "say how long the line of {} may be") | {
            "MAIL": LINE_LIMIT + sum(parameter.octets for parameter in cls.MAIL_PARAMETERS.values()),
            "RCPT": LINE_LIMIT + sum(parameter.octets for parameter in cls.RCPT_PARAMETERS.values()),
        }
        cls._SPELT = {name.encode(): name for name in cls.VERBS if name.isalpha()}

    def __init__(self, backend: MailAcceptor, session: Session) -> None:
        self.backend = backend
        self.session = session
        self.end_transaction()
        lines = LineFramer(max(LINE_LIMIT, *self._LONGER_LINES.values()))
        self._lines: Framer = lines
        if self._PAYLOADS:
            self._lines = PayloadFramer(lines, self._PAYLOADS, backend.max_size)
        super().__init__()
        self.greet(Reply(220, "", f"{session.server_name} ESMTP emaillab"))

    # What parts may add to

    def end_transaction(self) -> None:
        """Forget the envelope, and all that parts remember of a transaction; they begin with it, too."""
        self.envelope = NO_ENVELOPE
        self.recipients_asked = 0  # granted or not

    def reset_for_tls(self) -> None:
        """Forget what was said in the clear: anybody could have said it (RFC 3207 §4.2)."""
        self.session.helo, self.session.esmtp, self.session.user = "", False, None
        self.end_transaction()

    def announcement(self, keyword: str) -> str:
        """Return the line that announces a keyword just now, "" for none."""
        return self._ANNOUNCED[keyword]

    @property
    def keywords(self) -> list[str]:
        """What the answer to EHLO announces, as it applies just now."""
        return [line for line in map(self.announcement, self._ANNOUNCED) if line]

    def keep(self, content: bytes) -> Reply:
        """Take responsibility for a letter, in whichever way its content came: from this 250 on it is ours."""
        envelope = self.envelope
        self.end_transaction()
        queue_id = self.backend.accept(self.session, envelope, content)
        return Reply(250, "2.0.0", f"kept as {queue_id}", durable=True)

    # How the machine speaks SMTP

    def say(self, outcome: Outcome, text: str, then: Signal | None = None) -> Reply:
        """Return a reply whose code means an outcome."""
        return Reply(
            {Outcome.OK: 250, Outcome.MORE: 354, Outcome.NO: 554, Outcome.BAD: 500}[outcome], "", text, then=then
        )

    def framer_for(self, state: State) -> Framer:
        """Read lines, with the octets that belong to them, and content after DATA."""
        return ContentFramer(self.backend.max_size) if state == CONTENT else self._lines

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a command line."""
        word, _, args = unit.partition(b" ")
        return self._SPELT.get(word) or word.removesuffix(CRLF).upper().decode("ascii", "replace"), args

    def check_length(self, name: str, unit: bytes) -> None:
        """Refuse a line that is too long for its verb; a payload behind it does not count."""
        line = unit.partition(CRLF)[0]
        limit = self._LONGER_LINES.get(name, LINE_LIMIT)
        if len(line) + len(CRLF) > limit:
            raise Refusal(Reply(500, "5.5.2", f"line of {len(line) + 2} octets, at most {limit} are allowed"))

    def verb_of(self, broken: bytes) -> str:
        """Return the verb of a line that is refused as a whole, if it is one of ours."""
        name = self.split(broken)[0]
        return name if name in self.VERBS else ""

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
        if self.state == GREETED:
            return Reply(503, "5.5.1", f"EHLO or HELO comes before {name}")
        if self.state == READY:
            return Reply(503, "5.5.1", f"MAIL comes before {name}")
        if self.state == MAIL and self._takes_content(name):
            if self.recipients_asked:
                return Reply(554, "5.5.1", "no valid recipients")
            return Reply(503, "5.5.1", f"RCPT comes before {name}")
        return Reply(503, "5.5.1", f"{name} is not allowed in a mail transaction")

    def _takes_content(self, name: str) -> bool:
        """Tell whether a verb follows the recipients, as DATA does, rather than the greeting."""
        return name in self._ROWS[RCPT] and name not in self._ROWS[READY]

    def misframed(self, error: FramingError) -> Reply:
        """Refuse a line or a content. The session goes on, unless nobody knows where the next command begins."""
        if isinstance(error, PayloadUnknown):
            return Reply(501, "5.5.4", f"{error}, closing the connection", then=Signal.CLOSE)
        if isinstance(error, ContentTooBig | PayloadTooBig):
            return Reply(552, "5.3.4", str(error))
        if self.state == CONTENT:
            return Reply(554, "5.6.0", str(error))
        return Reply(500, "5.5.2", str(error))

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


def check_known(parameters: Parameters, known: Mapping[str, Parameter]) -> None:
    """Refuse the first parameter that no part of the server knows. Raises: Refusal(555)."""
    if unknown := [name for name in parameters if name not in known]:
        raise Refusal(unknown_parameter(unknown[0]))


def unknown_parameter(name: str) -> Reply:
    """Return the refusal of a parameter that no part of the server knows."""
    return Reply(555, "5.5.4", f"parameter {name[:80]} is not known")


def none(args: bytes, name: str) -> None:
    """Refuse arguments where there are none. Raises: Refusal."""
    if args.strip(b" "):
        raise Refusal(Reply(501, "5.5.4", f"{name} takes no argument"))
