"""SMTP, how letters travel: the server's machine, the client, and the grammar they share (RFC 5321)."""

from emaillab.protocol.smtp.client import SendResult, SmtpClient
from emaillab.protocol.smtp.grammar import Reply
from emaillab.protocol.smtp.server import SmtpServer

__all__ = ["Reply", "SendResult", "SmtpClient", "SmtpServer"]
