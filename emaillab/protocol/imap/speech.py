"""How does a machine speak IMAP? Commands carry tags, data go untagged before the tagged line, and news goes along.

>>> from emaillab.protocol.framing.literals import LiteralFramer
>>> from emaillab.protocol.machine import verb
>>> from emaillab.protocol.table import ANY, BACK
>>> class Parrot(ImapMachine):
...     START, MOVES = "UP", {"UP": {}, ANY: {"SAY": BACK}}
...     @verb("SAY word", rfc="0 §1")
...     def utter(self, args: bytes) -> ImapReply:
...         cursor = self.cursor(args)
...         cursor.space()
...         return ImapReply(Outcome.OK, "said", untagged=(b"* WORD %b\\r\\n" % cursor.astring(),))
...     def framer_for(self, state): return LiteralFramer(100, 100)
>>> parrot = Parrot()
>>> parrot.receive(b"a1 say {5}\\r\\n"), parrot.receive(b"hello\\r\\n")
(b'+ OK\\r\\n', b'* WORD hello\\r\\na1 OK said\\r\\n')
>>> parrot.receive(b"a2 SAY\\r\\n)\\r\\n").splitlines()[0]
b'a2 BAD octet 6: expected a space, found the end'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, cast

from emaillab.engine import Outcome, Signal
from emaillab.protocol.framing.framer import FramingError
from emaillab.protocol.framing.literals import LiteralTooBig
from emaillab.protocol.imap.fetch import chunks
from emaillab.protocol.imap.grammar import Cursor, ImapReply, first_word, shown
from emaillab.protocol.imap.letter import Octets
from emaillab.protocol.machine import Machine, Refusal
from emaillab.protocol.table import Table


class ImapMachine(Machine[ImapReply]):
    """A machine whose units are IMAP commands; what can be commanded, and where, its subclasses say."""

    _AFTER_UID: ClassVar[str] = ""
    """The commands with a UID form, in words."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._AFTER_UID = _after_uid(cls.TRANSITIONS)

    def __init__(self) -> None:
        self._tag = b"*"
        self._name = ""
        self._args_at = 0
        super().__init__()

    def news(self, command: str) -> Iterator[bytes]:
        """Yield what may be told untagged at the end of a command that was understood."""
        yield from ()

    def cursor(self, args: bytes) -> Cursor:
        """Return a cursor over a command's arguments; places count from the command's first octet."""
        return Cursor(args, self._args_at)

    def say(self, outcome: Outcome, text: str, then: Signal | None = None) -> ImapReply:
        """Return a reply."""
        return ImapReply(outcome, text, then=then)

    def split(self, unit: bytes) -> tuple[str, bytes]:
        """Split a unit into tag, command, with "UID" as its first word, and arguments."""
        self._tag, self._name = b"*", ""
        cursor = Cursor(unit)
        self._tag = cursor.tag()
        cursor.space()
        name = cursor.keyword("a command")
        if name == "UID":
            cursor.space()
            name += " " + cursor.keyword(self._AFTER_UID)
        self._name, self._args_at = name, cursor.at
        return name, unit[cursor.at :]

    def unknown(self, name: str) -> ImapReply:
        """Say that there is no such command."""
        return ImapReply(Outcome.BAD, f"{shown(name.encode())} is not a command of this server")

    def misframed(self, error: FramingError) -> ImapReply:
        """Say what was wrong with a line or a literal; it ends a mode."""
        if self.state not in self.MODES:
            self._tag, self._name = first_word(error.unit) or b"*", ""
        if isinstance(error, LiteralTooBig):
            return ImapReply(Outcome.NO, str(error), code=b"TOOBIG")
        return ImapReply(Outcome.BAD, str(error))

    def broken(self, error: Exception) -> ImapReply:
        """Say that the server itself failed."""
        return ImapReply(Outcome.NO, "internal error, please try again", code=b"SERVERBUG")

    def not_kept(self, promise: ImapReply, reason: str) -> ImapReply:
        """Say that nothing of the command was kept."""
        return ImapReply(Outcome.NO, " ".join(reason.split()), code=b"UNAVAILABLE")

    def exhausted(self) -> ImapReply:
        """End a session of nothing but bad commands."""
        text = "too many bad commands"
        return ImapReply(Outcome.BAD, text, untagged=(b"* BYE %b\r\n" % text.encode(),), then=Signal.CLOSE)

    def farewell(self, *, idle: bool) -> bytes:
        """Say good-bye unasked. Source: RFC 9051 §5.4, §7.1.5."""
        return b"* BYE %b\r\n" % (b"logged out, idle for too long" if idle else b"the server is shutting down")

    def wants_literal(self) -> ImapReply:
        """Invite a literal."""
        return ImapReply(Outcome.MORE, "OK")

    def _queue_words(self, reply: ImapReply) -> None:
        """Queue untagged data, news of the mailbox and the tagged line; behind a commit, all of it waits for that."""
        reply = replace(reply, tag=self._tag)
        lines = self._lines(reply, self._name)
        if reply.durable:
            self._promise = reply
            self._out += (Signal.COMMIT, chunks(lines))
        elif reply.data is not None:
            self._out += (Signal.FLUSH, chunks(lines))
        else:
            self._out.append(b"".join(lines))

    def _lines(self, reply: ImapReply, command: str) -> Iterator[Octets]:
        """Yield what belongs to a reply. The data may show, after the fact, that the reply must be another."""
        yield from reply.untagged
        try:
            if reply.data is not None:
                yield from reply.data
        except Refusal as refusal:
            reply = replace(cast(ImapReply, refusal.reply), tag=reply.tag)
        except Exception as error:  # data are whole answers, so the client is still in step
            self.errors.append(error)
            reply = replace(self.broken(error), tag=reply.tag)
        if reply.outcome in (Outcome.OK, Outcome.NO):
            yield from self.news(command)
        yield bytes(reply)


def _after_uid(table: Table) -> str:
    """Return the words that may follow UID, as a sentence has them."""
    names = [key if isinstance(key, str) else key[0] for row in table.values() for key in row]
    *words, last = dict.fromkeys(name[4:] for name in names if name.startswith("UID ")) or ["a command"]
    return f"{', '.join(words)} or {last}" if words else last
