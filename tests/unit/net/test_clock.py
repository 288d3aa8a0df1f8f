"""One clock for a world: virtual time moves when told, wall time by itself."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from emaillab.engine import Mute
from emaillab.net.clock import VirtualClock, WallClock
from emaillab.net.connection import Service
from emaillab.net.link import End
from emaillab.net.tcp import TcpNetwork


def test_five_days_pass_at_once() -> None:
    clock = VirtualClock()
    clock.advance(days=5)
    assert clock.now() - clock.start == timedelta(days=5)


def test_time_never_runs_backwards() -> None:
    clock = VirtualClock()
    clock.move_to(10)
    clock.move_to(3)
    assert clock.seconds == 10
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(seconds=-1)


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        VirtualClock(datetime(2026, 3, 2, 9))


def test_the_wall_clock_shows_the_time_on_the_wall() -> None:
    clock = WallClock()
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 2
    before = clock.seconds
    clock.move_to(before + 0.02)
    assert clock.seconds >= before + 0.02


def test_what_is_due_is_done_in_order_each_at_its_own_moment() -> None:
    clock, done = VirtualClock(), []
    for name, at_s in (("late", 20), ("early", 10), ("second", 10), ("too late", 31)):
        clock.call_at(at_s, lambda name=name: done.append((name, clock.seconds)))
    clock.move_to(30)
    assert done == [("early", 10), ("second", 10), ("late", 20)]
    assert (clock.seconds, clock.next_s) == (30, 31)


def test_work_may_put_work_on_the_clock_and_move_time() -> None:
    clock, done = VirtualClock(), []

    def again() -> None:
        done.append(clock.seconds)
        if len(done) < 4:
            clock.call_at(clock.seconds + 60, again)

    clock.call_at(60, again)
    clock.call_at(90, lambda: clock.advance(seconds=45))
    clock.call_at(100, lambda: done.append("on the way"))
    clock.move_to(200)
    assert done == [60, "on the way", 120, 180]
    assert clock.seconds == 200


def test_what_was_due_before_is_done_as_soon_as_time_passes() -> None:
    clock, done = VirtualClock(), []
    clock.move_to(10)
    clock.call_at(3, lambda: done.append(clock.seconds))
    assert not done
    clock.move_to(10)
    assert done == [10]


def test_a_defect_costs_its_own_work_alone() -> None:
    clock, done = VirtualClock(), []
    clock.call_at(1, lambda: 1 // 0)
    clock.call_at(1, lambda: done.append("well"))
    clock.move_to(1)
    assert done == ["well"]
    assert [type(error) for error in clock.errors] == [ZeroDivisionError]


def test_cancelled_work_is_not_done_and_does_not_pile_up() -> None:
    clock, done = VirtualClock(), []
    kept = clock.call_at(5, lambda: done.append("kept"))
    for number in range(10_000):
        clock.call_at(600 + number, lambda: done.append("cancelled")).cancel()
    assert len(clock._schedule) < 200
    clock.move_to(10)
    kept.cancel()  # too late, and harmless
    clock.move_to(100_000)
    assert done == ["kept"]
    assert clock.next_s is None
    assert len(clock._schedule) == 0


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        VirtualClock().call_at(float("nan"), lambda: None)


def test_many_threads_use_one_clock() -> None:
    clock, done = VirtualClock(), []

    def put() -> None:
        for number in range(500):
            clock.call_at(number, lambda: done.append(1))
            clock.call_at(number, lambda: done.append(-1000)).cancel()

    def move() -> None:
        for number in range(500):
            clock.move_to(number)

    threads = [threading.Thread(target=work) for work in (put, move, put, move)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    clock.move_to(500)
    assert sum(done) == 1000
    assert not clock.errors


def test_whoever_waits_on_the_wall_does_what_is_due() -> None:
    clock, done = WallClock(), []
    begun = clock.seconds
    clock.call_at(begun + 0.02, lambda: done.append(clock.seconds - begun))
    clock.call_at(begun + 900, lambda: done.append(900))
    clock.move_to(begun + 0.05)
    assert len(done) == 1
    assert done[0] >= 0.02


def test_a_network_does_what_is_due_on_the_wall_at_its_time() -> None:
    clock = WallClock()
    network, done, thread = TcpNetwork(clock), threading.Event(), []
    network.listen(Service(End("zoo.example", "192.0.2.9"), "mute", 7, lambda connection: Mute()))

    def work() -> None:
        thread.append(threading.current_thread().name)
        done.set()

    begun = clock.seconds
    clock.call_at(begun + 0.1, work)  # called from this thread while the loop waits for ever
    assert done.wait(50)
    assert 0.1 <= clock.seconds - begun < 2  # and not when the loop would have woken for another reason
    assert thread == ["emaillab network"]
    network.close()
