"""Days are the same however the log was cut, and what runs along them forgets only what its window leaves behind."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.engine.periods import Period, Periods, Running, by_period, folding, narrowed
from stillwatch.exchange.batch import Batch, Rejected
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.schema import EXCHANGE_SCHEMA
from stillwatch.footprint.fold import fold_footprints
from stillwatch.footprint.footprints import DAY_US, HOUR_US, HOURS, Footprints

PSEUDONYMS = Pseudonyms(b"0123456789abcdef")
FIRST_DAY = 20_000
COLUMNS = ("exchange_id", "timestamp", "account_id", "prompt", "client_address", "user_agent", "request_model")
Row = tuple[Any, ...]  # In the order of COLUMNS.


@dataclass
class FakePart:
    """A part that hands over rows, and remembers that it was read and which tables it made."""

    rows: list[Row]
    earliest_us: int | None = None
    file: str = "log"
    rows_before: int = 0
    rejected: tuple[Rejected, ...] = ()
    reads: int = 0
    tables: list[weakref.ref[Any]] = field(default_factory=list)

    def read(self) -> Batch:
        self.reads += 1
        table = table_of(self.rows)
        self.tables.append(weakref.ref(table))
        return Batch(table, self.rejected)


def table_of(rows: list[Row]) -> pa.Table:
    return pa.table(
        {name: pa.array([row[k] for row in rows], EXCHANGE_SCHEMA.field(name).type) for k, name in enumerate(COLUMNS)}
    )


def row_of(number: int, us: int, account: int) -> Row:
    """All that a row holds follows from its number."""
    text = ["Grade this answer from 0 to 10", "Explain the tides", "Write a long letter to the council"][number % 3]
    return (
        f"exchange {number}",
        us,
        f"account {account}",
        f"{text} {number}" if number % 4 else None,
        f"198.51.100.{number % 7}",
        f"client/{number % 2}",
        f"model-{number % 3}",
    )


def days_of(
    parts: Iterable[FakePart], rejected: list[Rejected] | None = None, done: list[int] | None = None
) -> Periods:
    def reject(rows: tuple[Rejected, ...]) -> None:
        if rejected is not None:
            rejected.extend(rows)

    return Periods(tuple(parts), PSEUDONYMS, reject, lambda rows: None if done is None else done.append(rows))


def contents(days: Iterable[Period]) -> dict[int, dict[str, Any]]:
    """Each day's fields, accounts in alphabetical order."""
    out: dict[int, dict[str, Any]] = {}
    for day in days:
        number = day.begin_us // DAY_US
        assert number not in out, "a day was yielded twice"
        ids = day.footprints.account_id.to_pylist()
        order = np.argsort(ids)
        arrays = {name: array[order] for name, array in day.footprints.arrays.items()}
        out[number] = {"ids": sorted(ids), "origin": day.footprints.origin_us, **arrays}
    return out


def assert_same(left: dict[int, dict[str, Any]], right: dict[int, dict[str, Any]]) -> None:
    assert list(left) == list(right)
    for day, fields in left.items():
        assert fields.keys() == right[day].keys()
        for name, value in fields.items():
            assert np.array_equal(value, right[day][name]), (day, name)


