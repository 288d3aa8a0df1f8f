"""Webmail: mail in a browser, over the same store that POP3 and IMAP read (needs the extra `web`)."""
