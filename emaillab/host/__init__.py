"""One mail server's rooms: the store, the outgoing queue, relaying, and the host that joins them."""
