"""What may the first server put into a letter that lacks it? A date and a name; no server after it may.

>>> from datetime import UTC, datetime
>>> from emaillab.message.header.fields import parse_header
>>> poor = parse_header(b"From: alice@crepes.fr\\r\\n\\r\\nGuess when I wrote this.\\r\\n")
>>> missing_fields(poor, datetime(2026, 3, 2, 9, tzinfo=UTC), "46475D084D", "crepes.fr").splitlines()
[b'Date: Mon, 02 Mar 2026 09:00:00 +0000', b'Message-ID: <46475D084D@crepes.fr>']
"""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emaillab.message.header.fields import Header


def missing_fields(header: Header, now: datetime, queue_id: str, host: str) -> bytes:
    """Return the fields that a submission server adds: Date and Message-ID, where the author's program left them out.

    Text without any header gets none. SIMPLIFIED: no Sender is added when From names another than who has logged in.
    Source: RFC 6409 §8.2, §8.3; after submission, RFC 5321 §6.4 allows trace fields alone.
    """
    if not len(header):
        return b""
    fields = {"Date": format_datetime(now), "Message-ID": f"<{queue_id}@{host}>"}
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in fields.items() if not header.all(name))
