"""What do servers know beyond RFC 3501? Each extension is one file, with the server's part and the client's."""
