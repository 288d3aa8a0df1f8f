"""Which picture stands at the top of the README? The textbook's Internet, and one letter's way through it.

>>> draw_system().title
'Map of an Internet: 4 mail hosts, 2 devices, 5 links, and the way of <05ab06a482@crepes.fr>'
"""

from __future__ import annotations

from emaillab.diagrams import Diagram, draw
from emaillab.world import Internet

PATH = "images/system.svg"
"""Where it is kept, beside the notebooks."""


def draw_system() -> Diagram:
    """Draw the textbook's Internet with the way of a letter from Alice to Bob."""
    with Internet.textbook(network="memory") as net:
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Crepes", "Do you like crepes?\n")
        net.submit(letter)
        net.settle()
        return draw(net, journey=net.journey(letter["Message-ID"]))
