"""Does the Gantt chart put every copy on the world's time?"""

from xml.etree import ElementTree

import pytest

from emaillab.diagrams.gantt import draw_gantt, moment
from emaillab.journey import NEVER
from emaillab.world import Internet


def test_every_stay_has_its_row() -> None:
    with Internet.textbook(network="memory") as net:
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "y\n")
        net.submit(letter)
        net.settle()
        journey = net.journey(letter["Message-ID"])
    picture = draw_gantt(journey)
    ElementTree.fromstring(picture.svg)
    assert len(picture.words.split("\n")) == len(journey.stays)
    assert all(stay.host in picture.svg for stay in journey.stays)
    assert picture.svg == draw_gantt(journey).svg


@pytest.mark.parametrize(
    ("at_s", "words"),
    [(0, "0.000 s"), (9.5730001, "9.573 s"), (59.9999, "0:01:00.000"), (12600.15, "3:30:00.150"), (NEVER, "now")],
)
def test_moments(at_s: float, words: str) -> None:
    assert moment(at_s) == words
    assert moment(2 * 86400 + 1.5) == "2 d 0:00:01.500"
