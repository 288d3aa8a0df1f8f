"""Must a server look at every line for a lone dot? Not with BDAT, which says how many octets come, and sends them.

Nothing is stuffed and nothing is searched for; a large letter comes in several chunks, the last of them marked.

>>> from emaillab.protocol.smtp.server import SmtpServer
>>> SmtpServer.TRANSITIONS["CHUNKS"]["RSET"], octets_announced(b" 86 LAST")
('READY', 86)
>>> octets_announced(b" many")
Traceback (most recent call last):
ValueError: expected BDAT <octets> [LAST]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.framing.framer import FramingError
from emaillab.protocol.framing.lines import CRLF, LF, bare_line_end
from emaillab.protocol.framing.payload import PayloadTooBig
from emaillab.protocol.machine import Refusal, verb
from emaillab.protocol.smtp.client_session import SendResult, SmtpClientSession, each_once, ready_to_send
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.session import RCPT, READY, TRANSFER, SmtpSession
from emaillab.protocol.table import Row, Table

CHUNKS = "CHUNKS"
CHUNK = 1 << 16  # octets that our client sends at once

# bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF; chunk-size = 1*DIGIT; end-marker = "LAST"     RFC 3030 §2
_SIZE = re.compile(rb" +(\d{1,20})(?= |\Z)")
_ARGUMENTS = re.compile(rb"\d+( +LAST)? *\Z", re.IGNORECASE)


def octets_announced(args: bytes) -> int:
    """Return how many octets follow a line of BDAT. Raises: ValueError when it does not say."""
    size = _SIZE.match(args)
    if size is None:
        raise ValueError("expected BDAT <octets> [LAST]")
    return int(size[1])


_MOVES: Row = {
    ("BDAT", Outcome.MORE): CHUNKS,
    ("BDAT", Outcome.OK): READY,
    # A letter with a hole is worse than none: after a refused chunk the next one finds no transaction.
    ("BDAT", Outcome.NO): READY,
    ("BDAT", Outcome.BAD): READY,
}


class Chunking(SmtpSession):
    """BDAT: the content in chunks of announced size, MORE until the last.

    Its octets belong to it in every state, also when it is refused. SIMPLIFIED: content is still lines that end with
    CRLF, as BINARYMIME, which lifts that, is not offered.
    Source: RFC 3030.
    """

    KEYWORDS = ("CHUNKING",)
    MOVES: ClassVar[Table] = {RCPT: _MOVES, CHUNKS: _MOVES}
    PHASES: ClassVar = {CHUNKS: TRANSFER}
    PAYLOADS: ClassVar = {"BDAT": octets_announced}

    def end_transaction(self) -> None:
        """Forget the chunks of a letter that never became whole."""
        super().end_transaction()
        self.chunks: bytes | bytearray = b""

    @verb("BDAT <octets> [LAST]", rfc="3030 §2")
    def bdat(self, args: bytes) -> Reply:
        """Take a chunk of the content; with the last one, take responsibility for the letter."""
        line, _, octets = args.partition(CRLF)
        arguments = _ARGUMENTS.match(line)
        if arguments is None:
            raise self._given_up(Reply(501, "5.5.4", "expected BDAT <octets> [LAST]"))
        if not self.chunks:
            self.chunks = bytearray()
        self.chunks += octets
        size, most = len(self.chunks), self.backend.max_size
        if size > most:
            raise self._given_up(Reply(552, "5.3.4", f"{size} octets, at most {most} are allowed"))
        if arguments[1] is None:
            return Reply(250, "2.0.0", f"{len(octets)} octets, {size} in all", means=Outcome.MORE)
        content = bytes(self.chunks)
        at = bare_line_end(content)
        if at is not None:
            what = "LF" if content[at] == LF else "CR"
            sentence = f"bare {what} at octet {at} of the content, lines end with CRLF"
            raise self._given_up(Reply(554, "5.6.0", sentence))
        return self.keep(content)

    def _given_up(self, reply: Reply) -> Refusal:
        """Return a refusal that ends the transaction."""
        self.end_transaction()
        return Refusal(reply)

    def misplaced(self, name: str) -> Reply:
        """Say that a letter which came half in chunks comes to its end in chunks."""
        if self.state == CHUNKS:
            return Reply(503, "5.5.1", f"{name} is not allowed between chunks: BDAT goes on, RSET gives up")
        return super().misplaced(name)

    def misframed(self, error: FramingError) -> Reply:
        """Forget the chunks before one that is too large."""
        if isinstance(error, PayloadTooBig) and self.state in (RCPT, CHUNKS):
            self.end_transaction()
        return super().misframed(error)


class ChunkingClient(SmtpClientSession):
    """The client's part of CHUNKING."""

    def bdat(self, octets: bytes, *, last: bool = False) -> Reply:
        """Send a chunk of the content as it is: nothing is stuffed, nothing is added."""
        self.stream.send(b"BDAT %d%b\r\n%b" % (len(octets), b" LAST" if last else b"", octets))
        return self.read_reply()

    def send_in_chunks(
        self,
        reverse_path: str,
        recipients: str | Iterable[str | Recipient],
        raw: bytes,
        *,
        chunk: int = CHUNK,
        **asked: Any,
    ) -> SendResult:
        """Carry out one mail transaction with BDAT in place of DATA; as `send` otherwise.

        Args: chunk: octets of a chunk; asked: ret, envid, smtputf8, as in Envelope.
        Raises: ValueError for a chunk of nothing, TypeError for a letter that is not octets.
        Source: RFC 3030 §2, §4.
        """
        if chunk < 1:
            raise ValueError(f"a chunk has 1 octet or more, not {chunk}")
        raw = ready_to_send(raw)
        envelope = Envelope(reverse_path, each_once(recipients), **asked)
        refused = self.cannot_carry(envelope, raw)
        if refused is None and "CHUNKING" not in self.extensions:
            refused = Reply(502, "5.5.1", "not sent: the server does not announce CHUNKING")
        if refused is not None:
            return SendResult(False, {}, refused)
        return self.send_in_turn(envelope, raw, lambda: self._give_chunks(raw, chunk))

    def _give_chunks(self, raw: bytes, chunk: int) -> Reply:
        """Send all chunks, each when the one before is taken. A refused one ends the letter, the server forgets it."""
        for at in range(0, max(len(raw), 1), chunk):
            reply = self.bdat(raw[at : at + chunk], last=at + chunk >= len(raw))
            if not reply.ok:
                self.abandon(reply)
                break
        return reply
