"""HTTP/1.1: a server that runs a WSGI application, and a client (RFC 9110, 9112)."""
