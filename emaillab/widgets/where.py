"""Where is my letter? Step through all that happened to it, and see who has it and who answers for it.

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n")
...     _ = net.submit(letter)
>>> where = WhereIsMyLetter(net.journey(letter["Message-ID"]))
>>> print(where.step(4))
0.045 s  crepes.fr has the final dot, keeps the letter and says 250: now it answers for it.
answers for it: crepes.fr, queue
copies: 2 (alice.crepes.fr, user agent; crepes.fr, queue)
open connection: 1, SMTP, alice.crepes.fr to crepes.fr
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from emaillab.charts.table import Column, Table
from emaillab.diagrams.gantt import COLOURS, moment
from emaillab.journey import Event, Journey, Whereabouts
from emaillab.net.transcript import Transcript
from emaillab.widgets.kept import Kept

NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Step:
    """One event, and how things stand right after it."""

    event: Event
    where: Whereabouts

    @property
    def responsible(self) -> str:
        """Who answers for the letter."""
        return _list(stay.place for stay in self.where.responsible)

    @property
    def copies(self) -> str:
        """How many copies there are, and where."""
        return f"{len(self.where.copies)} ({_list(stay.place for stay in self.where.copies)})"

    @property
    def connections(self) -> str:
        """Which connections are open."""
        return _list(map(_connection, self.where.connections), "none")

    def __str__(self) -> str:
        return (
            f"{moment(self.event.at_s)}  {self.event.text}\nanswers for it: {self.responsible}\n"
            f"copies: {self.copies}\nopen connection: {self.connections}"
        )


class WhereIsMyLetter(Kept):
    """A letter's journey in steps: buttons and a slider in a live notebook, a table of all steps everywhere else.

    The arrow keys move the slider; Tab reaches every control.
    """

    run_me = "Where is my letter? Run this cell to step through."

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.steps = tuple(Step(event, journey.at(event.at_s)) for event in journey.events)
        self.places = tuple(dict.fromkeys((stay.host, stay.kind, stay.place) for stay in journey.stays))

    def step(self, number: int) -> Step:
        """Return one step, from 1. Raises: IndexError for a number that there is not."""
        if not 1 <= number <= len(self.steps):
            raise IndexError(f"the journey has steps 1 to {len(self.steps)}, not {number}")
        return self.steps[number - 1]

    def table(self) -> Table:
        """Return all steps at once."""
        columns = (Column("step"), Column("time"), Column("what happens"), Column("answers for it"), Column("copies"))
        rows = [
            (str(number), moment(step.event.at_s), step.event.text, step.responsible, step.copies, step.connections)
            for number, step in enumerate(self.steps, start=1)
        ]
        return Table("Where is my letter?", (*columns, Column("open connection")), tuple(rows))

    # How it is shown

    def picture(self, number: int) -> str:
        """Return one step as HTML: what happens, and the state of every place."""
        step = self.step(number)
        mark = " ⇄ the responsibility changes hands" if step.event.handover else ""
        rows = "".join(self._row(place, kind, words, step.where) for place, kind, words in self.places)
        return (
            f'<div role="status"><p style="margin:4px 0"><b>{moment(step.event.at_s)}</b> {escape(step.event.text)}'
            f"<b>{mark}</b></p></div>"
            f'<table style="border-collapse:collapse"><caption style="text-align:left">Right after step {number} of '
            f"{len(self.steps)}: {len(step.where.copies)} {_plural(len(step.where.copies), 'copy', 'copies')}</caption>"
            f"<thead><tr>{''.join(map(_head, ('place', 'copy', 'answers for the letter')))}</tr></thead>"
            f'<tbody>{rows}</tbody></table><p style="margin:4px 0">Open connection: {escape(step.connections)}</p>'
        )

    def _row(self, host: str, kind: str, words: str, where: Whereabouts) -> str:
        copy = any(stay.place == words and stay.host == host for stay in where.copies)
        charge = any(stay.place == words and stay.host == host for stay in where.responsible)
        edge = f"border-left:6px solid {COLOURS[kind] if copy else 'transparent'}"
        weight = "bold" if charge else "normal"
        cells = ("✉ a copy" if copy else "–", "● yes" if charge else "–")
        style = "padding:3px 14px 3px 8px;text-align:left"
        return (
            f'<tr><th scope="row" style="{style};{edge};font-weight:{weight}">{escape(words)}</th>'
            + "".join(f'<td style="{style};font-weight:{weight}">{cell}</td>' for cell in cells)
            + "</tr>"
        )

    def _build(self) -> Any:
        import ipywidgets as widgets

        last = len(self.steps)
        slider = widgets.IntSlider(1, 1, last, description="Step", layout={"width": "420px"}, continuous_update=True)
        view = widgets.HTML(self.picture(1))
        moves = {
            "First": lambda: 1,
            "Back": lambda: slider.value - 1,
            "Next": lambda: slider.value + 1,
            "Last": lambda: last,
        }
        buttons = {name: widgets.Button(description=name, tooltip=f"{name} step") for name in moves}

        def show(change: Any = None) -> None:
            view.value = self.picture(slider.value)
            for name in ("First", "Back"):
                buttons[name].disabled = slider.value == 1
            for name in ("Next", "Last"):
                buttons[name].disabled = slider.value == last

        for name, button in buttons.items():
            button.on_click(lambda _, name=name: setattr(slider, "value", moves[name]()))
        slider.observe(show, "value")
        show()
        return widgets.VBox([widgets.HBox([*buttons.values()]), slider, view])

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<WhereIsMyLetter {self.journey.message_id}, {len(self.steps)} steps>"

    @property
    def html(self) -> str:
        """All steps as a table, folded: what a saved notebook keeps."""
        summary = f'<summary style="cursor:pointer">All {len(self.steps)} steps</summary>'
        return f"<details>{summary}{self.table().html()}</details>"


def _list(words: Iterator[str] | map[str], none: str = NOBODY) -> str:
    return "; ".join(words) or none


def _connection(session: Transcript) -> str:
    return f"{session.id}, {session.protocol.upper()}, {session.client} to {session.server}"


def _head(text: str) -> str:
    return f'<th scope="col" style="padding:3px 14px 3px 8px;text-align:left">{text}</th>'


def _plural(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
