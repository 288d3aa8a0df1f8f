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

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from functools import cached_property
from typing import Any

from .addresses import Address, parse_addresses
from .charsets import decode_text
from .fields import Header, parse_header, parse_message_ids
from .parameters import parse_parameters

_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ID = re.compile(rb"<[!-~]{1,900}>")
_ADDRESS_PART = re.compile("[^\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
# No part of this reads on past the next "<": time grows with the length of the page, whatever stands in it.
_TAG = re.compile(r"<!--|-->|<(/?)([a-z!?][a-z0-9]*)[^<>]*>", re.IGNORECASE)
_PARAGRAPH_ENDS = frozenset(("/p", "/div", "/tr", "/li", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6"))
_NOT_SHOWN = frozenset(("script", "style", "title", "!--"))
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_SHOWN = ("From", "Date", "Subject", "To", "Cc")


@dataclass(frozen=True)
class Original:
    """A letter to be answered or passed on, read tolerantly: nothing in it can raise or break a header line."""

    octets: bytes

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
        found = [one for field in self.header.all(name) for one in parse_addresses(field.body)]
        return [
            Address(" ".join(_ODD.sub(" ", one.name).split()), one.local, one.domain)
            for one in found
            if _ADDRESS_PART.fullmatch(one.local) and _ADDRESS_PART.fullmatch(one.domain)
        ]

    @property
    def message_id(self) -> str:
        """Give the Message-ID, empty when there is none that can be repeated."""
        found = self._ids("Message-ID")
        return found[0] if found else ""

    @property
    def thread(self) -> list[str]:
        """List the identifiers that an answer puts into References, oldest first. Source: RFC 5322 §3.6.4."""
        before = self._ids("References")
        if not before:
            parents = self._ids("In-Reply-To")
            before = parents if len(parents) == 1 else []
        own = self.message_id
        return [*(one for one in before if one != own), own] if own else before

    def _ids(self, name: str) -> list[str]:
        field = self.header.get(name)
        found = parse_message_ids(field.body) if field else []
        return [one.decode("ascii") for one in found if _ID.fullmatch(one) and b"=?" not in one]

    @cached_property
    def leaves(self) -> list[Message[Any, Any]]:
        """List the parts that hold no others, enclosed messages unopened; none when the parser gives up."""
        try:
            waiting: list[Message[Any, Any]] = [message_from_bytes(self.octets)]
            found = []
            while waiting:
                part = waiting.pop()
                children = part.get_payload()
                if part.get_content_maintype() == "multipart" and isinstance(children, list):
                    waiting.extend(child for child in reversed(children) if isinstance(child, Message))
                else:
                    found.append(part)
        except (RecursionError, ValueError, LookupError):  # QUIRK: the standard library's reader is not made for spite
            return []
        return found

    @cached_property
    def text(self) -> str:
        """Give the text to quote: the first plain part, or else the first HTML part without its tags."""
        for subtype in ("plain", "html"):
            for part in self.leaves:
                if part.get_content_type() == f"text/{subtype}" and not _is_file(part):
                    text = decode_text(_content(part), _parameter(part, "Content-Type", "charset"))[0]
                    text = "\n".join(text.splitlines()) + "\n" if text else ""
                    return text if subtype == "plain" else _without_tags(text)
        return ""

    def attachments(self) -> Iterator[tuple[str, bytes, str]]:
        """Give name, content and media type of each attached file."""
        for part in self.leaves:
            if _is_file(part) or part.get_content_maintype() not in ("text", "multipart"):
                name = _parameter(part, "Content-Disposition", "filename") or _parameter(part, "Content-Type", "name")
                media_type = part.get_content_type()
                usable = _MEDIA_TYPE.fullmatch(media_type) and not media_type.startswith("multipart/")
                yield (
                    _ODD.sub(" ", name or "attachment"),
                    _content(part),
                    media_type if usable else "application/octet-stream",
                )

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


def _is_file(part: Message[Any, Any]) -> bool:
    return parse_parameters(_body(part, "Content-Disposition")).value.lower() == "attachment"


def _parameter(part: Message[Any, Any], field: str, name: str) -> str | None:
    return parse_parameters(_body(part, field)).params.get(name)


def _body(part: Message[Any, Any], field: str) -> bytes:
    return str(part.get(field, "")).encode("utf-8", "surrogateescape")


def _content(part: Message[Any, Any]) -> bytes:
    children = part.get_payload()
    if isinstance(children, list):  # an enclosed message
        return b"".join(child.as_bytes() for child in children if isinstance(child, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


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
    lines = html.unescape("".join(kept)).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip()) + "\n"
