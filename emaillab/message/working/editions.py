"""What did RFC 822 (1982), RFC 2822 (2001) and RFC 5322 (2008) require of a letter, and what had a reader to bear?

>>> letter = b"Date: 21 Nov 97 09:55 EST\\r\\nFrom: alice@crepes.fr\\r\\nSubject : hi\\r\\n\\r\\nHello\\r\\n"
>>> for problem in problems(letter, 5322):
...     print(problem)
offset 13: the year has two digits (RFC 5322 §4.3)
offset 22: the time zone is a name (RFC 5322 §4.3)
offset 57: white space before the colon (RFC 5322 §4.5)
offset 66: no Message-ID (RFC 5322 §3.6.4; only recommended)
>>> problems(letter, 5322, "accept")
()
>>> [problem.kind for problem in problems(letter, 822)]
['no-destination']
>>> allowed("two-digit-year", 5322, "generate"), allowed("two-digit-year", 5322, "accept")
(False, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from emaillab.message.octets.columns import fixed_width
from emaillab.message.working.findings import findings

Edition = Literal[822, 2822, 5322]
Mode = Literal["generate", "accept"]

EDITIONS: tuple[Edition, ...] = (822, 2822, 5322)
"""RFC 822 is taken with the amendments of RFC 1123 §5.2.14: years of four digits, zones as numbers."""
MODES: tuple[Mode, ...] = ("generate", "accept")
_NOBODY: frozenset[int] = frozenset()
_ALL: frozenset[int] = frozenset(EDITIONS)
_OLD = frozenset({822})
_LATER: frozenset[int] = frozenset({2822, 5322})
_BEFORE_5322 = frozenset({822, 2822})


@dataclass(frozen=True, slots=True)
class Rule:
    """One point on which the editions speak: which of them lets a writer do it, which asks a reader to take it."""

    text: str
    generate: frozenset[int]
    accept: frozenset[int]
    sections: tuple[str, str, str]
    """Where it says so in 822, 2822 and 5322."""
    must: bool = True
    """False for a recommendation."""


# By the grammar of obsolete fields (5322 §4.5) a reader passes a header with two From fields, and even with none. Which
# one counts is nowhere said, and forgers live on it: so a second one is read, like any repeated field, and reported.
# QUIRK: that both are there is asked of a reader's letters too.
RULES: Mapping[str, Rule] = {
    # the ten differences that show in one line
    "no-destination": Rule("no To, Cc or Bcc", _LATER, _LATER, ("A.3.1", "3.6", "3.6")),
    "repeated-field": Rule("a field that may stand once stands again", _OLD, _ALL, ("4.1", "4.5", "4.5")),
    "line-over-998": Rule("a line of more than 998 octets", _OLD, _OLD, ("3.1", "2.1.1", "2.1.1")),
    "line-over-78": Rule("a line of more than 78 octets", _OLD, _ALL, ("3.1", "2.1.1", "2.1.1"), must=False),
    "two-digit-year": Rule("the year has two digits", _OLD, _ALL, ("5.1", "4.3", "4.3")),
    "named-zone": Rule("the time zone is a name", _OLD, _ALL, ("5.1", "4.3", "4.3")),
    "source-route": Rule("an address names the route to it", _OLD, _ALL, ("6.1", "4.4", "4.4")),
    "blank-before-colon": Rule("white space before the colon", _OLD, _ALL, ("3.1.4", "4.5", "4.5")),
    "bare-cr": Rule("CR without LF", _OLD, _ALL, ("3.3", "4.1", "4.1")),
    "bare-lf": Rule("LF without CR", _OLD, _ALL, ("3.3", "4.1", "4.1")),
    # further differences
    "control-character": Rule("a control character in the header", _BEFORE_5322, _ALL, ("3.3", "3.2.1", "4.1")),
    "nul": Rule("NUL", _OLD, _ALL, ("3.3", "4.1", "4.1")),
    "fold-of-blanks": Rule("a folded line of blanks only", _OLD, _ALL, ("3.1.1", "4.2", "4.2")),
    "dot-in-phrase": Rule("a dot in a name that is not quoted", _NOBODY, _LATER, ("3.3", "4.1", "4.1")),
    "words-in-reply-to": Rule("words beside the identifiers", _OLD, _ALL, ("4.6.2", "4.5.4", "4.5.4")),
    "senders-without-sender": Rule(
        "several mailboxes in From and no Sender", _NOBODY, _LATER, ("4.4.2", "4.5.2", "4.5.2")
    ),
    "repeated-date": Rule("a second Date", _NOBODY, _LATER, ("4.1", "4.5", "4.5")),
    "repeated-from": Rule("a second From", _NOBODY, _LATER, ("4.1", "4.5", "4.5")),
    # what all editions agree on
    "no-date": Rule("no Date", _NOBODY, _NOBODY, ("4.1", "3.6", "3.6")),
    "no-from": Rule("no From", _NOBODY, _NOBODY, ("4.1", "3.6", "3.6")),
    "no-field": Rule("a line of the header that is no field", _NOBODY, _NOBODY, ("3.2", "2.2", "2.2")),
    "date-unreadable": Rule("no date and time", _NOBODY, _NOBODY, ("5.1", "3.3", "3.3")),
    "weekday-wrong": Rule("not the weekday of that date", _NOBODY, _NOBODY, ("5.2", "3.3", "3.3")),
    "address-incomplete": Rule("no local-part@domain", _NOBODY, _NOBODY, ("6.1", "3.4", "3.4")),
    "message-id-malformed": Rule("no <left@right>", _NOBODY, _NOBODY, ("4.6.1", "3.6.4", "3.6.4")),
    "not-ascii-header": Rule("an octet over 127 in the header", _NOBODY, _NOBODY, ("3.3", "2.2", "2.2")),
    "not-ascii-body": Rule("an octet over 127, and no MIME-Version", _NOBODY, _NOBODY, ("3.3", "2.1", "2.1")),
    "no-message-id": Rule("no Message-ID", _OLD, _ALL, ("4.6.1", "3.6.4", "3.6.4"), must=False),
}

VARIANTS = tuple(RULES)[:10]
"""The ten differences between the editions that show in one line."""
FURTHER = tuple(RULES)[10:16]
"""Six more; the first of them parts 5322 from 2822."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in a letter that an edition does not allow, or advises against."""

    kind: str
    at: int
    edition: Edition
    section: str
    text: str
    must: bool

    def __str__(self) -> str:
        weight = "" if self.must else "; only recommended"
        return f"offset {self.at}: {self.text} (RFC {self.edition} §{self.section}{weight})"


