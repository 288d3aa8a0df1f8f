"""Why did the server say -ERR? A code in brackets tells a program: IN-USE means that the maildrop is locked.

>>> from emaillab.protocol.pop3.grammar import parse_reply
>>> parse_reply(b"-ERR [IN-USE] another session has locked the maildrop\\r\\n").code
'IN-USE'
"""

from __future__ import annotations

from emaillab.protocol.pop3.session import Pop3Session


class ResponseCodes(Pop3Session):
    """Announce that what stands in brackets at the beginning of a negative response's text is such a code.

    Source: RFC 2449 §6.4, §8.
    """

    CAPABILITIES = ("RESP-CODES",)
