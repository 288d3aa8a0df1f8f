"""What does one header field look like: as octets, unfolded, decoded, understood, and by which rule?

>>> from emaillab.message.mime.dissect import dissect
>>> raw = b"From: =?utf-8?B?546L?= <w@b.cn>\\r\\nDate: 2 Mar 2026\\r\\n 10:00:00 +0800\\r\\n\\r\\n"
>>> inspector = HeaderInspector(dissect(raw))
>>> print(inspector.reading(1))
field: Date, octets 33 to 68, 35 in all
as it stands: Date: 2 Mar 2026⟨CRLF⟩ 10:00:00 +0800⟨CRLF⟩
unfolded: 2 Mar 2026 10:00:00 +0800
decoded: 2 Mar 2026 10:00:00 +0800
understood: 2026-03-02 02:00:00 UTC
rule: orig-date = "Date:" date-time CRLF (RFC 5322 §3.6.1), exactly once
>>> inspector.reading(0).understood
'王 at w@b.cn'
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from emaillab.charts.table import Column, Table, plain
from emaillab.message.header.addresses import parse_address_groups
from emaillab.message.header.dates import parse_date
from emaillab.message.header.fields import ADDRESS_FIELDS, Field, parse_message_ids
from emaillab.message.mime.part import Part
from emaillab.message.octets.charsets import decode_raw
from emaillab.widgets.kept import Kept

MOST_FIELDS = 500
_MARKS = {"\r\n": "⟨CRLF⟩", "\r": "⟨CR⟩", "\n": "⟨LF⟩", "\t": "⟨TAB⟩", "\0": "⟨NUL⟩"}

# Rule, section and how often the field may stand.   RFC 5322 §3.6; RFC 2045 §4 to §8; RFC 2183 §2; RFC 5321 §4.4
RULES = {
    "date": ('orig-date = "Date:" date-time CRLF', "5322 §3.6.1", "exactly once"),
    "from": ('from = "From:" mailbox-list CRLF', "5322 §3.6.2", "exactly once"),
    "sender": ('sender = "Sender:" mailbox CRLF', "5322 §3.6.2", "at most once; needed when From names several"),
    "reply-to": ('reply-to = "Reply-To:" address-list CRLF', "5322 §3.6.2", "at most once"),
    "to": ('to = "To:" address-list CRLF', "5322 §3.6.3", "at most once"),
    "cc": ('cc = "Cc:" address-list CRLF', "5322 §3.6.3", "at most once"),
    "bcc": ('bcc = "Bcc:" [address-list / CFWS] CRLF', "5322 §3.6.3", "at most once"),
    "message-id": ('message-id = "Message-ID:" msg-id CRLF', "5322 §3.6.4", "at most once; should be there"),
    "in-reply-to": ('in-reply-to = "In-Reply-To:" 1*msg-id CRLF', "5322 §3.6.4", "at most once"),
    "references": ('references = "References:" 1*msg-id CRLF', "5322 §3.6.4", "at most once"),
    "subject": ('subject = "Subject:" unstructured CRLF', "5322 §3.6.5", "at most once"),
    "comments": ('comments = "Comments:" unstructured CRLF', "5322 §3.6.5", "any number of times"),
    "keywords": ('keywords = "Keywords:" phrase *("," phrase) CRLF', "5322 §3.6.5", "any number of times"),
    "return-path": ('return = "Return-Path:" path CRLF', "5322 §3.6.7", "written at final delivery, on top"),
    "received": ('received = "Received:" *received-token ";" date-time CRLF', "5322 §3.6.7", "one for each server"),
    "mime-version": ('version = "MIME-Version" ":" 1*DIGIT "." 1*DIGIT', "2045 §4", "at most once"),
    "content-type": ('content = "Content-Type" ":" type "/" subtype *(";" parameter)', "2045 §5.1", "at most once"),
    "content-transfer-encoding": (
        'encoding = "Content-Transfer-Encoding" ":" mechanism',
        "2045 §6.1",
        "at most once",
    ),
    "content-id": ('id = "Content-ID" ":" msg-id', "2045 §7", "at most once"),
    "content-disposition": (
        'disposition = "Content-Disposition" ":" disposition-type *(";" disposition-parm)',
        "2183 §2",
        "at most once",
    ),
}
_RESENT = ("{name} = the rule of {plain}, for who sent it on", "5322 §3.6.6", "in a block of its own, newest on top")
_OPTIONAL = ('optional-field = field-name ":" unstructured CRLF', "5322 §3.6.8", "any number of times")
_IDS = frozenset(("message-id", "in-reply-to", "references", "resent-message-id", "content-id"))


@dataclass(frozen=True, slots=True)
class Reading:
    """One field, from its octets to what a program understands."""

    field: Field
    as_it_stands: str
    unfolded: str
    decoded: str
    understood: str
    rule: str

    def rows(self) -> list[tuple[str, str]]:
        """List what is told, with its heading."""
        start, end = self.field.span
        return [
            ("field", f"{self.field.name}, octets {start} to {end}, {end - start} in all"),
            ("as it stands", self.as_it_stands),
            ("unfolded", self.unfolded),
            ("decoded", self.decoded),
            ("understood", self.understood),
            ("rule", self.rule),
        ]

    def __str__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.rows())


def rule_of(name: str) -> str:
    """Return the grammar of a field, with its section, and how often it may stand."""
    key = name.lower()
    if key.startswith("resent-"):
        text, section, often = _RESENT
        text = text.format(name=name, plain=name[7:])
    else:
        text, section, often = RULES.get(key, _OPTIONAL)
    return f"{text} (RFC {section}), {often}"


def read_field(field: Field) -> Reading:
    """Read one field in all ways."""
    stands = decode_raw(field.raw)
    for octets, mark in _MARKS.items():
        stands = stands.replace(octets, mark)
    return Reading(field, stands, decode_raw(field.body), field.text, _understood(field), rule_of(field.name))


def _understood(field: Field) -> str:
    key = field.name.lower()
    if key in ADDRESS_FIELDS:
        groups = [
            (f"group {group.name}: " if group.name is not None else "")
            + ", ".join(f"{one.name} at {one.addr_spec}" if one.name else one.addr_spec for one in group.members)
            for group in parse_address_groups(field.body)
        ]
        return "; ".join(groups) or "nobody"
    if key in ("date", "resent-date"):
        date = parse_date(field.body)
        if date is None:
            return "no date and time"
        return f"{date.utc:%Y-%m-%d %H:%M:%S} UTC" + ("" if date.zone_known else ", zone unknown")
    if key in _IDS:
        ids = parse_message_ids(field.body)
        return f"{len(ids)} {'identifier' if len(ids) == 1 else 'identifiers'}"
    return "text"


class HeaderInspector(Kept):
    """The fields of a header, one of them in all its forms; a table of all of them where nothing is live."""

    run_me = "Header inspector. Run this cell to choose a field."

    def __init__(self, part: Part) -> None:
        self.part = part
        self.readings = tuple(read_field(field) for field in part.header[:MOST_FIELDS])

    def reading(self, number: int) -> Reading:
        """Return one field, from 0. Raises: IndexError for a number that there is not."""
        if not 0 <= number < len(self.readings):
            raise IndexError(f"the header has fields 0 to {len(self.readings) - 1}, not {number}")
        return self.readings[number]

    def table(self) -> Table:
        """Return all fields at once."""
        names = ("field", "as it stands", "decoded", "understood", "rule")
        rows = [
            (plain(one.field.name), one.as_it_stands, one.decoded, one.understood, one.rule) for one in self.readings
        ]
        return Table(f"Header of {len(self.readings)} fields", tuple(map(Column, names)), tuple(rows))

    # How it is shown

    def view(self, number: int) -> str:
        """Return one field in all its forms as HTML."""
        style = "padding:2px 12px 2px 0;text-align:left;vertical-align:baseline;line-height:1.4"
        mono = f"{style};font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere"
        rows = "".join(
            f'<tr><th scope="row" style="{style};white-space:nowrap">{name}</th>'
            f'<td style="{mono}">{escape(text).replace("⟨CRLF⟩", "⟨CRLF⟩<br>").removesuffix("<br>")}</td></tr>'
            for name, text in self.reading(number).rows()
        )
        return f'<div role="status"><table style="border-collapse:collapse"><tbody>{rows}</tbody></table></div>'

    def _build(self) -> Any:
        import ipywidgets as widgets

        names = [(plain(one.field.name), number) for number, one in enumerate(self.readings)]
        choice = widgets.Select(
            options=names,
            rows=min(16, max(4, len(names))),
            description="Field",
            layout={"width": "300px"},
            style={"description_width": "40px"},
        )
        view = widgets.HTML(self.view(0) if names else "<p>The header has no field.</p>")
        choice.observe(lambda change: setattr(view, "value", self.view(change.new)), "value")
        return widgets.HBox([choice, view])

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.readings)) or "The header has no field."

    def __repr__(self) -> str:
        return f"<HeaderInspector {len(self.readings)} fields>"

    @property
    def html(self) -> str:
        """All fields as a table, folded: what a saved notebook keeps."""
        summary = f'<summary style="cursor:pointer">All {len(self.readings)} fields in all their forms</summary>'
        return f"<details>{summary}{self.table().html()}</details>"
