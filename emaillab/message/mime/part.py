"""What is one part of a message: its octets, its header, its content, its place in the tree?

>>> from emaillab.message.mime.dissect import dissect
>>> part = dissect(b"Content-Type: text/plain; charset=gb2312\\r\\n\\r\\n\\xc4\\xe3\\xba\\xc3\\r\\n")
>>> part.content_type, part.encoding, part.text, part.body_span
('text/plain', '7bit', '你好\\r\\n', (44, 50))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emaillab.message.mime import checks, sections, tiles
from emaillab.message.mime.declared import IDENTITY_ENCODINGS
from emaillab.message.mime.entity import Entity
from emaillab.message.octets.defects import Defect, Span, limited

if TYPE_CHECKING:
    from emaillab.message.mime.explain import Explanation


class Part(Entity):
    """One part of a message, the message itself included, and all that can be asked of it.

    A message/rfc822 or message/global part has exactly one child, the embedded message; the exception is one whose
    transfer encoding is base64, quoted-printable or unknown, or that lies beyond a limit of depth or number: it stays
    a leaf, and `dissect(part.decoded)` opens it.
    """

    __slots__ = ()

    @property
    def defects(self) -> tuple[Defect, ...]:
        """List what is wrong with this part itself, by offset; its children have lists of their own."""
        return limited([*(self.misplaced or ()), *self.header.defects, *checks.content_defects(self)])

    # --- its pieces ---

    def tiles(self) -> list[tuple[str, Span]]:
        """Cut the part into adjoining pieces: their slices, in order, give all its octets back.

        Returns: (kind, span) pairs; the kinds are "mbox-line", "header", "body", "preamble", "delimiter",
        "close-delimiter" and "epilogue". Empty pieces are left out.
        """
        return [(kind, span) for kind, span, _ in tiles.tiles_of(self)]

    def tiles_of_parts(self) -> list[tuple[str, Span, Part]]:
        """Cut the part as `tiles` does, and tell the part that each piece belongs to."""
        return list(tiles.tiles_of(self))

    def part(self, number: str) -> Part | None:
        """Find the part with an IMAP section number, counted from here; None when there is none."""
        return sections.find_part(self, number)

    def section(self, spec: str) -> bytes | None:
        """Give the octets of IMAP's `BODY[spec]`, counted from here; None when there is no such part.

        Examples of `spec`: "", "HEADER", "TEXT", "1.2", "1.2.MIME", "3.HEADER", "HEADER.FIELDS (From To)".

        Raises: ValueError when `spec` is no section specification.
        Source: RFC 9051 §6.4.5.1.
        """
        return sections.section(self, spec)

    def explain(self, offset: int) -> Explanation:
        """Tell what the octet at `offset` of the whole message is, which rule puts it there, and what it says.

        Raises: IndexError when the message has no such octet.
        """
        from emaillab.message.mime.explain import explain

        return explain(self, offset)

    # --- how it shows itself ---

    def __repr__(self) -> str:
        return f"<Part {self.number or 'message'} {self.content_type} span={self.span}>"

    def __str__(self) -> str:
        """Draw the tree below this part, one line a part."""
        lines = []
        waiting = [(self, "", "")]
        while waiting:
            part, lead, below = waiting.pop()
            lines.append(lead + part._line())
            last = len(part.children) - 1
            for at in range(last, -1, -1):
                branch, trunk = ("└── ", "    ") if at == last else ("├── ", "│   ")
                waiting.append((part.children[at], below + branch, below + trunk))
        return "\n".join(lines)

    def _line(self) -> str:
        start, end = self.body_span
        facts = [self.number or "message", self.content_type, self.encoding, f"{end - start} octets"]
        if not self.children and self.acting_encoding not in IDENTITY_ENCODINGS:
            facts.append(f"{len(self.decoded)} decoded")
        if self.filename is not None:
            facts.append(repr(self.filename))
        kinds = [defect.kind for defect in self.defects]
        if kinds:
            facts.append("! " + ", ".join(dict.fromkeys(kinds)))
        return "  ".join(facts)

    def to_json(self) -> dict[str, Any]:
        """Give the tree as the values that `emaillab dissect --json` prints."""
        nodes: dict[int, dict[str, Any]] = {}
        for part in self.walk():
            nodes[id(part)] = node = part._node()
            if part is not self and part.parent is not None:
                nodes[id(part.parent)]["children"].append(node)
        return nodes[id(self)]

    def _node(self) -> dict[str, Any]:
        from hashlib import sha256

        decoded = self.decoded
        return {
            "type": self.content_type,
            "encoding": self.encoding,
            "header_span": list(self.header_span),
            "body_span": list(self.body_span),
            "decoded_sha256": sha256(decoded).hexdigest(),
            "decoded_size": len(decoded),
            "filename": self.filename,
            "charset": self.charset,
            "defects": [{"kind": defect.kind, "at": defect.at} for defect in self.defects],
            "children": [],
        }
