"""How does a server write down what it found, and how does it keep others from writing it in its name?

>>> from emaillab.message.authenticity.verdicts import Verdict
>>> spf = Verdict("spf", "pass", "crepes.fr", "", None, (("smtp.mailfrom", "alice@crepes.fr"),))
>>> field = authentication_results("mx.hamburger.edu", [spf])
>>> field
b'Authentication-Results: mx.hamburger.edu;\\r\\n\\tspf=pass smtp.mailfrom=alice@crepes.fr\\r\\n'
>>> found = parse_authentication_results(field)
>>> found.authserv_id, found.results[0].result, found.results[0]["smtp.mailfrom"]
('mx.hamburger.edu', 'pass', 'alice@crepes.fr')
>>> cleaned(field + b"From: alice@crepes.fr\\r\\n\\r\\n", "mx.hamburger.edu")
b'From: alice@crepes.fr\\r\\n\\r\\n'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from emaillab.message.authenticity.verdicts import Verdict
from emaillab.message.header.fields import parse_header
from emaillab.message.header.tokens import strip_comments, unfold, unquote
from emaillab.message.octets.charsets import decode_raw
from emaillab.message.octets.patterns import compiled

_FIELD_NAME = re.compile(rb"(?:ARC-)?Authentication-Results[ \t]*:", re.IGNORECASE)
# authres-payload := [CFWS] authserv-id [CFWS authres-version] (no-result / 1*resinfo)     RFC 8601 §2.2
_SEMICOLON = compiled(rb'[^;"]*+(?:"(?:[^"\\]|\\.)*+"?[^;"]*+)*+', re.DOTALL)
# methodspec := [CFWS] method [CFWS] "=" [CFWS] result;  method := Keyword ["/" version]
_METHOD = re.compile(rb"\s*+([A-Za-z0-9_-]++)\s*+(?:/\s*+(\d++))?\s*+=\s*+([A-Za-z0-9_-]++)")
# propspec := ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue;  reasonspec := "reason" [CFWS] "=" [CFWS] value
_PROPERTY = compiled(rb'(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"?|[^\s;"]++)', re.DOTALL)
_AUTHSERV_ID = compiled(rb'\s*+("(?:[^"\\]|\\.)*+"?|[^\s;"=]++)(?:\s++(\d++))?\s*+', re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~/@-]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MOST_CHARACTERS = 200
"""How much of one value is written; the sender chooses it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one method found, as a field tells it."""

    method: str
    result: str
    reason: str = ""
    properties: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        """Return a property's value, "" when it is not told: result["header.d"]."""
        return next((value for key, value in self.properties if key == name.lower()), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """An Authentication-Results field: the word of one server, worth as much as that server's."""

    authserv_id: str
    """Who says so; empty when the field does not tell."""
    results: tuple[Result, ...]
    instance: int | None = None
    """The number of the ARC set that the field belongs to."""


def authentication_results(authserv_id: str, verdicts: Iterable[Verdict[Any]]) -> bytes:
    """Write an Authentication-Results field. Raises: ValueError for an id that is none. Source: RFC 8601 §2."""
    return b"Authentication-Results: " + results_body(authserv_id, verdicts)


def results_body(authserv_id: str, verdicts: Iterable[Verdict[Any]]) -> bytes:
    """Write the field's body, its line break included."""
    if not _TOKEN.fullmatch(authserv_id):
        raise ValueError(f"{authserv_id!r} is no name for a server; expected one word such as mx.hamburger.edu")
    lines = [authserv_id, *map(_resinfo, verdicts)]
    if len(lines) == 1:
        lines.append("none")
    return ";\r\n\t".join(lines).encode("utf-8") + b"\r\n"


def _resinfo(verdict: Verdict[Any]) -> str:
    words = [f"{verdict.method}={verdict.result}"]
    if verdict.reason and verdict.result not in ("pass", "none"):
        words.append(f"reason={_quoted(verdict.reason)}")
    words += [f"{name}={_value(value)}" for name, value in verdict.properties if value]
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < 76:
            lines[-1] += " " + word
        else:
            lines.append("\t" + word)
    return "\r\n\t".join(lines)


def _value(text: str) -> str:
    return text if _TOKEN.fullmatch(text) and len(text) <= MOST_CHARACTERS else _quoted(text)


def _quoted(text: str) -> str:
    # The text may come from a stranger: no line break, no quotation mark may lead out of the quoted string.
    text = _CONTROLS.sub("?", text[:MOST_CHARACTERS]).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def parse_authentication_results(body: bytes) -> AuthenticationResults:
    """Read an Authentication-Results field, with or without its name; never raises.

    QUIRK: Exchange leaves the authserv-id out; then it is "" and the results count.
    Source: RFC 8601 §2.2.
    """
    name = _FIELD_NAME.match(body)
    body = strip_comments(unfold(body[name.end() if name else 0 :]))
    pieces = [match[0] for match in _SEMICOLON.finditer(body) if match[0].strip()]
    instance = None
    if pieces and (numbered := re.fullmatch(rb"\s*+i\s*+=\s*+(\d{1,4})\s*+", pieces[0])):
        instance = int(numbered[1])
        del pieces[0]
    head = _AUTHSERV_ID.fullmatch(pieces[0]) if pieces else None
    results = tuple(found for piece in pieces[1 if head else 0 :] if (found := _result(piece)))
    return AuthenticationResults(_plain(head[1]) if head else "", results, instance)


def _result(piece: bytes) -> Result | None:
    method = _METHOD.match(piece)
    if not method:
        return None
    pairs = [(_plain(name).lower(), _plain(value)) for name, value in _PROPERTY.findall(piece, method.end())]
    reason = next((value for name, value in pairs if name == "reason"), "")
    properties = tuple((name, value) for name, value in pairs if "." in name)
    return Result(_plain(method[1]).lower(), _plain(method[3]).lower(), reason, properties)


def _plain(value: bytes) -> str:
    return decode_raw(unquote(value))


def cleaned(raw: bytes, authserv_id: str) -> bytes:
    """Remove the Authentication-Results fields that claim to be by `authserv_id`, and nothing else.

    A server does so with all that comes from outside: who believes its name must not be told lies under it. Fields by
    others stay; nobody here believes them.

    Source: RFC 8601 §5.
    """
    kept, at = [], 0
    for field in parse_header(raw).all("Authentication-Results"):
        if _same(parse_authentication_results(field.body).authserv_id, authserv_id):
            kept.append(raw[at : field.span[0]])
            at = field.span[1]
    return b"".join([*kept, raw[at:]])


def _same(one: str, other: str) -> bool:
    return one.strip().rstrip(".").casefold() == other.strip().rstrip(".").casefold()
