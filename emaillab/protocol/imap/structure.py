"""How does a message look in outline? ENVELOPE and BODYSTRUCTURE: what a list of mail shows without fetching it.

>>> from emaillab.message.header.fields import parse_header
>>> envelope(parse_header(b"Subject: hi\\r\\nFrom: Bob <bob@b.example>\\r\\n\\r\\n"))
b'(NIL "hi" (("Bob" NIL "bob" "b.example")) (("Bob" NIL "bob" "b.example")) (("Bob" NIL "bob" "b.example")) NIL NIL NIL NIL NIL)'
"""  # noqa: E501

from __future__ import annotations

from typing import TYPE_CHECKING

from emaillab.message.header.encoded_words import encode_words
from emaillab.message.header.fields import Field, Header, parse_address_groups, parse_parameters
from emaillab.message.header.parameters import encode_parameter
from emaillab.protocol.imap.grammar import string

if TYPE_CHECKING:
    from emaillab.message.header.fields import Address
    from emaillab.message.mime.dissect import Part

DEEPEST = 100  # levels of parts shown; SIMPLIFIED: what lies deeper is shown closed, no client opens it
MOST_ADDRESS_OCTETS = 200_000
"""How many octets of address fields one answer reads; SIMPLIFIED: who comes later is named in BODY[HEADER] alone."""


class _Room:
    """What is left of `MOST_ADDRESS_OCTETS`."""

    def __init__(self) -> None:
        self.octets = MOST_ADDRESS_OCTETS

    def take(self, body: bytes) -> bytes:
        """Return as many whole addresses as there is room for."""
        if len(body) > self.octets:
            body = body[: body.rfind(b",", 0, self.octets) + 1]
        self.octets -= len(body)
        return body


def envelope(header: Header, room: _Room | None = None) -> bytes:
    """Write date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id; Sender defaults to From.

    Source: RFC 9051 §7.5.2 "ENVELOPE".
    """
    room = room or _Room()
    from_ = _addresses(header.get("From"), room)
    defaulted = [_addresses(header.get(name), room) for name in ("Sender", "Reply-To")]
    fields = [
        _body(header.get("Date")),
        _body(header.get("Subject")),
        from_,
        *(from_ if value == b"NIL" else value for value in defaulted),
        *(_addresses(header.get(name), room) for name in ("To", "Cc", "Bcc")),
        _body(header.get("In-Reply-To")),
        _body(header.get("Message-ID")),
    ]
    return b"(" + b" ".join(fields) + b")"


def _body(field: Field | None) -> bytes:
    return b"NIL" if field is None else _string(field.body)


def _addresses(field: Field | None, room: _Room) -> bytes:
    """Write an address list; a group stands between two addresses that have no host."""
    written: list[bytes] = []
    for group in parse_address_groups(room.take(field.body)) if field else []:
        members = [_address(member) for member in group.members]
        if group.name is not None:
            members = [b"(NIL NIL %b NIL)" % _text(group.name), *members, b"(NIL NIL NIL NIL)"]
        written += members
    return b"(" + b"".join(written) + b")" if written else b"NIL"


def _address(address: Address) -> bytes:
    # QUIRK: NIL for the host would begin a group; an address without "@" gets an empty one.
    name = _text(address.name) if address.name else b"NIL"
    return b"(%b NIL %b %b)" % (name, _string(address.local.encode()), _string(address.domain.encode()))


def _text(text: str) -> bytes:
    """Write text in seven bits: encoded words where they are needed, as in the message itself."""
    return _string(text.encode("ascii") if text.isascii() else b" ".join(encode_words(text)))


def _string(octets: bytes) -> bytes:
    """Write a string. QUIRK: NUL, which none may hold (RFC 9051 §9 "CHAR8"), becomes 0x80, as it does in Dovecot."""
    return string(octets.replace(b"\0", b"\x80"))


def structure(part: Part, *, extended: bool) -> bytes:
    """Write the outline of a part: BODYSTRUCTURE with extension data, BODY without.

    Source: RFC 9051 §7.5.2 "BODYSTRUCTURE".
    """
    outline = _Outline(extended)
    outline.add(part, 0)
    return b"".join(outline.written)


