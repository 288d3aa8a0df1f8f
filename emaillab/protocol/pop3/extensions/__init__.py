"""What do servers know beyond the least of RFC 1939? Each extension is one file: the server's part and the client's."""
