"""IMAP: the mailbox stays on the server, and every session is told what changes.

Both ends: `grammar` holds strings, dates and replies, `sets` sequence sets, `names` mailbox names, `items` what FETCH
asks for, `search` what SEARCH asks for. The server: `session` says what all commands share, `mailboxes`, `hierarchy`
and `messages` do them, `server` has the table; `view` remembers what a session was told; `letter`, `structure`,
`fetch` and `match` answer. The client: `responses` and `results` read, `client` speaks.
"""
