"""What stays of a widget when its notebook is saved? JupyterLab forgets the widget; the same content as text stays.

>>> class Lamp(Kept):
...     run_me, html = "Run this cell to switch the lamp.", "<p>The lamp is off.</p>"
...     def __str__(self): return "The lamp is off."
...     def _build(self): return "a switch"
>>> Lamp()._repr_mimebundle_()
{'text/plain': 'The lamp is off.', 'text/html': '<p>The lamp is off.</p>'}
>>> Lamp().widget
'a switch'
"""

from __future__ import annotations

from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"


class Kept:
    """A thing to play with that is also shown whole as text: `widget` for the hand, `html` and `str` for the file."""

    run_me: str  # what stands in the widget's place where nothing has been run
    html: Any
    _widget: Any = None

    @property
    def widget(self) -> Any:
        """The live widget, made when it is first asked for."""
        if self._widget is None:
            self._widget = self._build()
        return self._widget

    def _build(self) -> Any:
        """Make the widget. Raises: ImportError without ipywidgets."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html}

    def _ipython_display_(self) -> None:
        """Show the widget, and below it, in an output of its own, what a saved notebook keeps."""
        from IPython.display import display

        kept = self._repr_mimebundle_()
        try:
            live = {mime: view for mime, view in self.widget._repr_mimebundle_().items() if mime == VIEW}
        except ImportError:
            live = {}
        if live:
            display(live | {"text/plain": self.run_me}, raw=True)
        display(kept, raw=True)
