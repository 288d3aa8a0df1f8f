"""How many octets are in a mailbox? STATUS can tell, so that nobody has to add up the sizes of all messages.

>>> list(StatusSize.STATUS_ITEMS)
['SIZE']
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.backend import Mailbox
from emaillab.protocol.imap.session import ImapSession, StatusItem, When


def _size(mailbox: Mailbox) -> bytes:
    return b"%d" % sum(entry.size for entry in mailbox.entries())


class StatusSize(ImapSession):
    """Add up the octets of a mailbox's messages.

    Source: RFC 8438.
    """

    CAPABILITIES: ClassVar = {"STATUS=SIZE": When.AFTER_LOG_IN}
    STATUS_ITEMS: ClassVar[dict[str, StatusItem]] = {"SIZE": _size}