class _Outline:
    """An outline that is being written, piece by piece, so that no piece is copied once for each level around it."""

    def __init__(self, extended: bool) -> None:
        self.extended = extended
        self.written: list[bytes] = []
        self.room = _Room()
        # What parts without parts have before and behind their size and lines: alike where their headers are.
        self.known: dict[tuple[bytes, str], tuple[bytes, bytes, bool]] = {}

    def add(self, part: Part, depth: int) -> None:
        """Write a part and what is in it."""
        if not part.children or depth >= DEEPEST:
            self.add_leaf(part)
            return
        kind, _, subtype = part.content_type.partition("/")
        if kind == "multipart":
            self.written.append(b"(")
            for child in part.children:
                self.add(child, depth + 1)
            tail = [_params(part.params), *_placement(part)] if self.extended else []
            self.written.append(b" " + b" ".join([_label(subtype), *tail]) + b")")
        elif kind == "message" and subtype in {"rfc822", "global"}:
            inner = part.children[0]
            fields = [*_basic_fields(part, kind, subtype), _size(part), envelope(inner.header, self.room)]
            self.written.append(b"(" + b" ".join(fields) + b" ")
            self.add(inner, depth + 1)
            self.written.append(b" " + _lines(part) + self.tail(part) + b")")
        else:
            self.add_leaf(part)

    def add_leaf(self, part: Part) -> None:
        """Write a part as one that holds no others."""
        key = part.raw[slice(*part.header_span)], part.default_type
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = self.leaf(part)
        before, behind, is_text = known
        self.written.append(before + _size(part) + (b" " + _lines(part) if is_text else b"") + behind)

    def leaf(self, part: Part) -> tuple[bytes, bytes, bool]:
        """Write what stands before and behind size and lines. Returns: these, and whether there are lines."""
        kind, _, subtype = part.content_type.partition("/")
        if kind == "multipart":  # QUIRK: without any part; the grammar wants one
            kind, subtype = "text", "plain"
        fields = _basic_fields(part, kind, subtype)
        if kind == "message" and subtype in {"rfc822", "global"}:
            fields[:2] = [b'"APPLICATION"', b'"OCTET-STREAM"']  # the grammar wants an inner message
        return b"(" + b" ".join(fields) + b" ", self.tail(part) + b")", kind == "text"

    def tail(self, part: Part) -> bytes:
        """Write the extension data of a part that is no multipart."""
        if not self.extended:
            return b""
        return b" " + b" ".join([_body(part.header.get("Content-MD5")), *_placement(part)])


def _basic_fields(part: Part, kind: str, subtype: str) -> list[bytes]:
    """Write type, parameters, id, description, encoding."""
    params = part.params
    if kind == "text" and "charset" not in params:
        params = {"charset": "us-ascii", **params}  # the default: RFC 2045 §5.2
    return [
        _label(kind),
        _label(subtype),
        _params(params),
        _body(part.header.get("Content-ID")),
        _body(part.header.get("Content-Description")),
        _label(part.encoding or "7bit"),
    ]


def _size(part: Part) -> bytes:
    start, end = part.body_span
    return b"%d" % (end - start)


def _lines(part: Part) -> bytes:
    return b"%d" % part.raw.count(b"\n", *part.body_span)


def _placement(part: Part) -> list[bytes]:
    """Write disposition, languages and location."""
    field = part.header.get("Content-Disposition")
    disposition = b"NIL"
    if field is not None:
        value, params, _ = parse_parameters(field.body)
        if value or params:  # QUIRK: some write parameters only; what is unknown is an attachment (RFC 2183 §2.8)
            disposition = b"(%b %b)" % (_label(value or "attachment"), _params(params))
    languages = part.header.get("Content-Language")
    tags = [tag.strip(b" \t") for tag in languages.body.split(b",")] if languages else []
    language = b"(" + b" ".join(map(_string, tags)) + b")" if any(tags) else b"NIL"
    return [disposition, language, _body(part.header.get("Content-Location"))]


def _label(name: str) -> bytes:
    return _string(name.upper().encode())


def _params(params: dict[str, str]) -> bytes:
    """Write parameters as name and value in turn; what has more than seven bits as RFC 2231 writes it."""
    written: list[bytes] = []
    for name, value in params.items():
        if value.isascii():
            written += [_string(name.upper().encode()), _string(value.encode())]
            continue
        for piece in encode_parameter(name, value.translate(_UNWRITABLE)):
            key, _, octets = piece.partition(b"=")
            written += [_string(key.upper()), _string(octets)]
    return b"(" + b" ".join(written) + b")" if written else b"NIL"


_UNWRITABLE = {0: None, 10: " ", 13: " "}
