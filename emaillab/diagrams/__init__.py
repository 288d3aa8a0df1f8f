"""Pictures of who talks to whom, which state, which octets: SVG of our own, the same on every machine.

>>> from emaillab.message.trace.path import trace
>>> draw(trace(b"Subject: Hi\\r\\n\\r\\n"))
<Diagram 'Path of a letter: no hops'>
>>> draw(42)
Traceback (most recent call last):
TypeError: draw knows a Transcript, a server or its class, a Part, a Trace, a letter, an Internet and a Journey, not int
"""

from __future__ import annotations

from email.message import Message
from os import PathLike
from typing import Any

from emaillab.diagrams.svg import Diagram

__all__ = ["Diagram", "draw"]


def draw(thing: Any, **options: Any) -> Diagram:
    """Draw anything that has a picture.

    A Transcript becomes a ladder, a server (or its class) its states, a Part a map of its octets, a Trace or a letter
    (bytes, a Path, an open file, an EmailMessage) its path, an Internet a map, a Journey the letter's way.
    Options: `draw(net, journey=...)` puts a way on the map.
    Raises: TypeError for anything else.
    """
    from emaillab.journey import Journey
    from emaillab.message.mime.part import Part
    from emaillab.message.trace.path import Trace, trace
    from emaillab.net.transcript import Transcript
    from emaillab.protocol.machine import Machine
    from emaillab.world import Internet

    if isinstance(thing, Transcript):
        from emaillab.diagrams.ladder import draw_ladder

        return draw_ladder(thing, **options)
    if isinstance(thing, Machine) or (isinstance(thing, type) and issubclass(thing, Machine)):
        from emaillab.diagrams.states import draw_states

        return draw_states(thing, **options)
    if isinstance(thing, Part):
        from emaillab.diagrams.part_map import draw_part

        return draw_part(thing, **options)
    if isinstance(thing, Trace | bytes | Message | PathLike) or hasattr(thing, "read"):
        from emaillab.diagrams.path import draw_path

        return draw_path(thing if isinstance(thing, Trace) else trace(thing), **options)
    if isinstance(thing, Internet | Journey):
        from emaillab.diagrams.world_map import draw_journey, draw_world

        return draw_world(thing, **options) if isinstance(thing, Internet) else draw_journey(thing, **options)
    raise TypeError(
        "draw knows a Transcript, a server or its class, a Part, a Trace, a letter, an Internet and a Journey, "
        f"not {type(thing).__name__}"
    )