def problems(raw: bytes, edition: Edition = 5322, mode: Mode = "generate") -> tuple[Problem, ...]:
    """List what an edition forbids in a letter, or advises against, in the order of the offsets.

    Arguments: `mode` is "generate" for what a writer may send, "accept" for what a reader may turn down: obsolete
    forms are to be read (RFC 5322 §4). A file without any CRLF is taken to have CRLF where it has LF.

    Source: RFC 822, RFC 2822, RFC 5322; MIME's own fields are not looked into.
    """
    column = EDITIONS.index(_known(edition))
    found = []
    for kind, at in findings(raw):
        rule = RULES[kind]
        if edition not in _allowing(rule, mode):
            found.append(Problem(kind, at, edition, rule.sections[column], rule.text, rule.must))
    return tuple(found)


def allowed(variant: str, edition: Edition, mode: Mode) -> bool:
    """Tell whether an edition lets a writer do this ("generate"), or asks a reader to take it ("accept").

    Arguments: `variant` is one of the kinds in `RULES`.

    Raises: ValueError for a variant, an edition or a mode that there is none of.
    """
    if variant not in RULES:
        raise ValueError(f"there is no variant {variant!r}: expected one of {', '.join(RULES)}")
    rule = RULES[variant]
    return _known(edition) in _allowing(rule, mode) or not rule.must


