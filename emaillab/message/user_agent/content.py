"""How do text, HTML, pictures and files become one body?

>>> letter = EmailMessage(policy=WIRE)
>>> letter["Message-ID"] = "<1@crepes.fr>"
>>> set_content(letter, "look", '<img src="cid:a.png">', [("a.png", b"\\x89PNG")], [("b.csv", b"1")])
>>> [part.get_content_type() for part in letter.walk() if part.is_multipart()]
['multipart/mixed', 'multipart/alternative', 'multipart/related']
>>> [part.get_content_type() for part in letter.walk() if not part.is_multipart()]
['text/plain', 'text/html', 'image/png', 'text/csv']
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from emaillab.message.header.encoded_words import LINE_LIMIT
from emaillab.message.header.field_writer import WIRE
from emaillab.message.header.values import clean
from emaillab.message.mime.writer import Enclosure, to_bytes
from emaillab.message.octets.encodings import encode_base64, encode_quoted_printable
from emaillab.message.octets.sizes import best_encoding

_SEVEN_BIT = re.compile(r"[\t\r\n -~]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
# cid-url = "cid:" content-id     RFC 2392 §2; here up to what ends an attribute's value
_CID = re.compile(r"(?<=[\"'(=])cid:([^\"'<>)]+)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter; without a media type, the name tells it."""

    name: str
    content: bytes
    media_type: str = ""


Attachable: TypeAlias = "Attachment | tuple[str, bytes] | str | os.PathLike[str] | Message[Any, Any]"
"""A file by its path, a name with its octets, or a message to enclose."""


def set_content(
    message: EmailMessage, text: str, html: str | None, images: Iterable[Attachable], attachments: Iterable[Attachable]
) -> None:
    """Change a message to hold text, the same as HTML with its images, and files.

    The parts nest as mixed(alternative(plain, related(html, image…)), file…), as far as there is something to nest.

    Raises: ValueError for an image that the HTML does not show, or one that it shows and is not there.
    Source: RFC 2046 §5.1.3, §5.1.4; RFC 2387.
    """
    pictures = [_file(one) for one in images]
    if pictures and html is None:
        raise ValueError("images stand in an HTML text, and there is none: give html, or send them as attachments")
    _set_text(message, text, "plain")
    if html is not None:
        message.make_alternative()
        message.attach(_page(html, pictures, str(message["Message-ID"])))
    parts = [_attached(one) for one in attachments]
    if parts:
        message.make_mixed()
        for part in parts:
            message.attach(part)
        # A multipart declares what its most demanding part needs (RFC 2045 §6.4).
        encodings = {str(part["Content-Transfer-Encoding"]) for part in parts if isinstance(part, Enclosure)}
        for encoding in ("binary", "8bit"):
            if encoding in encodings:
                message["Content-Transfer-Encoding"] = encoding
                break


def _page(html: str, pictures: list[Attachment], message_id: str) -> EmailMessage:
    """Make the HTML part, with its images related to it; `cid:name` becomes `cid:` and the image's Content-ID.

    A Content-ID is unique in the world, so it is made from the message's own (RFC 2045 §7, RFC 2392).
    """
    identifiers = {one.name: f"{number}.{message_id[1:-1]}" for number, one in enumerate(pictures, start=1)}
    shown: set[str] = set()

    def identified(link: re.Match[str]) -> str:
        if link[1] not in identifiers:
            raise ValueError(f"the HTML shows cid:{link[1]}, and images holds no file of that name")
        shown.add(link[1])
        return f"cid:{quote(identifiers[link[1]], safe='@')}"

    part = EmailMessage(policy=WIRE)
    _set_text(part, _CID.sub(identified, html) if pictures else html, "html")
    if not pictures:
        return part
    if unseen := [one.name for one in pictures if one.name not in shown]:
        raise ValueError(f'the HTML does not show {unseen[0]}: it needs <img src="cid:{unseen[0]}">')
    part.make_related()
    part.set_param("type", "text/html")
    for one in pictures:
        part.attach(_leaf(one, "inline", identifiers[one.name]))
    return part


def _set_text(part: EmailMessage, text: str, subtype: str) -> None:
    """Set text as 7bit where it is, else as whichever of quoted-printable and base64 is smaller."""
    canonical = _LINE_END.sub("\r\n", text)
    if canonical and not canonical.endswith("\r\n"):
        canonical += "\r\n"
    octets = canonical.encode("utf-8", "replace")
    encoding = best_encoding(octets, longest=LINE_LIMIT)
    if encoding == "7bit" and not _SEVEN_BIT.fullmatch(canonical):
        encoding = "quoted-printable"  # control characters are legal, and fare badly
    payload = {"base64": encode_base64, "quoted-printable": encode_quoted_printable}.get(encoding, bytes)(octets)
    part["Content-Type"] = f"text/{subtype}; charset={'us-ascii' if octets.isascii() else 'utf-8'}"
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(payload.decode("ascii"))


def _attached(one: Attachable) -> EmailMessage:
    if isinstance(one, Enclosure):
        return one
    if isinstance(one, Message):
        return Enclosure.of(to_bytes(one))
    file = _file(one)
    return Enclosure.of(file.content) if _type(file).startswith("message/") else _leaf(file, "attachment")


def _file(one: Attachable) -> Attachment:
    if isinstance(one, Attachment):
        return one
    if isinstance(one, tuple):
        return Attachment(*one)
    if isinstance(one, Message):
        raise ValueError("a message is no image: send it as an attachment")
    return Attachment(Path(one).name, Path(one).read_bytes())


def _type(file: Attachment) -> str:
    return clean(file.media_type, "an attachment's media type") or _guess(file.name)


def _leaf(file: Attachment, disposition: str, content_id: str = "") -> EmailMessage:
    """Make the part of a file, in base64."""
    part = EmailMessage(policy=WIRE)
    part["Content-Type"] = _type(file)
    part["Content-Transfer-Encoding"] = "base64"
    if content_id:
        part["Content-ID"] = f"<{content_id}>"
    part["Content-Disposition"] = disposition
    part.set_param("filename", clean(file.name, "an attachment's name"), header="Content-Disposition")
    part.set_payload(encode_base64(file.content).decode("ascii"))
    return part


def _guess(name: str) -> str:
    """Guess a media type from a file name by Python's own table, not this machine's: the same anywhere."""
    from mimetypes import MimeTypes

    media_type, packed = MimeTypes().guess_type(name)
    return media_type if media_type and not packed else "application/octet-stream"
