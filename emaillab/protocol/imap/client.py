"""How does an IMAP client work? It tags a command, reads all that comes until its tag comes back, and misses nothing.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.said = said
...     def send(self, data): print(data)
...     def readline(self, limit=8192): return self.read(self.said.index(b"\\n") + 1)
...     def read(self, count): head, self.said = self.said[:count], self.said[count:]; return head
>>> said = b"* OK hello\\r\\n* 1 FETCH (BODY[] {4}\\r\\nhi\\r\\n UID 7)\\r\\nA1 OK done\\r\\n"
>>> imap = ImapClient(Script(said))
>>> [(one.uid, one.body()) for one in imap.fetch(1, "BODY[] UID")]
b'A1 FETCH 1 (BODY[] UID)\\r\\n'
[(7, b'hi\\r\\n')]
"""

from __future__ import annotations

from emaillab.protocol.imap.client_session import Numbers, Refused
from emaillab.protocol.imap.commands.copying import CopyClient
from emaillab.protocol.imap.commands.hierarchy import HierarchyClient
from emaillab.protocol.imap.commands.mailboxes import MailboxClient
from emaillab.protocol.imap.commands.messages import MessageClient
from emaillab.protocol.imap.commands.searching import SearchClient
from emaillab.protocol.imap.commands.selecting import SelectClient, Selected
from emaillab.protocol.imap.extensions.auth import AuthClient
from emaillab.protocol.imap.extensions.sasl_ir import SaslIrClient
from emaillab.protocol.imap.extensions.starttls import StartTlsClient
from emaillab.protocol.imap.extensions.uidplus import UidPlusClient
from emaillab.protocol.imap.extensions.unselect import UnselectClient

__all__ = ["ImapClient", "Numbers", "Refused", "Selected"]


class ImapClient(
    SaslIrClient,
    StartTlsClient,
    AuthClient,
    SelectClient,
    MailboxClient,
    HierarchyClient,
    UidPlusClient,
    CopyClient,
    MessageClient,
    SearchClient,
    UnselectClient,
):
    """One IMAP session, the client's end, with all that this library knows.

    Source: RFC 3501; RFC 9051; the extensions name theirs.
    """
