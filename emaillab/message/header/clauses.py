"""How is a Received field cut into its clauses, when hardly anybody keeps to the grammar?

Once over the octets for words, quoted strings, comments and semicolons; then each goes to the clause it stands in.
What is never closed, repeated, missing or in the wrong place becomes a defect, and the reading goes on.

>>> field = b"from crepes.fr (unknown [192.0.2.1]) by hamburger.edu with SMTP Mon, 3 Mar 2025 12:00:00 +0100"
>>> clauses, date, defects = read_clauses(field, 0, len(field))
>>> [(clause.name, clause.value, clause.comments, field[slice(*clause.span)][:9]) for clause in clauses][:2]
[('from', 'crepes.fr', ('unknown [192.0.2.1]',), b'from crep'), ('by', 'hamburger.edu', (), b'by hambur')]
>>> str(date.utc), defects[0].kind
('2025-03-03 11:00:00+00:00', 'missing-semicolon')
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from emaillab.message.header.dates import Date, parse_date
from emaillab.message.header.tokens import unquote
from emaillab.message.octets.charsets import decode_raw
from emaillab.message.octets.defects import Defect, Span, limited
from emaillab.message.octets.patterns import compiled

SYNTAX = "5321 §4.4"
KEYWORDS = frozenset((b"from", b"by", b"via", b"with", b"id", b"for"))

WORD, QUOTED, COMMENT, SEMICOLON, STRAY = 1, 2, 3, 4, 5  # the groups of _TOKEN

# Comments without escapes and at most two deep, that is nearly all, are one match; the rest goes to _closings.
# All repetitions are possessive: each octet is looked at a bounded number of times, whatever the input.
_QUOTED_STRING = rb'("(?:[^"\\]|\\.)*+")'
_ANY_TOKEN = rb"""[ \t\r\n\f\v]*+(?:
    ((?:<[^<>\s]*+>|[^\s()";<]++|<)++)
    |%b
    |(\((?:[^()\\]++|\([^()\\]*+\))*+\))
    |(;)
    |([()"])
)"""
_TOKEN = compiled(_ANY_TOKEN % _QUOTED_STRING, re.VERBOSE | re.DOTALL)
# The same once a quotation mark was never closed, so that no later one is followed to the end again.
_TOKEN_WITHOUT_QUOTES = compiled(_ANY_TOKEN % b"((?!))", re.VERBOSE | re.DOTALL)
_PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)

# date-time = [ day-of-week "," ] day month year hour ":" minute [ ":" second ] zone    RFC 5322 §3.3
_RFC_DATE = re.compile(
    rb"(?:[A-Za-z]{3},)?[ \t\r\n]*\d{1,2}[ \t\r\n]+[A-Za-z]{3}[ \t\r\n]+\d{4}[ \t\r\n]+"
    rb"\d\d:\d\d(?::\d\d)?[ \t\r\n]+[+-]\d{4}(?!\d)"
)
_WEEKDAY = re.compile(rb"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?", re.IGNORECASE)
_DAY = re.compile(rb"\d{1,2}")
_MONTH = re.compile(rb"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}", re.IGNORECASE)
_ISO_DAY = re.compile(rb"\d{4}-\d\d-\d\d(?:[Tt].*)?")
_DIGIT = re.compile(rb"\d")
_SEPARATOR = b"; \t\r\n"
_BLANKS = re.compile(r"\s+")


class Token(NamedTuple):
    """One word, quoted string, comment or semicolon of a field."""

    kind: int
    start: int
    end: int


class Clause(NamedTuple):
    """One clause: its keyword in lower case, its words, its comments, and where it stands in the message.

    What stands before the first keyword, or after a semicolon that ends no clause, has the name "".
    """

    name: str
    words: tuple[str, ...]
    comments: tuple[str, ...]
    span: Span

    @property
    def value(self) -> str:
        """Give the words as one text."""
        return " ".join(self.words)


def read_clauses(raw: bytes, start: int, end: int) -> tuple[list[Clause], Date | None, tuple[Defect, ...]]:
    """Read the clauses and the date of the Received field whose value stands at `start` to `end`; never raises.

    Source: RFC 5321 §4.4.
    """
    defects: list[Defect] = []
    tokens, date = _split_date(raw, tokenize(raw, start, end, defects), end, defects)
    clauses = _clauses(raw, tokens, defects)
    names: set[str] = set()
    for clause in clauses:
        if clause.name and clause.name in names:
            defects.append(Defect("repeated-clause", clause.span[0], SYNTAX, f"the first '{clause.name}' counts"))
        names.add(clause.name)
    if "by" not in names:
        defects.append(missing_by(start))
    return clauses, date, limited(defects) if len(defects) > 1 else tuple(defects)


def missing_by(at: int) -> Defect:
    """Say that nobody signed as the receiver."""
    return Defect("missing-by", at, SYNTAX, "the hop's receiver stays unknown")


def date_span(raw: bytes, clauses: Sequence[Clause], field: Span) -> Span | None:
    """Find where the date stands that `read_clauses` read: in the last gap between clauses that holds a digit."""
    starts = [field[0], *(clause.span[1] for clause in clauses)]
    ends = [*(clause.span[0] for clause in clauses), field[1]]
    for start, end in zip(reversed(starts), reversed(ends), strict=True):
        if _DIGIT.search(raw, start, end):
            gap = raw[start:end]
            return end - len(gap.lstrip(_SEPARATOR)), start + len(gap.rstrip(_SEPARATOR))
    return None


# --- tokens ---


def tokenize(raw: bytes, start: int, end: int, defects: list[Defect]) -> list[Token]:
    """Cut a field's value into tokens, in one pass; what is never closed is noted in `defects` and stepped over."""
    tokens: list[Token] = []
    match, at = _TOKEN.match, start
    closings: dict[int, int] | None = None
    while found := match(raw, at, end):
        kind = found.lastindex or STRAY
        token = Token(kind, found.start(kind), found.end())
        at = token.end
        if kind != STRAY:
            tokens.append(token)
        elif raw[token.start] == 0x28:  # "(": nested deep, with escapes, or never closed
            if closings is None:
                closings = _closings(raw, token.start, end)
            at = closings.get(token.start, at)
            if at > token.end:
                tokens.append(Token(COMMENT, token.start, at))
            else:
                defects.append(Defect("unclosed-comment", token.start, "5322 §3.2.2", "read on as if it did not begin"))
        elif raw[token.start] == 0x29:
            defects.append(Defect("stray-parenthesis", token.start, "5322 §3.2.2", "ignored"))
        else:
            match = _TOKEN_WITHOUT_QUOTES.match
            defects.append(Defect("unclosed-quoted-string", token.start, "5322 §3.2.4", "read as plain words"))
    return tokens


def _closings(raw: bytes, start: int, end: int) -> dict[int, int]:
    """Find the end of every comment that has one, by the offset where it begins."""
    closings: dict[int, int] = {}
    waiting: list[int] = []
    for mark in _PARENTHESIS.finditer(raw, start, end):
        if mark[0] == b"(":
            waiting.append(mark.start())
        elif mark[0] == b")" and waiting:
            closings[waiting.pop()] = mark.end()
    return closings


# --- date ---


def _split_date(raw: bytes, tokens: list[Token], end: int, defects: list[Defect]) -> tuple[list[Token], Date | None]:
    """Part the clauses from the date, which stands after the last semicolon, or else at the end of the field.

    QUIRK: some servers write further clauses behind it.
    """
    marks = [place for place, token in enumerate(tokens) if token.kind == SEMICOLON]
    for mark in marks[:-3:-1]:  # the last two: some end the field with one more
        stop = _next_clause(raw, tokens, mark + 1)
        if date := _date_of(raw, tokens[mark + 1 : stop], defects):
            _note_behind(tokens[stop:], defects)
            return tokens[:mark] + tokens[stop:], date
    place = _find_date(raw, tokens)
    stop = len(tokens) if place is None else _next_clause(raw, tokens, place)
    date = None if place is None else parse_date(raw[tokens[place].start : tokens[stop - 1].end])
    if place is None or date is None:
        kind = "unreadable-date" if marks else "missing-date"
        at = tokens[min(marks[-1] + 1, len(tokens) - 1)].start if marks else end
        defects.append(Defect(kind, at, SYNTAX, "the time stays open"))
        return tokens[: marks[-1]] if marks else tokens, None
    before = [mark for mark in marks if mark < place]
    kind = "text-around-date" if before else "missing-semicolon"
    defects.append(Defect(kind, tokens[place].start, SYNTAX, _read_as(date)))
    _note_behind(tokens[stop:], defects)
    return tokens[: before[-1] if before else place] + tokens[stop:], date


def _next_clause(raw: bytes, tokens: list[Token], place: int) -> int:
    """Find the first keyword from a token on; the end when there is none."""
    while place < len(tokens) and not _is_keyword(raw, tokens[place]):
        place += 1
    return place


def _is_keyword(raw: bytes, token: Token) -> bool:
    return token.kind == WORD and token.end - token.start < 5 and raw[token.start : token.end].lower() in KEYWORDS


def _note_behind(clauses: list[Token], defects: list[Defect]) -> None:
    if clauses:
        defects.append(Defect("clause-after-date", clauses[0].start, SYNTAX, "read like those before it"))


def _date_of(raw: bytes, tokens: list[Token], defects: list[Defect]) -> Date | None:
    """Read the tokens behind a semicolon as a date."""
    tail = [token for token in tokens if token.kind != SEMICOLON]
    if not any(token.kind == WORD for token in tail):
        return None
    text = raw[tail[0].start : tail[-1].end]
    date = parse_date(text)
    if date and not _RFC_DATE.match(text):
        defects.append(Defect("date-format", tail[0].start, "5322 §3.3", _read_as(date)))
    return date


def _read_as(date: Date) -> str:
    return f"read as {date.utc.isoformat(' ')[:19]} UTC"


def _find_date(raw: bytes, tokens: list[Token]) -> int | None:
    """Find the last token that can begin a date: a weekday, a day before a month, or a year-month-day."""
    for place in range(len(tokens) - 1, -1, -1):
        word = raw[tokens[place].start : min(tokens[place].end, tokens[place].start + 40)]
        following = raw[tokens[place + 1].start : tokens[place + 1].end] if place + 1 < len(tokens) else b""
        if _ISO_DAY.fullmatch(word) or (_WEEKDAY.fullmatch(word) and _starts_day(following)):
            return place
        if _DAY.fullmatch(word) and _MONTH.fullmatch(following):
            before = raw[tokens[place - 1].start : tokens[place - 1].end] if place else b""
            return place - 1 if _WEEKDAY.fullmatch(before) else place
    return None


def _starts_day(word: bytes) -> bool:
    return bool(_DAY.match(word) or _MONTH.match(word))


# --- clauses ---


def _clauses(raw: bytes, tokens: list[Token], defects: list[Defect]) -> list[Clause]:
    """Give each word and comment to the clause that it stands in; what follows a semicolon stands in none."""
    clauses: list[Clause] = []
    part: list[Token] = []
    name = ""
    for token in tokens:
        begun = _begins(raw, token, name, part)
        if begun is not None:
            if part:
                clauses.append(_clause(raw, name, part))
            name, part = begun, []
        if token.kind == SEMICOLON:
            defects.append(Defect("stray-semicolon", token.start, SYNTAX, "words up to the next clause are set apart"))
        else:
            part.append(token)
    if part:
        clauses.append(_clause(raw, name, part))
    _note_idle(clauses, defects)
    return clauses


def _begins(raw: bytes, token: Token, name: str, part: list[Token]) -> str | None:
    """Return the name of the clause that a token begins, "" after a semicolon; None within the clause that is open."""
    if token.kind == SEMICOLON:
        return ""
    if token.kind != WORD or token.end - token.start >= 5:
        return None
    word = raw[token.start : token.end].lower()
    if _is_keyword(raw, token) or (word == b"tls" and name in ("with", "id", "via") and len(part) > 1):
        return word.decode("ascii")
    return None


def _note_idle(clauses: list[Clause], defects: list[Defect]) -> None:
    """Record the clauses that say nothing, and words before the first one."""
    for clause in clauses:
        if clause.name and not clause.words and not clause.comments:
            defects.append(Defect("empty-clause", clause.span[0], SYNTAX, "kept, and given no meaning"))
        elif clause.words and not clause.name and clause is clauses[0]:
            defects.append(Defect("text-before-clauses", clause.span[0], SYNTAX, "kept, and given no meaning"))


def _clause(raw: bytes, name: str, part: list[Token]) -> Clause:
    words: list[Token] = []
    comments: list[str] = []
    for token in part[1:] if name else part:
        if token.kind == COMMENT:
            comments.append(_BLANKS.sub(" ", decode_raw(raw[token.start + 1 : token.end - 1])).strip())
        elif words and words[-1].end == token.start:  # `<"john doe"@example.org>` is one word
            words[-1] = Token(WORD, words[-1].start, token.end)
        else:
            words.append(token)
    texts = [raw[start:end] if kind == WORD else unquote(raw[start:end]) for kind, start, end in words]
    return Clause(name, tuple(map(decode_raw, texts)), tuple(comments), (part[0].start, part[-1].end))
