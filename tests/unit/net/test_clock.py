"""One clock for a world: virtual time moves when told, wall time by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from emaillab.net.clock import VirtualClock, WallClock


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
