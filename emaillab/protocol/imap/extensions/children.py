"""Does a mailbox need a little triangle beside it? LIST says which ones have mailboxes below them.

>>> from emaillab.protocol.backend import Session
>>> session = Children(None, Session("b.example", "192.0.2.7"))
>>> session.list_attributes(Listed("Work", exists=False, has_children=True))
['\\\\Noselect', '\\\\HasChildren']
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.imap.names import Listed
from emaillab.protocol.imap.session import ImapSession, When


class Children(ImapSession):
    """Mark each mailbox as \\HasChildren or \\HasNoChildren.

    Source: RFC 3348.
    """

    CAPABILITIES: ClassVar = {"CHILDREN": When.AFTER_LOG_IN}

    def list_attributes(self, found: Listed) -> list[str]:
        """Tell whether there are mailboxes below."""
        return [*super().list_attributes(found), "\\HasChildren" if found.has_children else "\\HasNoChildren"]
