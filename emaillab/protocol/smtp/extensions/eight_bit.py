"""May octets over 127 travel? Where the server announces 8BITMIME, and the client says at MAIL that there are some.

>>> EightBitMime.MAIL_PARAMETERS["BODY"].syntax
'BODY=7BIT|8BITMIME'
"""

from __future__ import annotations

from emaillab.protocol.envelope import Envelope
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.session import SmtpSession, mail_parameter


class EightBitMime(SmtpSession):
    """Take the parameter BODY.

    Source: RFC 6152.
    """

    KEYWORDS = ("8BITMIME",)

    @mail_parameter("BODY=7BIT|8BITMIME", rfc="6152 §3", octets=17)
    def note_body(self, body: str, envelope: Envelope) -> None:
        """Note whether octets over 127 are in a letter."""
        envelope.body = body.upper()
        if envelope.body not in ("7BIT", "8BITMIME"):
            raise Refusal(Reply(501, "5.5.4", "expected BODY=7BIT or BODY=8BITMIME"))
