"""Letters, as bytes and as meaning: read, taken apart, written, traced.

Nothing here knows of networks, servers or notebooks. Seven rooms, each of which imports only from those before it:

1. `octets`: charsets, transfer encodings, lines, sizes, and what departs from the rules
2. `header`: fields, their grammar, what their values say, how they are written
3. `mime`: `dissect.py` takes a message apart, `writer.py` makes its octets
4. `trace`: `path.py` reads the way that a letter came
5. `user_agent`: `compose.py` writes letters, replies, forwards; mailbox files, threads
6. `working`: the same things with the working shown, for lessons
7. `authenticity`: SPF, DKIM, DMARC, ARC

Import what you need from its module, such as `emaillab.message.mime.dissect`.
"""
