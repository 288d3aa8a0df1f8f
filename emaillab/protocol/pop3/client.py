"""How does a POP3 client work? It says a line, reads the response, and knows which responses have more lines.

>>> class Script:  # a server that always says the same
...     def __init__(self, said): self.lines = said.splitlines(keepends=True)
...     def readline(self, limit=8192): return self.lines.pop(0)
...     def send(self, data): print(data)
>>> pop = Pop3Client(Script(b"+OK ready\\r\\n+OK 11 octets\\r\\nhi\\r\\n..dot\\r\\n.\\r\\n-ERR no such message\\r\\n"))
>>> pop.retr(1)
b'RETR 1\\r\\n'
b'hi\\r\\n.dot\\r\\n'
>>> print(pop.dele(9))
b'DELE 9\\r\\n'
-ERR no such message
"""

from __future__ import annotations

from emaillab.protocol.pop3.client_session import Pop3ClientSession, Refused
from emaillab.protocol.pop3.download import Download
from emaillab.protocol.pop3.extensions.auth import AuthClient
from emaillab.protocol.pop3.extensions.capa import CapaClient
from emaillab.protocol.pop3.extensions.pipelining import PipeliningClient
from emaillab.protocol.pop3.extensions.stls import StlsClient
from emaillab.protocol.pop3.extensions.top import TopClient
from emaillab.protocol.pop3.extensions.uidl import UidlClient
from emaillab.protocol.pop3.extensions.user import UserPassClient

__all__ = ["Pop3Client", "Refused"]


class Pop3Client(
    CapaClient,
    StlsClient,
    UserPassClient,
    AuthClient,
    TopClient,
    Download,
    UidlClient,
    PipeliningClient,
    Pop3ClientSession,
):
    """One POP3 session, the client's end, with all that this library knows.

    Source: RFC 1939; the extensions name theirs.
    """
