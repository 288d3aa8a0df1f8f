"""What does 550 mean? A second, finer code says it: 5.1.1 is a bad mailbox, 5.7.1 a matter of policy.

>>> from emaillab.protocol.smtp.grammar import Reply
>>> bytes(Reply(550, "5.1.1", "no user bob here"))
b'550 5.1.1 no user bob here\\r\\n'
"""

from __future__ import annotations

from emaillab.protocol.smtp.session import SmtpSession


class EnhancedCodes(SmtpSession):
    """Announce the codes that stand in all replies but those to EHLO, HELO and DATA.

    Source: RFC 2034; RFC 3463.
    """

    KEYWORDS = ("ENHANCEDSTATUSCODES",)
