"""What may stand in a header field that somebody else's text goes into?

Nothing that ends a line: whoever can put CRLF into a subject writes header fields of his own.

>>> clean("lunch\\r\\nBcc: eve@example.org", "subject")
Traceback (most recent call last):
ValueError: subject holds CR at character 5; a header value is one line of text
>>> [group.members[0].addr_spec for group in mailboxes(["Bob <bob@b.org>", "a@b.org, c@d.org"], "to")]
['bob@b.org', 'a@b.org', 'c@d.org']
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.headerregistry import Group
from email.message import EmailMessage
from email.utils import format_datetime

from emaillab.message.header.addresses import Address, AddressGroup, parse_address_list
from emaillab.message.header.encoded_words import encode_words
from emaillab.message.header.field_writer import ascii_domain

Mailboxes = str | Address | Iterable[str | Address]
"""One or many: `"Bob <bob@b.org>"`, `"a@b.org, c@d.org"`, `["a@b.org", "friends: c@d.org, e@f.org;"]`."""

# ftext = %d33-57 / %d59-126, a field name's characters   RFC 5322 §2.2
_FIELD_NAME = re.compile(r"[!-9;-~]+")
# msg-id = "<" id-left "@" id-right ">", without white space or comments   RFC 5322 §3.6.4
_MESSAGE_ID = re.compile(r"<?([!-;=?-~]+@[!-;=?-~]+)>?")
# What no header value may hold; all of these end a line for one reader or another.
_NOT_IN_A_HEADER = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_NAMES = {"\0": "NUL", "\n": "LF", "\r": "CR"}
_DOMAIN = re.compile(r"\[[!-Z^-~]+\]|[^\x00-\x20\x7f()<>@,;:\\\"\[\].]+(?:\.[^\x00-\x20\x7f()<>@,;:\\\"\[\].]+)*")
_OWN_FIELDS = ("date", "from", "to", "cc", "bcc", "subject", "message-id", "mime-version")


def clean(value: str, what: str) -> str:
    """Refuse what could end a header line."""
    if found := _NOT_IN_A_HEADER.search(value):
        name = _CONTROL_NAMES.get(found[0], f"U+{ord(found[0]):04X}")
        raise ValueError(f"{what} holds {name} at character {found.start()}; a header value is one line of text")
    return value


def literal(text: str) -> str:
    """Write text for the standard library's parser, which would decode what only looks like an encoded word."""
    return b" ".join(encode_words(text)).decode("ascii") if "=?" in text else text


def mailboxes(value: Mailboxes, what: str) -> list[AddressGroup]:
    """Read one or many addresses. Raises: ValueError for what is no address; `what` names the argument."""
    if isinstance(value, Address):
        groups = [AddressGroup(None, (value,))]
    elif isinstance(value, str):
        groups, defects = parse_address_list(clean(value, what).encode())
        if defects or (value.strip() and not groups):
            raise ValueError(f"{what} holds {value!r}, which is no address: expected local-part@domain")
    else:
        groups = [group for one in value for group in mailboxes(one, what)]
    for one in (member for group in groups for member in group.members):
        clean(one.name + one.local + one.domain, what)
        if not is_mailbox(one):
            shown = one.addr_spec or one.name
            raise ValueError(f"{what} holds {shown!r}, which is no address: expected local-part@domain")
    return groups


def is_mailbox(one: Address) -> bool:
    """Tell whether an address has a local part, and a domain that can be one."""
    return bool(one.local and _DOMAIN.fullmatch(one.domain))


def set_mailboxes(message: EmailMessage, name: str, groups: Sequence[AddressGroup]) -> None:
    """Change a message to hold an address field; an empty list sets none."""
    if not groups:
        return
    message[name] = [
        _written(group.members[0]) if group.name is None else Group(group.name, map(_written, group.members))
        for group in groups
    ]


def _written(one: Address) -> HeaderAddress:
    return HeaderAddress(one.name, one.local, one.domain)


def set_header(message: EmailMessage, name: str, value: str) -> None:
    """Change a message to hold a further field. Raises: ValueError for a field that compose writes itself."""
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no field name: expected printable ASCII without a colon")
    if name.lower() in _OWN_FIELDS or name.lower().startswith("content-"):
        raise ValueError(f"headers holds {name}, which compose writes itself: use its argument of that name")
    message[name] = literal(clean(value, name).strip())


def date_of(date: datetime | None) -> str:
    """Write a date; the wall clock's when there is none. Raises: ValueError for a date without a zone."""
    moment = datetime.now().astimezone() if date is None else date
    if moment.utcoffset() is None:
        raise ValueError(f"date {moment} has no time zone: give it one, such as tzinfo=datetime.UTC")
    return format_datetime(moment)


def message_id_of(given: str | None, domain: str) -> str:
    """Write a message identifier, drawing a new one when none is given. Source: RFC 5322 §3.6.4."""
    if given is None:
        return f"<{os.urandom(12).hex()}@{ascii_domain(domain).strip('[]')}>"
    found = _MESSAGE_ID.fullmatch(clean(given, "message_id"))
    if not found or "=?" in given:
        raise ValueError(f"message_id {given!r} is none: expected ASCII left@right without blanks")
    return f"<{found[1]}>"


def key(one: Address) -> str:
    """Tell by what two addresses are the same to a writer: case apart, also in the local part."""
    return one.addr_spec.casefold()


def unique(addresses: Iterable[Address]) -> list[Address]:
    """Keep the first of each address."""
    first: dict[str, Address] = {}
    for one in addresses:
        first.setdefault(key(one), one)
    return list(first.values())
