"""The claims S34 to S37 on letters of the collection: what the evidence must show."""

from pathlib import Path

import pytest

from emaillab.message.mime.evidence import five_encodings, relabelled, two_viewers, without_each

MESSAGES = Path(__file__).resolve().parents[4] / "data" / "messages"
MIXED = MESSAGES / "mixed-alternative-related.eml"


def test_s34_without_mime_a_letter_is_one_text_with_its_machinery() -> None:
    old, new = two_viewers(MESSAGES / "alternative.eml")
    assert (old.type, new.type) == ("text/plain", "text/plain")
    assert old.text.count("Content-Type:") >= 2 and "Content-Type:" not in new.text
    assert new.text.strip()


def test_s35_each_field_carries_something_of_its_own() -> None:
    effects = {effect.removed: effect for effect in without_each(MIXED)}
    whole = effects["nothing"]
    assert effects["Content-Type"].types == ("text/plain",), "no tree is left"
    assert effects["2 Content-Transfer-Encoding"].decoded_size > whole.decoded_size, "still in base64"
    assert effects["1.2.2 Content-ID"].types == whole.types
    assert effects["MIME-Version"].types == whole.types, "today's readers do not ask for it"
    assert "menu.pdf" in whole.filenames


def test_s36_the_label_decides_and_the_octets_stay() -> None:
    read = relabelled(
        MESSAGES / "related-five-images.eml", "4", ["image/jpeg", "text/plain", "application/octet-stream"]
    )
    assert [part.content_type for part in read.values()] == list(read)
    assert len({part.decoded for part in read.values()}) == 1
    with pytest.raises(KeyError, match="no part 99"):
        relabelled(MIXED, "99", ["text/plain"])


def test_s37_three_of_five_values_encode_nothing() -> None:
    read = {reading.encoding: reading for reading in five_encodings(b"Qk9C=21\r\n")}
    assert read["7bit"].decoded == read["8bit"].decoded == read["binary"].decoded == b"Qk9C=21\r\n"
    assert (read["base64"].decoded, read["quoted-printable"].decoded) == (b"BOB", b"Qk9C!\r\n")
    assert read["x-unknown"].type == "application/octet-stream" and read["x-unknown"].defects
