"""Which edition of the message format allows what, to a writer and to a reader?

>>> from emaillab.message.working.editions import variant_matrix
>>> print(draw_matrix(variant_matrix(["two-digit-year"])))
Edition matrix: 1 row, 4 of 6 pass
two-digit-year: 822 generate yes, 822 accept yes, 2822 generate no, 2822 accept yes, 5322 generate no, 5322 accept yes
"""

from __future__ import annotations

from emaillab.diagrams.svg import BLUE, GREY, VERMILLION, Canvas, Diagram, cut, plural
from emaillab.message.working.editions import EDITIONS, MODES, Matrix

LEFT, TOP, ROW, CELL, GAP = 250, 62, 26, 84, 14


def draw_matrix(matrix: Matrix) -> Diagram:
    """Draw rows by editions and modes: filled and ticked where it passes, empty and crossed where it does not."""
    bottom = TOP + ROW * len(matrix.rows)
    width = LEFT + 6 * CELL + 2 * GAP + 16
    canvas = Canvas(width, bottom + 14)
    for column, edition in enumerate(EDITIONS):
        x = LEFT + column * (2 * CELL + GAP)
        canvas.text(x + CELL, 22, f"RFC {edition}", anchor="middle", bold=True)
        canvas.line([(x + 4, 30), (x + 2 * CELL - 4, 30)], GREY)
        for place, mode in enumerate(MODES):
            canvas.text(x + CELL * (place + 0.5), 50, mode, size=12, anchor="middle")
    for row, (name, answers) in enumerate(matrix.rows.items()):
        y = TOP + ROW * row
        canvas.text(10, y + 17, cut(name, 34))
        for place, passes in enumerate(answers):
            _draw_cell(canvas, LEFT + place * CELL + GAP * (place // 2), y, passes)
    passed, total = sum(map(sum, matrix.rows.values())), 6 * len(matrix.rows)
    title = f"Edition matrix: {plural(len(matrix.rows), 'row')}, {passed} of {total} pass"
    return canvas.finish(title, (_words(name, answers) for name, answers in matrix.rows.items()))


def _draw_cell(canvas: Canvas, x: float, y: float, passes: bool) -> None:
    colour = BLUE if passes else VERMILLION
    canvas.box(x + 3, y + 3, CELL - 6, ROW - 6, fill=colour if passes else None, opacity=0.35, stroke=colour, round=3)
    canvas.text(x + CELL / 2, y + 18, "✓ yes" if passes else "✗ no", size=12, anchor="middle", bold=not passes)


def _words(name: str, answers: tuple[bool, ...]) -> str:
    heads = [f"{edition} {mode}" for edition in EDITIONS for mode in MODES]
    return f"{name}: " + ", ".join(f"{head} {'yes' if one else 'no'}" for head, one in zip(heads, answers, strict=True))
