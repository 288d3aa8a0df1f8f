"""What does a path write into the header, and what do wrong clocks make of it? Build one, and see.

Every setting sends a real letter through a small world, so nothing here is computed from a formula.

>>> builder = PathBuilder(3, wait_s=[2, 2], skew_s=[0, 40])
>>> print(builder.built().table())
Path of a letter: 3 hops
hop  server          stamp (UTC)          since the first (s)  true (s)  clock ahead of the first (s)
1    crepes.fr       2026-03-02 09:00:00                    0     0.450                         0.000
2    relay1.example  2026-03-02 09:00:42                  +42     2.900                       +40.000
3    hamburger.edu   2026-03-02 09:00:05                   +5     5.350                         0.000
>>> longer = builder.setting.resized(5)
>>> builder.built(longer).received.count("Received:")
5
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from emaillab.charts.path import draw_path, path_table
from emaillab.charts.style import describe
from emaillab.charts.table import Column, Table
from emaillab.journey import Journey
from emaillab.message.header.fields import parse_header
from emaillab.message.trace.path import Trace, trace
from emaillab.widgets.kept import Kept
from emaillab.worlds import chain, send

MOST_SERVERS = 12
MOST_WAIT_S, MOST_SKEW_S = 60, 120
TRIED_SKEWS_S = (-120, -60, 0, 60, 120)


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of servers: how long each keeps a letter, and how far its clock is ahead; both in seconds."""

    waits_s: tuple[float, ...]
    skews_s: tuple[float, ...]

    def resized(self, servers: int) -> Setting:
        """Return the setting with more servers, which wait as the last does and have the right time, or with fewer."""
        more = max(servers - len(self.waits_s), 0)
        waits = (*self.waits_s, *(self.waits_s[-1:] * more))[:servers]
        return Setting(waits, (*self.skews_s, *([0.0] * more))[:servers])

    def changed(self, place: int, wait_s: float, skew_s: float) -> Setting:
        """Return the setting with one server changed. Args: place: its index."""
        waits, skews = list(self.waits_s), list(self.skews_s)
        waits[place], skews[place] = wait_s, skew_s
        return replace(self, waits_s=tuple(waits), skews_s=tuple(skews))


@dataclass(frozen=True, slots=True)
class Built:
    """A letter that has travelled the path."""

    journey: Journey
    path: Trace

    @property
    def servers(self) -> list[str]:
        """The servers in travel order."""
        return [hop.by or "" for hop in self.path]

    @property
    def received(self) -> str:
        """The Received fields as they stand in the header, the newest on top."""
        return b"".join(hop.raw for hop in reversed(self.path.hops)).decode("ascii", "replace").replace("\r\n", "\n")

    @property
    def header_octets(self) -> int:
        """How long the header section is in the end."""
        start, end = parse_header(self.path.message).span
        return end - start

    def table(self) -> Table:
        """Return the stamps, and what is true."""
        return path_table(self.journey)


def build(setting: Setting) -> Built:
    """Send a letter through a world made for the setting. It is in memory: the octets are those of any network."""
    waits, skews = setting.waits_s, setting.skews_s
    with chain(len(waits), handling_s=waits, skew_s=skews, network="memory") as net:
        journey = send(net)
    return Built(journey, trace(journey.stops[-1].raw))


