"""What do SMTP's commands and replies look like on the wire?

>>> parse_forward_path(b"TO:<bob@hamburger.edu>")[0]
'bob@hamburger.edu'
>>> reverse_path, parameters = parse_reverse_path(b"from: <> size=120 Body=8bitmime")
>>> reverse_path, dict(parameters)
('', {'SIZE': '120', 'BODY': '8bitmime'})
>>> reply = Reply(250, "2.1.5", "recipient ok")
>>> bytes(reply), parse_reply(bytes(reply)) == reply, reply.outcome
(b'250 2.1.5 recipient ok\\r\\n', True, <Outcome.OK: 'OK'>)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar

from emaillab.engine import Outcome, Signal
from emaillab.protocol.machine import Refusal, is_plain
from emaillab.protocol.stream import ProtocolError

MAX_LOCAL_PART, MAX_DOMAIN, MAX_PATH = 64, 255, 256  # octets, RFC 5321 §4.5.3.1

# Replies


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer: a code for programs, an enhanced code for better programs, a text for people.

    `text` has one line per line of the reply. `raw` is the reply as it was read; `durable`, `then` and `pause_s` are
    what a server means by it, as `AnyReply` says.
    Source: RFC 5321 §4.2; RFC 3463.
    """

    code: int
    enhanced: str = ""  # "2.1.5"
    text: str = ""
    durable: bool = field(default=False, compare=False, repr=False)
    then: Signal | None = field(default=None, compare=False, repr=False)
    pause_s: float = field(default=0.0, compare=False, repr=False)
    means: Outcome | None = field(default=None, compare=False, repr=False)  # where the code alone does not tell
    raw: bytes = field(default=b"", compare=False, repr=False)
    outcome: Outcome = field(init=False, compare=False, repr=False)  # the code in the vocabulary of all protocols
    plain: bool = field(init=False, compare=False, repr=False)  # its octets are all there is to it

    body: ClassVar[None] = None  # an SMTP server never sends more than its replies

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "outcome", self.means or (Outcome.BAD if self.code in _BAD else _OUTCOMES[self.code // 100])
        )
        object.__setattr__(self, "plain", is_plain(self))

    @property
    def lines(self) -> tuple[str, ...]:
        """The text, line by line."""
        return tuple(self.text.split("\n"))

    @property
    def ok(self) -> bool:
        """True for 2yz and 3yz: go on."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """True for 4yz: the same command may work later."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """True for 5yz: the same command will fail again."""
        return self.code >= 500

    def __bytes__(self) -> bytes:
        if self.raw:
            return self.raw
        mark = f" {self.enhanced}" if self.enhanced else ""
        if "\n" not in self.text:
            return f"{self.code}{mark} {self.text}\r\n".encode()
        *first, last = self.lines
        mark = f"{self.enhanced} " if self.enhanced else ""
        return "".join([*(f"{self.code}-{mark}{line}\r\n" for line in first), f"{self.code} {mark}{last}\r\n"]).encode()

    def rendered(self) -> Reply:
        """Return the same reply with its octets made ready, for one that is sent often."""
        return replace(self, raw=bytes(self))

    def __str__(self) -> str:
        return bytes(self).decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")


_OUTCOMES = (Outcome.BAD, Outcome.BAD, Outcome.OK, Outcome.MORE, Outcome.NO, Outcome.NO)
_BAD = frozenset(range(500, 505))

# Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP [ textstring ] ] CRLF      RFC 5321 §4.2
# Reply-code = %x32-35 %x30-35 %x30-39
# QUIRK: some servers use second digits over 5 and end lines with LF alone.
_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n]*))?\r?\n")

# status-code = class "." subject "." detail; class = "2"/"4"/"5"; subject, detail = 1*3digit         RFC 3463 §2
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")


def parse_reply_line(line: bytes) -> tuple[int, bool, str]:
    """Return a reply line's code, whether more lines follow, and its text. Raises: ProtocolError."""
    found = _REPLY_LINE.fullmatch(line)
    if not found:
        raise ProtocolError(f"expected a reply such as '250 OK' with CRLF, got {_shown(line)}")
    return int(found[1]), found[2] == b"-", (found[3] or b"").decode("utf-8", "replace")


def parse_reply(raw: bytes) -> Reply:
    """Parse the octets of one whole reply. Raises: ProtocolError."""
    parsed = [parse_reply_line(line) for line in raw.splitlines(keepends=True)]
    if not parsed:
        raise ProtocolError("expected a reply such as '250 OK', got nothing")
    code = parsed[0][0]
    for number, (other, more, _) in enumerate(parsed, start=1):
        if other != code:
            raise ProtocolError(f"a reply has one code on all its lines, not {code} and {other}: {_shown(raw)}")
        if more != (number < len(parsed)):
            raise ProtocolError(f"all lines of a reply but the last have '-' after the code: {_shown(raw)}")
    texts = [text for _, _, text in parsed]
    found = _ENHANCED.match(texts[0])
    enhanced = found[1] if found and found[1][0] == str(code)[0] else ""
    if enhanced:
        texts = [re.sub(rf"\A{re.escape(enhanced)}(?: |\Z)", "", text) for text in texts]
    return Reply(code, enhanced, "\n".join(texts), raw=raw)


# Addresses

_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
# Dot-string = Atom *("."  Atom)                                                                RFC 5321 §4.1.2
_DOT_STRING = _ATOM + rb"(?:\." + _ATOM + rb")*"
# Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE
_QUOTED_STRING = rb'"(?:[ !#-\[\]-~]|\\[ -~])*"'
# Domain = sub-domain *("." sub-domain); sub-domain = Let-dig [Ldh-str]
# QUIRK: names with an underscore are not host names, but real mail comes from them.
_SUB_DOMAIN = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_DOMAIN = _SUB_DOMAIN + rb"(?:\." + _SUB_DOMAIN + rb")*"
# address-literal = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"   §4.1.3
_SNUM = rb"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_ADDRESS_LITERAL = rb"\[(?:" + _SNUM + rb"(?:\." + _SNUM + rb"){3}|[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+)\]"
# Mailbox = Local-part "@" ( Domain / address-literal )
_MAILBOX = rb"(?:" + _DOT_STRING + rb"|" + _QUOTED_STRING + rb")@(?:" + _DOMAIN + rb"|" + _ADDRESS_LITERAL + rb")"
# A-d-l = At-domain *( "," At-domain ): a source route, to be accepted, ignored and never generated (appendix C)
_ROUTE = rb"(?:@" + _DOMAIN + rb"(?:,@" + _DOMAIN + rb")*:)?"
# Reverse-path = Path / "<>"; Forward-path = Path; Path = "<" [ A-d-l ":" ] Mailbox ">"
# mail = "MAIL FROM:" Reverse-path [SP Mail-parameters]
# rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]
# QUIRK: textbooks and many programs put a space after the colon.
_FROM = re.compile(rb"(?i:FROM): *<(?:" + _ROUTE + rb"(" + _MAILBOX + rb"))?>(?: +(.*))?")
_TO = re.compile(rb"(?i:TO): *<(?:" + _ROUTE + rb"(" + _MAILBOX + rb")|((?i:postmaster)))>(?: +(.*))?")

# esmtp-param = esmtp-keyword ["=" esmtp-value]; esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
# esmtp-value = 1*(%d33-60 / %d62-126)
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")

_WITHIN_BRACKETS = re.compile(r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^"<>\x00-\x1f\x7f])*')
_PLAIN_LOCAL_PART = re.compile(_DOT_STRING)


Parameters = Mapping[str, str]
"""ESMTP parameters by name, in capitals; "" where there is no value."""

NO_PARAMETERS: Parameters = MappingProxyType({})


@lru_cache(1024)  # most mail goes to and fro between a few addresses
def parse_reverse_path(args: bytes) -> tuple[str, Parameters]:
    """Return the sender's address, "" for <>, and the parameters. Raises: Refusal(501)."""
    found = _FROM.fullmatch(args)
    if not found:
        raise Refusal(_no_path("MAIL FROM", "5.1.7", args))
    path, rest = found[1], found[2]
    address = _address(path, "5.1.7") if path else ""
    return address, parse_parameters(rest) if rest else NO_PARAMETERS


@lru_cache(1024)
def parse_forward_path(args: bytes) -> tuple[str, Parameters]:
    """Return a recipient's address, as "postmaster" without a domain too, and the parameters. Raises: Refusal(501)."""
    found = _TO.fullmatch(args)
    if not found:
        raise Refusal(_no_path("RCPT TO", "5.1.3", args))
    path, rest = found[1] or found[2], found[3]
    return _address(path, "5.1.3"), parse_parameters(rest) if rest else NO_PARAMETERS


def parse_parameters(rest: bytes) -> Parameters:
    """Return ESMTP parameters by name in capitals. Raises: Refusal(501)."""
    parameters: dict[str, str] = {}
    for word in rest.split():
        found = _PARAMETER.fullmatch(word)
        if not found:
            raise Refusal(Reply(501, "5.5.4", f"{_shown(word)} is not a parameter: NAME or NAME=value"))
        name = found[1].decode().upper()
        if name in parameters:
            raise Refusal(Reply(501, "5.5.4", f"parameter {_shown(found[1])} is given twice"))
        parameters[name] = (found[2] or b"").decode()
    return MappingProxyType(parameters)


def path_command(verb: str, path: str, parameters: Mapping[str, object]) -> bytes:
    """Return MAIL or RCPT as a line without CRLF. Raises: ValueError for a path that would break out of the line."""
    if not _WITHIN_BRACKETS.fullmatch(path):
        raise ValueError(f"{path!r} cannot stand in a command: no control characters, and < > only inside quotes")
    words = [f" {name.upper()}" + ("" if value is True else f"={value}") for name, value in parameters.items()]
    return f"{verb}:<{path}>{''.join(words)}".encode()


def _address(path: bytes, enhanced: str) -> str:
    """Return an address with the least quoting its local part needs; refuse it when it is too long."""
    address = path.decode("ascii")
    if len(address) > MAX_LOCAL_PART:
        local, _, domain = address.rpartition("@")
        for part, what, most in (
            (local, "local part", MAX_LOCAL_PART),
            (domain, "domain", MAX_DOMAIN),
            (f"<{address}>", "path", MAX_PATH),
        ):
            if len(part) > most:
                raise Refusal(Reply(501, enhanced, f"{what} of {len(part)} octets, at most {most} are allowed"))
    if address[0] == '"':
        local, _, domain = address.rpartition("@")
        plain = re.sub(r"\\(.)", r"\1", local[1:-1])
        quoted = re.sub(r'(["\\])', r"\\\1", plain)
        return f"{plain}@{domain}" if _PLAIN_LOCAL_PART.fullmatch(plain.encode()) else f'"{quoted}"@{domain}'
    return address


def _no_path(command: str, enhanced: str, args: bytes) -> Reply:
    """Return the refusal of something that is no path, saying what is wrong with it."""
    keyword = command.split()[1].encode() + b":"
    if not args.upper().startswith(keyword):
        return Reply(501, "5.5.4", f"expected {command}:<address>")
    path = args[len(keyword) :].strip(b" ")
    for octet in args:
        if not 32 <= octet < 127:
            return Reply(501, enhanced, f"octet 0x{octet:02X} in an address: only ASCII, SMTPUTF8 is not offered")
    if not path.startswith(b"<") or b">" not in path:
        return Reply(501, enhanced, f"expected {command}:<address>, with < and >")
    return Reply(501, enhanced, f"{_shown(path)} is not an address: <local-part@domain>")


def _shown(octets: bytes) -> str:
    """Show octets of the peer in a sentence: printable, and short enough for a reply line."""
    return repr(octets[:80])[1:]
