"""How does a mail program learn of a new letter without asking every minute? It says IDLE once, and is told.

The server speaks unasked until the client says DONE: what has come, what was flagged, what is gone.

>>> Idle.TRANSITIONS["SELECTED"], Idle.TRANSITIONS["IDLING"][("(done)", Outcome.OK)]
({('IDLE', <Outcome.MORE: 'MORE'>): 'IDLING'}, 'SELECTED')
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome, State
from emaillab.protocol.backend import Mailbox
from emaillab.protocol.framing.framer import FramingError
from emaillab.protocol.imap.client_session import ImapClientSession
from emaillab.protocol.imap.grammar import ImapReply
from emaillab.protocol.imap.results import Response
from emaillab.protocol.imap.session import AUTHENTICATED, SELECTED, ImapSession, When, verb
from emaillab.protocol.machine import Refusal
from emaillab.protocol.table import Row, Table

IDLING, IDLING_UNSELECTED = "IDLING", "IDLING_UNSELECTED"


def _until_done(back: State) -> Row:
    """Return the moves of a state in which the client may only say DONE."""
    return {("(done)", outcome): back for outcome in (Outcome.OK, Outcome.NO, Outcome.BAD)}


class Idle(ImapSession):
    """Watch the selected mailbox, and tell at once what a commit has changed in it.

    Source: RFC 2177; RFC 9051 §6.3.13.
    """

    CAPABILITIES: ClassVar = {"IDLE": When.AFTER_LOG_IN}
    MOVES: ClassVar[Table] = {
        AUTHENTICATED: {("IDLE", Outcome.MORE): IDLING_UNSELECTED},
        SELECTED: {("IDLE", Outcome.MORE): IDLING},
        IDLING_UNSELECTED: _until_done(AUTHENTICATED),
        IDLING: _until_done(SELECTED),
    }
    MODES: ClassVar = {IDLING: "(done)", IDLING_UNSELECTED: "(done)"}
    PHASES: ClassVar = {IDLING: "selected", IDLING_UNSELECTED: "authenticated"}

    watched: Mailbox | None = None
    """The mailbox of which this session is told while it idles."""

    @verb("IDLE", rfc="2177 §3")
    def idle(self, args: bytes) -> ImapReply:
        """Begin to tell what happens, with what has happened already."""
        self.cursor(args).end()
        if self.view is not None:
            self.watched = self.view.mailbox
            self.watched.watch(self.session.wake)
        return ImapReply(Outcome.MORE, "idling", untagged=tuple(self.news("IDLE")))

    @verb("DONE", rfc="2177 §3", name="(done)")
    def done(self, args: bytes) -> ImapReply:
        """End it; whatever else the client says ends it, too."""
        self._stop_watching()
        if args.upper() != b"DONE":
            raise Refusal(ImapReply(Outcome.BAD, "expected DONE, which ends IDLE"))
        return ImapReply(Outcome.OK, "no longer idle")

    def misframed(self, error: FramingError) -> ImapReply:
        """End it, too, when the line that should be DONE is none."""
        self._stop_watching()
        return super().misframed(error)

    def unasked(self) -> bytes:
        """Return the news, while the client waits for them."""
        return b"".join(self.news("IDLE")) if self.state == IDLING else b""

    def deselect(self) -> None:
        """Watch no more, however the session left the mailbox."""
        super().deselect()
        self._stop_watching()

    def _stop_watching(self) -> None:
        watched, self.watched = self.watched, None
        if watched is not None:
            watched.unwatch(self.session.wake)


class IdleClient(ImapClientSession):
    """The client's part of IDLE; what the server says meanwhile is in `news`."""

    def idle(self) -> Response:
        """Ask to be told; only `done` may follow."""
        return self.command("IDLE")

    def done(self) -> Response:
        """Ask to be told no more. Returns: the answer to IDLE, with the news that came up to it and were not read."""
        return self.command("DONE")
