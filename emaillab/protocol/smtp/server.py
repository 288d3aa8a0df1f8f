"""What does an SMTP server say, and when? The verbs of RFC 5321, and the extensions that a host wants.

>>> from emaillab.protocol.backend import EmptyHost, Session
>>> server = SmtpServer(EmptyHost(), Session(server_name="hamburger.edu", peer_ip="192.0.2.7"))
>>> def hear(said: bytes) -> None:
...     print(server.receive(said).decode().replace("\\r", ""), end="")
>>> hear(b"HELO crepes.fr\\r\\nDATA\\r\\n")
220 hamburger.edu ESMTP emaillab
250 hamburger.edu greets crepes.fr
503 5.5.1 MAIL comes before DATA
>>> hear(b"MAIL FROM:<alice@crepes.fr>\\r\\nRCPT TO:<bob@hamburger.edu>\\r\\n")
250 2.1.0 sender ok
250 2.1.5 recipient ok
>>> server.state
'RCPT'
>>> smtp_server(frozenset(["SIZE"])).MAIL_PARAMETERS.keys()
dict_keys(['BODY', 'AUTH'])
"""

from __future__ import annotations

from functools import lru_cache

from emaillab.protocol.smtp.commands import SessionCommands, TransferCommands
from emaillab.protocol.smtp.extensions.auth import Auth
from emaillab.protocol.smtp.extensions.chunking import Chunking
from emaillab.protocol.smtp.extensions.eight_bit import EightBitMime
from emaillab.protocol.smtp.extensions.enhanced_codes import EnhancedCodes
from emaillab.protocol.smtp.extensions.pipelining import Pipelining
from emaillab.protocol.smtp.extensions.size import Size
from emaillab.protocol.smtp.extensions.starttls import StartTls
from emaillab.protocol.smtp.session import SmtpSession
from emaillab.protocol.table import leave_out


class SmtpServer(
    Pipelining,
    Size,
    EightBitMime,
    EnhancedCodes,
    SessionCommands,
    StartTls,
    Auth,
    Chunking,
    TransferCommands,
):
    """One SMTP session, the server's end, with all that this library knows. EHLO announces in the order of the bases.

    Source: RFC 5321; RFC 6409 (submission); the extensions name theirs.
    """


NEEDED = (SessionCommands, TransferCommands, EnhancedCodes)
"""The parts without which there is no server of ours."""

OPTIONAL = {
    line.split()[0]: part
    for part in SmtpServer.__bases__
    if part not in NEEDED and issubclass(part, SmtpSession)
    for line in part.KEYWORDS
}
"""Extensions that a host may leave out, so that it is a server of an older kind: keyword → the server's part."""


@lru_cache
def smtp_server(without: frozenset[str] = frozenset()) -> type[SmtpSession]:
    """Return the class of a server that leaves extensions out; the same class for the same ones.

    Args: without: keywords in capitals, of OPTIONAL.
    Raises: ValueError for one that is unknown, or cannot be left out.
    """
    return leave_out(SmtpServer, OPTIONAL, without)
