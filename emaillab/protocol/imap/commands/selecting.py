"""How does a client open a mailbox, and close it again? SELECT or EXAMINE, then CLOSE; CHECK in between.

>>> SelectCommands.TRANSITIONS["AUTHENTICATED"]  # a SELECT that fails leaves no mailbox selected
{'SELECT': 'SELECTED', ('SELECT', <Outcome.NO: 'NO'>): 'AUTHENTICATED', 'EXAMINE': 'SELECTED', \
('EXAMINE', <Outcome.NO: 'NO'>): 'AUTHENTICATED'}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.client_session import ImapClientSession, mailbox_octets
from emaillab.protocol.imap.grammar import SYSTEM_FLAGS, ImapReply, flag_list
from emaillab.protocol.imap.responses import Value
from emaillab.protocol.imap.results import Response, words
from emaillab.protocol.imap.session import AUTHENTICATED, BACK, SELECTED, ImapSession, parse_mailbox, verb
from emaillab.protocol.imap.view import View
from emaillab.protocol.table import Row, Table

_OPEN: Row = {
    "SELECT": SELECTED,
    ("SELECT", Outcome.NO): AUTHENTICATED,
    "EXAMINE": SELECTED,
    ("EXAMINE", Outcome.NO): AUTHENTICATED,
}


class SelectCommands(ImapSession):
    """The commands that open and close a mailbox: SELECT, EXAMINE, CLOSE, CHECK.

    Source: RFC 9051 §6.3.2-3, §6.4.1; RFC 3501 §6.4.1.
    """

    MOVES: ClassVar[Table] = {AUTHENTICATED: _OPEN, SELECTED: {**_OPEN, "CLOSE": AUTHENTICATED, "CHECK": BACK}}

    @verb("SELECT mailbox", rfc="9051 §6.3.2")
    def select(self, args: bytes) -> ImapReply:
        """Open a mailbox, so that its messages can be read and changed."""
        return self._open(args, read_only=False)

    @verb("EXAMINE mailbox", rfc="9051 §6.3.3")
    def examine(self, args: bytes) -> ImapReply:
        """Open a mailbox for reading only."""
        return self._open(args, read_only=True)

    def _open(self, args: bytes, *, read_only: bool) -> ImapReply:
        cursor = self.cursor(args)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.end()
        closed = [] if self.view is None else [b"OK [CLOSED] the mailbox selected before is closed"]
        self.deselect()  # also when the new one cannot be opened
        view = self.view = View(self.existing(name), read_only=read_only)
        lines = [b"* %b\r\n" % line for line in (*closed, *_summary(view), *self.opened(view))]
        code, how = (b"READ-ONLY", "for reading only") if read_only else (b"READ-WRITE", "for reading and writing")
        return ImapReply(Outcome.OK, f"selected {how}", code=code, untagged=tuple(lines))

    @verb("CLOSE", rfc="9051 §6.4.1")
    def close(self, args: bytes) -> ImapReply:
        """Remove what is marked \\Deleted, without a word about it, and close the mailbox."""
        self.cursor(args).end()
        view = self.selected
        self.deselect()
        doomed = [] if view.read_only else view.with_flag("\\Deleted")
        if doomed:
            view.mailbox.remove(doomed)
        return ImapReply(Outcome.OK, "closed", durable=bool(doomed))

    @verb("CHECK", rfc="3501 §6.4.1")
    def check(self, args: bytes) -> ImapReply:
        """Make all changes durable."""
        self.cursor(args).end()
        return ImapReply(Outcome.OK, "all is kept", durable=True)


def _summary(view: View) -> list[bytes]:
    """Tell what a client needs to know of a mailbox that it opens. Source: RFC 3501 §6.3.1."""
    unseen = (number for number, entry in enumerate(view.told, 1) if "\\Seen" not in entry.flags)
    first = next(unseen, None)
    permanent = b"()" if view.read_only else flag_list([*SYSTEM_FLAGS, *view.keywords])[:-1] + b" \\*)"
    return [
        b"FLAGS " + view.flags(),
        b"%d EXISTS" % len(view.told),
        b"0 RECENT",  # SIMPLIFIED: RFC 9051 dropped \Recent, and no session here gets it
        *([] if first is None else [b"OK [UNSEEN %d] the first message that is not seen" % first]),
        b"OK [PERMANENTFLAGS %b] flags that are kept" % permanent,
        b"OK [UIDNEXT %d] the next message's UID" % view.mailbox.uid_next,
        b"OK [UIDVALIDITY %d] UIDs are valid" % view.mailbox.uid_validity,
    ]


@dataclass(frozen=True, slots=True)
class Selected:
    """What SELECT told of a mailbox."""

    response: Response
    exists: int
    uid_validity: int | None
    uid_next: int | None
    unseen: int | None  # the number of the first unseen message
    flags: frozenset[str]
    permanent_flags: frozenset[str]
    read_only: bool

    @property
    def ok(self) -> bool:
        """True when the mailbox is selected."""
        return self.response.ok

    def __str__(self) -> str:
        return str(self.response)


class SelectClient(ImapClientSession):
    """The client's part of opening and closing a mailbox."""

    def select(self, mailbox: str = "INBOX", readonly: bool = False) -> Selected:
        """Open a mailbox with SELECT, or for reading only with EXAMINE."""
        response = self._say(b"EXAMINE" if readonly else b"SELECT", mailbox_octets(mailbox))
        exists, flags = response.numbers("EXISTS"), response.all("FLAGS")
        permanent = response.coded("PERMANENTFLAGS") or ()
        return Selected(
            response,
            exists[-1] if exists else 0,
            _first_number(response.coded("UIDVALIDITY")),
            _first_number(response.coded("UIDNEXT")),
            _first_number(response.coded("UNSEEN")),
            words(flags[-1].values[0]) if flags and flags[-1].values else frozenset(),
            words(permanent[0]) if permanent else frozenset(),
            response.code == "READ-ONLY",
        )

    def close_mailbox(self) -> Response:
        """Remove what is marked \\Deleted, and close the mailbox."""
        return self.command("CLOSE")


def _first_number(values: tuple[Value, ...] | None) -> int | None:
    return values[0] if values and isinstance(values[0], int) else None
