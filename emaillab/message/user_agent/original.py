"""What does an answer need to know of the letter it answers?

>>> letter = Original(b"From: Alice <a@crepes.fr>\\nMessage-ID: <2@crepes.fr>\\nIn-Reply-To: <1@b.org>\\n\\nHello\\n")
>>> letter.thread, letter.text
(['<1@b.org>', '<2@crepes.fr>'], 'Hello\\n')
>>> print(letter.quoted())
<BLANKLINE>
<BLANKLINE>
Alice <a@crepes.fr> wrote:
> Hello
<BLANKLINE>
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from emaillab.message.header.addresses import Address, parse_addresses
from emaillab.message.header.fields import Header, parse_header, parse_message_ids
from emaillab.message.header.values import is_mailbox
from emaillab.message.mime.dissect import dissect
from emaillab.message.mime.part import Part
from emaillab.message.octets.charsets import python_codec
from emaillab.message.octets.entities import unescape

_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ID = re.compile(rb"<[!-~]{1,900}>")
_ADDRESS_PART = re.compile("[^\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# No part of this reads on past the next "<", or gives back what it has read: time grows with the length of the page.
_TAG = re.compile(r"<!--|-->|<(/?)([a-z!?][a-z0-9]*+)[^<>]*+>", re.IGNORECASE)
_PARAGRAPH_ENDS = frozenset(("/p", "/div", "/tr", "/li", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6"))
_NOT_SHOWN = frozenset(("script", "style", "title", "!--"))
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")  # RFC 2978 §2.3
_SHOWN = ("From", "Date", "Subject", "To", "Cc")
MOST_IDENTIFIERS = 100
"""How many identifiers an answer puts into References; of more, the first and the last ones."""


@dataclass(frozen=True)
class Original:
    """A letter to be answered or passed on, read tolerantly: nothing in it can raise or break a header line."""

    octets: bytes
    most_octets: int = sys.maxsize
    """How many octets of the address fields of one name are read."""

    @cached_property
    def header(self) -> Header:
        """Give the header's fields."""
        return parse_header(self.octets)

    def line(self, name: str) -> str:
        """Decode the first field of that name into one line of text, empty when there is none."""
        return " ".join(_ODD.sub(" ", self.header.text(name)).split())

    @property
    def subject(self) -> str:
        """Give the subject as one line."""
        return self.line("Subject")

    def mailboxes(self, name: str) -> list[Address]:
        """List the usable addresses of all fields of that name."""
        found: list[Address] = []
        left = self.most_octets
        for field in self.header.all(name):
            if left <= 0:
                break
            found += parse_addresses(field.body[:left])
            left -= field.span[1] - field.span[0]
        return [
            Address(" ".join(_ODD.sub(" ", one.name).split()), one.local, one.domain)
            for one in found
            if is_mailbox(one) and _ADDRESS_PART.fullmatch(one.local) and _ADDRESS_PART.fullmatch(one.domain)
        ]

    def octets_of(self, name: str) -> int:
        """Count the octets of all fields of that name."""
        return sum(field.span[1] - field.span[0] for field in self.header.all(name))

    @property
    def message_id(self) -> str:
        """Give the Message-ID, empty when there is none that can be repeated."""
        found = self._ids("Message-ID")
        return found[0] if found else ""

    @property
    def thread(self) -> list[str]:
        """List the identifiers that an answer puts into References, oldest first.

        Source: RFC 5322 §3.6.4; RFC 5537 §3.4.4 for leaving out some of many.
        """
        before = self._ids("References")
        if not before:
            parents = self._ids("In-Reply-To")
            before = parents if len(parents) == 1 else []
        own = self.message_id
        whole = [*(one for one in before if one != own), own] if own else before
        return whole if len(whole) <= MOST_IDENTIFIERS else [whole[0], *whole[1 - MOST_IDENTIFIERS :]]

    def _ids(self, name: str) -> list[str]:
        field = self.header.get(name)
        found = parse_message_ids(field.body) if field else []
        return [one.decode("ascii") for one in found if _ID.fullmatch(one) and b"=?" not in one]

    @cached_property
    def leaves(self) -> list[Part]:
        """List the parts that hold no others; enclosed messages stay closed."""
        waiting, found = [dissect(self.octets)], []
        while waiting:
            part = waiting.pop()
            if part.content_type.startswith("multipart/") and part.children:
                waiting.extend(reversed(part.children))
            else:
                found.append(part)
        return found

    @cached_property
    def text(self) -> str:
        """Give the text to quote: the first plain part, or else the first HTML part without its tags."""
        for content_type in ("text/plain", "text/html"):
            for part in self.leaves:
                if part.content_type == content_type and part.disposition != "attachment":
                    text = "\n".join(part.text.splitlines()) + "\n" if part.text else ""
                    return text if content_type == "text/plain" else _without_tags(text)
        return ""

    def attachments(self) -> Iterator[tuple[str, bytes, str]]:
        """Give name, content and media type of each attached file."""
        for part in self.leaves:
            if part.disposition == "attachment" or not part.content_type.startswith(("text/", "multipart/")):
                yield _ODD.sub(" ", part.declared_filename or "attachment"), part.decoded, _media_type(part)

    def quoted(self) -> str:
        """Quote the text below a line that tells who wrote it, and when. Source: RFC 3676 §4.5 for the ">"."""
        date, writer = self.line("Date"), self.line("From") or "Somebody"
        attribution = f"On {date}, {writer} wrote:" if date else f"{writer} wrote:"
        lines = [">" + line if line.startswith(">") or not line else "> " + line for line in self.text.splitlines()]
        return "\n\n" + "\n".join([attribution, *lines, ""])

    def shown(self) -> str:
        """Show the letter as text, for forwarding inline."""
        fields = [f"{name}: {self.line(name)}" for name in _SHOWN if self.line(name)]
        return "\n\n" + "\n".join(["---------- Forwarded message ----------", *fields, "", self.text])


def _media_type(part: Part) -> str:
    """Give the type to pass a file on as; a text keeps its charset."""
    if not _MEDIA_TYPE.fullmatch(part.content_type) or part.content_type.startswith("multipart/"):
        return "application/octet-stream"
    charset = part.params.get("charset", "")
    named = part.content_type.startswith("text/") and _CHARSET.fullmatch(charset) and python_codec(charset)
    return f"{part.content_type}; charset={charset}" if named else part.content_type


def _without_tags(markup: str) -> str:
    kept: list[str] = []
    at, hidden = 0, ""  # the tag whose end is waited for, as nothing up to it is shown
    for tag in _TAG.finditer(markup):
        name = (tag[1] + tag[2]).lower() if tag[2] else tag[0].strip("<>")
        if not hidden:
            kept.append(markup[at : tag.start()])
            hidden = name if name in _NOT_SHOWN else ""
            if name == "br" or name in _PARAGRAPH_ENDS:
                kept.append("\n")
        elif name == ("--" if hidden == "!--" else "/" + hidden):
            hidden = ""
        at = tag.end()
    if not hidden:
        kept.append(markup[at:])
    lines = unescape("".join(kept)).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip()) + "\n"
