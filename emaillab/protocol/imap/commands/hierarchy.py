"""How does a user put mailboxes in order? CREATE, DELETE, RENAME, and the list of those that a program should show.

>>> check_name("Work/2026")
>>> check_name("Work//2026")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
Refusal: NO [CANNOT] 'Work//2026' cannot be a mailbox's name
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.engine import Outcome
from emaillab.protocol.imap.client_session import ImapClientSession, mailbox_octets
from emaillab.protocol.imap.commands.mailboxes import list_entry, list_line, parse_pattern
from emaillab.protocol.imap.grammar import ImapReply, string
from emaillab.protocol.imap.names import DELIMITER, encode_name, listed
from emaillab.protocol.imap.results import ListEntry, Response
from emaillab.protocol.imap.session import ImapSession, after_log_in, no, parse_mailbox, verb

LONGEST_NAME = 255  # octets of UTF-8
INBOX = "INBOX"


class HierarchyCommands(ImapSession):
    """The commands on the names of mailboxes: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, LSUB.

    Source: RFC 9051 §6.3.4-8; RFC 3501 §6.3.9.
    """

    MOVES: ClassVar = after_log_in("CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LSUB")

    @verb("CREATE mailbox", rfc="9051 §6.3.4")
    def create(self, args: bytes) -> ImapReply:
        """Add an empty mailbox; a delimiter at the end only says that there will be others below it."""
        name = self._name_alone(args).removesuffix(DELIMITER)
        check_name(name)
        self._check_free(name)
        self.logged_in.create_mailbox(name)
        return ImapReply(Outcome.OK, "created", durable=True)

    @verb("DELETE mailbox", rfc="9051 §6.3.5")
    def delete(self, args: bytes) -> ImapReply:
        """Remove a mailbox and all that is in it; mailboxes below it stay."""
        name = self._name_alone(args)
        if name == INBOX:
            raise no(b"CANNOT", "INBOX is always there")
        if self.logged_in.mailbox(name) is None and self._family(name):
            raise no(b"HASCHILDREN", "this is only a level above other mailboxes")
        self.existing(name)
        self.logged_in.delete_mailbox(name)
        return ImapReply(Outcome.OK, "deleted", durable=True)

    @verb("RENAME mailbox new-name", rfc="9051 §6.3.6")
    def rename(self, args: bytes) -> ImapReply:
        """Change the name of a mailbox and of all below it; INBOX stays, and only its messages go to the new one."""
        cursor = self.cursor(args)
        cursor.space()
        old = parse_mailbox(cursor)
        cursor.space()
        new = parse_mailbox(cursor, "the new name")
        cursor.end()
        check_name(new)
        if new.startswith(old + DELIMITER) and old != INBOX:
            raise no(b"CANNOT", "a mailbox cannot go below itself")
        if old == INBOX:
            self._check_free(new)
            self._empty_inbox(new)
        else:
            renamed = {name: new + name[len(old) :] for name in self._family(old)}
            if not renamed:
                self.existing(old)
            for name in renamed.values():
                self._check_free(name)
            for name, to in renamed.items():
                self.logged_in.rename_mailbox(name, to)
        return ImapReply(Outcome.OK, "renamed", durable=True)

    @verb("SUBSCRIBE mailbox", rfc="9051 §6.3.7")
    def subscribe(self, args: bytes) -> ImapReply:
        """Add a mailbox to those that a program should show."""
        name = self._name_alone(args)
        self.existing(name)
        self.logged_in.subscribe(name)
        return ImapReply(Outcome.OK, "subscribed", durable=True)

    @verb("UNSUBSCRIBE mailbox", rfc="9051 §6.3.8")
    def unsubscribe(self, args: bytes) -> ImapReply:
        """Take a name, which need not exist any more, off the list of those that a program should show."""
        self.logged_in.unsubscribe(self._name_alone(args))
        return ImapReply(Outcome.OK, "unsubscribed", durable=True)

    @verb("LSUB reference mailbox-pattern", rfc="3501 §6.3.9")
    def lsub(self, args: bytes) -> ImapReply:
        """List the subscriptions that match a pattern; a missing level shows only where a % stands for it."""
        pattern = parse_pattern(self.cursor(args))
        lines = [list_line(b"LSUB", ["\\Noselect"], "")]
        if pattern:
            found = listed(self.logged_in.subscriptions(), pattern)
            shown = [one for one in found if one.exists or "%" in pattern]
            lines = [list_line(b"LSUB", [] if one.exists else ["\\Noselect"], one.name) for one in shown]
        return ImapReply(Outcome.OK, "that is all", untagged=tuple(lines))

    def _name_alone(self, args: bytes) -> str:
        """Read a mailbox name that is a command's only argument."""
        cursor = self.cursor(args)
        cursor.space()
        name = parse_mailbox(cursor)
        cursor.end()
        return name

    def _family(self, name: str) -> list[str]:
        """Return the mailboxes of this name and below it."""
        return [one for one in self.logged_in.mailbox_names() if f"{one}/".startswith(name + DELIMITER)]

    def _check_free(self, name: str) -> None:
        if self.logged_in.mailbox(name) is not None:
            raise no(b"ALREADYEXISTS", f"there is a mailbox {name[:60]!a} already")

    def _empty_inbox(self, to: str) -> None:
        """Move all messages of INBOX to a new mailbox."""
        account, inbox = self.logged_in, self.existing(INBOX)
        account.create_mailbox(to)
        uids = [entry.uid for entry in inbox.entries()]
        account.copy(inbox, uids, self.existing(to))
        inbox.remove(uids)


def check_name(name: str) -> None:
    """Refuse a name that no program could show or ask for. Raises: Refusal."""
    levels = name.split(DELIMITER)
    if not all(levels) or not name.isprintable() or set(name) & {"*", "%"} or len(name.encode()) > LONGEST_NAME:
        rule = f"at most {LONGEST_NAME} octets of printable characters, without * and %, and no empty level"
        raise no(b"CANNOT", f"{name[:60]!a} cannot be a mailbox's name: {rule}")


class HierarchyClient(ImapClientSession):
    """The client's part of the commands on the names of mailboxes."""

    def create(self, mailbox: str) -> Response:
        """Make a mailbox."""
        return self._say(b"CREATE", mailbox_octets(mailbox))

    def delete(self, mailbox: str) -> Response:
        """Remove a mailbox and all that is in it."""
        return self._say(b"DELETE", mailbox_octets(mailbox))

    def rename(self, mailbox: str, to: str) -> Response:
        """Change the name of a mailbox and of those below it."""
        return self._say(b"RENAME", mailbox_octets(mailbox), mailbox_octets(to))

    def subscribe(self, mailbox: str) -> Response:
        """Add a mailbox to those that programs should show."""
        return self._say(b"SUBSCRIBE", mailbox_octets(mailbox))

    def unsubscribe(self, mailbox: str) -> Response:
        """Take a mailbox off those that programs should show."""
        return self._say(b"UNSUBSCRIBE", mailbox_octets(mailbox))

    def lsub(self, reference: str = "", pattern: str = "*") -> list[ListEntry]:
        """List the subscriptions whose names match. Raises: Refused."""
        response = self._data(b"LSUB", string(encode_name(reference)), string(encode_name(pattern)))
        return [list_entry(data) for data in response.all("LSUB")]
