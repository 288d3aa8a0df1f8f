"""Must a client wait before it sends a literal? Not with LITERAL+: `{6+}` says that its octets come at once.

>>> from emaillab.protocol.backend import Session
>>> LiteralPlus(None, Session("b.example", "192.0.2.7")).receive(b"a LOGIN {5+}\\r\\nalice\\r\\n").splitlines()[1:]
[b"a BAD 'LOGIN' is not a command of this server"]
"""

from __future__ import annotations

from typing import ClassVar

from emaillab.protocol.imap.session import ImapSession, When


class LiteralPlus(ImapSession):
    """Announce what holds anyway: a literal belongs to its command, however its octets come.

    Source: RFC 7888.
    """

    CAPABILITIES: ClassVar = {"LITERAL+": When.ALWAYS}
