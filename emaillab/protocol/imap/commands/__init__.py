"""What can a client say to any IMAP server? The commands of RFC 3501, in files by what they are about."""
