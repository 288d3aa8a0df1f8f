"""How does a mail store say that it cannot do what it was asked? With one sentence.

>>> str(StoreError("the mail store cannot be read: disk I/O error"))
'the mail store cannot be read: disk I/O error'
"""

from __future__ import annotations


class StoreError(OSError):
    """The mail store cannot be used, or did not keep something; the sentence says why."""
