"""Octets and what they stand for: charsets, transfer encodings, and what departs from the rules."""
