"""What does one Received field say: who got the message from whom, how, and when?

>>> field = b"from crepes.fr ([192.0.2.1])\\r\\n by hamburger.edu with ESMTPS id 7; Mon, 3 Mar 2025 12:00:00 +0100"
>>> got = read_tolerantly(field, 0, len(field))
>>> got == read_regular(field.decode("latin-1"), 0, len(field))
True
>>> got.from_, got.from_ip, got.by, got.with_, got.id, str(got.time)
('crepes.fr', '192.0.2.1', 'hamburger.edu', 'ESMTPS', '7', '2025-03-03 11:00:00+00:00')
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from emaillab.message.header.clauses import Clause, missing_by, read_clauses
from emaillab.message.octets.defects import Defect
from emaillab.message.octets.patterns import compiled

_LONGEST_HOST = 300  # a longer word is neither a name (255, RFC 5321 §4.5.3.1.2) nor an address
_IPV4 = re.compile(r"(\[)?((?:\d{1,3}\.){3}\d{1,3})(?:[:#]\d{1,5})?\]?(?::\d{1,5})?,?", re.ASCII)
_IPV6 = re.compile(
    r"(\[)?(?:IPv6:)?([0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f.]*)(?:%\w{1,20})?\]?(?::\d{1,5})?,?", re.I
)
# Eight groups, or fewer around one "::" that stands for the rest.   RFC 4291 §2.2
_USUAL_IPV6 = compiled("H(?::H){7}|(?:H(?::H)*+)?+::(?:H(?::H)*+)?+".replace("H", "[0-9A-Fa-f]{1,4}+"))
_USUAL_NAME = compiled(r"(?:[A-Za-z0-9-]++\.)++[A-Za-z][A-Za-z0-9-]*+")
_NOT_IN_A_NAME = re.compile(r"[\s\[\]=/:,]")
_TLS = re.compile(r"(?<![A-Za-z0-9])(?:(?:TLS|SSL)[v_ ]?\d|using TLS)", re.IGNORECASE)
_GREETINGS = ("helo", "ehlo", "lhlo")
_NO_GREETING = ("local", "http", "mapi", "nnfmp", "uucp", "esmtpshell", "pop", "imap")
_CLAIMING = ["claiming", "to", "be"]
# Words behind which no part of the sender's name follows, as in `from 192.0.2.1 as user alice`.
_BEHIND_THE_NAME = frozenset((",", "as", "authenticated", "claiming", "port", "running", "using", *_GREETINGS))
_PATH = re.compile(r"<([^<>]*)>")
_GLUED_BRACKET = re.compile(r"(?<=[^\s\[<=:@?])\[")
# What such a comment tells is a name by which somebody logged in, or an address of the envelope.
_OF_A_USER = re.compile(
    r"(?:(?:authenticated|auth|account|login|sasl|envelope-from|envelope-sender)(?:[=:].*)?|(?:user|ident)=.*|user:.*)",
    re.IGNORECASE | re.DOTALL,
)
_EXIM = re.compile(r"\bport=\d|^Exim\b")


class Reading(NamedTuple):
    """What one Received field says; None stands for what it does not tell."""

    from_: str | None
    by: str | None
    with_: str | None
    id: str | None
    for_: str | None
    via: str | None
    time: datetime | None
    zone_known: bool
    from_ip: str | None
    helo: str | None
    rdns: str | None
    defects: tuple[Defect, ...]


class Peer(NamedTuple):
    """What the receiver knew of the sender: its address, the name it gave, and the name DNS gives the address."""

    ip: str | None
    helo: str | None
    rdns: str | None


# --- fields that follow the grammar ---

# One match for what most servers write: each clause at most once, in the order of the grammar.
# QUIRK: Exchange writes `with Microsoft SMTP Server`, `via` after `id`, and an address without brackets; IIS writes
# `over TLS secured channel`; qmail's own steps have neither `from` nor `by`.
# No group can match in two ways (all repetitions are possessive), so that failing costs no more than succeeding.
# Classes are spelled out, for `\s` and `\w` within them are looked up letter by letter.
_ENDS = r" \t\r\n\f\v\x80-\xff"  # what no word holds; octets beyond ASCII need the closer look
_FWS = r"[ \t\r\n]++"
_OPT_FWS = r"[ \t\r\n]*+"
_CTEXT = r"[^()\\\x80-\xff]*+"
_CFWS = rf"{_OPT_FWS}(?:\({_CTEXT}(?:\({_CTEXT}\){_CTEXT})*+\){_OPT_FWS})*+"
_NO_KEYWORD = rf"(?i:(?!(?=[bfitvw])(?:from|by|via|with|id|for|tls)[{_ENDS}();]))"
_ATOM = rf'{_NO_KEYWORD}[^{_ENDS}();<"]++'
_WORD = rf"{_ATOM}(?<!,)"
_NAME = rf'{_NO_KEYWORD}(?:\[[^{_ENDS}();<"\[]*+|[^{_ENDS}();<"\[]++)(?<!,)'  # not name[address]
_PHRASE = rf"{_ATOM}(?:{_FWS}{_ATOM})*+(?<!,)"
_LETTER = "A-Za-z0-9_-"
_HOST = rf"(?!(?:\d++\.)++\d)[{_LETTER}]++(?:\.[{_LETTER}]++)++|localhost"
_OCTET = r"(?:2[0-4]\d|25[0-5]|1\d\d|\d\d?+)"
_IPV4_ADDRESS = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}(?![0-9.])"
_IPV6_ADDRESS = r"[0-9A-Fa-f]*+:[0-9A-Fa-f:.]*+"
# TCP-info = address-literal / ( Domain FWS address-literal )      RFC 5321 §4.4
# QUIRK: `(HELO name) (user@address)` by qmail, `([address]:port helo=name)` by Exim, `(IDENT:user@name [address] (may
# be forged))` by sendmail.
_TCP_INFO = rf"""
    (?: \( (?:HELO|EHLO|LHLO) {_FWS} ([.{_LETTER}]++) \) {_OPT_FWS} )?+
    (?: \(
        (?: (?:IDENT:)?+ [.{_LETTER}]++ @ )?+
        (?: (?: (?:unknown|({_HOST})) \.?+ {_FWS} )?+
            \[?+ (?: ({_IPV4_ADDRESS}) | (?:IPv6:)?+ ({_IPV6_ADDRESS}) ) \]?+ (?: :\d{{1,5}}+ )?+ )?+
        (?: \) |
            (?: (?:{_FWS}|(?<=\()) port=\d{{1,5}}+ )?+
            (?: (?:{_FWS}|(?<=\()) helo=([^{_ENDS}()\\]++) )?+
            (?: {_FWS} ident=[^{_ENDS}()\\]++ )?+
            (?: {_FWS} \(may[ ]be[ ]forged\) )?+ \) )
        {_OPT_FWS} )?+
"""
# date-time = [ day-of-week "," ] day month year hour ":" minute [ ":" second ] zone    RFC 5322 §3.3
_DATE_TIME = rf"""
    (?: [A-Z][a-z][a-z], {_OPT_FWS} )?+ (\d\d?+) {_FWS} ([A-Z][a-z][a-z]) {_FWS} (\d{{4}})
    {_FWS} ((?:[01]\d|2[0-3]):\d\d:\d\d) {_FWS} ([+-]\d{{4}})
"""
# Stamp = From-domain By-domain Opt-info [CFWS] ";" FWS date-time      RFC 5321 §4.4
_STAMP = compiled(
    rf"""{_CFWS}
    (?: from {_FWS} ({_NAME}) {_OPT_FWS} {_TCP_INFO} ({_CFWS}) )?+
    (?: by {_FWS} ({_NAME}) {_OPT_FWS} (?: over[ ]TLS[ ]secured[ ]channel {_FWS} )?+ {_CFWS} )?+
    (?: via {_FWS} ({_WORD}) {_CFWS} )?+
    (?: with {_FWS} ({_PHRASE}) {_CFWS} (?: tls {_FWS} {_ATOM} {_CFWS} )?+ )?+
    (?: id {_FWS} ({_WORD}) {_CFWS} )?+
    (?: via {_FWS} ({_PHRASE}) {_CFWS} )?+
    (?: for {_FWS} (?: <([^{_ENDS}<>]++)> | ({_WORD}) ) {_CFWS} )?+
    ; {_OPT_FWS} {_DATE_TIME} {_CFWS}""",
    re.ASCII | re.VERBOSE,
)
_MONTHS = {
    "Jan": "01", "Feb": "02", "Mar": "03", "Apr": "04", "May": "05", "Jun": "06",
    "Jul": "07", "Aug": "08", "Sep": "09", "Oct": "10", "Nov": "11", "Dec": "12",
}  # fmt: skip
# All zones in use are whole quarters of an hour off Greenwich.
_ZONES = {
    f"{sign}{minutes // 60:02}{minutes % 60:02}": timedelta(minutes=minutes if sign == "+" else -minutes)
    for sign in "+-"
    for minutes in range(0, 16 * 60, 15)
}


def read_regular(text: str, start: int, end: int) -> Reading | None:
    """Read a field that follows the grammar, in one match; None when anything in it needs a closer look.

    The result is that of `read_tolerantly`, many times as fast.

    Arguments: `text` is a message up to the field's end or further, as latin-1: one character for each octet.
    """
    # All in one place, though it has many branches: it is done for every hop of every letter, and each call more would
    # cost 2 to 3 % of the whole.
    found = _STAMP.fullmatch(text, start, end)
    if found is None:
        return None
    # fmt: off
    (from_, greeting, rdns, ip, ipv6, said, more, by, via, with_, id_, late_via, path, bare_path,
     day, month, year, clock, zone) = found.groups()
    # fmt: on
    if (more and _tells_more_of_the_peer(more)) or (rdns and len(rdns) >= _LONGEST_HOST) or (via and late_via):
        return None
    if ipv6 and (ip := find_ip(ipv6)) is None:
        return None
    try:
        time = datetime.fromisoformat(f"{year}-{_MONTHS[month]}-{day.zfill(2)}T{clock}Z") - _ZONES[zone]
    except (KeyError, ValueError, OverflowError):  # there is no such month, day, hour or zone
        return None
    with_, via = _one_blank(with_), via or _one_blank(late_via)
    helo = greeting or said
    literal = find_ip(from_) if from_ and (helo or not ip) else None
    silent = _without_greeting(with_, via)
    if literal and not (ip or helo or silent):  # the client's word, unless something else tells that it is not
        return None
    ip, helo, rdns = _with_name(from_, literal, ip, helo, rdns, silent)
    defects = () if by else (missing_by(start),)
    return Reading(from_, by, with_, id_, path or bare_path, via, time, zone != "-0000", ip, helo, rdns, defects)


def _one_blank(words: str | None) -> str | None:
    """Put one blank where a phrase was folded."""
    return words if not words or words.isalnum() else " ".join(words.split())


def _tells_more_of_the_peer(comments: str) -> bool:
    """Tell whether a greeting or an address may stand in comments that the match did not take apart."""
    lower = comments.lower()
    greeting = "helo" in lower or "hlo" in lower or "claim" in lower
    return greeting or "[" in lower or lower.count(".") > 2 or lower.count(":") > 1


# --- all other fields ---


def read_tolerantly(raw: bytes, start: int, end: int) -> Reading:
    """Read the Received field whose value stands at `start` to `end` of a message, clause by clause; never raises.

    Source: RFC 5321 §4.4.
    """
    clauses, date, defects = read_clauses(raw, start, end)
    first: dict[str, Clause] = {}
    for clause in clauses:
        first.setdefault(clause.name, clause)
    from_, with_, via, by = (first.get(name) for name in ("from", "with", "via", "by"))
    peer = _peer(from_, first.get("by"), with_, via)
    return Reading(
        from_=(_sender(from_)[0] or peer.rdns or peer.ip) if from_ else None,
        by=_receiver(by),
        with_=_text(with_),
        id=_word(first.get("id")),
        for_=_path(first.get("for")),
        via=_text(via),
        time=date.utc if date else None,
        zone_known=date is not None and date.zone_known,
        from_ip=peer.ip,
        helo=peer.helo,
        rdns=peer.rdns,
        defects=defects,
    )


def _text(clause: Clause | None) -> str | None:
    return (clause.value.rstrip(",") or None) if clause else None


def _word(clause: Clause | None) -> str | None:
    """Give a clause's first word. QUIRK: Haraka writes `id A1.1 envelope-from <alice@crepes.fr>`."""
    return (clause.words[0].rstrip(",") or None) if clause and clause.words else None


def _receiver(by: Clause | None) -> str | None:
    """Give the name of the server that wrote the field. QUIRK: `b.org[192.0.2.2]`, or `([192.0.2.2])` and no name."""
    if by and not by.words:
        return next((found.ip for comment in by.comments if (found := _read_comment(comment)).ip), None)
    name = _word(by)
    return _GLUED_BRACKET.split(name)[0] if name else None


def _path(clause: Clause | None) -> str | None:
    """Give the address of a `for` clause, which may hold but one path: the first. Source: RFC 5321 §4.4."""
    if not clause or not clause.words:
        return None
    if found := _PATH.match(clause.value):  # QUIRK: `<multiple recipients>`
        return found[1]
    first = clause.words[0].rstrip(",")
    return first if "@" in first or first.startswith("<") else _text(clause)


# --- who sent it ---


def find_ip(word: str) -> str | None:
    """Read an IP address, with or without `[…]`, `IPv6:` and port; None for any other word.

    >>> find_ip("[IPv6:2001:db8::1]"), find_ip("192.0.2.1:25"), find_ip("15.1.225.420")
    ('2001:db8::1', '192.0.2.1', None)
    """
    if len(word) > 64 or (word[-1:].isalpha() and ":" not in word):
        return None
    if found := _IPV4.fullmatch(word):
        return found[2] if all(int(octet) < 256 for octet in found[2].split(".")) else None
    colons = word.count(":")
    if 1 < colons < 8 and _USUAL_IPV6.fullmatch(word):
        return word
    if colons > 1 and (found := _IPV6.fullmatch(word)):
        import ipaddress

        try:
            ipaddress.IPv6Address(found[2])
        except ValueError:
            return None
        return found[2]
    return None


def _peer(from_: Clause | None, by: Clause | None, with_: Clause | None, via: Clause | None) -> Peer:
    """Read who the sender was from its clause, and from nowhere else: version numbers look like addresses too."""
    if from_ is None:
        return Peer(None, None, None)
    name, behind = _sender(from_)
    literal = find_ip(name) if name else None
    ip = helo = rdns = None
    for found in (*map(_read_comment, from_.comments), _read_words(behind)):
        ip, helo, rdns = ip or found.ip, helo or found.helo, rdns or found.rdns
    silent = _without_greeting(_text(with_), _text(via))
    if literal and not helo and any(map(_EXIM.search, _comments(from_, by, with_))):
        ip = ip or literal
    return Peer(*_with_name(name, literal, ip, helo, rdns, silent))


def _comments(*clauses: Clause | None) -> Iterator[str]:
    return (comment for clause in clauses if clause for comment in clause.comments)


def _sender(from_: Clause) -> tuple[str | None, list[str]]:
    """Part the words that name the sender from what stands behind them.

    QUIRK: `unknown [192.0.2.1]`, `crepes.fr[192.0.2.1]`, `mail pickup service`, `192.0.2.1 as user alice`.
    """
    words = [word for one in from_.words for word in _GLUED_BRACKET.sub(" [", one).split(" ") if word]
    stop = 1
    while stop < len(words) and not (words[stop - 1].endswith(",") or _is_behind_the_name(words[stop])):
        stop += 1
    if len(words) > 1 and (find_ip(words[0]) or any(map(find_ip, words[1:stop]))):
        names = [word for word in words[1:stop] if not find_ip(word)] if not find_ip(words[0]) else []
        named = " ".join([words[0], *names]).rstrip(",")
        return named or None, [word for word in words[1:stop] if find_ip(word)] + words[stop:]
    return " ".join(words[:stop]).rstrip(",") or None, words[stop:]


def _is_behind_the_name(word: str) -> bool:
    return re.split("[=:]", word, maxsplit=1)[0].lower() in _BEHIND_THE_NAME


def _with_name(
    name: str | None, literal: str | None, ip: str | None, helo: str | None, rdns: str | None, silent: bool
) -> tuple[str | None, str | None, str | None]:
    """Add to what is written about the sender what its name says.

    Args: `literal` is the address that stands where the name should; `silent`, that on this way nobody says HELO.
    Returns: the sender's address, what it called itself, and what DNS calls it.
    """
    if (
        helo
    ):  # QUIRK: Exim and qmail write the name from DNS, or the address, first, and what the client said behind it.
        return ip or literal, helo, rdns or (_host_name(name) if name and not literal else None)
    if silent or not name or " " in name:
        return ip or literal, helo, rdns
    return ip, name, rdns  # an address that the client calls itself by is no more than that: RFC 5321 §4.1.3


def _without_greeting(with_: str | None, via: str | None) -> bool:
    """Tell whether the message came by a way on which nobody says HELO."""
    if with_ and with_.lower().startswith(_NO_GREETING):
        return True
    return via is not None and via.lower().startswith(_NO_GREETING)


def peer_words(comment: str) -> list[str]:
    """Part a comment about the sender into words.

    >>> peer_words("mx.crepes.fr[192.0.2.1] (may be forged)")
    ['mx.crepes.fr', '[192.0.2.1]', 'may', 'be', 'forged']
    """
    flat = comment.replace("(", " ").replace(")", " ").replace("[ ", "[").replace(" ]", "]")
    return _GLUED_BRACKET.sub(" [", flat).split()


def _read_comment(comment: str) -> Peer:
    """Read `(name [address])`, `(HELO name)`, `(user@address)`, `([address]:port helo=name ident=user)`."""
    return _read_words(peer_words(comment))


def _read_words(words: list[str]) -> Peer:
    """Read what a server wrote of its peer, and keep apart what the peer said: that is never its address."""
    helo, rest = _part_greeting(words)
    if rest and _OF_A_USER.fullmatch(rest[0]):
        rest = []
    ip = next((found for word in rest if word.startswith("[") and (found := find_ip(word))), None)
    if ip is None and rest:
        ip = find_ip(rest[0].rpartition("@")[2])
        host = rest[0].rpartition("@")[2].rstrip(".").lower()
        if ip is None and len(rest) > 1 and (host == "unknown" or _host_name(host)):
            ip = find_ip(rest[1])
    return Peer(ip, helo, _host_name(rest[0]) if ip else None)


def _part_greeting(words: list[str]) -> tuple[str | None, list[str]]:
    """Take out what the peer called itself: `HELO x`, `helo=x`, `EHLO: x`, `claiming to be x`."""
    helo, rest, at = None, [], 0
    while at < len(words):
        key, value = re.split("[=:]", words[at] + "=", maxsplit=1)
        value = value.removesuffix("=")
        if key.lower() in _GREETINGS:
            at += 1
            if not value and words[at : at + 1] in (["="], [":"]):
                at += 1
        elif [word.lower() for word in words[at : at + 3]] == _CLAIMING:
            at, value = at + 3, ""
        else:
            rest.append(words[at])
            at += 1
            continue
        if not value and at < len(words):
            value = words[at].strip(',;"<>')
            at += 1
        helo = helo or value or None
    return helo, rest


def _host_name(word: str) -> str | None:
    """Read a name from DNS, such as `mx.example.org.` or `IDENT:root@mx.example.org`; None for any other word."""
    if len(word) < _LONGEST_HOST and _USUAL_NAME.fullmatch(word):
        return word
    host = word.rpartition("@")[2].removesuffix(".")
    if host == "localhost":
        return host
    usable = "." in host and len(host) < _LONGEST_HOST and not _NOT_IN_A_NAME.search(host) and not find_ip(host)
    return host if usable else None


def cipher_of(clauses: Sequence[Clause]) -> str | None:
    """Collect what is written about TLS: in a comment, or in a `tls` clause (RFC 8314 §4.3)."""
    said = [clause.value for clause in clauses if clause.name == "tls"]
    comments = (comment for clause in clauses for comment in clause.comments)
    noted = next((comment for comment in comments if _TLS.search(comment)), None)
    return ", ".join([*([noted] if noted else []), *said]) or None
