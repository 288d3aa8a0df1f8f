"""What do all parts of an SMTP client share? A command, its reply, and the steps of one mail transaction.

>>> class Wire:
...     def __init__(self, replies: bytes) -> None: self.replies = replies.splitlines(True)
...     def send(self, data: bytes) -> None: print(data)
...     def readline(self, limit: int = 8192) -> bytes: return self.replies.pop(0)
>>> client = SmtpClientSession(Wire(b"220 b.example\\r\\n250-2.0.0 so\\r\\n250 2.0.0 what\\r\\n"))
>>> client.command("NOOP").lines
b'NOOP\\r\\n'
('so', 'what')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

from emaillab.engine import Outcome
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.framing.dots import complete, stuff
from emaillab.protocol.framing.lines import bare_line_end
from emaillab.protocol.smtp.grammar import Reply, parse_reply, parse_reply_line, path_command
from emaillab.protocol.smtp.time_outs import BLOCK, CONTENT, GREETING, time_out_s
from emaillab.protocol.smtp.xtext import encode_xtext
from emaillab.protocol.stream import ProtocolError, Stream

MAX_REPLY_LINES = 1000
"""A server that says more in one reply is not an SMTP server."""

Transfer = Callable[[], Reply]
"""Hands a content over, once some recipient is taken, and returns the reply that settles the letter's fate."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one letter: the server's word for each recipient, and its last word."""

    accepted: bool  # the server took responsibility, for those recipients that it did not refuse
    recipients: dict[str, Reply]  # the replies to RCPT, in order
    final: Reply  # the reply that settled it: to the content, or the refusal that ended it earlier

    def reply_for(self, forward_path: str) -> Reply:
        """Return the reply that settles one recipient's fate."""
        asked = self.recipients.get(forward_path)
        return self.final if asked is None or asked.ok else asked

    @property
    def refused(self) -> dict[str, Reply]:
        """The recipients whom the letter will not reach from here, and why."""
        replies = {path: self.reply_for(path) for path in self.recipients}
        return {path: reply for path, reply in replies.items() if not reply.ok}


