"""Which verb may be used in which state, and where does it lead? One table says so; machines obey it, pictures show it.

A server is made of parts, each a class in a file of its own: commands, extensions. Each declares its own moves, and the
table is what they declare together. A part may speak of ANY state in which commands are taken, and lead BACK to the
one it began in.

>>> class Lamp:
...     MOVES = {"OFF": {"PRESS": "ON", ("PRESS", Outcome.NO): "BROKEN"}, "ON": {"PRESS": "OFF"}}
...     @verb("PRESS [<finger>]", rfc="0 §1")
...     def press(self, args: bytes) -> Outcome: return Outcome.OK
>>> class Labelled:
...     MOVES = {ANY: {"READ": BACK}}
...     @verb("READ", rfc="0 §2")
...     def read(self, args: bytes) -> Outcome: return Outcome.OK
>>> class LabelledLamp(Lamp, Labelled): ...
>>> table_of(LabelledLamp)["ON"], table_of(LabelledLamp)["BROKEN"]
({'PRESS': 'OFF', 'READ': 'ON'}, {'READ': 'BROKEN'})
>>> verbs_of(LabelledLamp)["PRESS"].syntax
'PRESS [<finger>]'
>>> class Dimmer:
...     MOVES = {"ON": {"PRESS": "DIM"}}
>>> table_of(type("Both", (LabelledLamp, Dimmer), {}))
Traceback (most recent call last):
TypeError: Both: Lamp and Dimmer both say where PRESS leads from ON when it ends with OK
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, TypeVar

from emaillab.engine import Outcome, State

Key = str | tuple[str, Outcome]
"""A plain verb moves on OK and MORE; `(verb, outcome)` moves on that outcome alone."""

Row = Mapping[Key, State]
"""verb → next state."""

Table = Mapping[State, Row]
"""state → verb → next state."""

CLOSED: State = "CLOSED"
ANY: State = "(any state)"
"""As a row of MOVES: every state in which commands are taken."""
BACK: State = "(back)"
"""As a target in MOVES: the state in which the verb was used."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What is known of a verb: its name, its syntax as HELP shows it, the RFC section, the function that does it."""

    name: str
    syntax: str
    rfc: str
    method: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table: the function that does the verb, and where each outcome leads."""

    method: Callable[..., Any]
    moves: dict[Outcome, State]


Handler = TypeVar("Handler", bound=Callable[..., Any])
AServer = TypeVar("AServer")
Value = TypeVar("Value")


def verb(syntax: str, *, rfc: str, name: str = "") -> Callable[[Handler], Handler]:
    """Mark a method as the one that does a verb; the verb is the syntax's first word unless `name` says otherwise."""

    def mark(method: Handler) -> Handler:
        method.__verb__ = Verb(name or syntax.split()[0], syntax, rfc, method)  # type: ignore[attr-defined]
        return method

    return mark


def verbs_of(machine: type) -> dict[str, Verb]:
    """Return the verbs that a class's methods do, in the order of the alphabet.

    Raises: TypeError when two of its parts do the same one.
    """
    return dict(sorted(merge(machine, _own_verbs, "do the verb {}").items()))


@cache  # of each part once, however many servers it is a part of
def _own_verbs(part: type) -> dict[str, Verb]:
    methods = [vars(value) for value in vars(part).values() if isinstance(value, FunctionType)]
    marked = [method["__verb__"] for method in methods if "__verb__" in method]
    return {known.name: known for known in marked}


def merge(machine: type, own: Callable[[type], Mapping[str, Value]], what: str) -> dict[str, Value]:
    """Return what all parts of a class declare together, by name, in the order of its bases.

    Args: own: what one part declares itself; what: the claim in words, such as "announce {}".
    Raises: TypeError when two parts claim one name and neither is made from the other.
    """
    found: dict[str, Value] = {}
    owners: dict[str, type] = {}
    for part in machine.__mro__:
        for name, value in own(part).items():
            owner = owners.setdefault(name, part)
            if owner is part:
                found[name] = value
            elif not issubclass(owner, part):
                raise TypeError(f"{machine.__name__}: {owner.__name__} and {part.__name__} both {what.format(name)}")
    return found


OWN = "_own"
"""The attribute in which a class keeps what it declared itself, once the whole stands under the declared name."""


def declared(attribute: str) -> Callable[[type], Mapping[str, Any]]:
    """Return a function for `merge` that reads a mapping which parts declare as a class attribute."""

    def own(part: type) -> Mapping[str, Any]:
        mine: Mapping[str, Any] = vars(part).get(OWN, {})
        found: Mapping[str, Any] = mine[attribute] if attribute in mine else vars(part).get(attribute, {})
        return found

    return own


