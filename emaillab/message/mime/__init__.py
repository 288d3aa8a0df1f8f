"""The parts of a message: taken apart octet by octet, checked, explained, written."""
