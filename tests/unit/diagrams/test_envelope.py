"""Does the picture of envelope and message tell who is only on one of the two?"""

from datetime import UTC, datetime
from xml.etree import ElementTree

from emaillab.diagrams.envelope import draw_envelope
from emaillab.host.custody import Custody
from emaillab.protocol.envelope import Envelope


def stop(raw: bytes, reverse_path: str, *forward_paths: str) -> Custody:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return Custody("crepes.fr", 0.0, noon, "<1@x>", "Q1", "1", Envelope.plain(reverse_path, *forward_paths), raw)


def test_an_address_is_found_in_its_field_whatever_its_case() -> None:
    raw = b"From: Alice <ALICE@crepes.fr>\r\nCc: bob@hamburger.edu\r\n\r\nBonjour\r\n"
    words = draw_envelope(stop(raw, "alice@crepes.fr", "Bob@Hamburger.edu", "eve@example.org")).words
    assert words.splitlines()[:3] == [
        "MAIL FROM:<alice@crepes.fr>, in the field From",
        "RCPT TO:<Bob@Hamburger.edu>, in the field Cc",
        "RCPT TO:<eve@example.org>, in no field",
    ]


def test_a_report_has_the_null_reverse_path() -> None:
    picture = draw_envelope(stop(b"To: <alice@crepes.fr>\r\n\r\n", "", "alice@crepes.fr"))
    assert "MAIL FROM:<>, in no field" in picture.words
    assert "2 addresses outside, 1 of them inside too" in picture.title


def test_any_message_gives_a_picture_that_is_well_formed_and_of_bounded_size() -> None:
    for raw in (b"", b"\x00\xff<&>", b"To: <b&b@x>\r\n\r\n" + b"w " * 500_000, b"Content-Type: image/png\r\n\r\nx"):
        picture = draw_envelope(stop(raw, "a<&\x07@x", *(f"u{n}@x" for n in range(3))))
        ElementTree.fromstring(picture.svg)
        assert len(picture.svg) < 20_000
