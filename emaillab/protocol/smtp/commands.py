"""What can a client say to any SMTP server? The verbs of RFC 5321, before a letter, about it, and at any time.

>>> from emaillab.protocol.backend import Session
>>> class PostOffice:
...     max_size = 1000
>>> class Plain(SessionCommands, TransferCommands): ...
>>> server = Plain(PostOffice(), Session("b.example", "192.0.2.7"))
>>> said = server.receive(b"HELO a.example\\r\\nRCPT TO:<bob@b.example>\\r\\nNOOP\\r\\n")
>>> print(said.decode().replace("\\r", ""), end="")
220 b.example ESMTP emaillab
250 b.example greets a.example
503 5.5.1 MAIL comes before RCPT
250 2.0.0 ok
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import CLOSED, Refusal, verb
from emaillab.protocol.smtp.grammar import Reply, parse_forward_path, parse_reverse_path
from emaillab.protocol.smtp.session import (
    ANY,
    BACK,
    CLOSURE,
    CONTENT,
    GREETED,
    HANDSHAKE,
    MAIL,
    NO_ENVELOPE,
    RCPT,
    READY,
    SmtpSession,
    check_known,
    none,
)
from emaillab.protocol.table import Table

OK = Reply(250, "2.0.0", "ok").rendered()
SENDER_OK = Reply(250, "2.1.0", "sender ok").rendered()
RECIPIENT_OK = Reply(250, "2.1.5", "recipient ok").rendered()
SEND_CONTENT = Reply(354, "", "send the content, end it with a dot on a line of its own").rendered()


class SessionCommands(SmtpSession):
    """The verbs about the session: EHLO, HELO, RSET, NOOP, VRFY, HELP, QUIT.

    Source: RFC 5321 §4.1.1.
    """

    MOVES: ClassVar[Table] = {
        ANY: {"EHLO": READY, "HELO": READY, "NOOP": BACK, "VRFY": BACK, "HELP": BACK, "QUIT": CLOSED, "RSET": READY},
        GREETED: {"RSET": GREETED},
    }
    PHASES: ClassVar = {"EHLO": HANDSHAKE, "HELO": HANDSHAKE, "QUIT": CLOSURE}
    KEYWORDS = ("HELP",)

    @verb("EHLO <client-name>", rfc="5321 §4.1.1.1")
    def ehlo(self, args: bytes) -> Reply:
        """Greet a client that knows extensions, and name ours."""
        self._meet(args, "EHLO")
        self.session.esmtp = True
        lines = [f"{self.session.server_name} greets {self.session.helo}", *self.keywords]
        return Reply(250, "", "\n".join(lines))

    @verb("HELO <client-name>", rfc="5321 §4.1.1.1")
    def helo(self, args: bytes) -> Reply:
        """Greet a client of the old kind."""
        self._meet(args, "HELO")
        self.session.esmtp = False
        return Reply(250, "", f"{self.session.server_name} greets {self.session.helo}")

    def _meet(self, args: bytes, name: str) -> None:
        """Learn the client's name. No enhanced codes here: they are agreed on by this very command (RFC 2034 §4)."""
        # QUIRK: the name should be a domain or an address literal, but clients send anything, and §4.1.4 forbids to
        # refuse mail because of it; only what cannot be repeated in a reply line and a trace field is refused.
        name_of_client = args.strip(b" ")
        if not name_of_client or len(name_of_client) > 255 or not _is_word(name_of_client):
            raise Refusal(Reply(501, "", f"expected {name} and the client's name"))
        self.session.helo = name_of_client.decode("ascii")
        self.end_transaction()

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
            parameters = {"MAIL": self.MAIL_PARAMETERS, "RCPT": self.RCPT_PARAMETERS}.get(name, {})
            shown = [f"[{parameter.syntax}]" for parameter in parameters.values() if parameter.shown]
            return Reply(214, "2.0.0", f"{' '.join([known.syntax, *shown])}\nRFC {known.rfc.replace('§', 'section ')}")
        if name:
            raise Refusal(Reply(504, "5.5.4", "HELP knows the verbs that HELP alone lists"))
        verbs = " ".join(name for name in self.VERBS if name.isalpha())
        return Reply(214, "2.0.0", f"{verbs}\nHELP <verb> shows its syntax")

    @verb("QUIT", rfc="5321 §4.1.1.10")
    def quit(self, args: bytes) -> Reply:
        """End the session; an envelope that is still open is thrown away."""
        none(args, "QUIT")
        return Reply(221, "2.0.0", f"{self.session.server_name} closes the connection")

    @verb("RSET", rfc="5321 §4.1.1.5")
    def rset(self, args: bytes) -> Reply:
        """Throw the open envelope away."""
        none(args, "RSET")
        self.end_transaction()
        return OK