def folded_at_once(rows: list[Row]) -> dict[int, dict[str, Any]]:
    first = {row[0]: row for row in reversed(rows)}
    found = []
    for day in sorted({row[1] // DAY_US for row in first.values()}):
        table = table_of([row for row in first.values() if row[1] // DAY_US == day])
        whole = fold_footprints(table, folding(PSEUDONYMS, day * DAY_US))
        found.append(Period(day * DAY_US, narrowed(whole, 24)))
    return contents(found)


ROWS = st.lists(
    st.builds(
        lambda number, day, us: row_of(number, (FIRST_DAY + day) * DAY_US + us, number % 4),
        st.integers(0, 30),
        st.integers(0, 3),
        st.integers(0, DAY_US - 1),
    ),
    max_size=25,
    unique_by=lambda row: row[0],
)


@settings(max_examples=50)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 40),
    st.integers(0, 6),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.7, 1.0]),
)
def test_any_split_in_any_order_gives_the_same_days(
    seed: int, count: int, again: int, cuts: int, share_known: float
) -> None:
    generator = np.random.default_rng(seed)
    day, us = generator.integers(0, 4, count), generator.integers(0, DAY_US, count)
    rows = [row_of(k, int((FIRST_DAY + day[k]) * DAY_US + us[k]), k % 4) for k in range(count)]
    repeats = [rows[k] for k in generator.integers(0, count, again)] if rows else []
    everything = rows + repeats
    part_of = generator.integers(0, cuts, len(everything))
    if generator.random() < 0.5:  # As logs are mostly cut: by time, so that most days are whole early.
        part_of = np.array([cuts * (row[1] - FIRST_DAY * DAY_US) // (4 * DAY_US) for row in everything], np.int64)
    parts = []
    order = generator.permutation(cuts) if generator.random() < 0.3 else np.arange(cuts)
    for which in order.tolist():
        part_rows = [everything[k] for k in generator.permutation(np.flatnonzero(part_of == which))]
        slack = int(generator.choice([0, 0, 5, DAY_US]))
        first = min((row[1] for row in part_rows), default=FIRST_DAY * DAY_US)
        parts.append(FakePart(part_rows, first - slack if generator.random() < share_known else None))
    rejected: list[Rejected] = []
    done: list[int] = []
    days = days_of(parts, rejected, done)
    found = contents(days)
    assert list(found) == sorted(found)
    assert_same(found, folded_at_once(rows))
    counts = Counter((row[1] // DAY_US, row[2]) for row in rows)
    for number, fields in found.items():
        assert dict(zip(fields["ids"], fields["exchanges"].tolist(), strict=True)) == {
            account: held for (when, account), held in counts.items() if when == number
        }
        assert fields["hours"].shape == (len(fields["ids"]), 24) and fields["origin"] == number * DAY_US
        assert np.array_equal(fields["hours"].sum(axis=1), fields["exchanges"])
    # Every repeat is refused, wherever it stood.
    assert len(rejected) == len(repeats) and all("seen before" in row.reason for row in rejected)
    assert days.exchanges == sum(done) == len(rows) and len(done) == cuts
    assert all(part.reads == 1 for part in parts)


def one_day_a_part(days: int, rows: int = 3) -> list[FakePart]:
    return [
        FakePart(
            [row_of(rows * d + k, (FIRST_DAY + d) * DAY_US + k * HOUR_US, k) for k in range(rows)],
            (FIRST_DAY + d) * DAY_US,
        )
        for d in range(days)
    ]


def test_a_day_comes_as_soon_as_it_is_whole() -> None:
    parts = one_day_a_part(20)
    read_at_yield = {day.begin_us // DAY_US - FIRST_DAY: sum(part.reads for part in parts) for day in days_of(parts)}
    assert list(read_at_yield) == list(range(20))
    for day, read in read_at_yield.items():
        assert day + 1 <= read <= day + 6


def test_a_day_that_a_later_part_goes_on_with_waits_for_it() -> None:
    midnight = (FIRST_DAY + 1) * DAY_US
    early = FakePart([row_of(1, midnight - 1, 0), row_of(2, midnight, 0)], midnight - 1)
    late = FakePart([row_of(3, midnight + 9, 0), row_of(4, midnight + DAY_US, 0)], midnight + 9)
    found = contents(days_of([early, late]))
    assert {day - FIRST_DAY: fields["exchanges"].tolist() for day, fields in found.items()} == {0: [1], 1: [2], 2: [1]}


def test_a_part_that_does_not_say_when_it_begins_holds_all_days_back() -> None:
    parts = one_day_a_part(8)
    parts[-1].earliest_us = None
    days = iter(days_of(parts))
    next(days)
    assert all(part.reads == 1 for part in parts)
    assert len(list(days)) == 7


def test_rejected_rows_come_in_the_order_of_the_parts() -> None:
    parts = one_day_a_part(9)
    for number, part in enumerate(parts):
        part.rejected = (Rejected(f"file {number}", 1, "no time", "add one"),)
    rejected: list[Rejected] = []
    list(days_of(parts, rejected))
    assert [row.file for row in rejected] == [f"file {number}" for number in range(9)]


def test_text_is_let_go_while_days_are_waiting() -> None:
    parts = one_day_a_part(16)
    for part in parts:
        part.earliest_us = None  # All days wait until the end, as footprints.
    alive = []

    def count(_: int) -> None:
        gc.collect()
        alive.append(sum(ref() is not None for part in parts for ref in part.tables))

    days = list(Periods(tuple(parts), PSEUDONYMS, lambda _: None, count))
    gc.collect()
    assert len(days) == 16 and max(alive) <= 6
    assert all(ref() is None for part in parts for ref in part.tables)


class BrokenPart(FakePart):
    def read(self) -> Batch:
        raise OSError("the disk is gone")


@pytest.mark.parametrize("place", [0, 3, 7])
def test_a_failure_is_raised_and_leaves_no_thread_behind(place: int) -> None:
    parts = one_day_a_part(8)
    parts[place] = BrokenPart([], parts[place].earliest_us)
    before = threading.active_count()
    with pytest.raises(OSError, match="the disk is gone"):
        list(days_of(parts))
    gc.collect()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "ThreadPool" in thread.name:
            thread.join(10)
    assert threading.active_count() <= before


def test_who_stops_listening_stops_the_reading() -> None:
    parts = one_day_a_part(40)
    days = iter(days_of(parts))
    next(days)
    days.close()  # type: ignore[attr-defined]
    assert sum(part.reads for part in parts) < 20


def test_nothing_to_read_makes_no_day() -> None:
    assert list(days_of([])) == []
    assert list(days_of([FakePart([]), FakePart([], 5)])) == []


@given(ROWS)
def test_rows_of_one_day_stay_together(rows: list[Row]) -> None:
    found = {
        begin // DAY_US: Counter(table["exchange_id"].to_pylist()) for begin, table in by_period(table_of(rows), DAY_US)
    }
    expected: dict[int, Counter[str]] = {}
    for row in rows:
        expected.setdefault(row[1] // DAY_US, Counter())[row[0]] += 1
    assert found == expected and list(found) == sorted(expected)


def day_with(number: int, exchanges: dict[str, list[int]]) -> Period:
    """A day in which each account sent one exchange in each of some hours."""
    origin = number * DAY_US
    sent = [(account, hour) for account, hours in exchanges.items() for hour in hours]
    rows = [
        (f"{number}-{k}", origin + hour * HOUR_US, account, None, None, None, None)
        for k, (account, hour) in enumerate(sent)
    ]
    return Period(origin, narrowed(fold_footprints(table_of(rows), folding(PSEUDONYMS, origin)), 24))


def hours_seen(footprints: Footprints) -> set[tuple[str, int]]:
    account, hour = np.nonzero(footprints.hours)
    ids = footprints.account_id.to_pylist()
    first = footprints.origin_us // HOUR_US
    return {(ids[a], int(first + h)) for a, h in zip(account, hour, strict=True)}


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([1, 1, 1, 2, 7, 41, 42, 43, 100]), min_size=1, max_size=12),
    st.lists(st.sets(st.integers(0, 23), min_size=1, max_size=3), min_size=12, max_size=12),
)
def test_the_window_follows_the_days_and_keeps_all_of_its_own_hours(gaps: list[int], hours: list[set[int]]) -> None:
    running = Running()
    sent: set[tuple[str, int]] = set()
    rows: dict[str, int] = {}
    for number, day in enumerate(FIRST_DAY + np.cumsum(gaps)):
        exchanges = {"steady": sorted(hours[number]), f"account {number % 5}": [0, 23]}
        added = day_with(int(day), exchanges)
        place = running.add(added)
        sent |= {(account, int(day) * 24 + hour) for account, held in exchanges.items() for hour in held}
        for account, row in zip(added.footprints.account_id.to_pylist(), place.tolist(), strict=True):
            assert rows.setdefault(account, row) == row  # Rows stay.
        footprints = running.footprints()
        assert footprints.account_id.to_pylist() == sorted(rows, key=lambda account: rows[account])
        last_hour = (int(day) + 1) * 24
        assert footprints.hours.shape[1] == HOURS
        assert footprints.origin_us // HOUR_US + HOURS >= last_hour
        assert hours_seen(footprints) == {(a, h) for a, h in sent if h >= footprints.origin_us // HOUR_US}
        assert (
            footprints.origin_us // HOUR_US <= last_hour - HOURS
            or footprints.origin_us == (FIRST_DAY + gaps[0]) * DAY_US
        )
        # What is counted outside the window is never forgotten.
        assert footprints.integers("exchanges").sum() == len(sent)
        assert footprints.integers("first_us").min() == min(h for _, h in sent) * HOUR_US


@settings(max_examples=25)
@given(ROWS, st.sampled_from([1, 3, 6, 12]))
def test_shorter_periods_add_up_to_the_same_footprints(rows: list[Row], hours: int) -> None:
    def seen(length: int) -> dict[str, Any]:
        running = Running()
        part = FakePart(rows, min((row[1] for row in rows), default=None))
        ends = []
        for period in Periods((part,), PSEUDONYMS, lambda _: None, lambda _: None, hours=length):
            assert period.footprints.hours.shape[1] == length
            assert (period.footprints.integers("last_us") < period.end_us).all()
            assert (period.footprints.integers("first_us") >= period.begin_us).all()
            running.add(period)
            ends.append(period.end_us)
        assert ends == sorted(set(ends))
        footprints = running.footprints()
        order = np.argsort(footprints.account_id.to_pylist())
        return {"origin": footprints.origin_us, **{name: array[order] for name, array in footprints.arrays.items()}}

    if rows:
        whole, pieces = seen(24), seen(hours)
        assert whole.keys() == pieces.keys()
        for name, value in whole.items():
            assert np.array_equal(value, pieces[name]), name


@pytest.mark.parametrize("hours", [0, -1, 5, 36])
def test_a_period_that_does_not_divide_the_day_is_refused(hours: int) -> None:
    with pytest.raises(ValueError, match="divide the day"):
        Periods((), PSEUDONYMS, lambda _: None, lambda _: None, hours=hours)


def test_nothing_seen_has_no_footprints() -> None:
    with pytest.raises(ValueError, match="no exchange"):
        Running().footprints()
