"""What a mail program does: compose, reply, forward, keep letters, put them in threads."""
