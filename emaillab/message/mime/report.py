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
from emaillab.message.header.fields import Field, parse_header, parse_message_ids
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.mime.source import Source

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
"""RFC 3464 §2; RFC 6533 §4 where addresses are not ASCII."""

LETTER_TYPES = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")

_EMPTY_LINES = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_OF_RECIPIENT = frozenset(
    (
        *("original-recipient", "final-recipient", "action", "status", "remote-mta", "diagnostic-code"),
        *("last-attempt-date", "final-log-id", "will-retry-until"),
    )
)
"""RFC 3464 §2.3"""
_ANGLED = re.compile(r"<([^<>]+)>")
_COMMENT_BEHIND = re.compile(r" +\([^()]*\)$")
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
    of_message, of_recipients = _parted(status.decoded)
    arrival = of_message.get("arrival-date")
    date = parse_date(arrival.body) if arrival else None
    return Report(
        _typed(of_message, "reporting-mta"),
        date.utc if date else None,
        tuple(map(_recipient, of_recipients)),
        _returned(parts[parts.index(status) + 1 :]),
    )


_Fields = dict[str, Field]


def _parted(octets: bytes) -> tuple[_Fields, list[_Fields]]:
    """Part the fields about the letter from those about each recipient.

    QUIRK: the empty lines between them may be missing, and others be there; so the fields' names count.
    """
    of_message: _Fields = {}
    of_recipients: list[_Fields] = []
    for block in _EMPTY_LINES.split(octets.strip() + b"\r\n"):
        for field in parse_header(block, 0, len(block)):
            name = field.name.lower()
            if not of_recipients and name not in _OF_RECIPIENT:
                of_message.setdefault(name, field)
                continue
            if not of_recipients or _begins_another(name, of_recipients[-1]):
                of_recipients.append({})
            of_recipients[-1].setdefault(name, field)
    return of_message, [fields for fields in of_recipients if "final-recipient" in fields or "action" in fields]


def _begins_another(name: str, fields: _Fields) -> bool:
    """Tell whether a field begins what is said of the next recipient."""
    if name in ("original-recipient", "final-recipient"):
        return name in fields or "action" in fields or "status" in fields
    return name in ("action", "status") and name in fields


def _recipient(fields: _Fields) -> RecipientReport:
    status = _STATUS.search(_text(fields, "status"))
    return RecipientReport(
        _address(fields, "final-recipient"),
        _address(fields, "original-recipient"),
        _text(fields, "action").partition(" ")[0].lower(),
        status[0] if status else "",
        _typed(fields, "diagnostic-code"),
        _typed(fields, "remote-mta"),
    )


def _text(fields: _Fields, name: str) -> str:
    return fields[name].text if name in fields else ""


def _typed(fields: _Fields, name: str) -> str:
    """Give what stands behind the type, as in `rfc822; bob@b.org`. QUIRK: some leave the type out."""
    value = " ".join(_text(fields, name).split())
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and " " not in kind.strip() else value


def _address(fields: _Fields, name: str) -> str:
    """Give an address. QUIRK: some write `rfc822; <bob@b.org>`, or a comment behind it."""
    value = _typed(fields, name)
    angled = _ANGLED.search(value)
    return angled[1] if angled else _COMMENT_BEHIND.sub("", value)


def _returned(parts: list[Part]) -> Part | None:
    """Find the letter that came back behind the report, or its header alone. Source: RFC 6522 §3, §4."""
    for part in parts:
        if part.content_type in LETTER_TYPES:
            return part.children[0] if part.children else dissect(part.decoded)
    return None
