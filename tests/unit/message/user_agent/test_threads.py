"""Do letters find the letters they answer?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emaillab.message.user_agent.compose import compose, reply, to_bytes
from emaillab.message.user_agent.threads import Thread, threads


def letter(own: str, references: str = "", day: int = 3, **others: str) -> bytes:
    fields = {"Message-ID": own, "References": references, "Subject": own, **others}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items() if value]
    return f"Date: {day:02d} Mar 2025 12:00:00 +0000\r\n{''.join(lines)}\r\nhi\r\n".encode()


def shape(thread: Thread) -> list[tuple[int, str]]:
    return [(one.depth, one.message_id) for one in thread.walk()]


def test_answers_stand_below_what_they_answer_whatever_order_they_come_in() -> None:
    letters = [
        letter("<1@a>"),
        letter("<2@a>", "<1@a>", 4),
        letter("<3@a>", "<1@a> <2@a>", 5),
        letter("<4@a>", "<1@a>", 6),
    ]
    for order in (letters, letters[::-1]):
        (thread,) = threads(order)
        assert shape(thread) == [(0, "<1@a>"), (1, "<2@a>"), (2, "<3@a>"), (1, "<4@a>")]


def test_a_missing_letter_keeps_its_place() -> None:
    (thread,) = threads([letter("<3@a>", "<1@a> <2@a>")])
    assert shape(thread) == [(0, "<1@a>"), (1, "<2@a>"), (2, "<3@a>")]
    assert thread.raw is None
    assert "(not here)  <1@a>" in str(thread)


def test_in_reply_to_counts_where_there_are_no_references() -> None:
    (thread,) = threads([letter("<1@a>"), letter("<2@a>", In_Reply_To="your letter of Monday <1@a>")])
    assert shape(thread) == [(0, "<1@a>"), (1, "<2@a>")]


def test_circles_and_doubles_and_letters_without_identifier() -> None:
    circle = threads([letter("<1@a>", "<2@a>"), letter("<2@a>", "<1@a>"), letter("<3@a>", "<3@a>")])
    assert sorted(one.message_id for root in circle for one in root.walk()) == ["<1@a>", "<2@a>", "<3@a>"]
    doubles = threads([letter("<1@a>"), letter("<1@a>"), letter("", "<1@a>")])
    assert sum(one.raw is not None for root in doubles for one in root.walk()) == 3


def test_replies_of_our_own_make_a_thread() -> None:
    first = to_bytes(compose("a@b.org", "c@d.org", "午饭"))
    second = to_bytes(reply(first, "好", from_="c@d.org"))
    third = to_bytes(reply(second, "几点?", from_="a@b.org"))
    (thread,) = threads([third, first, second])
    assert [one.subject for one in thread.walk()] == ["午饭", "Re: 午饭", "Re: 午饭"]
    assert [one.depth for one in thread.walk()] == [0, 1, 2]


def test_a_conversation_of_three_thousand_letters() -> None:
    letters = [letter(f"<{n}@a>", f"<{n - 1}@a>" if n else "") for n in range(3000)]
    (thread,) = threads(letters)
    assert sum(1 for _ in thread.walk()) == 3000
    assert str(thread).count("\n") == 2999


IDS = st.sampled_from([f"<{n}@a>" for n in range(6)] + [""])


@given(st.lists(st.tuples(IDS, st.lists(IDS, max_size=4)), max_size=8))
def test_every_letter_stands_in_exactly_one_place(made: list[tuple[str, list[str]]]) -> None:
    letters = [letter(own, " ".join(references)) + bytes([place]) for place, (own, references) in enumerate(made)]
    placed = [one.raw for root in threads(letters) for one in root.walk() if one.raw is not None]
    assert sorted(placed) == sorted(letters)


def test_a_very_long_chain_of_references_is_kept_whole() -> None:
    chain = b" ".join(b"<%d@b>" % number for number in range(50_000))
    (thread,) = threads([b"Message-ID: <last@b>\r\nReferences: " + chain + b"\r\n\r\n"])
    found = [one.message_id for one in thread.walk()]
    assert len(found) == 50_001
    assert (found[0], found[1], found[-2:]) == ("<0@b>", "<1@b>", ["<49999@b>", "<last@b>"])
