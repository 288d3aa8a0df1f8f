"""What is wrong with a message, where, by which rule, and what was done about it? As a table.

>>> from emaillab.message.mime.dissect import dissect
>>> print(defect_table(dissect(b"Subject: Hi\\r\\nTo : bob\\r\\n\\r\\nna\\xefve\\r\\n")))
Defects of message text/plain
part     defect               octet  there        rule       what was done
message  blank-before-colon      15  20 3a 20 62  5322 §4.5  read as obsolete syntax
message  8bit-octets-in-7bit     27  ef 76 65 0d  2045 §2.7  kept as they are
"""

from __future__ import annotations

from emaillab.charts.table import Column, Table, plain
from emaillab.message.mime.part import Part

SHOWN = 4  # octets at the place


def defect_table(part: Part) -> Table:
    """List the defects of a part and of all below it, by offset."""
    columns = (
        Column("part"),
        Column("defect"),
        Column("octet", "", 0),
        Column("there"),
        Column("rule"),
        Column("what was done"),
    )
    found = [(one.number or "message", defect) for one in part.walk() for defect in one.defects]
    rows = tuple(
        (number, defect.kind, defect.at, part.raw[defect.at : defect.at + SHOWN].hex(" "), defect.rfc, defect.done)
        for number, defect in sorted(found, key=lambda pair: pair[1].at)
    )
    note = "" if rows else "None."
    return Table(f"Defects of {part.number or 'message'} {plain(part.content_type)}", columns, rows, note)
