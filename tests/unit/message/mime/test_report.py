"""R25, the reader: does a sender learn from a bounce what became of the letter?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emaillab.host.bounce import notification
from emaillab.host.store.outgoing import QueuedLetter
from emaillab.message.mime.report import RecipientReport, read_report

MESSAGES = Path(__file__).resolve().parents[4] / "data/messages"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_r25_what_our_own_servers_report_is_read_back() -> None:
    content = "Message-ID: <1@crepes.fr>\r\n\r\nÇa va?\r\n".encode()
    letter = QueuedLetter("q1", "alice@crepes.fr", NOON, (), content)
    failures = {"bob@b.example": "550 5.1.1 no user bob here", "carol@c.example": "no answer for five days"}
    report = read_report(notification("crepes.fr", letter, content, failures, NOON, "n1"))
    assert report is not None
    assert (report.reporting_mta, report.arrival_at, report.message_id) == ("crepes.fr", NOON, "<1@crepes.fr>")
    assert report.recipients == (
        RecipientReport("bob@b.example", "", "failed", "5.1.1", "550 5.1.1 no user bob here", ""),
        RecipientReport("carol@c.example", "", "failed", "5.0.0", "no answer for five days", ""),
    )
    assert report.returned is not None and report.returned.raw[slice(*report.returned.span)] == content


@pytest.mark.parametrize(
    ("name", "message_id", "recipient"),
    [
        (
            "dsn-failed-8bit",
            "<a-table@crepes.fr>",
            RecipientReport(
                "bobby@hamburger.edu",
                "bobby@hamburger.edu",
                "failed",
                "5.1.1",
                "550 5.1.1 <bobby@hamburger.edu> User doesn't exist: bobby@hamburger.edu",
                "imap.hamburger.edu",
            ),
        ),
        (
            "dsn-delayed",
            "<potatoes@crepes.fr>",
            RecipientReport("carol@fries.example", "", "delayed", "4.4.3", "", ""),
        ),
        (
            "dsn-utf8-global",
            "<u8.1@crepes.fr>",
            RecipientReport("陈梅@面条.example", "", "failed", "5.6.7", "550 5.6.7 next hop lacks SMTPUTF8", ""),
        ),
    ],
)
def test_reports_of_others(name: str, message_id: str, recipient: RecipientReport) -> None:
    report = read_report(MESSAGES / f"{name}.eml")
    assert report is not None
    assert (report.message_id, report.recipients) == (message_id, (recipient,))


def test_a_letter_that_is_no_report() -> None:
    assert read_report(MESSAGES / "vacation.eml") is None
    assert read_report(MESSAGES / "mdn-read.eml") is None
    assert read_report(b"") is None


@given(st.binary() | st.text("FA:;\r\n .5rfcionaltepSug-", max_size=200).map(str.encode))
def test_no_report_raises(body: bytes) -> None:
    report = read_report(b"Content-Type: message/delivery-status\r\n\r\n" + body)
    assert report is not None
    str(report)
