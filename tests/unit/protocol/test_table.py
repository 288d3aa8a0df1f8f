"""Parts of a server declare, the server merges: who claims what another part has is told so at once."""

from typing import ClassVar

import pytest

from emaillab.engine import Outcome
from emaillab.protocol.table import ANY, BACK, CLOSED, spell_out, table_of, verb, verbs_of

OK, MORE, NO, BAD = Outcome


class Door:
    MODES: ClassVar = {"RINGING": "(answer)"}
    MOVES: ClassVar = {
        "SHUT": {"OPEN": "AJAR", ("RING", MORE): "RINGING"},
        "AJAR": {"CLOSE": "SHUT", ("CLOSE", NO): "STUCK"},
        "RINGING": {("(answer)", OK): "AJAR", ("(answer)", NO): "SHUT"},
    }

    @verb("OPEN", rfc="0")
    def open(self) -> None: ...

    @verb("CLOSE", rfc="0")
    def close(self) -> None: ...

    @verb("RING", rfc="0")
    def ring(self) -> None: ...

    @verb("<answer>", rfc="0", name="(answer)")
    def answer(self) -> None: ...


class Bell:
    MOVES: ClassVar = {ANY: {"LOOK": BACK, "LEAVE": CLOSED, "KICK": "SHUT"}, "AJAR": {"KICK": "AJAR"}}

    @verb("LOOK", rfc="0")
    def look(self) -> None: ...

    @verb("LEAVE", rfc="0")
    def leave(self) -> None: ...

    @verb("KICK", rfc="0")
    def kick(self) -> None: ...


class House(Door, Bell): ...


def test_any_is_every_state_in_which_commands_are_taken() -> None:
    table = table_of(House)
    assert [state for state in table if "LOOK" in table[state]] == ["SHUT", "AJAR", "STUCK"]
    assert {state: row["LOOK"] for state, row in table.items() if "LOOK" in row} == {
        state: state for state in ("SHUT", "AJAR", "STUCK")
    }
    assert list(table)[-1] == CLOSED
    assert table[CLOSED] == {}


def test_a_state_by_name_is_said_before_any_state() -> None:
    assert {state: row.get("KICK") for state, row in table_of(House).items()} == {
        "SHUT": "SHUT",
        "AJAR": "AJAR",
        "RINGING": None,
        "STUCK": "SHUT",
        CLOSED: None,
    }


def test_every_outcome_of_a_cell_leads_somewhere() -> None:
    rows = spell_out(House, table_of(House), verbs_of(House))
    assert rows["AJAR"]["CLOSE"].moves == {OK: "SHUT", MORE: "SHUT", NO: "STUCK", BAD: "AJAR"}
    assert rows["SHUT"]["RING"].moves == {OK: "SHUT", MORE: "RINGING", NO: "SHUT", BAD: "SHUT"}
    assert rows["RINGING"]["(answer)"].method is Door.answer


class Draught:
    MOVES: ClassVar = {"AJAR": {("CLOSE", NO): "SHUT"}}


class Bouncer:
    @verb("OPEN", rfc="0")
    def unlock(self) -> None: ...


class Ghost:
    MOVES: ClassVar = {"AJAR": {"LOOK": "SHUT"}}


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ((House, Draught), "Door and Draught both say where CLOSE leads from AJAR when it ends with NO"),
        ((Ghost, House), "Ghost and Bell both say where LOOK leads from AJAR when it ends with OK"),
    ],
)
def test_two_parts_that_claim_one_cell_are_named(parts: tuple[type, ...], sentence: str) -> None:
    with pytest.raises(TypeError, match=f"^Mine: {sentence}$"):
        table_of(type("Mine", parts, {}))


def test_two_parts_that_do_one_verb_are_named() -> None:
    with pytest.raises(TypeError, match="^Mine: Door and Bouncer both do the verb OPEN$"):
        verbs_of(type("Mine", (House, Bouncer), {}))


def test_a_part_made_from_another_may_say_it_anew() -> None:
    class Revolving(Door):
        MOVES: ClassVar = {"SHUT": {"OPEN": "SHUT"}}

        @verb("OPEN [<wing>]", rfc="1")
        def turn(self) -> None: ...

    assert table_of(Revolving)["SHUT"]["OPEN"] == "SHUT"
    assert verbs_of(Revolving)["OPEN"].syntax == "OPEN [<wing>]"
