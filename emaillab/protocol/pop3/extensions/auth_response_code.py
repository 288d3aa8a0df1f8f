"""Is the password wrong, or the server ill? The code AUTH says the one, SYS/TEMP and SYS/PERM the other.

>>> from emaillab.protocol.pop3.grammar import parse_reply
>>> parse_reply(b"-ERR [AUTH] user name or password is wrong\\r\\n").code
'AUTH'
"""

from __future__ import annotations

from emaillab.protocol.pop3.session import Pop3Session


class AuthResponseCode(Pop3Session):
    """Announce the codes AUTH, SYS/TEMP and SYS/PERM, so that a program asks for another password after AUTH alone.

    Source: RFC 3206.
    """

    CAPABILITIES = ("AUTH-RESP-CODE",)
