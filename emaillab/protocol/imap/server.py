"""How does an IMAP server answer? Commands carry tags, data go untagged, and what others changed is told on the way.

>>> from emaillab.protocol.backend import EmptyHost, Session
>>> from emaillab.protocol.failures import Failures
>>> server = ImapServer(EmptyHost(), Session(server_name="mail.crepes.fr", peer_ip="192.0.2.7"))
>>> def hear(said: bytes) -> None:
...     print(server.receive(said).decode().replace("\\r", ""), end="")
>>> hear(b"a LOGIN alice {5}\\r\\n")
* OK [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN AUTH=LOGIN] mail.crepes.fr IMAP server ready
+ OK
>>> hear(b"wrong\\r\\nb SELECT INBOX\\r\\nc NOOP now\\r\\n")
a NO [AUTHENTICATIONFAILED] user name or password is wrong
b BAD SELECT is not allowed in state NOT_AUTHENTICATED
c BAD octet 6: expected the end of the command, found ' now'
>>> imap_server(frozenset(["UIDPLUS", "STATUS=SIZE"])).TRANSITIONS["SELECTED"].get("UID EXPUNGE")
"""

from __future__ import annotations

from functools import lru_cache

from emaillab.protocol.imap.commands.any_state import AnyStateCommands
from emaillab.protocol.imap.commands.copying import CopyCommands
from emaillab.protocol.imap.commands.hierarchy import HierarchyCommands
from emaillab.protocol.imap.commands.mailboxes import MailboxCommands
from emaillab.protocol.imap.commands.messages import MessageCommands
from emaillab.protocol.imap.commands.searching import SearchCommands
from emaillab.protocol.imap.commands.selecting import SelectCommands
from emaillab.protocol.imap.extensions.auth import Auth
from emaillab.protocol.imap.extensions.children import Children
from emaillab.protocol.imap.extensions.id import Id
from emaillab.protocol.imap.extensions.idle import Idle
from emaillab.protocol.imap.extensions.literal_plus import LiteralPlus
from emaillab.protocol.imap.extensions.namespace import Namespace
from emaillab.protocol.imap.extensions.sasl_ir import SaslIr
from emaillab.protocol.imap.extensions.starttls import StartTls
from emaillab.protocol.imap.extensions.status_size import StatusSize
from emaillab.protocol.imap.extensions.uidplus import UidPlus
from emaillab.protocol.imap.extensions.unselect import Unselect
from emaillab.protocol.imap.session import ImapSession
from emaillab.protocol.table import leave_out


class ImapServer(
    AnyStateCommands,
    LiteralPlus,
    SaslIr,
    Id,
    StartTls,
    Auth,
    SelectCommands,
    MailboxCommands,
    HierarchyCommands,
    CopyCommands,
    MessageCommands,
    SearchCommands,
    Unselect,
    Namespace,
    Children,
    UidPlus,
    StatusSize,
    Idle,
):
    """One IMAP session, the server's end, with all that this library knows. It announces in the order of the bases.

    Source: RFC 3501; RFC 9051; the extensions name theirs.
    """


NEEDED = (
    AnyStateCommands,
    Auth,
    SelectCommands,
    MailboxCommands,
    HierarchyCommands,
    CopyCommands,
    MessageCommands,
    SearchCommands,
)
"""The parts without which there is no server of ours."""

OPTIONAL = {
    word: part
    for part in ImapServer.__bases__
    if part not in NEEDED and issubclass(part, ImapSession)
    for word in part.CAPABILITIES
}
"""Extensions that a host may leave out, so that it is a server of an older kind: capability → the server's part."""


@lru_cache
def imap_server(without: frozenset[str] = frozenset()) -> type[ImapSession]:
    """Return the class of a server that leaves extensions out; the same class for the same ones.

    Args: without: capabilities as they are announced, of OPTIONAL.
    Raises: ValueError for one that is unknown, or cannot be left out.
    """
    return leave_out(ImapServer, OPTIONAL, without)
