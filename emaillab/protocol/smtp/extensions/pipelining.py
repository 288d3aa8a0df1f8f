"""Must a client wait for each reply? Not with PIPELINING: it sends the whole envelope at once, and then reads.

>>> Pipelining.KEYWORDS
('PIPELINING',)
"""

from __future__ import annotations

from emaillab.protocol.smtp.session import SmtpSession


class Pipelining(SmtpSession):
    """Announce what holds anyway: units are taken one by one, however they come in segments.

    Source: RFC 2920 §3.
    """

    KEYWORDS = ("PIPELINING",)
