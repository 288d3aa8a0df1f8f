"""SMTP, how letters travel: the server's machine, the client, and the grammar they share (RFC 5321)."""