def table_of(machine: type, start: State | None = None) -> dict[State, dict[Key, State]]:
    """Return the table that the parts of a class declare together in MOVES; MODES are the states without commands.

    Args: start: a state that is there whether any part speaks of it or not.
    Raises: TypeError when two parts claim the same cell and neither is made from the other.
    """
    modes = merge(machine, declared("MODES"), "read the state {}")
    states = _states(machine, start)
    open_states = [state for state in states if state not in modes and state != CLOSED]
    cells: dict[State, dict[str, dict[Outcome, State]]] = {state: {} for state in states}
    owners: dict[tuple[State, str, Outcome], type] = {}
    for part in machine.__mro__:
        for (state, name, outcome), after in _claims(part, open_states).items():
            owner = owners.setdefault((state, name, outcome), part)
            if owner is part:
                cells[state].setdefault(name, {})[outcome] = after
            elif not issubclass(owner, part):
                raise TypeError(
                    f"{machine.__name__}: {owner.__name__} and {part.__name__} both say where {name} leads "
                    f"from {state} when it ends with {outcome.value}"
                )
    return {state: dict(_keys(row)) for state, row in cells.items()}


def _states(machine: type, start: State | None) -> list[State]:
    """Return all states that a class's parts know, CLOSED at the end."""
    found: dict[State, None] = {} if start is None else {start: None}
    for part in machine.__mro__:
        for state, row in vars(part).get("MOVES", {}).items():
            found |= dict.fromkeys((state, *row.values()))
    states = [state for state in found if state not in (ANY, BACK, CLOSED)]
    return [*states, CLOSED] if CLOSED in found else states


def _claims(part: type, open_states: list[State]) -> dict[tuple[State, str, Outcome], State]:
    """Return what one part says of each cell: of a state by name before ANY, of an outcome before a plain verb."""
    moves: Mapping[State, Row] = vars(part).get("MOVES", {})
    claims: dict[tuple[State, str, Outcome], State] = {}
    for state in sorted(moves, key=lambda state: state != ANY):
        for key in sorted(moves[state], key=lambda key: not isinstance(key, str)):
            name, outcomes = (key, (Outcome.OK, Outcome.MORE)) if isinstance(key, str) else (key[0], (key[1],))
            for before in open_states if state == ANY else [state]:
                after = moves[state][key]
                claims |= {(before, name, outcome): before if after == BACK else after for outcome in outcomes}
    return claims


def _keys(row: Mapping[str, Mapping[Outcome, State]]) -> Iterator[tuple[Key, State]]:
    """Write a row's cells as a table has them: a verb alone where OK and MORE lead to the same state."""
    for name, moves in row.items():
        usual = {moves[outcome] for outcome in (Outcome.OK, Outcome.MORE) if outcome in moves}
        plain = len(usual) == 1 and Outcome.OK in moves and Outcome.MORE in moves
        if plain:
            yield name, moves[Outcome.OK]
        for outcome, after in moves.items():
            if not (plain and outcome in (Outcome.OK, Outcome.MORE)):
                yield (name, outcome), after


def spell_out(machine: type, table: Table, verbs: Mapping[str, Verb]) -> dict[State, dict[str, Cell]]:
    """Return a table with its methods and every outcome. Raises: TypeError for a verb that no method does."""
    rows: dict[State, dict[str, Cell]] = {CLOSED: {}}
    for state, row in table.items():
        cells = rows[state] = {}
        for key, after in row.items():
            name, outcomes = (key, (Outcome.OK, Outcome.MORE)) if isinstance(key, str) else (key[0], (key[1],))
            if name not in verbs:
                raise TypeError(f"{machine.__name__}'s table has {name}, but no method does it")
            if name not in cells:
                cells[name] = Cell(verbs[name].method, dict.fromkeys(Outcome, state))
            cells[name].moves.update(dict.fromkeys(outcomes, after))
    return rows


def leave_out(server: type[AServer], optional: Mapping[str, type], words: frozenset[str]) -> type[AServer]:
    """Put a server together again without some of its parts, as a server of an older kind.

    Args: `optional` are the parts that may be left out, by the words that announce them; `words` tell which ones.
    Raises: ValueError for a word that is unknown, or whose part cannot be left out.
    """
    if unknown := words - optional.keys():
        known = ", ".join(sorted(optional))
        raise ValueError(f"a server here can be without {known}, not without {', '.join(sorted(unknown))}")
    if not words:
        return server
    left_out = {optional[word] for word in words}
    bases = tuple(part for part in server.__bases__ if part not in left_out)
    return type(server.__name__, bases, {"__doc__": f"{server.__name__} without {', '.join(sorted(words))}."})
