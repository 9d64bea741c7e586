"""Merging: any split of the rows, in any order and layout, ends with the bytes of one fold of the whole."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.footprint.fold import fold, fold_footprints
from stillwatch.footprint.footprints import FIELDS, HOUR_US, Footprints, blank
from stillwatch.footprint.merge import Gathered, merge

TABLES: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("exchange_tables.py"))))
FOLDING = TABLES.folding_with(b"a key for the tests only")
SEEDS = st.integers(0, 2**32 - 1)


def as_bytes(footprints: pa.Table) -> bytes:
    """The table as a file, in order of account."""
    ordered = footprints.sort_by("account_id").combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ordered.schema) as writer:
        writer.write_table(ordered)
    return bytes(sink.getvalue())


@given(TABLES.contents(), st.integers(1, 6), SEEDS)
def test_any_split_gives_the_bytes_of_the_whole(content: dict[str, list[Any]], count: int, seed: int) -> None:
    parts = TABLES.parts_of(content, count, np.random.default_rng(seed))
    assert as_bytes(merge(fold(part, FOLDING) for part in parts)) == as_bytes(fold(TABLES.plain(content), FOLDING))


@settings(max_examples=50)
@given(TABLES.contents(rows_max=60), SEEDS)
def test_merge_is_associative_and_commutative(content: dict[str, list[Any]], seed: int) -> None:
    a, b, c = (fold(part, FOLDING) for part in TABLES.parts_of(content, 3, np.random.default_rng(seed)))
    whole = as_bytes(merge([a, b, c]))
    assert as_bytes(merge([merge([a, b]), c])) == whole
    assert as_bytes(merge([a, merge([b, c])])) == whole
    assert as_bytes(merge([c, b, a])) == whole
    assert as_bytes(merge([b, a])) == as_bytes(merge([a, b]))


@settings(max_examples=40)
@given(TABLES.contents())
def test_the_blank_footprint_is_neutral(content: dict[str, list[Any]]) -> None:
    footprints = fold(TABLES.plain(content), FOLDING)
    nothing = blank(footprints["account_id"].combine_chunks(), FOLDING.origin_us).to_arrow()
    assert as_bytes(merge([footprints, nothing])) == as_bytes(footprints)
    assert as_bytes(merge([nothing, nothing, footprints])) == as_bytes(footprints)
    assert as_bytes(merge([nothing, nothing])) == as_bytes(nothing)
    assert as_bytes(merge([footprints])) == as_bytes(footprints)


@settings(max_examples=40)
@given(TABLES.contents(), SEEDS)
def test_merging_twice_doubles_what_adds(content: dict[str, list[Any]], seed: int) -> None:
    """The same exchanges twice are two exchanges each: sums and counts double, hashes and labels stay."""
    table = TABLES.laid_out(content, range(len(content["timestamp"])), np.random.default_rng(seed))
    once = fold_footprints(table, FOLDING)
    twice = Footprints.from_arrow(merge([once.to_arrow(), once.to_arrow()]))
    for field in FIELDS:
        doubles = field.rule in ("sum", "saturate") or (field.rule == "beside" and field.adds)
        want = once.integers(field.name) * 2 if doubles else once.arrays[field.name]
        assert np.array_equal(twice.arrays[field.name], want), field.name


def with_hours(account: str, hour: int, count: int, origin_us: int = FOLDING.origin_us) -> pa.Table:
    footprints = blank(pa.array([account]), origin_us)
    footprints.hours[0, hour] = count
    return footprints.to_arrow()


@settings(max_examples=40)
@given(st.lists(st.integers(0, 65_535), min_size=2, max_size=6), st.data())
def test_hours_saturate_in_any_order(counts: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(counts) - 1))
    tables = [with_hours("a", 5, count) for count in counts]
    nested = Footprints.from_arrow(merge([merge(tables[cut:]), merge(tables[:cut])]))
    assert nested.hours[0, 5] == min(sum(counts), 65_535)
    assert nested.hours[0].astype(np.int64).sum() == nested.hours[0, 5]


def test_rows_stand_in_order_of_first_appearance() -> None:
    tables = [with_hours(account, 0, 1) for account in ("q", "c", "q", "a", "c")]
    merged = merge(tables)
    assert merged["account_id"].to_pylist() == ["q", "c", "a"]
    assert Footprints.from_arrow(merged).hours[:, 0].tolist() == [2, 2, 1]


def test_many_accounts_grow_in_place() -> None:
    gathered = Gathered(FOLDING.origin_us)
    rows = []
    for k in range(40):
        footprints = Footprints.from_arrow(merge([with_hours(f"a{n}", n, 1) for n in (k // 2, k)]))
        rows.append(gathered.add(footprints).tolist())
    assert rows == [[0] if k == 0 else [k // 2, k] for k in range(40)]
    hours = gathered.footprints().hours[:, :40].astype(np.int64)
    expected = np.zeros((40, 40), np.int64)
    for k in range(40):
        for n in (k // 2, k):
            expected[n, n] += 1
    assert np.array_equal(hours, expected)


def test_windows_that_begin_at_different_instants_do_not_merge() -> None:
    with pytest.raises(ValueError, match="windows"):
        merge([with_hours("a", 0, 1), with_hours("a", 0, 1, FOLDING.origin_us + HOUR_US)])
    with pytest.raises(ValueError, match="whole hours"):
        Gathered(FOLDING.origin_us).add(Footprints.from_arrow(with_hours("a", 0, 1, FOLDING.origin_us + 1)))


def test_nothing_and_an_account_twice_in_one_table_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to merge"):
        merge([])
    with pytest.raises(ValueError, match="more than one row"):
        merge([pa.concat_tables([with_hours("a", 0, 1), with_hours("a", 1, 1)])])


@pytest.mark.parametrize("shift", [-30, -1, 0, 1, 5, 23, 24, 2000])
def test_a_window_that_begins_elsewhere_is_laid_where_it_belongs(shift: int) -> None:
    """A narrow window of one day takes the hours that fall into it, and all that does not depend on hours."""
    gathered = Gathered(FOLDING.origin_us, hours=24)
    footprints = Footprints.from_arrow(with_hours("a", 7, 3, FOLDING.origin_us + shift * HOUR_US))
    for _ in range(2):
        gathered.add(footprints)
    hours = gathered.footprints().hours[0]
    assert hours.shape == (24,)
    assert {int(at): int(hours[at]) for at in np.flatnonzero(hours)} == ({7 + shift: 6} if 0 <= 7 + shift < 24 else {})


@pytest.mark.parametrize("steps", [[24], [1, 23], [5, 5, 14], [0, 24]])
def test_a_window_that_advances_keeps_what_it_still_covers(steps: list[int]) -> None:
    gathered = Gathered(FOLDING.origin_us, hours=72)
    for hour in (3, 23, 24, 71):
        gathered.add(Footprints.from_arrow(with_hours("a", hour, 1)))
    for step in steps:
        gathered.advance(step)
    footprints = gathered.footprints()
    assert footprints.origin_us == FOLDING.origin_us + 24 * HOUR_US
    assert np.flatnonzero(footprints.hours[0]).tolist() == [0, 47]


@pytest.mark.parametrize("gap", [72, 73, 5000])
def test_a_gap_longer_than_the_window_leaves_it_empty(gap: int) -> None:
    gathered = Gathered(FOLDING.origin_us, hours=72)
    gathered.add(Footprints.from_arrow(with_hours("a", 71, 1)))
    gathered.advance(gap)
    assert not gathered.footprints().hours.any()
    gathered.add(Footprints.from_arrow(with_hours("a", 5, 2, FOLDING.origin_us + gap * HOUR_US)))
    assert gathered.footprints().hours[0, 5] == 2