class PathBuilder(Kept):
    """A path whose servers and clocks can be moved: sliders in a live notebook, tables everywhere else.

    Tab reaches every control, the arrow keys move it.
    """

    run_me = "Build a path. Run this cell to move its servers and clocks."

    def __init__(self, servers: int = 4, *, wait_s: Sequence[float] = (), skew_s: Sequence[float] = ()) -> None:
        """Build the first path. Args: wait_s, skew_s: of each server in turn; those not named wait 2 s, without skew.

        Raises: ValueError for too many servers, or more waits or clocks than servers.
        """
        if not 1 <= servers <= MOST_SERVERS:
            raise ValueError(f"a path has 1 to {MOST_SERVERS} servers here, not {servers}")
        if len(wait_s) > servers or len(skew_s) > servers:
            raise ValueError(f"there are {servers} servers, but {len(wait_s)} waits and {len(skew_s)} clocks")
        waits = (*wait_s, *[2.0] * (servers - len(wait_s)))
        self.setting = Setting(waits, (*skew_s, *[0.0] * (servers - len(skew_s))))
        self._known: dict[Setting, Built] = {}

    def built(self, setting: Setting | None = None) -> Built:
        """Return the letter that travelled a path, by default the one that is set now."""
        setting = setting or self.setting
        if setting not in self._known:
            self._known[setting] = build(setting)
        return self._known[setting]

    def lengths(self) -> Table:
        """Return what paths of 1 to 12 servers write: each waits as the setting says, and has the right time."""
        columns = (Column("servers"), Column("header", "octets", 0), Column("last stamp less first", "s", 0))
        rows = []
        for servers in range(1, MOST_SERVERS + 1):
            waits = self.setting.resized(servers).waits_s
            made = self.built(Setting(waits, (0.0,) * servers))
            rows.append((str(servers), made.header_octets, made.path.total_s))
        return Table("All clocks right: paths of 1 to 12 servers", columns, tuple(rows))

    def clocks(self) -> Table:
        """Return what becomes of the delays when one server's clock is moved, the others being as they are set."""
        hops = len(self.setting.waits_s)
        delays = (Column(f"to hop {hop}", "s", 0, signed=True) for hop in range(2, hops + 1))
        total = Column("total", "s", 0, signed=True)
        columns = (Column("clock of"), Column("ahead", "s", 0, signed=True), *delays, total)
        rows = []
        for place, server in enumerate(self.built().servers):
            for skew_s in TRIED_SKEWS_S:
                path = self.built(self.setting.changed(place, self.setting.waits_s[place], skew_s)).path
                rows.append((server, skew_s, *(hop.delay_s for hop in path.hops[1:]), path.total_s))
        return Table("One clock moved: delays between the stamps", columns, tuple(rows))

    # How it is shown

    def picture(self) -> str:
        """Return the path as HTML: its chart, its header, its numbers."""
        made = self.built()
        return (
            f'<div role="status">{_chart(made)}</div>'
            f'<p style="margin:4px 0">A header of {made.header_octets} octets. Its trace fields, the newest on top:</p>'
            f"{_pre(made.received)}{_folded('The numbers', made.table().html())}"
        )

    def _build(self) -> Any:
        return _Controls(self).box

    def __str__(self) -> str:
        tables = (self.built().table(), self.lengths(), self.clocks())
        return "\n\n".join([self.built().received.rstrip("\n"), *map(str, tables)])

    def __repr__(self) -> str:
        return f"<PathBuilder of {len(self.setting.waits_s)} servers>"

    @property
    def html(self) -> str:
        """The path as it is set, and tables of what moving a control would show: what a saved notebook keeps."""
        return "".join(self._html())

    def _html(self) -> Iterator[str]:
        made, lengths, clocks = self.built(), self.lengths(), self.clocks()
        yield _folded("The path and its header", made.table().html() + _pre(made.received))
        yield _folded(lengths.title, lengths.html())
        yield _folded(clocks.title, clocks.html())


class _Controls:
    """Sliders for the number of servers, and for one server at a time."""

    def __init__(self, builder: PathBuilder) -> None:
        import ipywidgets as widgets

        self.builder = builder
        look: Any = {"continuous_update": False, "style": {"description_width": "110px"}, "layout": {"width": "460px"}}
        count = len(builder.setting.waits_s)
        self.servers = widgets.IntSlider(count, 1, MOST_SERVERS, description="Servers", **look)
        self.one = widgets.Dropdown(description="Change", style=look["style"], layout=look["layout"])
        self.wait = widgets.IntSlider(0, 0, MOST_WAIT_S, description="keeps it (s)", **look)
        self.skew = widgets.IntSlider(0, -MOST_SKEW_S, MOST_SKEW_S, description="clock ahead (s)", **look)
        self.view = widgets.HTML()
        self.busy = False
        self.name_servers()
        for control, act in (
            (self.servers, self.resize),
            (self.one, self.choose),
            (self.wait, self.change),
            (self.skew, self.change),
        ):
            control.observe(self.guarded(act), "value")
        self.choose()
        self.view.value = builder.picture()
        self.box = widgets.VBox([self.servers, self.one, self.wait, self.skew, self.view])

    def guarded(self, act: Callable[[], None]) -> Callable[[Any], None]:
        """Return what a control does: it acts once, though it moves other controls, and shows the new path."""

        def on_change(change: Any) -> None:
            if not self.busy:
                self.busy = True
                try:
                    act()
                    self.view.value = self.builder.picture()
                finally:
                    self.busy = False

        return on_change

    def resize(self) -> None:
        self.builder.setting = self.builder.setting.resized(self.servers.value)
        self.name_servers()
        self.choose()

    def name_servers(self) -> None:
        names = self.builder.built().servers
        place = min(self.one.value or 0, len(names) - 1)
        self.one.options = [(f"{number}  {name}", number - 1) for number, name in enumerate(names, start=1)]
        self.one.value = place

    def choose(self) -> None:
        self.wait.value = self.builder.setting.waits_s[self.one.value]
        self.skew.value = self.builder.setting.skews_s[self.one.value]
        self.wait.disabled = self.one.value == len(self.builder.setting.waits_s) - 1  # the last one hands nothing on

    def change(self) -> None:
        self.builder.setting = self.builder.setting.changed(self.one.value, self.wait.value, self.skew.value)


def _pre(text: str) -> str:
    return f'<pre style="max-height:22em;overflow:auto;margin:4px 0;padding:4px 8px">{escape(text)}</pre>'


def _folded(title: str, html: str) -> str:
    return f'<details><summary style="cursor:pointer">{escape(title)}</summary>{html}</details>'


def _chart(made: Built) -> str:
    """Return the chart of a path as an image with its words."""
    from io import BytesIO

    from matplotlib import pyplot

    ax = draw_path(made.journey)
    figure: Any = ax.get_figure()
    file = BytesIO()
    figure.savefig(file, format="png")
    words = describe(ax)
    pyplot.close(figure)
    picture = b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(words)}" style="max-width:100%" src="data:image/png;base64,{picture}">'
