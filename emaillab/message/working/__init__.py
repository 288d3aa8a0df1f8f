"""The same things with the working shown, for lessons: encodings step by step, editions of the standard."""