class SmtpClientSession:
    """One SMTP session, the client's end. Each command's method returns the server's reply, good or bad.

    Args: time_outs: how long the answer to each command may take, as in TIME_OUTS; else as long as the stream waits.
    Raises: ProtocolError for a reply that is none, ConnectionError and TimeoutError as the stream does.
    """

    def __init__(
        self, stream: Stream, *, transcript: object = None, time_outs: Mapping[str, float] | None = None
    ) -> None:
        self.stream = stream
        self.transcript = transcript
        self.extensions: dict[str, str] = {}
        self._time_outs = time_outs
        self.greeting = self.read_reply(GREETING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is None:
            with suppress(OSError, ProtocolError):  # the session may be over already
                self.quit()
        self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        self.stream.close()

    # Line by line

    def command(self, line: str | bytes) -> Reply:
        """Send one line and return the reply. Raises: ValueError when it is more than one line."""
        octets = line.encode() if isinstance(line, str) else line
        if b"\r" in octets or b"\n" in octets:
            raise ValueError(f"a command is one line, without its line end: {octets!r}")
        verb = octets.partition(b" ")[0].upper().decode("ascii", "replace")
        self._allow(verb)
        self.stream.send(octets + b"\r\n")
        return self.read_reply(verb)

    def read_reply(self, to: str = "") -> Reply:
        """Read one reply, of as many lines as it has. Args: to: the verb that it answers."""
        self._allow(to)
        raw, more = b"", True
        for _ in range(MAX_REPLY_LINES):
            line = self.stream.readline()
            _, more, _ = parse_reply_line(line)
            raw += line
            if not more:
                return parse_reply(raw)
        raise ProtocolError(f"a reply of more than {MAX_REPLY_LINES} lines")

    def _allow(self, awaited: str) -> None:
        """Give the server from now on as long as its answer may take."""
        if self._time_outs is not None:
            self.stream.allow(time_out_s(awaited, self._time_outs))

    # Handshake

    def ehlo(self, name: str = "localhost") -> Reply:
        """Say who we are and learn the server's extensions; fall back to HELO where EHLO is not known."""
        reply = self.command(f"EHLO {name}")
        if reply.outcome is Outcome.BAD:
            return self.helo(name)
        self.extensions = _extensions(reply) if reply.ok else {}
        return reply

    def helo(self, name: str = "localhost") -> Reply:
        """Say who we are, in the old way: no extensions."""
        self.extensions = {}
        return self.command(f"HELO {name}")

    # Transfer

    def mail(self, reverse_path: str, **parameters: object) -> Reply:
        """Open an envelope: `mail("alice@a.example", size=120, body="8BITMIME")`; "" is the null reverse-path."""
        return self.command(path_command("MAIL FROM", reverse_path, parameters))

    def rcpt(self, forward_path: str, **parameters: object) -> Reply:
        """Add a recipient."""
        return self.command(path_command("RCPT TO", forward_path, parameters))

    def data(self) -> Reply:
        """Ask to send the content."""
        return self.command("DATA")

    def content(self, raw: bytes) -> Reply:
        """Send content as it is, with dots stuffed and its last line ended, then the final dot."""
        self._allow(BLOCK)
        self.stream.send(stuff(complete(raw)) + b".\r\n")
        return self.read_reply(CONTENT)

    def rset(self) -> Reply:
        """Throw the open envelope away."""
        return self.command("RSET")

    def send(
        self,
        reverse_path: str,
        recipients: str | Iterable[str | Recipient],
        raw: bytes,
        *,
        pipelining: bool | Literal["auto"] = "auto",
        ret: str = "",
        envid: str = "",
        smtputf8: bool = False,
    ) -> SendResult:
        """Carry out one mail transaction. Lines that end in LF or CR alone are sent with CRLF.

        Args: recipients: addresses, or Recipient values. ret, envid: as in Envelope; these, and what recipients ask
            for, are said to a server with DSN only. smtputf8: whether addresses or header need not be ASCII.
        Returns: what became of the letter; the session is ready for the next one.
        Raises: TypeError for a letter that is not octets.
        Source: RFC 5321 §3.3; RFC 1870 §5, 2920 §3.1, 3461 §5.2.1, 6152 §3, 6531 §3.2.
        """
        raw = ready_to_send(raw)
        envelope = Envelope(reverse_path, each_once(recipients), ret=ret, envid=envid, smtputf8=smtputf8)
        if (refused := self.cannot_carry(envelope, raw)) is not None:
            return SendResult(False, {}, refused)
        if pipelining is True or (pipelining == "auto" and "PIPELINING" in self.extensions):
            return self._send_pipelined(envelope, raw)
        return self.send_in_turn(envelope, raw, lambda: self.transfer(raw))

    def cannot_carry(self, envelope: Envelope, raw: bytes) -> Reply | None:
        """Return why the server cannot be given a letter, in the words of a reply; None when it can."""
        if envelope.smtputf8 and "SMTPUTF8" not in self.extensions and not _ascii_only(envelope, raw):
            return Reply(554, "5.6.7", "not sent: not all ASCII, and no SMTPUTF8 at the server")
        if not raw.isascii() and "8BITMIME" not in self.extensions:
            return Reply(554, "5.6.3", "not sent: 8-bit content, and no 8BITMIME at the server")
        return None

    def envelope_lines(self, envelope: Envelope, raw: bytes) -> list[bytes]:
        """Return the lines of MAIL and of each RCPT, with what the server's extensions let them say."""
        said = (
            ("SIZE", "SIZE", len(raw)),
            ("8BITMIME", "BODY", "" if raw.isascii() else "8BITMIME"),
            ("SMTPUTF8", "SMTPUTF8", envelope.smtputf8),
            ("DSN", "RET", envelope.ret),
            ("DSN", "ENVID", encode_xtext(envelope.envid)),
        )
        known = {name: value for extension, name, value in said if extension in self.extensions and value}
        lines = [path_command("MAIL FROM", envelope.reverse_path, known)]
        for recipient in envelope.recipients:
            lines.append(path_command("RCPT TO", recipient.forward_path, self._wishes(recipient)))
        return lines

    def _wishes(self, recipient: Recipient) -> dict[str, object]:
        """Return what RCPT says beside the forward-path. Source: RFC 3461 §4.1, §4.2."""
        wishes: dict[str, object] = {}
        if "DSN" in self.extensions and recipient.notify:
            wishes["NOTIFY"] = recipient.notify_value
        if "DSN" in self.extensions and recipient.orcpt:
            kind, _, address = recipient.orcpt.partition(";")
            wishes["ORCPT"] = f"{kind};{encode_xtext(address)}"
        return wishes

    def transfer(self, raw: bytes) -> Reply:
        """Hand a content over with DATA."""
        go_on = self.data()
        if go_on.code == 354:
            return self.content(raw)
        self.abandon(go_on)
        return go_on

    def send_in_turn(self, envelope: Envelope, raw: bytes, transfer: Transfer) -> SendResult:
        """Send an envelope, waiting for each reply before the next command, then have the content handed over."""
        mail, *rcpts = self.envelope_lines(envelope, raw)
        final = self.command(mail)
        if not final.ok:
            return SendResult(False, {}, final)
        recipients: dict[str, Reply] = {}
        for path, rcpt in zip(envelope.forward_paths, rcpts, strict=True):
            final = recipients[path] = self.command(rcpt)
            if final.code == 421:
                return SendResult(False, recipients, final)
        if any(reply.ok for reply in recipients.values()):
            final = transfer()
            return SendResult(final.ok, recipients, final)
        self.abandon(final)
        return SendResult(False, recipients, final)

    def _send_pipelined(self, envelope: Envelope, raw: bytes) -> SendResult:
        """Send the whole envelope and DATA in one segment, then read all replies."""
        self._allow("MAIL")
        self.stream.send(b"".join(line + b"\r\n" for line in [*self.envelope_lines(envelope, raw), b"DATA"]))
        mail = self.read_reply("MAIL")
        if mail.code == 421:
            return SendResult(False, {}, mail)
        recipients = {path: self.read_reply("RCPT") for path in envelope.forward_paths}
        go_on = self.read_reply("DATA")
        taken = [reply for reply in recipients.values() if reply.ok]
        if go_on.code == 354:
            if mail.ok and taken:
                final = self.content(raw)
                return SendResult(final.ok, recipients, final)
            self.content(b"")  # asked for, though nobody will get it: a lone dot ends it
        elif mail.ok:
            self.abandon(go_on)
        if not mail.ok:
            return SendResult(False, {}, mail)
        return SendResult(False, recipients, go_on if taken or not recipients else [*recipients.values()][-1])

    def abandon(self, last: Reply) -> None:
        """Clear the envelope so that the next letter finds none, unless the server is about to hang up."""
        if last.code != 421:
            self.rset()

    # At any time

    def news(self) -> tuple[Reply, ...]:
        """Return what the server has said unasked, such as a farewell, as far as it has arrived; never waits."""
        replies = []
        while self.stream.ready():
            replies.append(self.read_reply())
        return tuple(replies)

    def noop(self) -> Reply:
        """Ask for a sign of life."""
        return self.command("NOOP")

    def vrfy(self, user: str) -> Reply:
        """Ask whether a user has a mailbox here."""
        return self.command(f"VRFY {user}")

    def help(self, verb: str = "") -> Reply:
        """Ask for the verbs, or for one's syntax."""
        return self.command(f"HELP {verb}".rstrip())

    def quit(self) -> Reply:
        """End the session and close the connection."""
        reply = self.command("QUIT")
        self.close()
        return reply


_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")


def ready_to_send(raw: bytes) -> bytes:
    """Return a letter with CRLF at the end of each line. Raises: TypeError when it is not octets."""
    if not isinstance(raw, bytes):
        raise TypeError(f"a letter goes out as octets, not as {type(raw).__name__}: bytes(letter), text.encode()")
    return complete(raw if bare_line_end(raw) is None else _ANY_LINE_END.sub(b"\r\n", raw))


def each_once(recipients: str | Iterable[str | Recipient]) -> list[Recipient]:
    """Return recipients as values, each address once; a string alone is one address, and not its letters."""
    found: dict[str, Recipient] = {}
    for one in [recipients] if isinstance(recipients, str) else recipients:
        recipient = Recipient(one) if isinstance(one, str) else one
        found.setdefault(recipient.forward_path, recipient)
    return list(found.values())


def _ascii_only(envelope: Envelope, raw: bytes) -> bool:
    """Tell whether a server without SMTPUTF8 can take a letter after all (RFC 6531 §3.2)."""
    addresses = (envelope.reverse_path, *envelope.forward_paths)
    return all(map(str.isascii, addresses)) and raw.partition(b"\r\n\r\n")[0].isascii()


def _extensions(reply: Reply) -> dict[str, str]:
    """Return what EHLO's reply announces, by keyword in capitals."""
    extensions: dict[str, str] = {}
    for line in reply.lines[1:]:
        # ehlo-line = ehlo-keyword *( SP ehlo-param )      RFC 5321 §4.1.1.1
        # QUIRK: servers of the 1990s wrote "AUTH=LOGIN PLAIN".
        keyword, _, rest = line.strip().replace("AUTH=", "AUTH ", 1).partition(" ")
        if keyword:
            extensions[keyword.upper()] = f"{extensions.get(keyword.upper(), '')} {rest}".strip()
    return extensions
