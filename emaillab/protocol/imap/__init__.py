"""IMAP: the mailbox stays on the server, and every session is told what changes.

Both ends: `grammar` holds strings, dates and replies, `sets` sequence sets, `section` sections of messages, `names`
mailbox names. The server: `speech` makes a machine speak IMAP, `session` says what all its parts share and declare;
`items` what FETCH asks for, `keys` and `search` what SEARCH asks for; `view` remembers what a session was told;
`letter`, `structure`, `fetch` and `match` answer. The client: `responses` and `results` read, `client_session` is what
all its parts share. The parts of both ends stand in `commands` and `extensions`, from which `server` and `client` are
composed.
"""
