"""POP3: fetching mail from a maildrop (RFC 1939)."""

from emaillab.protocol.pop3.client import Pop3Client, Refused
from emaillab.protocol.pop3.grammar import DropListing, Reply, ScanListing, UniqueId
from emaillab.protocol.pop3.server import Pop3Server

__all__ = ["Pop3Server", "Pop3Client", "Reply", "Refused", "DropListing", "ScanListing", "UniqueId"]
