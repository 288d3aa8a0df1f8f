"""Why send 50 MB only to learn that they are too many? With SIZE both sides say beforehand how many there are.

>>> Size.MAIL_PARAMETERS["SIZE"].syntax
'SIZE=<octets>'
"""

from __future__ import annotations

from emaillab.protocol.envelope import Envelope
from emaillab.protocol.machine import Refusal
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.session import SmtpSession, mail_parameter


class Size(SmtpSession):
    """Announce the most octets of a content, and refuse at MAIL a letter that says it has more.

    Source: RFC 1870.
    """

    KEYWORDS = ("SIZE",)

    def announcement(self, keyword: str) -> str:
        """Add the number to SIZE."""
        return f"SIZE {self.backend.max_size}" if keyword == "SIZE" else super().announcement(keyword)

    @mail_parameter("SIZE=<octets>", rfc="1870 §6", octets=26)
    def note_size(self, size: str, envelope: Envelope) -> None:
        """Note how many octets a letter has."""
        # size-value = 1*20DIGIT      RFC 1870 §3
        if not (size.isdigit() and len(size) <= 20):
            raise Refusal(Reply(501, "5.5.4", "expected SIZE=<octets>"))
        envelope.size = int(size)
        if envelope.size > self.backend.max_size:
            raise Refusal(Reply(552, "5.3.4", f"{size} octets, at most {self.backend.max_size} are allowed"))
