"""Received fields as servers write them: who connected is what TCP said, and never what the client called itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emaillab.message.trace.credibility import last_credible
from emaillab.message.trace.path import trace

LETTERS = Path(__file__).parent / "letters"
DATE = "; Mon, 2 Mar 2026 09:00:00 +0000"
IP = {"from_ip": "203.0.113.7"}
MX = IP | {"from": "mx.a.org", "helo": "mx.a.org"}

# What a field says of the sender, before `by b.org with ESMTP` and the date, and what is to be read.
SENDERS: list[tuple[str, dict[str, Any]]] = [
    # name[address]
    ("from User (85-250-54-29.isp.example[203.0.113.7])", IP | {"from": "User", "helo": "User"}),
    ("from mx.a.org (unknown[203.0.113.7])", MX),
    ("from mx.a.org (mx.a.org[IPv6:2001:db8::7])", MX | {"from_ip": "2001:db8::7"}),
    ("from mx.a.org[203.0.113.7]", MX),
    ("from mx.a.org [203.0.113.7]", MX),
    ("from unknown[203.0.113.7]", IP | {"from": "unknown"}),
    ("from mx.a.org ([ 203.0.113.7 ])", MX),
    ("from mx.a.org (mx.a.org [203.0.113.7](may be forged))", MX),
    # an address with a port
    ("from mx.a.org ([203.0.113.7:33672])", MX),
    ("from mx.a.org ([203.0.113.7]:33672)", MX),
    ("from mx.a.org (203.0.113.7:33672)", MX),
    ("from mx.a.org (mx.a.org [203.0.113.7:33672])", MX),
    ("from mx.a.org (mx.a.org[203.0.113.7]:33672)", MX),
    ("from mx.a.org ([203.0.113.7#33672])", MX),
    ("from mx.a.org ([203.0.113.7] port 33672)", MX),
    ("from mx.a.org ([IPv6:2001:db8::7]:33672)", MX | {"from_ip": "2001:db8::7"}),
    # no domain but an address
    ("from ([203.0.113.7])", IP | {"from": "203.0.113.7", "helo": None}),
    ("from [203.0.113.7] (HELO laptop)", IP | {"from": "[203.0.113.7]", "helo": "laptop"}),
    ("from (mx.a.org [203.0.113.7])", IP | {"from": "mx.a.org", "helo": None}),
    ("from (HELO laptop) ([203.0.113.7])", IP | {"from": "203.0.113.7", "helo": "laptop"}),
    ("from (laptop)", {"from": None, "from_ip": None, "helo": None}),
    # trailing words
    ("from mx.a.org (HELO laptop) ([203.0.113.7]), claiming to be x.a.org", MX | {"helo": "laptop"}),
    ("from mx.a.org ([203.0.113.7]), claiming to be x.a.org", MX | {"helo": "x.a.org"}),
    ("from mx.a.org ([203.0.113.7]) claiming to be [6.6.6.6]", MX | {"helo": "[6.6.6.6]"}),
    ("from mx.a.org, claiming to be 6.6.6.6", {"from": "mx.a.org", "from_ip": None, "helo": "6.6.6.6"}),
    ("from mx.a.org (claiming to be [6.6.6.6]) ([203.0.113.7])", MX | {"helo": "[6.6.6.6]"}),
    ("from mx.a.org (mx.a.org [203.0.113.7]) as user bob@a.org", MX),
    ("from mx.a.org [203.0.113.7] port 33672", MX),
    ("from mx.a.org [203.0.113.7] helo=x.a.org", MX | {"helo": "x.a.org"}),
    ("from mx.a.org HELO x.a.org ([203.0.113.7])", MX | {"helo": "x.a.org"}),
    ("from mx.a.org, (mx.a.org [203.0.113.7]),", MX),
    # the address that TCP told, and the one that the client told
    ("from 6.6.6.6 (unknown[203.0.113.7])", IP | {"from": "6.6.6.6", "helo": "6.6.6.6"}),
    ("from [6.6.6.6] (unknown [203.0.113.7])", IP | {"from": "[6.6.6.6]", "helo": "[6.6.6.6]"}),
    ("from [6.6.6.6] (203.0.113.7)", IP | {"helo": "[6.6.6.6]"}),
    ("from [6.6.6.6] [203.0.113.7]", IP | {"from": "[6.6.6.6]", "helo": "[6.6.6.6]"}),
    ("from 6.6.6.6", {"from": "6.6.6.6", "from_ip": None, "helo": "6.6.6.6"}),
    ("from [6.6.6.6]", {"from": "[6.6.6.6]", "from_ip": None, "helo": "[6.6.6.6]"}),
    ("from [IPv6:2001:db8::6]", {"from_ip": None, "helo": "[IPv6:2001:db8::6]"}),
    ("from 2001:db8::6 (unknown)", {"from_ip": None, "helo": "2001:db8::6"}),
    ("from 6.6.6.6 (unknown [300.1.2.3])", {"from_ip": None, "helo": "6.6.6.6"}),
    ("from mx.a.org (HELO 6.6.6.6) (203.0.113.7)", MX | {"helo": "6.6.6.6"}),
    ("from mx.a.org (HELO [6.6.6.6]) (bob@203.0.113.7)", MX | {"helo": "[6.6.6.6]"}),
    ("from mx.a.org (HELO 6.6.6.6)", MX | {"from_ip": None, "helo": "6.6.6.6"}),
    ("from mx.a.org (HELO: 6.6.6.6)", MX | {"from_ip": None, "helo": "6.6.6.6"}),
    ("from mx.a.org (EHLO=[6.6.6.6])", MX | {"from_ip": None, "helo": "[6.6.6.6]"}),
    ("from mx.a.org (helo = 6.6.6.6)", MX | {"from_ip": None, "helo": "6.6.6.6"}),
    ("from mx.a.org ([203.0.113.7] helo=[6.6.6.6])", MX | {"helo": "[6.6.6.6]"}),
    ("from mx.a.org ([203.0.113.7]:25 helo=6.6.6.6 ident=bob)", MX | {"helo": "6.6.6.6"}),
    ("from mx.a.org (helo=[6.6.6.6]) ([203.0.113.7])", MX | {"helo": "[6.6.6.6]"}),
    ("from [203.0.113.7] (helo=[6.6.6.6])", IP | {"from": "[203.0.113.7]", "helo": "[6.6.6.6]"}),
    ("from [203.0.113.7] (port=25 helo=6.6.6.6)", IP | {"helo": "6.6.6.6"}),
    ("from [203.0.113.7] (port=25)", IP | {"helo": "[203.0.113.7]"}),
    ("from [203.0.113.7] (account bob@a.org HELO laptop)", IP | {"helo": "laptop"}),
    ("from laptop ([203.0.113.7] verified)", IP | {"helo": "laptop"}),
    ("from mx.a.org (6.6.6.6.isp.example [203.0.113.7])", MX),
    ("from mx.a.org (6.6.6.6 [203.0.113.7])", MX),
    ("from mx.a.org (Authenticated sender: 6.6.6.6)", MX | {"from_ip": None}),
    ("from mx.a.org (Authenticated sender: bob@[6.6.6.6]) ([203.0.113.7])", MX),
    ("from mx.a.org (envelope-from bob@6.6.6.6)", MX | {"from_ip": None}),
    ("from mx.a.org (ident=6.6.6.6)", MX | {"from_ip": None}),
    ("from mx.a.org (bob@203.0.113.7 with login)", MX),
    ("from mx.a.org (bob@x.org@203.0.113.7 with login)", MX),
    ("from mx.a.org (IDENT:bob@unknown [203.0.113.7])", MX),
]
# The whole field.
FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("from [6.6.6.6] by b.org with SMTP" + DATE, {"from_ip": None}),
    ("from 203.0.113.7 by b.org with HTTP" + DATE, IP | {"from": "203.0.113.7", "helo": None}),
    ("from 203.0.113.7 ( [203.0.113.7]) as user bob@a.org by b.org with HTTP" + DATE, IP | {"from": "203.0.113.7"}),
    ("from [203.0.113.7] by b.org via HTTP" + DATE, IP | {"via": "HTTP"}),
    ("from [203.0.113.7] by b.org with POP3 (fetchmail)" + DATE, IP | {"helo": None}),
    ("from mail.a.org [203.0.113.7] by b.org with POP3 (fetchmail)" + DATE, IP | {"from": "mail.a.org", "helo": None}),
    ("from [203.0.113.7] by b.org with esmtp (Exim 4.96) id 1" + DATE, IP | {"id": "1"}),
    ("from a.org by b.org, Mon, 2 Mar 2026 09:00:00 +0000", {"by": "b.org"}),
    ("from a.org by b.org, with ESMTP, id 7, for <x@b.org>,; 2 Mar 2026 09:00:00 +0000", {"by": "b.org", "id": "7"}),
    ("from a.org by b.org[192.0.2.2] with ESMTP" + DATE, {"by": "b.org"}),
    ("from a.org by ([192.0.2.2]) with ESMTP" + DATE, {"by": "192.0.2.2"}),
    ("from a.org by b.org with ESMTP, id 7" + DATE, {"with": "ESMTP", "id": "7"}),
    ("from a.org by b.org id 7 for <multiple recipients>" + DATE, {"for": "multiple recipients", "id": "7"}),
    ("from a.org by b.org for <multiple recipients> (x)" + DATE, {"for": "multiple recipients"}),
    ("from a.org by b.org for multiple recipients" + DATE, {"for": "multiple recipients"}),
    ("from a.org by b.org for <x@b.org>,<y@b.org>" + DATE, {"for": "x@b.org"}),
    ("from a.org by b.org" + DATE + " id A1 for <x@b.org>", {"id": "A1", "for": "x@b.org", "by": "b.org"}),
    ("from a.org by b.org" + DATE + " (UTC) id A1", {"id": "A1"}),
    ("from a.org by b.org" + DATE + "; id A1", {"id": "A1"}),
    (
        "from a.org by b.org" + DATE + " with ESMTP id A1; for <x@b.org>",
        {"id": "A1", "with": "ESMTP", "for": "x@b.org"},
    ),
    ("by b.org; 2 Mar 2026 09:00:00 GMT from a.org ([203.0.113.7])", IP | {"from": "a.org", "by": "b.org"}),
    ("from a.org by b.org Mon, 2 Mar 2026 09:00:00 +0000 for <x@b.org>", {"by": "b.org", "for": "x@b.org"}),
    ("from a.org by b.org; Mon Mar 02 2026 10:00:00 GMT+0100 (CET) id A1", {"id": "A1"}),
    ("from a.org by b.org; Mon, 2, Mar 2026 09:00:00 AM +0000 id A1", {"id": "A1"}),
]


def read(field: str) -> dict[str, Any]:
    raw = f"Subject: x\r\nReceived: {field}\r\n\r\n".encode()
    (hop,) = trace(raw)
    assert set(hop.places) >= {
        name for name, value in hop.to_json().items() if value and name in ("from", "from_ip", "id", "for", "time")
    }
    return hop.to_json() | {"via": hop.via}


@pytest.mark.parametrize(("sender", "right"), SENDERS)
def test_who_connected(sender: str, right: dict[str, Any]) -> None:
    found = read(f"{sender} by b.org with ESMTP id 7{DATE}")
    assert {name: found[name] for name in right} == right
    assert (found["by"], found["with"], found["id"]) == ("b.org", "ESMTP", "7")


@pytest.mark.parametrize(("field", "right"), FIELDS)
def test_fields(field: str, right: dict[str, Any]) -> None:
    found = read(field)
    assert {name: found[name] for name in right} == right
    assert found["time"] == "2026-03-02T09:00:00Z"


@pytest.mark.parametrize(
    ("letter", "right"),
    [
        ("rcv-no-blanks.eml", {"from": "User", "from_ip": "192.0.2.29", "helo": "User"}),
        ("rcv-multiple-recipients.eml", {"for": "multiple recipients", "id": "m10sm4.12"}),
        ("rcv-multiple-recipients.eml", {"time": "2013-08-06T14:40:18Z", "from_ip": "192.0.2.39"}),
        ("received-ip-not-from-helo.eml", {"from_ip": "203.0.113.7", "from": "192.0.2.99"}),
        ("received-as-user.eml", {"from": "192.0.2.15", "by": "mx.example.net", "with": "HTTP"}),
        ("received-claiming.eml", {"by": "mx.example.net", "from": "dial7.crepes.fr", "helo": "laptop"}),
        ("received-ip-with-port.eml", {"from_ip": "203.0.113.9"}),
        ("received-only-address.eml", {"from": "203.0.113.9", "from_ip": "203.0.113.9"}),
        ("received-clause-after-date.eml", {"id": "A1B2", "for": "bob@hamburger.edu", "time": "2026-03-02T09:00:00Z"}),
    ],
)
def test_letters(letter: str, right: dict[str, Any]) -> None:
    found = trace((LETTERS / letter).read_bytes())[-1].to_json()
    assert {name: found[name] for name in right} == right


def test_a_clause_behind_the_date_is_reported() -> None:
    (hop,) = trace(f"Received: from a.org by b.org{DATE} id A1\r\n\r\n".encode())
    assert [defect.kind for defect in hop.defects] == ["clause-after-date"]
    assert hop.message[hop.defects[0].at :].startswith(b"id A1")


def test_who_is_without_a_name_in_dns_is_so_without_a_blank_too() -> None:
    forged = "Received: from bank.example (unknown[203.0.113.7]) by mx.b.org" + DATE
    path = trace(f"{forged}\r\nReceived: from x by bank.example{DATE}\r\n\r\n".encode())
    assert last_credible(path, ["mx.b.org", "bank.example"]).place == 1
    odd = "Received: from x (y.example[300.1.2.3:25]) by z.example" + DATE
    path = trace(f"{forged}\r\n{odd}\r\n\r\n".encode())
    assert "300.1.2.3 is no address" in last_credible(path, ["mx.b.org"]).signs[-1]
