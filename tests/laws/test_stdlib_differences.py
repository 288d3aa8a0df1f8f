"""Where the standard library's `email` is not right about a message's tree or octets, and `dissect` differs from it.

Everywhere else both must agree: `test_dissect_laws.py`. Each entry shows a message, what the standard library makes of
it, what we make of it, and the rule. When Python mends one of these, its test fails, and the entry goes.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message

import pytest

from emaillab.message.mime.dissect import Part, dissect

MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


@dataclass(frozen=True)
class Difference:
    name: str
    why: str
    raw: bytes
    theirs: Callable[[Message], object]
    ours: Callable[[Part], object]
    stdlib_says: object
    we_say: object


def leaves(message: Message) -> list[object]:
    return [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]


def our_leaves(root: Part) -> list[bytes]:
    return [part.decoded for part in root.walk() if not part.children]


DIFFERENCES = [
    Difference(
        "a bare CR ends a line",
        "RFC 5322 §2.3: CR and LF occur only together; a delimiter after a bare CR is text (M06)",
        MULTIPART + b"--b\r\n\r\nA\r--b--\r\nB\r\n--b--\r\n",
        leaves, our_leaves, [b"A"], [b"A\r--b--\r\nB"],
    ),
    Difference(
        "a bare CR ends a header field",
        "RFC 5322 §2.2: a field ends with CRLF; otherwise fields can be smuggled in",
        b"Subject: a\rBcc: eve@example.org\r\n\r\nhi",
        lambda message: message.keys(), lambda root: [field.name for field in root.header],
        ["Subject", "Bcc"], ["Subject"],
    ),
    Difference(
        "blanks at the end of a quoted-printable line are kept",
        "RFC 2045 §6.7 (3): they were added on the way and must be deleted (M20)",
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\na \t\r\nb\r\n",
        leaves, our_leaves, [b"a \t\r\nb\r\n"], [b"a\r\nb\r\n"],
    ),
    Difference(
        "base64 of a wrong length is given back undecoded",
        "RFC 2045 §6.8: what is complete can be decoded, the six bits left over cannot (M19)",
        b"Content-Transfer-Encoding: base64\r\n\r\nYWJjZ\r\n",
        leaves, our_leaves, [b"YWJjZ"], [b"abc"],
    ),
    Difference(
        "an encoded message is opened in its encoded form",
        "RFC 2045 §6.4: the octets inside are base64, no header; the decoded content is the message (M15)",
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogYQ0KDQpiDQo=\r\n",
        lambda message: [part.get_content_type() for part in message.walk()],
        lambda root: ([part.content_type for part in root.walk()], dissect(root.decoded).header.text("subject")),
        ["message/rfc822", "text/plain"], (["message/rfc822"], "a"),
    ),
    Difference(
        "an unknown encoding does not change the type",
        "RFC 2045 §6.4: then the content is to be treated as application/octet-stream (M18)",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: x-foo\r\n\r\nab",
        lambda message: message.get_content_type(), lambda root: root.content_type,
        "text/html", "application/octet-stream",
    ),
    Difference(
        "a line of message/external-body's phantom header begins a message",
        "RFC 2046 §5.2.3: the content is elsewhere; what stands here is no message (M16)",
        b"Content-Type: message/external-body; access-type=local-file; name=x\r\n\r\nSubject: a\r\n\r\nb",
        lambda message: message.is_multipart(), lambda root: bool(root.children), True, False,
    ),
    Difference(
        "name= comes before name*=",
        "RFC 6266 §4.3, where HTTP decides what RFC 2231 leaves open: the extended form is the better one (M28)",
        b"Content-Disposition: attachment; filename=x.txt; filename*=utf-8''%E4%BD%A0.txt\r\n\r\n",
        lambda message: message.get_filename(), lambda root: root.filename, "x.txt", "你.txt",
    ),
    Difference(
        "blanks after a delimiter are lost when the message is written again",
        "RFC 2046 §5.1.1: transport padding belongs to the message as it came; a signature may cover it",
        MULTIPART + b"--b \t\r\n\r\nA\r\n--b--",
        lambda message: message.as_bytes(policy=email.policy.compat32.clone(linesep="\r\n")),
        lambda root: b"".join(root.raw[a:b] for _, (a, b) in root.tiles()),
        MULTIPART + b"--b\r\n\r\nA\r\n--b--\r\n", MULTIPART + b"--b \t\r\n\r\nA\r\n--b--",
    ),
    Difference(
        "a line that is no field ends the header",
        "RFC 5322 §2.1 ends it at the empty line; one damaged line must not cost To, Subject and the MIME fields (M03)",
        b"Subject: a\r\nno field\r\nTo: bob@hamburger.edu\r\n\r\nhi",
        lambda message: message.keys(), lambda root: [field.name for field in root.header],
        ["Subject"], ["Subject", "To"],
    ),
    Difference(
        "UUCP's line after mbox's line ends the header",
        "RFC 976: such lines stand before the header, one from every host",
        b"From a@b Wed Apr  1 09:30:00 2026\n>From c@d Wed Apr  1 09:29:00 2026\nSubject: a\n\nhi\n",
        lambda message: message.keys(), lambda root: [field.name for field in root.header], [], ["Subject"],
    ),
    Difference(
        "a multipart without any delimiter is said to hold text",
        "RFC 2046 §5.1.1: there is no part; all is preamble (M13)",
        MULTIPART + b"just text\r\n",
        lambda message: message.get_payload(), lambda root: (root.children, root.preamble_span == root.body_span),
        "just text\r\n", ((), True),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENCES, ids=lambda case: re.sub(r"[^\w*=]+", "-", case.name))
def test_the_standard_library_is_not_right(case: Difference) -> None:
    assert case.theirs(email.message_from_bytes(case.raw)) == case.stdlib_says
    assert case.ours(dissect(case.raw)) == case.we_say
