"""What changes when emaillab is imported in a notebook? Its values show themselves; re-run cells leave no ports open.

>>> from emaillab.world import Internet
>>> cells = Cells()
>>> cells.run("cell 1")
>>> first = Internet(network="memory"); cells.note(first)
>>> first.closed = []; first.close = lambda: first.closed.append("yes")
>>> cells.run("cell 2"); first.closed
[]
>>> cells.run("cell 1"); first.closed
['yes']
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

from emaillab.display import HOW, list_kind, show


class Cells:
    """Remembers which cell made which worlds; a cell that runs again closes those of its earlier run."""

    def __init__(self) -> None:
        self._made: dict[str, list[weakref.ref[Any]]] = {}
        self._now: str | None = None

    def run(self, cell: str | None) -> None:
        """Take note that a cell starts, and close what its earlier run made. Args: cell: its id, None if unknown."""
        self._now = cell
        for made in self._made.pop(cell, []) if cell else []:
            world = made()
            if world is not None:
                world.close()

    def note(self, world: Any) -> None:
        """Remember a world that the running cell has made."""
        if self._now is not None:
            self._made.setdefault(self._now, []).append(weakref.ref(world))


def register() -> None:
    """Tell IPython how our values look, and watch its cells; harmless when there is no IPython, or told twice."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or getattr(shell, "_emaillab", None) is not None:
        return
    shell._emaillab = cells = Cells()
    _register_looks(shell.display_formatter.formatters)
    _watch(shell, cells)


def _register_looks(formatters: Any) -> None:
    html, plain = formatters["text/html"], formatters["text/plain"]
    for module, name in HOW:
        html.for_type_by_name(module, name, _as_html)
        plain.for_type_by_name(module, name, _as_text)
    usual = plain.lookup_by_type(list)
    html.for_type(list, lambda items: _as_html(items) if list_kind(items) else None)
    plain.for_type(list, lambda items, p, cycle: (_as_text if list_kind(items) else usual)(items, p, cycle))


def _as_html(thing: Any) -> str:
    return show(thing).html


def _as_text(thing: Any, printer: Any, cycle: bool) -> None:
    """Print a thing; inside another value, as its repr."""
    outermost = len(printer.stack) <= 1 and not cycle
    printer.text(show(thing).text if outermost else repr(thing))


def _watch(shell: Any, cells: Cells) -> None:
    """Follow the cells, from the one that is running now."""
    cells.run(_running(shell))
    shell.events.register("pre_run_cell", lambda info: cells.run(_running(shell, info)))
    notice: Callable[[Any], None] = cells.note
    from emaillab import world

    world.created.append(notice)


def _running(shell: Any, info: Any = None) -> str | None:
    """Return the id of the running cell, as the notebook says it."""
    if getattr(info, "cell_id", None):
        return str(info.cell_id)
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = (parent or {}).get("metadata", {}).get("cellId")
    return str(cell) if cell else None
