"""How does a program hand a letter to an SMTP server?

>>> class Wire:
...     def __init__(self, replies: bytes) -> None: self.replies, self.sent = replies.splitlines(True), []
...     def send(self, data: bytes) -> None: self.sent += data.splitlines()
...     def readline(self, limit: int = 8192) -> bytes: return self.replies.pop(0)
>>> wire = Wire(b"220 b.example\\r\\n250-b.example\\r\\n250 SIZE 9000\\r\\n")
>>> wire.replies += [b"250 ok\\r\\n", b"550 5.1.1 who?\\r\\n", b"250 ok\\r\\n", b"354 .\\r\\n", b"250 2.0.0 kept\\r\\n"]
>>> client = SmtpClient(wire)
>>> client.ehlo("a.example").ok, client.extensions
(True, {'SIZE': '9000'})
>>> result = client.send("alice@a.example", ["carol@b.example", "bob@b.example"], b"Subject: hi\\r\\n\\r\\n.\\r\\n")
>>> result.accepted, str(result.reply_for("carol@b.example")), str(result.reply_for("bob@b.example"))
(True, '550 5.1.1 who?', '250 2.0.0 kept')
>>> wire.sent[1:]  # doctest: +NORMALIZE_WHITESPACE
[b'MAIL FROM:<alice@a.example> SIZE=18', b'RCPT TO:<carol@b.example>', b'RCPT TO:<bob@b.example>', b'DATA',
 b'Subject: hi', b'', b'..', b'.']
"""

from __future__ import annotations

from emaillab.protocol.smtp.client_session import SendResult, SmtpClientSession
from emaillab.protocol.smtp.extensions.auth import AuthClient
from emaillab.protocol.smtp.extensions.chunking import ChunkingClient
from emaillab.protocol.smtp.extensions.starttls import StartTlsClient

__all__ = ["SendResult", "SmtpClient"]


class SmtpClient(
    StartTlsClient,
    AuthClient,
    ChunkingClient,
    SmtpClientSession,
):
    """One SMTP session, the client's end, with all that this library knows.

    Source: RFC 5321; the extensions name theirs.
    """
