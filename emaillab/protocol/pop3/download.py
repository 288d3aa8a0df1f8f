"""How does a mail program fetch what is new, and lose nothing? It remembers unique-ids, and deletes what it has stored.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.lines = said.splitlines(keepends=True)
...     def readline(self, limit=8192): return self.lines.pop(0)
...     def send(self, data): print(data)
>>> pop = Download(Script(b"+OK\\r\\n+OK\\r\\n1 old\\r\\n2 new\\r\\n.\\r\\n+OK\\r\\nhi\\r\\n.\\r\\n"))
>>> memory = {"old"}
>>> pop.download(memory, keep=True, store=print), sorted(memory)
b'UIDL\\r\\n'
b'RETR 2\\r\\n'
b'hi\\r\\n'
((2,), ['new', 'old'])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from emaillab.protocol.pop3.client_session import Refused
from emaillab.protocol.pop3.extensions.uidl import UidlClient


class Download(UidlClient):
    """What users want of a maildrop: their new letters."""

    def download(
        self, memory: set[str] | None = None, *, keep: bool = False, store: Callable[[bytes], None]
    ) -> tuple[int, ...]:
        """Fetch the messages that are new, hand each to `store`, and mark it as deleted unless `keep`.

        `store` returns when the message is safe; only then DELE is said. `memory` holds the unique-ids of what was
        fetched before from this account on this server; it is changed as each message is stored, so that a session
        that was cut can go on. Without it every message is new. Marked messages vanish with `quit`.
        Returns: the numbers of the messages that were fetched. Raises: Refused; whatever `store` raises.
        """
        ids = self._ids(memory)
        known = set() if memory is None else memory & set(ids.values())
        shared = {id for id, count in Counter(ids.values()).items() if count > 1}
        fetched = []
        for number, unique_id in ids.items():
            # A server may give two messages one unique-id: rather fetch one twice than delete one unread.
            if unique_id not in known or (not keep and unique_id in shared):
                try:
                    store(self.retr(number))
                except Refused:
                    continue  # it went while we looked
                fetched.append(number)
                if memory is not None:
                    memory.add(unique_id)
            if not keep:
                self.dele(number)
        return tuple(fetched)

    def _ids(self, memory: set[str] | None) -> dict[int, str]:
        """Return message number → unique-id, or "" where nobody needs one; forget ids that are no longer there."""
        if memory is None:
            listing = self.list()
            if not listing.ok:
                raise Refused("LIST", listing)
            return {line.number: "" for line in listing.scan_listings}
        reply = self.uidl()
        if not reply.ok:
            raise Refused("UIDL, without which nobody can tell new messages from old", reply)
        ids = {line.number: line.id for line in reply.unique_ids}
        memory.intersection_update(ids.values())
        return ids