def _known(edition: Edition) -> Edition:
    if edition not in EDITIONS:
        raise ValueError(f"there is no edition {edition!r}: expected 822, 2822 or 5322")
    return edition


def _allowing(rule: Rule, mode: Mode) -> frozenset[int]:
    if mode not in MODES:
        raise ValueError(f"there is no mode {mode!r}: expected 'generate' or 'accept'")
    return rule.generate if mode == "generate" else rule.accept


@dataclass(frozen=True, slots=True)
class Matrix:
    """Variants or letters by edition and mode: what passes."""

    rows: Mapping[str, tuple[bool, ...]]
    """Six answers each: for 822, 2822 and 5322, generate and accept."""

    def __str__(self) -> str:
        head = ["", *(f"{edition} {mode}" for edition in EDITIONS for mode in MODES)]
        return fixed_width(head, [[name, *("yes" if one else "no" for one in row)] for name, row in self.rows.items()])


def variant_matrix(variants: Iterable[str] = VARIANTS) -> Matrix:
    """Lay variants against editions and modes: ten by six, unless told otherwise."""
    return Matrix({one: tuple(allowed(one, e, mode) for e in EDITIONS for mode in MODES) for one in variants})


def letter_matrix(letters: Mapping[str, bytes]) -> Matrix:
    """Lay letters against editions and modes: which ones have no problem but what is only recommended."""
    return Matrix(
        {name: tuple(_passes(raw, e, mode) for e in EDITIONS for mode in MODES) for name, raw in letters.items()}
    )


def _passes(raw: bytes, edition: Edition, mode: Mode) -> bool:
    return not any(problem.must for problem in problems(raw, edition, mode))


_LETTER = (
    b"Date: Mon, 03 Mar 2025 12:00:00 +0000\r\nFrom: Alice <alice@crepes.fr>\r\nTo: bob@hamburger.edu\r\n"
    b"Subject: crepes\r\nMessage-ID: <1@crepes.fr>\r\n\r\nDo you like crepes?\r\n"
)
_CHANGES: Mapping[str, tuple[bytes, bytes]] = {
    "no-destination": (b"To: bob@hamburger.edu\r\n", b""),
    "repeated-field": (b"Subject: crepes\r\n", b"Subject: crepes\r\nSubject: waffles\r\n"),
    "line-over-998": (b"Do you", b"Do " + b"you " * 249),
    "line-over-78": (b"Do you", b"Do you really and truly, on a Monday, in this weather, without any tea, still"),
    "two-digit-year": (b"2025", b"25"),
    "named-zone": (b"+0000", b"GMT"),
    "source-route": (b"bob@hamburger.edu", b"<@relay.example:bob@hamburger.edu>"),
    "blank-before-colon": (b"Subject:", b"Subject :"),
    "bare-cr": (b"you like", b"you\rlike"),
    "bare-lf": (b"you like", b"you\nlike"),
    "control-character": (b"Subject: crepes", b"Subject: \x07crepes"),
    "nul": (b"you like", b"you\0like"),
    "fold-of-blanks": (b"Subject: crepes", b"Subject: crepes\r\n \r\n and tea"),
    "dot-in-phrase": (b"Alice <", b"Alice Q. Crepe <"),
    "words-in-reply-to": (b"Subject:", b"In-Reply-To: your letter of Monday\r\nSubject:"),
    "senders-without-sender": (b"Alice <alice@crepes.fr>", b"alice@crepes.fr, carol@crepes.fr"),
}


def variant(kind: str) -> bytes:
    """Give a letter that is right in all editions but for one line.

    Raises: ValueError for a kind that is not in `VARIANTS` or `FURTHER`.
    """
    if kind not in _CHANGES:
        raise ValueError(f"there is no variant {kind!r}: expected one of {', '.join(_CHANGES)}")
    return _LETTER.replace(*_CHANGES[kind])
