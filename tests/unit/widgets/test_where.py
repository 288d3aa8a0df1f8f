"""Does "Where is my letter?" show the same in its steps, in its table, and without widgets?"""

import json
import re
from typing import Any

import pytest

from emaillab.widgets import WhereIsMyLetter
from emaillab.world import Internet


@pytest.fixture(scope="module")
def where() -> WhereIsMyLetter:
    with Internet.textbook(network="memory") as net:
        letter = net.compose("alice@crepes.fr", "bob@hamburger.edu", "Hello", "y\n")
        net.submit(letter)
        net.settle()
        return WhereIsMyLetter(net.journey(letter["Message-ID"]))


def controls(where: WhereIsMyLetter) -> tuple[dict[str, Any], Any, Any]:
    buttons, slider, view = where.widget.children
    return {button.description: button for button in buttons.children}, slider, view


def test_buttons_and_slider_move_through_all_steps(where: WhereIsMyLetter) -> None:
    buttons, slider, view = controls(where)
    assert (buttons["Back"].disabled, buttons["Next"].disabled) == (True, False)
    buttons["Next"].click()
    assert view.value == where.picture(2)
    buttons["Last"].click()
    assert slider.value == len(where.steps)
    assert view.value == where.picture(len(where.steps))
    assert buttons["Next"].disabled
    buttons["Back"].click()
    buttons["First"].click()
    slider.value = 4
    assert "the responsibility changes hands" in view.value


def test_a_step_says_who_has_the_letter_and_who_answers(where: WhereIsMyLetter) -> None:
    step = where.step(4)
    assert step.event.handover
    assert (step.responsible, step.copies.split()[0]) == ("crepes.fr, queue", "2")
    rows = re.findall(r"<tr>.*?</tr>", where.picture(4))[1:]
    assert [("a copy" in row, "yes" in row) for row in rows] == [(True, False), (True, True)] + [(False, False)] * 3


def test_the_table_holds_every_step(where: WhereIsMyLetter) -> None:
    table = where.table()
    assert table.column("what happens") == [step.event.text for step in where.steps]
    assert str(where) == str(table)
    assert table.html() in where.html


def test_a_notebook_shows_the_widget_and_keeps_the_table(
    where: WhereIsMyLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    where._ipython_display_()
    live, kept = shown
    assert "application/vnd.jupyter.widget-view+json" in live
    assert kept == {"text/plain": str(where), "text/html": where.html}
    json.dumps(kept)


def test_steps_that_there_are_not(where: WhereIsMyLetter) -> None:
    with pytest.raises(IndexError, match="steps 1 to 24, not 25"):
        where.step(25)
