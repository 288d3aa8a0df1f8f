"""A whole Internet mail system that fits in one notebook.

>>> from emaillab import Internet, dissect, trace
>>> with Internet.textbook(network="memory") as net:
...     sent = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "Do you like crepes?\\n")
...     _ = net.submit(sent)
...     net.settle()
...     received = net.hosts["hamburger.edu"].letters("bob")[0]
>>> [hop.by for hop in trace(received).hops]
['crepes.fr', 'smtp.isp.example', 'mx.hamburger.edu', 'hamburger.edu']
>>> dissect(received).content_type
'text/plain'
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emaillab.diagrams import draw as draw
    from emaillab.message.mime.dissect import dissect as dissect
    from emaillab.message.trace.path import trace as trace
    from emaillab.message.user_agent.compose import compose as compose
    from emaillab.message.user_agent.compose import forward as forward
    from emaillab.message.user_agent.compose import redirect as redirect
    from emaillab.message.user_agent.compose import reply as reply
    from emaillab.net.transcript import Transcript as Transcript
    from emaillab.world import Internet as Internet

__version__ = "0.1.0"

_HOME = {
    "Internet": "emaillab.world",
    "Transcript": "emaillab.net.transcript",
    "compose": "emaillab.message.user_agent.compose",
    "dissect": "emaillab.message.mime.dissect",
    "draw": "emaillab.diagrams",
    "forward": "emaillab.message.user_agent.compose",
    "redirect": "emaillab.message.user_agent.compose",
    "reply": "emaillab.message.user_agent.compose",
    "trace": "emaillab.message.trace.path",
}
"""Where each name lives: a name is imported when it is first used, so that `import emaillab` costs next to nothing."""

__all__ = ["Internet", "Transcript", "compose", "dissect", "draw", "forward", "redirect", "reply", "trace"]


def __getattr__(name: str) -> Any:
    """Import a name of the face on its first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'emaillab' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


if "IPython" in sys.modules:  # how things look in a notebook belongs to a higher floor, which is told when there is one
    importlib.import_module("emaillab.notebook").register()
