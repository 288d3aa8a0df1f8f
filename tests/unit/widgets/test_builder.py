"""Does the path builder show what its controls say, in its picture, its tables, and without widgets?"""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from emaillab.widgets.builder import PathBuilder, Setting


@pytest.fixture
def builder() -> Iterator[PathBuilder]:
    import matplotlib

    matplotlib.use("Agg")
    yield PathBuilder(3, wait_s=[2, 5], skew_s=[0, 40])


def controls(builder: PathBuilder) -> tuple[Any, Any, Any, Any, Any]:
    servers, one, wait, skew, view = builder.widget.children
    return servers, one, wait, skew, view


def test_what_is_set_is_what_travels(builder: PathBuilder) -> None:
    made = builder.built()
    assert [stop.host for stop in made.journey] == ["crepes.fr", "relay1.example", "hamburger.edu"] == made.servers
    first, second, third = made.journey.stops
    assert 2 < second.at_s - first.at_s < 3
    assert 5 < third.at_s - second.at_s < 6
    assert (second.stamped_at - first.stamped_at).total_seconds() == pytest.approx(second.at_s - first.at_s + 40)


def test_the_header_is_the_letter_s_own(builder: PathBuilder) -> None:
    made = builder.built()
    assert made.path.message.decode().replace("\r\n", "\n").startswith(made.received)
    assert made.received.count("Received: from") == 3


def test_more_servers_wait_as_the_last_and_have_the_right_time() -> None:
    setting = Setting((2.0, 5.0), (0.0, 40.0))
    assert setting.resized(4) == Setting((2.0, 5.0, 5.0, 5.0), (0.0, 40.0, 0.0, 0.0))
    assert setting.resized(1) == Setting((2.0,), (0.0,))


def test_longer_paths_have_longer_headers(builder: PathBuilder) -> None:
    octets: Any = builder.lengths().column("header")
    assert len(octets) == 12
    assert all(100 < longer - shorter < 250 for shorter, longer in pairwise(octets))


def test_an_inner_clock_leaves_the_total_alone(builder: PathBuilder) -> None:
    table = builder.clocks()
    totals: dict[Any, set[Any]] = {}
    for server, total in zip(table.column("clock of"), table.column("total"), strict=True):
        totals.setdefault(server, set()).add(total)
    assert {name: len(found) for name, found in totals.items()} == {
        "crepes.fr": 5,
        "relay1.example": 1,
        "hamburger.edu": 5,
    }


def test_controls_move_the_path(builder: PathBuilder) -> None:
    servers, one, wait, skew, view = controls(builder)
    one.value = 1
    assert (wait.value, skew.value) == (5, 40)
    skew.value = -30
    assert builder.setting == Setting((2.0, 5, 2.0), (0.0, -30, 0.0))
    assert "back in time" in view.value or "−28 s" in view.value
    servers.value = 5
    assert len(one.options) == 5
    assert one.value == 1, "the chosen server stays chosen"
    assert view.value.count("Received: from") == 5
    one.value = 4
    assert wait.disabled, "nothing comes after the last server"
    servers.value = 1
    assert one.value == 0
    assert skew.value == 0
    assert view.value.count("Received: from") == 1


def test_the_chart_is_told_in_words_and_nothing_stays_open(builder: PathBuilder) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    found = re.search(r'<img alt="([^"]+)"', builder.picture())
    assert found
    assert "relay1.example" in found[1]
    assert pyplot.get_fignums() == before


def test_a_notebook_shows_the_widget_and_keeps_the_tables(
    builder: PathBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    builder._ipython_display_()
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert kept == {"text/plain": str(builder), "text/html": builder.html}
    for table in (builder.built().table(), builder.lengths(), builder.clocks()):
        assert str(table) in kept["text/plain"]
        assert table.html() in kept["text/html"]
    assert "image/png" not in kept["text/html"], "pictures differ between machines, tables do not"
    json.dumps(kept)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"servers": 0}, "1 to 12 servers here, not 0"),
        ({"servers": 13}, "1 to 12 servers here, not 13"),
        ({"servers": 1, "skew_s": [0, 1]}, "1 servers, but 0 waits and 2 clocks"),
    ],
)
def test_paths_that_cannot_be_built(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        PathBuilder(**arguments)
