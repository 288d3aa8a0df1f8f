"""Letters, as bytes and as meaning: read, taken apart, written, traced.

Nothing here knows of networks, servers or notebooks. Import what you need from its module:
`emaillab.message.mime.dissect`, `.fields`, `.encodings`, `.compose`, `.trace`.
"""
