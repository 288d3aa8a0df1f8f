"""Which verb may be used in which state, and where does it lead? One table says so; machines obey it, pictures show it.

>>> class Lamp:
...     @verb("PRESS [<finger>]", rfc="0 §1")
...     def press(self, args: bytes) -> Outcome:
...         return Outcome.OK
>>> verbs = verbs_of(Lamp)
>>> verbs["PRESS"].syntax
'PRESS [<finger>]'
>>> rows = spell_out(Lamp, {"OFF": {"PRESS": "ON", ("PRESS", Outcome.NO): "BROKEN"}}, verbs)
>>> [rows["OFF"]["PRESS"].moves[outcome] for outcome in Outcome]
['ON', 'ON', 'BROKEN', 'OFF']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from emaillab.engine import Outcome, State

Table = Mapping[State, Mapping[str | tuple[str, Outcome], State]]
"""state → verb → next state. A plain verb moves on OK and MORE; `(verb, outcome)` moves on that outcome alone."""

CLOSED: State = "CLOSED"


@dataclass(frozen=True, slots=True)
class Verb:
    """What is known of a verb: its name, its syntax as HELP shows it, the RFC section, the method that does it."""

    name: str
    syntax: str
    rfc: str
    method: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table: the method that does the verb, and where each outcome leads."""

    method: Callable[..., Any]
    moves: dict[Outcome, State]


Handler = TypeVar("Handler", bound=Callable[..., Any])


def verb(syntax: str, *, rfc: str, name: str = "") -> Callable[[Handler], Handler]:
    """Mark a method as the one that does a verb; the verb is the syntax's first word unless `name` says otherwise."""

    def mark(method: Handler) -> Handler:
        method.__verb__ = Verb(name or syntax.split()[0], syntax, rfc, method.__name__)  # type: ignore[attr-defined]
        return method

    return mark


def verbs_of(machine: type) -> dict[str, Verb]:
    """Return the verbs that a class's methods do, by name."""
    found = [getattr(getattr(machine, name), "__verb__", None) for name in dir(machine)]
    return {known.name: known for known in found if known}


def spell_out(machine: type, table: Table, verbs: Mapping[str, Verb]) -> dict[State, dict[str, Cell]]:
    """Return a table with its methods and every outcome. Raises: TypeError for a verb that no method does."""
    rows: dict[State, dict[str, Cell]] = {CLOSED: {}}
    for state, row in table.items():
        cells = rows[state] = {}
        for key, after in sorted(row.items(), key=lambda item: not isinstance(item[0], str)):  # the exact ones last
            name, outcomes = (key, (Outcome.OK, Outcome.MORE)) if isinstance(key, str) else (key[0], (key[1],))
            if name not in verbs:
                raise TypeError(f"{machine.__name__}'s table has {name}, but no method does it")
            if name not in cells:
                cells[name] = Cell(getattr(machine, verbs[name].method), dict.fromkeys(Outcome, state))
            cells[name].moves.update(dict.fromkeys(outcomes, after))
    return rows
