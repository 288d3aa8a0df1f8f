"""How does a message look in outline? ENVELOPE and BODYSTRUCTURE: what a list of mail shows without fetching it.

>>> from emaillab.message.fields import parse_header
>>> envelope(parse_header(b"Subject: hi\\r\\nFrom: Bob <bob@b.example>\\r\\n\\r\\n"))
b'(NIL "hi" (("Bob" NIL "bob" "b.example")) (("Bob" NIL "bob" "b.example")) (("Bob" NIL "bob" "b.example")) NIL NIL NIL NIL NIL)'
"""  # noqa: E501

from __future__ import annotations

from typing import TYPE_CHECKING

from emaillab.message.fields import Field, Header, parse_address_groups, parse_parameters
from emaillab.message.parameters import encode_parameter
from emaillab.message.words import encode_words
from emaillab.protocol.imap.grammar import string

if TYPE_CHECKING:
    from emaillab.message.dissect import Part
    from emaillab.message.fields import Address

DEEPEST = 100  # levels of parts shown; SIMPLIFIED: what lies deeper is shown closed, no client opens it


def envelope(header: Header) -> bytes:
    """Write date, subject, from, sender, reply-to, to, cc, bcc, in-reply-to, message-id; Sender defaults to From.

    Source: RFC 9051 §7.5.2 "ENVELOPE".
    """
    from_ = _addresses(header.get("From"))
    defaulted = [_addresses(header.get(name)) for name in ("Sender", "Reply-To")]
    fields = [
        _body(header.get("Date")),
        _body(header.get("Subject")),
        from_,
        *(from_ if value == b"NIL" else value for value in defaulted),
        *(_addresses(header.get(name)) for name in ("To", "Cc", "Bcc")),
        _body(header.get("In-Reply-To")),
        _body(header.get("Message-ID")),
    ]
    return b"(" + b" ".join(fields) + b")"


def _body(field: Field | None) -> bytes:
    return b"NIL" if field is None else _string(field.body)


def _addresses(field: Field | None) -> bytes:
    """Write an address list; a group stands between two addresses that have no host."""
    written: list[bytes] = []
    for group in parse_address_groups(field.body) if field else []:
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


def structure(part: Part, *, extended: bool, depth: int = 0) -> bytes:
    """Write the outline of a part: BODYSTRUCTURE with extension data, BODY without.

    Source: RFC 9051 §7.5.2 "BODYSTRUCTURE".
    """
    kind, _, subtype = part.content_type.partition("/")
    if kind == "multipart" and part.children and depth < DEEPEST:
        children = b"".join(structure(child, extended=extended, depth=depth + 1) for child in part.children)
        tail = [_params(part.params), *_placement(part)] if extended else []
        return b"(" + b" ".join([children, _label(subtype), *tail]) + b")"
    if kind == "multipart":  # QUIRK: without any part; the grammar wants one
        kind, subtype = "text", "plain"
    fields = _basic_fields(part, kind, subtype)
    if kind == "message" and subtype in {"rfc822", "global"}:
        if part.children and depth < DEEPEST:
            inner = part.children[0]
            outline = structure(inner, extended=extended, depth=depth + 1)
            fields += [envelope(inner.header), outline, _lines(part)]
        else:
            fields[:2] = [b'"APPLICATION"', b'"OCTET-STREAM"']  # the grammar wants an inner message
    if kind == "text":
        fields.append(_lines(part))
    if extended:
        fields += [_body(part.header.get("Content-MD5")), *_placement(part)]
    return b"(" + b" ".join(fields) + b")"


def _basic_fields(part: Part, kind: str, subtype: str) -> list[bytes]:
    """Write type, parameters, id, description, encoding, octets."""
    params = part.params
    if kind == "text" and "charset" not in params:
        params = {"charset": "us-ascii", **params}  # the default: RFC 2045 §5.2
    start, end = part.body_span
    return [
        _label(kind),
        _label(subtype),
        _params(params),
        _body(part.header.get("Content-ID")),
        _body(part.header.get("Content-Description")),
        _label(part.encoding or "7bit"),
        b"%d" % (end - start),
    ]


def _lines(part: Part) -> bytes:
    return b"%d" % part.raw.count(b"\n", *part.body_span)


def _placement(part: Part) -> list[bytes]:
    """Write disposition, languages and location."""
    field = part.header.get("Content-Disposition")
    disposition = b"NIL"
    if field is not None:
        value, params, _ = parse_parameters(field.body)
        disposition = b"(%b %b)" % (_label(value), _params(params))
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
