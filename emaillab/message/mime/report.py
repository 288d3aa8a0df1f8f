"""What does a bounce say: which letter, to whom, what became of it, and why?

>>> bounce = b'''Content-Type: multipart/report; report-type=delivery-status; boundary=b
...
... --b
... Content-Type: message/delivery-status
...
... Reporting-MTA: dns; mx.hamburger.edu
...
... Final-Recipient: rfc822; bob@hamburger.edu
... Action: failed
... Status: 5.1.1
... Diagnostic-Code: smtp; 550 5.1.1 no such user
...
... --b
... Content-Type: message/rfc822
...
... Message-ID: <1@crepes.fr>
...
... Hello
... --b--
... '''
>>> print(read_report(bounce))
mx.hamburger.edu reports on <1@crepes.fr>
bob@hamburger.edu  failed  5.1.1  550 5.1.1 no such user
>>> read_report(b"Subject: crepes\\r\\n\\r\\nHello\\r\\n") is None
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import Header, parse_header, parse_message_ids
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.mime.source import Source

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
"""RFC 3464 §2; RFC 6533 §4 where addresses are not ASCII."""

LETTER_TYPES = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")

_EMPTY_LINES = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")  # RFC 3463 §2


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What became of the letter for one recipient. Source: RFC 3464 §2.3."""

    recipient: str
    """The address in the end, after all forwarding (Final-Recipient)."""
    original_recipient: str
    """The address as the sender wrote it; empty when the report does not tell."""
    action: str
    """failed, delayed, delivered, relayed or expanded."""
    status: str
    """Class, subject and detail, such as 5.1.1 (RFC 3463); empty when it cannot be read."""
    diagnostic: str
    """The reply that decided, as the other server gave it."""
    remote_mta: str
    """Who gave it."""

    def __str__(self) -> str:
        return "  ".join(filter(None, (self.recipient, self.action, self.status, self.diagnostic)))


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery status notification: a letter about what became of a letter."""

    reporting_mta: str
    """Who reports."""
    arrival_at: datetime | None
    """When the letter had come there."""
    recipients: tuple[RecipientReport, ...]
    returned: Part | None
    """The letter it is about, as far as it came back: all of it, or its header."""

    @property
    def message_id(self) -> str:
        """Tell which letter it is about; empty when the report does not tell."""
        field = self.returned.header.get("Message-ID") if self.returned else None
        found = parse_message_ids(field.body) if field else []
        return found[0].decode("utf-8", "replace") if found else ""

    def __str__(self) -> str:
        head = f"{self.reporting_mta or 'somebody'} reports on {self.message_id or 'a letter'}"
        return "\n".join([head, *map(str, self.recipients)])


def read_report(source: Source | Part) -> Report | None:
    """Read a delivery status notification; whatever is in it, it does not raise.

    Returns: None for a letter that is none, as one for people only.
    Source: RFC 3464 §2; RFC 6522 §3 for the parts around it.
    """
    parts = list((source if isinstance(source, Part) else dissect(source)).walk())
    status = next((part for part in parts if part.content_type in STATUS_TYPES), None)
    if status is None:
        return None
    blocks = [parse_header(block) for block in _EMPTY_LINES.split(status.decoded.strip() + b"\r\n") if block]
    of_message, of_recipients = (blocks[0], blocks[1:]) if blocks else (parse_header(b""), [])
    arrival = of_message.get("Arrival-Date")
    date = parse_date(arrival.body) if arrival else None
    return Report(
        _typed(of_message, "Reporting-MTA"),
        date.utc if date else None,
        tuple(_recipient(block) for block in of_recipients if block.get("Final-Recipient") or block.get("Action")),
        _returned(parts[parts.index(status) + 1 :]),
    )


def _recipient(block: Header) -> RecipientReport:
    status = _STATUS.search(block.text("Status"))
    return RecipientReport(
        _typed(block, "Final-Recipient"),
        _typed(block, "Original-Recipient"),
        block.text("Action").partition(" ")[0].lower(),
        status[0] if status else "",
        _typed(block, "Diagnostic-Code"),
        _typed(block, "Remote-MTA"),
    )


def _typed(block: Header, name: str) -> str:
    """Give what stands behind the type, as in `rfc822; bob@b.org`. QUIRK: some leave the type out."""
    value = " ".join(block.text(name).split())
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and " " not in kind.strip() else value


def _returned(parts: list[Part]) -> Part | None:
    """Find the letter that came back behind the report, or its header alone. Source: RFC 6522 §3, §4."""
    for part in parts:
        if part.content_type in LETTER_TYPES:
            return part.children[0] if part.children else dissect(part.decoded)
    return None
