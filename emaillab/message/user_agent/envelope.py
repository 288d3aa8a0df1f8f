"""What is SMTP told about a letter: from whom, and to whom?

The envelope is drawn up from the header once, when the letter leaves the user agent; then each goes its own way.

>>> from email.message import EmailMessage
>>> letter = EmailMessage()
>>> letter["From"], letter["To"], letter["Bcc"] = "Alice <alice@crepes.fr>", "bob@hamburger.edu", "eve@example.org"
>>> envelope(letter)
Envelope(reverse_path='alice@crepes.fr', forward_paths=['bob@hamburger.edu', 'eve@example.org'])
"""

from __future__ import annotations

from collections.abc import Iterable
from email.headerregistry import AddressHeader
from email.message import Message
from typing import Any, NamedTuple

from emaillab.message.header.addresses import Address, parse_addresses
from emaillab.message.header.field_writer import ascii_domain, wire_address
from emaillab.message.mime.writer import resent_block


class Envelope(NamedTuple):
    """What SMTP is told: MAIL FROM and RCPT TO. The header is not asked again on the way."""

    reverse_path: str
    forward_paths: list[str]

    @property
    def smtputf8(self) -> bool:
        """Tell whether a path is not ASCII, so that every server on the way must know SMTPUTF8 (RFC 6531)."""
        return not all(path.isascii() for path in (self.reverse_path, *self.forward_paths))


def envelope(message: Message[Any, Any]) -> Envelope:
    """Draw up the envelope of a letter: from Sender or From, to everyone in To, Cc and Bcc, each once.

    A letter that is sent again goes by its newest Resent block, and by that alone.

    Raises: ValueError when the letter names no writer, or an address that would break an SMTP command line.
    Source: RFC 5321 appendix B; RFC 5322 §3.6.6.
    """
    block = resent_block(message)
    again = any(name.lower() in ("resent-from", "resent-sender") for name, _ in block)
    fields, prefix = (block, "Resent-") if again else (list(message.raw_items()), "")
    writers = _paths(fields, f"{prefix}Sender") or _paths(fields, f"{prefix}From")
    if not writers:
        raise ValueError(f"the letter has no address in {prefix}From: there is no reverse-path for its envelope")
    paths = [path for name in ("To", "Cc", "Bcc") for path in _paths(fields, prefix + name)]
    once: dict[str, str] = {}
    for path in (writers[0], *paths):
        if not path.isprintable():
            raise ValueError(f"the address {path!r} holds a control character: no SMTP command can carry it")
    for path in paths:
        once.setdefault(_path_key(path), path)
    return Envelope(writers[0], list(once.values()))


def _paths(fields: Iterable[tuple[str, Any]], name: str) -> list[str]:
    paths = []
    for field, value in fields:
        if field.lower() != name.lower():
            continue
        if isinstance(value, AddressHeader):
            paths += [wire_address(one) for one in value.addresses if one.domain]
        else:
            source = str(value).encode("utf-8", "surrogateescape")
            for one in parse_addresses(source):
                if one.domain:
                    paths.append(_ascii(one).addr_spec)
    return paths


def _ascii(one: Address) -> Address:
    return Address(one.name, one.local, ascii_domain(one.domain)) if one.local.isascii() else one


def _path_key(path: str) -> str:
    local, _, domain = path.rpartition("@")
    return f"{local}@{domain.lower()}"
