"""What are the words, marks and comments of an address list, when quotation marks and parentheses are left open?

A mark that is never closed is plain text. An encoded word is one token, whatever stands in it.

>>> [token.kind for token in address_tokens(b'"Bob (the cook) <bob@b.org>')[:4]]
['stray', 'atom', 'blank', 'comment']
>>> address_tokens(b"=?utf-8?Q?K=C3=B6ln_(Office?= <office@crepes.fr>")[0].text
b'=?utf-8?Q?K=C3=B6ln_(Office?='
"""

from __future__ import annotations

import re
from typing import NamedTuple

from emaillab.message.header.encoded_words import find_words
from emaillab.message.octets.defects import Span
from emaillab.message.octets.patterns import compiled

_ANY_TOKEN = rb"""(?P<blank>[ \t\r\n\f\v]++)
    %b
    |(?P<literal>\[[^\[\]\\<>@]*+\])
    |(?P<escaped>\x1b\$(?:[@B]|\([DO-Q])[\x21-\x7e \t\r\n]*+\x1b\([BJ])
    |(?P<comment>\()
    |(?P<mark>[<>@,;:])
    |(?P<wide>\xef\xbc[\x8c\x9a\x9b]|\xe3\x80\x81)
    |(?P<atom>[^\ \t\r\n\f\v"()<>@,;:\[\]\x1b]++)
    |(?P<stray>.)"""
_TOKEN = compiled(_ANY_TOKEN % rb'|(?P<quoted>"(?:[^"\\]|\\.)*+")', re.VERBOSE | re.DOTALL)
# The same once a quotation mark was never closed, so that no later one is followed to the end again.
_TOKEN_WITHOUT_QUOTES = compiled(_ANY_TOKEN % b"", re.VERBOSE | re.DOTALL)
_PARENTHESIS = re.compile(rb"\\.|[()]", re.DOTALL)
# QUIRK: `，`, `：`, `；` and `、` part addresses where Chinese and Japanese is written; in a name they are text.
_WIDE = re.compile(rb"\xef\xbc[\x8c\x9a\x9b]|\xe3\x80\x81")
_ANGLE = re.compile(rb"<[^<>@]*+@[^<>]*+>")
_LIST = re.compile(rb"@[^@,;]*+[,;]")
_GLUED = re.compile(rb"[^ \t\r\n\f\v\"()<>@,;:.\[\]]")


class Token(NamedTuple):
    """One piece of an address list; the tokens of a list tile it.

    The kinds: blank, quoted, literal (in brackets), comment, atom, encoded (a word of RFC 2047), mark (one of
    `<>@,;:`), stray (a character that has no meaning where it stands).
    """

    kind: str
    text: bytes
    """As written; of a comment, what stands between its parentheses."""
    start: int
    end: int


def address_tokens(body: bytes) -> list[Token]:
    """Cut an address list, folded or not, into tokens; never raises. Source: RFC 5322 §3.2; RFC 2047 §5."""
    reader = _TokenReader(body)
    tokens = reader.read(0)
    if not reader.open_quote:
        return tokens
    # One quotation mark too many: not the last one, when an earlier pair has swallowed an address.
    for place, token in enumerate(tokens):
        if token.kind == "quoted" and (_ANGLE.search(token.text) or _LIST.search(token.text)):
            opening = Token("stray", b'"', token.start, token.start + 1)
            return [*tokens[:place], opening, *reader.read(opening.end)]
    return tokens


class _TokenReader:
    """Reads tokens from left to right, and never looks at an octet more than a bounded number of times."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.open_quote = False
        self._encoded = [word.span for word in find_words(body)] if b"=?" in body else []
        self._closings: dict[int, int] | None = None

    def read(self, at: int) -> list[Token]:
        """Return the tokens from an offset on."""
        tokens: list[Token] = []
        pattern = _TOKEN
        words = iter(self._encoded)
        word = next(words, None)
        while at < len(self.body):
            while word and word[0] < at:
                word = next(words, None)
            if word and word[0] == at:
                token = Token("encoded", self.body[word[0] : word[1]], *word)
            else:
                found = pattern.match(self.body, at)
                assert found is not None
                token = self._token(found, word[0] if word else len(self.body))
                if found["stray"] == b'"':
                    self.open_quote = True
                    pattern = _TOKEN_WITHOUT_QUOTES
            tokens.append(token)
            at = token.end
        return tokens

    def _token(self, found: re.Match[bytes], limit: int) -> Token:
        """Make a token of a match; `limit` is where the next encoded word begins."""
        kind, text, (start, end) = found.lastgroup or "stray", found[0], found.span()
        if kind == "comment":
            end = self._comment_end(start)
            if end:
                return Token("comment", self.body[start + 1 : end - 1], start, end)
            return Token("stray", text, start, start + 1)
        if kind == "quoted" and self._is_left_open(text, end):
            return Token("stray", b'"', start, start + 1)
        if kind == "atom":
            wide = _WIDE.search(text)
            end = min(limit, start + wide.start() if wide else end, end)
            return Token("atom", self.body[start:end], start, end)
        kind = {"escaped": "atom", "wide": "stray"}.get(kind, kind)
        return Token(kind, text, start, end)

    def _is_left_open(self, quoted: bytes, end: int) -> bool:
        """Tell whether two open quotation marks pass for a pair, as in `"Al <al@a.org>, "Bob <bob@b.org>`."""
        listed = b"@" in quoted and quoted[:-1].rstrip().endswith((b",", b";"))
        return listed and bool(_GLUED.match(self.body, end))

    def _comment_end(self, start: int) -> int:
        """Find the offset after a comment, 0 when it is never closed."""
        if self._closings is None:
            self._closings = _closings(self.body, start, self._encoded)
        return self._closings.get(start, 0)


def _closings(body: bytes, start: int, encoded: list[Span]) -> dict[int, int]:
    """Find the end of every comment that has one, by the offset where it begins."""
    closings: dict[int, int] = {}
    waiting: list[int] = []
    words = iter(encoded)
    word = next(words, None)
    for found in _PARENTHESIS.finditer(body, start):
        while word and word[1] <= found.start():
            word = next(words, None)
        if word and word[0] < found.start():
            continue
        if found[0] == b"(":
            waiting.append(found.start())
        elif found[0] == b")" and waiting:
            closings[waiting.pop()] = found.end()
    return closings
