import sqlite3
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.response.counters import Limit
from stillwatch.response.memory_counters import MemoryCounters

START_US = 1_800_000_000_000_000


def limit(key: int = 1, rate: float = 1.0, burst: float = 5.0, cost: float = 1.0) -> Limit:
    return Limit(key, f"limit-{key}", rate, burst, cost)


class Exact:
    """Buckets as anyone would write them down: units left, refilled as time goes by, in exact numbers."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[Fraction, int]] = {}

    def left(self, limit: Limit, now_us: int) -> Fraction:
        burst = Fraction(limit.burst)
        left, at_us = self.held.get(limit.key, (burst, now_us))
        return min(burst, left + Fraction(limit.rate_per_s) * (now_us - at_us) / 1_000_000)

    def charge(self, limits: list[Limit], now_us: int) -> bool:
        left = [self.left(each, now_us) for each in limits]
        if any(has < min(each.cost, each.burst) for each, has in zip(limits, left, strict=True)):
            return False
        for each, has in zip(limits, left, strict=True):
            self.held[each.key] = has - Fraction(each.cost), now_us
        return True


# Rates and costs that microseconds divide, so that the exact answer never lies within the rounding.
rates = st.sampled_from([0.5, 1.0, 2.0, 8.0])
steps = st.tuples(
    st.integers(0, 40).map(lambda tenths: tenths * 100_000),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=4, unique_by=lambda pair: pair[0]),
)


@given(st.lists(st.tuples(rates, st.integers(1, 8)), min_size=4, max_size=4), st.lists(steps, max_size=60))
def test_agrees_with_exact_buckets(buckets: list[tuple[float, int]], requests: list) -> None:
    counters, exact, now_us = MemoryCounters(), Exact(), START_US
    for pause_us, asked in requests:
        now_us += pause_us
        limits = [Limit(key, "", *buckets[key], float(cost)) for key, cost in asked]
        charge = counters.charge(limits, now_us)
        assert charge.allowed == exact.charge(limits, now_us)
        for each, remaining, reset_s in zip(limits, charge.remaining, charge.reset_s, strict=True):
            left = exact.left(each, now_us)
            assert remaining == pytest.approx(float(left), abs=1e-4)
            assert reset_s == pytest.approx(float((Fraction(each.burst) - left) / Fraction(each.rate_per_s)), abs=1e-4)
        if not charge.allowed:
            assert charge.blocking in limits
            again = MemoryCounters()
            again._shards = [dict(shard) for shard in counters._shards]
            assert not again.charge([charge.blocking], now_us + int(charge.retry_after_s * 1e6 * 0.9) - 10).allowed
            assert again.charge(limits, now_us + int(charge.retry_after_s * 1e6) + 1).allowed


@given(
    st.floats(0.1, 50), st.floats(1, 40), st.lists(st.tuples(st.integers(0, 3_000_000), st.floats(0, 30)), max_size=80)
)
def test_no_more_than_the_stated_bound_in_any_time(
    rate: float, burst: float, requests: list[tuple[int, float]]
) -> None:
    counters, now_us = MemoryCounters(), START_US
    allowed = []
    for pause_us, cost in requests:
        now_us += pause_us
        if counters.charge([limit(1, rate, burst, cost)], now_us).allowed:
            allowed.append((now_us, cost))
    for first in range(len(allowed)):
        spent, excess = 0.0, 0.0
        for at_us, cost in allowed[first:]:
            spent += cost
            excess = max(excess, cost - burst)
            assert spent <= burst + rate * (at_us - allowed[first][0]) / 1e6 + max(0.0, excess) + 1e-3


def test_all_or_nothing() -> None:
    counters = MemoryCounters()
    small, large = limit(1, burst=2), limit(2, burst=9)
    assert counters.charge([large, small], START_US).remaining == (8, 1)
    assert counters.charge([large, small], START_US).allowed
    third = counters.charge([large, small], START_US)
    assert (third.allowed, third.blocking, third.remaining) == (False, small, (7, 0))
    assert third.retry_after_s == pytest.approx(1)
    assert counters.charge([large], START_US).remaining == (6,)


def test_a_request_larger_than_the_bucket_waits_for_a_full_one_and_leaves_a_debt() -> None:
    counters = MemoryCounters()
    assert counters.charge([limit(cost=20)], START_US).remaining == (-15,)
    assert not counters.charge([limit()], START_US + 15_900_000).allowed
    assert counters.charge([limit()], START_US + 16_100_000).allowed
    assert not counters.charge([limit(cost=20)], START_US + 17_000_000).allowed


def test_settling_gives_back_and_takes_more() -> None:
    counters = MemoryCounters()
    counters.charge([limit(cost=5)], START_US)
    counters.settle([limit(cost=-3)], START_US)
    assert counters.charge([limit(cost=0)], START_US).remaining == pytest.approx((3,))
    counters.settle([limit(cost=10)], START_US)
    assert counters.charge([limit(cost=0)], START_US).remaining == pytest.approx((-7,))
    counters.settle([limit(cost=-100)], START_US)
    assert counters.charge([limit(cost=0)], START_US).remaining == pytest.approx((5,))


@given(
    st.lists(st.tuples(st.integers(-900_000_000, 900_000_000), st.integers(0, 9)), max_size=40),
    rates,
    st.integers(1, 8),
)
def test_for_a_bucket_time_stands_still_and_never_goes_back(
    requests: list[tuple[int, int]], rate: float, burst: int
) -> None:
    """Clocks are set back, and a replay's requests overtake each other: as if none came before the last charge."""
    counters, ordered, charged_us = MemoryCounters(), MemoryCounters(), 0
    for at_us, cost in requests:
        asked = [limit(1, rate, float(burst), float(cost))]
        charge = counters.charge(asked, START_US + at_us)
        assert charge == ordered.charge(asked, max(charged_us, START_US + at_us))
        if charge.allowed:
            charged_us = max(charged_us, START_US + at_us)


