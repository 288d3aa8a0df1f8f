"""How many octets did every session cost, and in which direction?

>>> from emaillab.world import Internet
>>> with Internet.textbook(network="memory") as net:
...     _ = net.submit(net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n"))
>>> print(octet_table(net.transcripts))
Octets of each session
session  protocol  client           server     up (octets)  down (octets)  round trips
1        SMTP      alice.crepes.fr  crepes.fr          360            368            4
In all 360 octets up, to the servers, and 368 down, to the clients.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from emaillab.charts.style import BLUE, ORANGE, PAPER, label_rows, legend, new_axes, title, told
from emaillab.charts.table import Column, Table, plain
from emaillab.journey import Journey
from emaillab.net.transcript import Transcript

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UP, DOWN = "up: client to server", "down: server to client"


def octet_table(transcripts: Transcript | Journey | Iterable[Transcript]) -> Table:
    """Return the numbers that `draw_octets` draws."""
    columns = (
        Column("session"),
        Column("protocol"),
        Column("client"),
        Column("server"),
        Column("up", "octets", 0),
        Column("down", "octets", 0),
        Column("round trips", "", 0),
    )
    sessions = _sessions(transcripts)
    rows = [
        (t.id, t.protocol.upper(), t.client, t.server, t.octets("C"), t.octets("S"), t.round_trips) for t in sessions
    ]
    return Table("Octets of each session", columns, tuple(rows), _note(sessions))


def draw_octets(transcripts: Transcript | Journey | Iterable[Transcript], ax: Axes | None = None) -> Axes:
    """Draw the octets of each session, those to the server and those to the client.

    Returns: the axes.
    """
    sessions = _sessions(transcripts)
    ax = ax or new_axes(height=1.6 + 0.62 * max(1, len(sessions)))
    title(ax, "Octets of each session")
    most = max((t.octets(side) for t in sessions for side in ("C", "S")), default=1)
    for row, session in enumerate(sessions):
        up, down = session.octets("C"), session.octets("S")
        ax.barh(row - 0.19, up, 0.36, color=BLUE, label=UP if row == 0 else "_")
        ax.barh(row + 0.19, down, 0.36, color=ORANGE, hatch="//", edgecolor=PAPER, label=DOWN if row == 0 else "_")
        for shift, octets in ((-0.19, up), (0.19, down)):
            ax.annotate(
                f"{octets:,}", (octets, row + shift), (5, 0), textcoords="offset points", va="center", fontsize=9
            )
    label_rows(ax, [_name(session).replace(" → ", "\n→ ") for session in sessions])
    ax.set_xlim(0, 1.14 * max(most, 1))
    ax.set_xlabel("octets, TLS not counted" if any(_in_tls(t) for t in sessions) else "octets")
    legend(ax, 2)
    shown = "; ".join(f"{_name(t)} {t.octets('C')} up, {t.octets('S')} down" for t in sessions)
    return told(ax, f"Bar chart of the octets of each session: {shown}. {_note(sessions)}")


def _sessions(transcripts: Transcript | Journey | Iterable[Transcript]) -> list[Transcript]:
    if isinstance(transcripts, Transcript):
        return [transcripts]
    return list(transcripts.sessions if isinstance(transcripts, Journey) else transcripts)


def _name(session: Transcript) -> str:
    return f"{session.id}  {session.protocol.upper()}  {plain(session.client, 24)} → {plain(session.server, 24)}"


def _in_tls(session: Transcript) -> bool:
    return any(chunk.tls for chunk in session.chunks)


def _note(sessions: list[Transcript]) -> str:
    up, down = (sum(t.octets(side) for t in sessions) for side in ("C", "S"))
    return f"In all {up:,} octets up, to the servers, and {down:,} down, to the clients."
