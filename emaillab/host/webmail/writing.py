"""How does a form become a letter? As in any user agent: a header is written, an envelope drawn up, SMTP's rules hold.

>>> draft = answer(b"From: Alice <alice@crepes.fr>\\r\\nSubject: Crepes\\r\\nMessage-ID: <1@crepes.fr>\\r\\n"
...                b"\\r\\nHungry?\\r\\n", "bob@hamburger.edu")
>>> draft.to, draft.subject, draft.thread
('Alice <alice@crepes.fr>', 'Re: Crepes', {'In-Reply-To': '<1@crepes.fr>', 'References': '<1@crepes.fr>'})
>>> print(draft.text)
<BLANKLINE>
<BLANKLINE>
Alice wrote:
> Hungry?
<BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.headerregistry import Address as HeaderAddress
from typing import Protocol

from emaillab.host.webmail.reading import MOST_OF_A_HEADER, read_text, summarise
from emaillab.message.header.addresses import Address
from emaillab.message.header.values import mailboxes
from emaillab.message.user_agent.compose import Attachment, answer_to, compose, envelope, thread_of, to_bytes
from emaillab.message.user_agent.original import Original
from emaillab.protocol.backend import MailAcceptor, Session
from emaillab.protocol.envelope import Envelope, Recipient
from emaillab.protocol.machine import Refusal

MOST_OCTETS = 100_000  # of the fields of one name in which the people to answer are looked for
MOST_ANSWERED = 1_000  # people
MOST_SUBJECT = 1_000  # characters
_CROWDED = (
    f"More people got this letter than the {MOST_ANSWERED:,} that an answer may go to: it goes to its writer alone."
)


class Host(MailAcceptor, Protocol):
    """The host as its webmail sees it when a letter is sent."""

    def token(self) -> str:
        """Return a new identifier."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter that is being written: the fields of the form."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    thread: Mapping[str, str] = field(default_factory=dict)  # In-Reply-To and References
    files: tuple[Attachment, ...] = ()
    notice: str = ""  # what its writer should know


class Unsent(Exception):
    """A letter was not sent; the sentence says why, for its writer."""


def answer(raw: bytes, own_address: str, everybody: bool = False) -> Draft:
    """Return the beginning of an answer to a letter.

    Raises: ValueError when there is nobody to answer, or when it takes too long to find out who it is.
    """
    letter, own = Original(raw[:MOST_OF_A_HEADER], MOST_OCTETS), Address("", *_split(own_address))
    if any(letter.octets_of(name) > MOST_OCTETS for name in ("Reply-To", "From", "Sender")):
        raise ValueError("the letter says in too many words who gets its answer: fill that in")
    crowded = everybody and any(letter.octets_of(name) > MOST_OCTETS for name in ("Mail-Followup-To", "To", "Cc"))
    fields = answer_to(letter, own, everybody=everybody and not crowded)
    if len(fields.to) + len(fields.cc) > MOST_ANSWERED:
        crowded, fields = everybody, answer_to(letter, own)
    if len(fields.to) > MOST_ANSWERED:
        raise ValueError(f"the answer would go to {len(fields.to):,} addresses: fill in who is to get it")
    subject = fields.subject
    if len(subject) > MOST_SUBJECT:
        subject = subject[:MOST_SUBJECT] + "\N{HORIZONTAL ELLIPSIS}"
    draft = Draft(_written(fields.to), _written(fields.cc), "", subject, _quoted(raw), fields.thread)
    return replace(draft, notice=_CROWDED) if crowded else draft


def thread_fields(raw: bytes) -> dict[str, str]:
    """Return the fields that join an answer to the letter it answers."""
    return thread_of(Original(raw[:MOST_OF_A_HEADER]))


def _written(people: Iterable[Address]) -> str:
    """Write addresses into a form, as `mailboxes` reads them. Raises: ValueError for what is none."""
    known = [one for group in mailboxes(people, "the letter") for one in group.members]
    return ", ".join(str(HeaderAddress(one.name, one.local, one.domain)) for one in known)


def send(host: Host, session: Session, address: str, draft: Draft) -> bytes:
    """Hand a letter to the host, in the name of the account and of nobody else.

    The envelope's reverse-path is the account's address, whatever the form holds.
    Returns: the letter as sent, with Bcc, for its writer. Raises: Unsent.
    """
    now, local_domain = session.now(), _split(address)
    try:
        letter = compose(
            Address("", *local_domain),
            draft.to,
            draft.subject,
            draft.text,
            cc=draft.cc,
            bcc=draft.bcc,
            attachments=draft.files,
            headers=draft.thread,
            date=now,
            message_id=f"<{host.token().lower()}.webmail@{session.server_name}>",
        )
        paths = envelope(letter).forward_paths
        octets, copy = to_bytes(letter), to_bytes(letter, keep_bcc=True)
    except ValueError as error:  # CR or LF in a header line, what is no address …
        raise Unsent(f"{error}") from None
    if not paths:
        raise Unsent("a letter needs somebody who gets it: fill in To, Cc or Bcc")
    writer = replace(session, user=address)  # logged in, so that the host hands on to anybody
    try:
        way = Envelope(address, size=len(octets))
        host.check_sender(writer, way)
        for recipient in map(Recipient, paths):
            host.check_recipient(writer, way, recipient)
            way.recipients.append(recipient)
        host.accept(writer, way, octets)
    except Refusal as refusal:
        raise Unsent(f"the server refused: {refusal.reply}") from None
    return copy


def files_of(uploads: Iterable[tuple[str | None, bytes]]) -> tuple[Attachment, ...]:
    """Return the files of a form; a field that was left empty is none."""
    return tuple(Attachment(name, content) for name, content in uploads if name)


def _quoted(raw: bytes) -> str:
    """Quote a letter's text as it was shown. Source: RFC 3676 §4.5."""
    letter = summarise(raw)
    who = letter.from_ or "Somebody"
    said = f"On {letter.date}, {who} wrote:" if letter.date else f"{who} wrote:"
    lines = [">" + line if line.startswith(">") or not line else "> " + line for line in read_text(raw).splitlines()]
    return "\n\n" + "\n".join([said, *lines, ""])


def _split(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return local, domain