def test_a_request_that_is_overtaken_is_not_refused_for_it() -> None:
    counters, free = MemoryCounters(), limit(rate=20.0, burst=6_000.0)
    assert counters.charge([free], START_US + 600_000_000).allowed
    assert counters.charge([free], START_US).remaining == pytest.approx((5_998,))
    assert counters.charge([free], START_US + 601_000_000).remaining == pytest.approx((5_999,))


def test_a_clock_that_steps_back_gives_nothing() -> None:
    counters = MemoryCounters()
    counters.charge([limit(cost=5)], START_US)
    assert not counters.charge([limit()], START_US - 60_000_000).allowed


def test_restart_keeps_what_was_saved(tmp_path: Path) -> None:
    file = tmp_path / "counters.sqlite"
    first = MemoryCounters()
    far = 2**64 - 1
    first.charge([limit(far, burst=4, cost=3), limit(7, burst=4, cost=1)], START_US)
    first.save(file, START_US)
    first.charge([limit(far, burst=4, cost=1)], START_US)
    first.save(file, START_US)
    first.charge([limit(7, burst=4, cost=1)], START_US)  # Lost with the crash.
    second = MemoryCounters()
    second.restore(file, START_US)
    charge = second.charge([limit(far, burst=4, cost=0), limit(7, burst=4, cost=0)], START_US)
    assert charge.remaining == pytest.approx((0, 3))
    second.save(file, START_US + 60_000_000)
    with sqlite3.connect(file) as held:
        assert held.execute("SELECT count(*) FROM buckets").fetchone() == (0,)
    held.close()


def test_restoring_nothing_is_no_error(tmp_path: Path) -> None:
    counters = MemoryCounters()
    counters.restore(tmp_path / "none.sqlite", START_US)
    assert len(counters) == 0
    (tmp_path / "bad.sqlite").write_bytes(b"x" * 4096)
    with pytest.raises(sqlite3.DatabaseError):
        counters.restore(tmp_path / "bad.sqlite", START_US)


def test_a_failed_save_is_made_up_for(tmp_path: Path) -> None:
    counters = MemoryCounters()
    counters.charge([limit(1, cost=5)], START_US)
    with pytest.raises(sqlite3.Error):
        counters.save(tmp_path / "missing" / "counters.sqlite", START_US)
    counters.save(tmp_path / "counters.sqlite", START_US)
    other = MemoryCounters()
    other.restore(tmp_path / "counters.sqlite", START_US)
    assert not other.charge([limit(1)], START_US).allowed


def test_full_buckets_are_swept_and_memory_is_bounded() -> None:
    counters = MemoryCounters(keys_most=5_120)
    for key in range(20_000):
        counters.charge([limit(key, rate=1000)], START_US + key * 1000)
    assert len(counters) <= 5_120
    strict = MemoryCounters(keys_most=5_120)
    for key in range(20_000):  # Never full again in time: the bound still holds, and the emptiest stay.
        strict.charge([limit(key, rate=0.001, burst=50, cost=40 if key < 100 else 1)], START_US)
    assert len(strict) <= 5_120
    emptiest = [strict.charge([limit(key, rate=0.001, burst=50, cost=20)], START_US).allowed for key in range(100)]
    assert not any(emptiest)