class TransferCommands(SmtpSession):
    """The verbs of one mail transaction: MAIL, RCPT, DATA.

    Source: RFC 5321 §3.3, §4.1.1.2-4.
    """

    MOVES: ClassVar[Table] = {
        READY: {"MAIL": MAIL},
        MAIL: {"RCPT": RCPT},
        RCPT: {"RCPT": RCPT, "DATA": CONTENT},
        CONTENT: {("(content)", Outcome.OK): READY, ("(content)", Outcome.NO): READY},
    }
    MODES: ClassVar = {CONTENT: "(content)"}
    MAX_RECIPIENTS = 1000  # at least 100, RFC 5321 §4.5.3.1.8

    @verb("MAIL FROM:<reverse-path>", rfc="5321 §4.1.1.2")
    def mail(self, args: bytes) -> Reply:
        """Open an envelope."""
        if self.session.submission and self.session.user is None:
            raise Refusal(Reply(530, "5.7.0", "log in first, with AUTH"))
        reverse_path, parameters = parse_reverse_path(args)
        envelope = Envelope(reverse_path)
        if parameters:
            check_known(parameters, self.MAIL_PARAMETERS)
            for name, value in parameters.items():
                self.MAIL_PARAMETERS[name].note(self, value, envelope)
        self.backend.check_sender(self.session, envelope)
        if self.envelope is not NO_ENVELOPE:
            self.end_transaction()
        self.envelope = envelope
        return SENDER_OK

    @verb("RCPT TO:<forward-path>", rfc="5321 §4.1.1.3")
    def rcpt(self, args: bytes) -> Reply:
        """Add one recipient to the open envelope."""
        self.recipients_asked += 1
        forward_path, parameters = parse_forward_path(args)
        recipient = _plain(forward_path)
        if parameters:
            check_known(parameters, self.RCPT_PARAMETERS)
            for name, value in parameters.items():
                recipient = self.RCPT_PARAMETERS[name].note(self, value, recipient)
        if len(self.envelope.recipients) >= self.MAX_RECIPIENTS:
            raise Refusal(Reply(452, "4.5.3", f"too many recipients, at most {self.MAX_RECIPIENTS} are allowed"))
        self.backend.check_recipient(self.session, self.envelope, recipient)
        self.envelope.recipients.append(recipient)
        return RECIPIENT_OK

    @verb("DATA", rfc="5321 §4.1.1.4")
    def data(self, args: bytes) -> Reply:
        """Ask for the content."""
        none(args, "DATA")
        return SEND_CONTENT

    @verb("<content> CRLF .", rfc="5321 §4.1.1.4", name="(content)")
    def content(self, content: bytes) -> Reply:
        """Keep the letter."""
        return self.keep(content)


@lru_cache(1024)  # most mail goes to and fro between a few addresses
def _plain(forward_path: str) -> Recipient:
    """Return a recipient of whom nothing is said but the address."""
    return Recipient(forward_path)


def _is_word(octets: bytes) -> bool:
    """Tell whether octets are printable ASCII without a space."""
    return octets.isascii() and octets.decode("ascii").isprintable() and b" " not in octets
