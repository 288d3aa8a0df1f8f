"""How does a sender learn that a letter did not arrive? By a delivery status notification, a letter about a letter.

>>> from datetime import UTC
>>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
>>> letter = QueuedLetter("q1", "alice@crepes.fr", noon, (), b"Subject: hi\\r\\n\\r\\nBon appetit!\\r\\n")
>>> why = {"bob@b.example": "550 5.1.1 no user bob here"}
>>> report = notification("crepes.fr", letter, letter.content, why, noon, "n1")
>>> print(report.decode().split("--=")[2][:240].replace(chr(13), ""))  # doctest: +ELLIPSIS
_n1_...
Content-Type: message/delivery-status
<BLANKLINE>
Reporting-MTA: dns; crepes.fr
Arrival-Date: Mon, 02 Mar 2026 12:00:00 +0000
<BLANKLINE>
Final-Recipient: rfc822; bob@b.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1...
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from emaillab.host.store.outgoing import QueuedLetter
from emaillab.message.header.fields import parse_header
from emaillab.protocol.envelope import HDRS
from emaillab.protocol.smtp.xtext import encode_xtext

EIGHT_BIT = "Content-Transfer-Encoding: 8bit"
_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")


def notification(
    reporter: str, letter: QueuedLetter, content: bytes, failures: Mapping[str, str], now: datetime, id: str
) -> bytes:
    """Compose the report on recipients that a letter will not reach.

    Args: failures: for each recipient the reply or the reason; id: a name for the report, unique on this host.
    The letter itself goes back whole, or its header alone where the sender asked for no more (RET=HDRS).
    Returns: the report's octets; it goes to the letter's reverse-path, from the null reverse-path.
    Source: RFC 3464; RFC 6522; RFC 5321 §6.1; RFC 3461 §4.3, §5.2.6.
    """
    boundary = f"=_{id}_{reporter}"
    parts = [_for_people(reporter, failures), _for_programs(reporter, letter, failures), _the_letter(letter, content)]
    encoding = "" if all(map(bytes.isascii, parts)) else f"{EIGHT_BIT}\r\n"  # of a whole that has such a part
    head = (
        f"From: Mail Delivery System <postmaster@{reporter}>\r\n"
        f"To: <{letter.reverse_path}>\r\n"
        f"Subject: Undelivered letter returned to its sender\r\n"
        f"Date: {format_datetime(now)}\r\n"
        f"Message-ID: <{id}@{reporter}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="{boundary}"\r\n'
        f"{encoding}\r\n"
    ).encode()
    line = f"--{boundary}\r\n".encode()
    return head + b"".join(line + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def _for_people(reporter: str, failures: Mapping[str, str]) -> bytes:
    reasons = "".join(f"<{path}>: {_folded(reason)}\r\n" for path, reason in failures.items())
    text = f"This is the mail system at {reporter}.\r\nYour letter could not be delivered to\r\n\r\n{reasons}"
    encoding = "" if text.isascii() else f"{EIGHT_BIT}\r\n"
    return f"Content-Type: text/plain; charset=utf-8\r\n{encoding}\r\n{text}".encode()


def _folded(reason: str) -> str:
    """Return a reply of several lines as the lines of one field."""
    return reason.replace("\n", "\r\n ")


def _for_programs(reporter: str, letter: QueuedLetter, failures: Mapping[str, str]) -> bytes:
    orcpt = {queued.forward_path: queued.recipient.orcpt for queued in letter.recipients}
    blocks = [
        [
            ("Original-Envelope-Id", _printable(letter.envid)),
            ("Reporting-MTA", f"dns; {reporter}"),
            ("Arrival-Date", format_datetime(letter.arrived_at)),
        ]
    ]
    for path, reason in failures.items():
        status = _STATUS.search(reason)
        kind, semicolon, address = orcpt.get(path, "").partition(";")
        blocks.append(
            [
                ("Original-Recipient", f"{_printable(kind)}; {_printable(address)}" if semicolon else ""),
                ("Final-Recipient", f"rfc822; {path}"),
                ("Action", "failed"),
                ("Status", status[0] if status else "5.0.0"),
                ("Diagnostic-Code", f"smtp; {_folded(reason)}"),
            ]
        )
    fields = ("".join(f"{name}: {value}\r\n" for name, value in block if value) for block in blocks)
    text = "Content-Type: message/delivery-status\r\n\r\n" + "\r\n".join(fields)
    return text.encode("ascii", "backslashreplace")  # fields are ASCII, whatever a server said


def _printable(said: str) -> str:
    """Return what a sender said as it was said, unless it could break out of its line."""
    return said if said.isascii() and said.isprintable() else encode_xtext(said)


def _the_letter(letter: QueuedLetter, content: bytes) -> bytes:
    """Return the letter as it was, 8-bit octets and all, or its header."""
    kind = b"message/rfc822"
    if letter.ret == HDRS:
        kind, content = b"text/rfc822-headers", parse_header(content).raw
        content = content.removesuffix(b"\r\n") if content.endswith(b"\r\n\r\n") else content
    encoding = b"" if content.isascii() else f"{EIGHT_BIT}\r\n".encode()
    return b"Content-Type: " + kind + b"\r\n" + encoding + b"\r\n" + content
