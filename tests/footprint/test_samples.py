"""Bottom-k samples: the k smallest distinct hashes, exact counts and the greatest labels, by brute force."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.footprint.footprints import EMPTY
from stillwatch.footprint.samples import add_counted, add_distinct, place

NONE = int(EMPTY)
LEAST = np.iinfo(np.int64).min
# Few distinct hashes, so that they repeat, with both ends of the range among them.
HASHES = st.one_of(st.integers(0, 12), st.sampled_from([NONE, NONE - 1, 2**63, 2**63 - 1]))
ROWS = st.lists(
    st.tuples(st.integers(0, 2), HASHES, st.integers(1, 5), st.integers(-3, 3), st.integers(LEAST, 2**63 - 1)),
    max_size=60,
)


@given(st.lists(st.integers(0, NONE), max_size=20), st.integers(0, NONE))
def test_place_is_binary_search(entries: list[int], value: int) -> None:
    entries.sort()
    at, there = place(np.array(entries, np.uint64), np.uint64(value))
    assert (at, there) == (bisect_left(entries, value), value in entries)
    for entry in entries:
        assert place(np.array(entries, np.uint64), np.uint64(entry)) == (entries.index(entry), True)


class Samples:
    def __init__(self, accounts: int, width: int, labels: int) -> None:
        self.hashes = np.full((accounts, width), EMPTY)
        self.sums = np.zeros((accounts, width), np.int64)
        self.greatest = np.full((labels, accounts, width), LEAST)

    def add(self, rows: list[tuple[int, int, int, int, int]]) -> None:
        columns = [[row[k] for row in rows] for k in range(5)]
        add_counted(
            self.hashes,
            self.sums,
            self.greatest,
            np.array(columns[0], np.int64),
            np.array(columns[1], np.uint64),
            np.array(columns[2], np.int64),
            np.array(columns[3:], np.int64).reshape(2, -1),
        )


@pytest.mark.parametrize("width", [1, 2, 5, 16])
@given(ROWS, st.data())
def test_a_sample_is_the_brute_force_one(
    width: int, rows: list[tuple[int, int, int, int, int]], data: st.DataObject
) -> None:
    samples = Samples(3, width, 2)
    cut = data.draw(st.integers(0, len(rows)))
    samples.add(rows[:cut])
    samples.add(rows[cut:])
    for account in range(3):
        seen: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for owner, value, *rest in rows:
            if owner == account and value != NONE:
                seen[value].append((rest[0], rest[1], rest[2]))
        kept = sorted(seen)[:width]
        unused = width - len(kept)
        assert samples.hashes[account].tolist() == kept + [NONE] * unused
        assert samples.sums[account].tolist() == [sum(c for c, _, _ in seen[value]) for value in kept] + [0] * unused
        for label in range(2):
            greatest = [max(row[1 + label] for row in seen[value]) for value in kept]
            assert samples.greatest[label, account].tolist() == greatest + [LEAST] * unused


@pytest.mark.parametrize("width", [1, 2, 5, 16])
@given(st.lists(st.tuples(st.integers(0, 2), HASHES), max_size=60), st.data())
def test_distinct_hashes_are_the_least_in_any_order_and_split(
    width: int, rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    hashes = np.full((3, width), EMPTY)
    order = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    for part in (order[:cut], order[cut:]):
        add_distinct(hashes, np.array([a for a, _ in part], np.int64), np.array([v for _, v in part], np.uint64))
    for account in range(3):
        kept = sorted({value for owner, value in rows if owner == account} - {NONE})[:width]
        assert hashes[account].tolist() == kept + [NONE] * (width - len(kept))


@pytest.mark.parametrize("seed", [4])
def test_what_two_samples_have_in_common_estimates_what_the_sets_have_in_common(seed: int) -> None:
    """Below the smaller of their largest hashes, two samples are one uniform sample of the union: a binomial share."""
    generator = np.random.default_rng(seed)
    width, of_each, in_common = 64, 400, 200
    shared, looked_at = 0, 0
    for _ in range(300):
        universe = generator.integers(0, NONE, 2 * of_each - in_common, dtype=np.uint64)
        samples = Samples(2, width, 0)
        owner = np.repeat([0, 1], of_each)
        values = np.concatenate([universe[:of_each], universe[-of_each:]])
        add_counted(
            samples.hashes,
            samples.sums,
            samples.greatest,
            owner,
            values,
            np.ones(len(owner), np.int64),
            np.zeros((0, len(owner)), np.int64),
        )
        threshold = min(samples.hashes[0, -1], samples.hashes[1, -1])
        left, right = (set(row[row < threshold].tolist()) for row in samples.hashes)
        shared += len(left & right)
        looked_at += len(left | right)
    jaccard = in_common / (2 * of_each - in_common)
    assert looked_at > 15_000
    assert abs(shared / looked_at - jaccard) < 4 * np.sqrt(jaccard * (1 - jaccard) / looked_at)
