"""How does a POP3 server work? Log in, fetch and mark in the maildrop, and on QUIT remove what was marked.

The three states of the textbook are rows of one table. USER_GIVEN and SASL are steps within AUTHORIZATION; UPDATE
is passed without a further word from the client.

>>> from emaillab.protocol.backend import EmptyHost, Session
>>> from emaillab.protocol.failures import Failures
>>> server = Pop3Server(EmptyHost(), Session("mail.crepes.fr", "192.0.2.7"))
>>> server.receive(b"")
b'+OK mail.crepes.fr POP3 server ready\\r\\n'
>>> server.receive(b"STAT\\r\\nUSER alice\\r\\n"), server.state
(b'-ERR STAT is not allowed in state AUTHORIZATION\\r\\n+OK password, please\\r\\n', 'USER_GIVEN')
>>> server.receive(b"PASS secret\\r\\n"), server.state
(b'-ERR [AUTH] user name or password is wrong\\r\\n', 'AUTHORIZATION')
>>> sorted(Pop3Server.VERBS.keys() - pop3_server(frozenset(["SASL", "TOP"])).VERBS.keys())
['(mechanisms)', '(response)', 'AUTH', 'TOP']
"""

from __future__ import annotations

from functools import lru_cache

from emaillab.protocol.pop3.commands import MaildropCommands, SessionCommands
from emaillab.protocol.pop3.extensions.auth import Auth
from emaillab.protocol.pop3.extensions.auth_response_code import AuthResponseCode
from emaillab.protocol.pop3.extensions.capa import Capa
from emaillab.protocol.pop3.extensions.implementation import Implementation
from emaillab.protocol.pop3.extensions.pipelining import Pipelining
from emaillab.protocol.pop3.extensions.response_codes import ResponseCodes
from emaillab.protocol.pop3.extensions.stls import Stls
from emaillab.protocol.pop3.extensions.top import Top
from emaillab.protocol.pop3.extensions.uidl import Uidl
from emaillab.protocol.pop3.extensions.user import UserPass
from emaillab.protocol.pop3.session import Pop3Session
from emaillab.protocol.table import leave_out


class Pop3Server(
    MaildropCommands,
    Top,
    Uidl,
    ResponseCodes,
    AuthResponseCode,
    Pipelining,
    Implementation,
    UserPass,
    Auth,
    Stls,
    Capa,
    SessionCommands,
):
    """One POP3 session, the server's end, with all that this library knows. CAPA lists in the order of the bases.

    Source: RFC 1939; the extensions name theirs.
    """


NEEDED = (MaildropCommands, SessionCommands, ResponseCodes, AuthResponseCode)
"""The parts without which there is no server of ours."""

OPTIONAL = {
    line.split()[0]: part
    for part in Pop3Server.__bases__
    if part not in NEEDED and issubclass(part, Pop3Session)
    for line in part.CAPABILITIES
} | {"CAPA": Capa}
"""Extensions that a host may leave out, so that it is a server of an older kind: capability → the server's part."""


@lru_cache
def pop3_server(without: frozenset[str] = frozenset()) -> type[Pop3Session]:
    """Return the class of a server that leaves extensions out; the same class for the same ones.

    Args: without: capabilities in capitals, of OPTIONAL.
    Raises: ValueError for one that is unknown, or cannot be left out.
    """
    return leave_out(Pop3Server, OPTIONAL, without)
