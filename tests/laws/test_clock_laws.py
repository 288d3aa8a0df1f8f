"""Laws of the clock: what is put on it is done once, in order, at its moment, however time is cut into steps."""

from hypothesis import given
from hypothesis import strategies as st

from emaillab.net.clock import Call, VirtualClock

MOMENTS = st.integers(0, 50).map(float)


@given(st.lists(st.tuples(MOMENTS, st.booleans()), max_size=200), st.lists(MOMENTS, max_size=10))
def test_all_that_stands_is_done_in_order(calls: list[tuple[float, bool]], steps: list[float]) -> None:
    clock, done, put = VirtualClock(), [], []
    for number, (at_s, _) in enumerate(calls):
        put.append(clock.call_at(at_s, lambda number=number: done.append((clock.seconds, number))))
    for call, (_, cancelled) in zip(put, calls, strict=True):
        if cancelled:
            call.cancel()
    for moment in [*steps, 50.0]:
        clock.move_to(moment)
        assert clock.next_s is None or clock.next_s > clock.seconds
    assert done == sorted((at_s, number) for number, (at_s, cancelled) in enumerate(calls) if not cancelled)


@given(
    st.lists(st.tuples(MOMENTS, MOMENTS, st.integers(0, 20)), min_size=1, max_size=60), st.lists(MOMENTS, max_size=5)
)
def test_work_that_calls_cancels_and_moves_time_keeps_the_order(
    script: list[tuple[float, float, int]], steps: list[float]
) -> None:
    """Each work puts one more on the clock, cancels one of the others, and every third lets time pass."""
    clock, done, standing = VirtualClock(), [], set()
    put: list[Call] = []

    def work(number: int, after_s: float, other: int) -> None:
        done.append(clock.seconds)
        standing.discard(number)
        if other < len(put):
            put[other].cancel()
            standing.discard(other)
        if number < len(script):
            at_s = clock.seconds + after_s
            later = len(script) + number
            standing.add(later)
            clock.call_at(at_s, lambda: work(later, 0.0, len(put)))
        if number % 3 == 0:
            clock.advance(seconds=after_s / 2)

    for number, (at_s, after_s, other) in enumerate(script):
        standing.add(number)
        put.append(clock.call_at(at_s, lambda n=number, a=after_s, o=other: work(n, a, o)))
    for moment in [*steps, 1e6]:
        clock.move_to(moment)
    assert done == sorted(done)
    assert not standing
    assert clock.next_s is None
    assert not clock.errors
