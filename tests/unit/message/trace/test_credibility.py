"""Where does the evidence end? Behind the last field that a trusted host wrote and that fits the one above."""

from pathlib import Path

import pytest

from emaillab.message.trace.credibility import last_credible
from emaillab.message.trace.path import trace

RECEIVED = Path(__file__).resolve().parents[4] / "data" / "received"
MINE = ["imap.hamburger.edu", "MX.hamburger.edu."]


def path_of(*fields: str) -> bytes:
    """Write a header of Received fields, the newest first, a second apart."""
    stamps = range(len(fields), 0, -1)
    lines = [
        f"Received: {field}; Mon, 3 Mar 2025 12:00:{n:02} +0000\r\n" for field, n in zip(fields, stamps, strict=True)
    ]
    return "".join(lines).encode() + b"\r\n"


IMAP = "from mx.hamburger.edu (mx.hamburger.edu [198.51.100.10]) by imap.hamburger.edu with ESMTP"


@pytest.mark.parametrize(
    ("name", "place", "source"),
    [("honest", 1, "203.0.113.5"), ("forged-tail", 2, "203.0.113.66"), ("forged-tail-clever", 2, "203.0.113.66")],
)
def test_the_three_letters(name: str, place: int, source: str) -> None:
    border = last_credible((RECEIVED / f"{name}.eml").read_bytes(), MINE)
    assert border.place == place
    assert border.hop is not None and border.hop.by == "mx.hamburger.edu"
    assert [hop.by for hop in border.trusted] == ["mx.hamburger.edu", "imap.hamburger.edu"]
    assert (*border.doubtful, *border.trusted) == border.path.hops
    assert "whom you do not trust" in border.reason
    if name != "honest":
        assert border.source_ip == source


def test_signs_of_forgery() -> None:
    careless = last_credible((RECEIVED / "forged-tail.eml").read_bytes(), MINE)
    assert len(careless.signs) == 4
    assert "for which DNS has no name" in careless.signs[0]
    assert "12,594 s later" in careless.signs[1]
    assert "300.1.2.3 is no address" in careless.signs[3]
    clever = last_credible((RECEIVED / "forged-tail-clever.eml").read_bytes(), MINE)
    assert len(clever.signs) == 1 and "which DNS calls dyn66.isp.example" in clever.signs[0]


def test_a_field_in_a_trusted_name_must_fit_the_one_above() -> None:
    """Anybody can write the name of your server into a field; your server says from whom the letter came."""
    raw = path_of(
        IMAP,
        "from x.example (dyn66.isp.example [203.0.113.66]) by mx.hamburger.edu with ESMTP",
        "from good.example (good.example [192.0.2.9]) by mx.hamburger.edu with ESMTP",
    )
    border = last_credible(raw, MINE)
    assert border.place == 1
    assert border.reason == (
        "the field below does not fit: by mx.hamburger.edu, but mx.hamburger.edu saw 203.0.113.66, which DNS calls "
        "dyn66.isp.example"
    )


@pytest.mark.parametrize(
    ("peer", "fits"),
    [
        ("mx.hamburger.edu (mx.hamburger.edu [198.51.100.10])", True),
        ("liar.example (mx.hamburger.edu [198.51.100.10])", True),  # the name from DNS counts
        ("mx.hamburger.edu (dyn.example [203.0.113.6])", False),
        ("mx.hamburger.edu (unknown [203.0.113.6])", False),
        ("unknown (HELO mx.hamburger.edu) (203.0.113.6)", False),
        ("mx.hamburger.edu ([198.51.100.10])", True),  # only claimed, but nothing better is told
        ("localhost (localhost [127.0.0.1])", False),
        ("other.example ([203.0.113.6])", False),
    ],
)
def test_what_the_server_above_saw_decides(peer: str, fits: bool) -> None:
    raw = path_of(f"from {peer} by imap.hamburger.edu", "from a.example by mx.hamburger.edu")
    assert (last_credible(raw, MINE).place == 0) is fits


def test_known_addresses_decide_when_they_are_given() -> None:
    raw = path_of("from mx.hamburger.edu ([203.0.113.6]) by imap.hamburger.edu", "from a by mx.hamburger.edu")
    known = {"imap.hamburger.edu": [], "mx.hamburger.edu": ["198.51.100.10"]}
    assert last_credible(raw, known).place == 1
    assert last_credible(raw, known | {"mx.hamburger.edu": ["203.0.113.6"]}).place == 0


def test_filters_on_the_same_machine_fit() -> None:
    raw = path_of(
        "from localhost (localhost [127.0.0.1]) by mx.hamburger.edu (Postfix) with ESMTP",
        "from mx.hamburger.edu ([127.0.0.1]) by localhost (mx.hamburger.edu [127.0.0.1]) (amavisd-new, port 10024)",
        "from a.example (a.example [192.0.2.9]) by mx.hamburger.edu with ESMTP",
    )
    assert last_credible(raw, [*MINE, "localhost"]).place == 0


def test_whole_domains_can_be_trusted() -> None:
    raw = path_of(IMAP, "from a.example by mx.hamburger.edu")
    assert last_credible(raw, [".hamburger.edu"]).place == 0
    assert last_credible(raw, ".hamburger.edu").place == 0
    assert last_credible(raw, "hamburger.edu").place is None
    assert last_credible(raw.replace(b"hamburger", b"xhamburger"), [".hamburger.edu"]).place is None


def test_nothing_to_believe() -> None:
    assert last_credible(b"Subject: x\r\n\r\n", MINE).reason == "there are no Received fields"
    stranger = last_credible(path_of("from a by b.example"), MINE)
    assert (stranger.place, stranger.hop, stranger.source_ip, stranger.trusted) == (None, None, None, ())
    assert str(stranger) == "no hop is credible: the newest field is by b.example, whom you do not trust"
    assert str(last_credible(trace(path_of(IMAP)), MINE)) == (
        "credible from hop 1 of 1 on, by imap.hamburger.edu: all fields are by hosts you trust, and each fits the one above"
    )
