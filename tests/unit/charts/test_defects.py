"""Does the table of defects name every defect of every part, by offset?"""

from emaillab.charts.defects import defect_table
from emaillab.message.mime.dissect import dissect


def test_every_defect_with_its_octets() -> None:
    raw = b"To : bob\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\xe4\r\n"
    message = dissect(raw)
    table = defect_table(message)
    assert table.column("octet") == sorted(d.at for part in message.walk() for d in part.defects)
    assert {"blank-before-colon", "8bit-octets-in-7bit", "close-delimiter-missing"} == set(table.column("defect"))
    place = table.column("defect").index("8bit-octets-in-7bit")
    assert (table.column("part")[place], table.column("there")[place]) == ("1", "e4 0d 0a")


def test_a_sound_message_has_none() -> None:
    table = defect_table(dissect(b"Subject: Hi\r\n\r\nHi\r\n"))
    assert (table.rows, table.note) == ((), "None.")
