"""Dealt out: what units repeat against plain Python, and the mean of the e-value over every way to draw."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stillwatch.statistics.dealt_out import STAKES, Repeats, holdings, log_e_dealt_out, repeats

ITEMS = 4
# What outsiders hold. In the first family whoever knows an item tells of all the others; in the second, of some.
OPEN = {
    "one knows all": [{0, 1, 2, 3}],
    "three know all": [{0, 1, 2, 3}] * 3,
    "one item is known better": [{0, 1}, {0, 2}, {0, 3}, {0, 1, 2, 3}],
    "two circles": [{0, 1}, {2, 3}],
}
IN_PART = {"two that overlap": [{0, 1, 2}, {1, 2, 3}], "a chain": [{0, 1}, {1, 2}, {2, 3}]}


def found(
    lists: list[set[int]], group: list[int], unit: list[int] | None = None, most: int = 64, due: float = 0.0
) -> Repeats:
    rows = [(account, item) for account, items in enumerate(lists) for item in sorted(items)]
    account, item = np.array(rows, np.int64).reshape(-1, 2).T
    held = holdings(account, item, len(lists))
    return repeats(held, np.array(group), np.array(unit or range(len(lists))), most, due)


def slowly(
    lists: list[set[int]], group: list[int], unit: list[int], most: int, due: float
) -> list[tuple[int, int, float, float]]:
    """Group, draws, share repeated and share expected of each unit, as the docstrings have it."""
    out = []
    for g in sorted(set(group) - {-1}):
        members = [a for a in range(len(lists)) if group[a] == g]
        known_by = {h: [o for o in range(len(lists)) if group[o] != g and h in lists[o]] for h in set().union(*lists)}
        inside = set().union(*(lists[a] for a in members))
        told = {h for h in inside if 1 <= len(known_by[h]) <= most}
        # Small talk of the group counts its members among those who hold it, which makes it weigh less still.
        weight = {h: 1 / (len(o) if h in told else sum(h in each for each in lists)) for h, o in known_by.items() if o}
        earlier: set[int] = set()
        for u in sorted({unit[a] for a in members}):
            drawn = told & set().union(*(lists[a] for a in members if unit[a] == u))
            shares = []
            for h in sorted(drawn):
                beside = [x for o in known_by[h] for x in lists[o] - {h}]
                total = sum(weight[x] for x in beside)
                every = [x for o in known_by[h] for x in lists[o]]
                if total > 0 and sum(weight[x] for x in every if x in earlier) >= due * sum(weight[x] for x in every):
                    shares.append((h in earlier, sum(weight[x] for x in beside if x in earlier) / total))
            if shares:
                repeated, expected = np.mean(np.array(shares, float), axis=0)
                out.append((g, len(shares), float(repeated), float(expected)))
            earlier |= drawn
    return out


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sets(st.integers(0, 9)), st.integers(-1, 2), st.integers(0, 3)), min_size=1, max_size=12),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.0987, 0.4321]),
)
def test_what_units_repeat_is_that_of_plain_python(
    accounts: list[tuple[set[int], int, int]], most: int, due: float
) -> None:
    lists = [items for items, _, _ in accounts]
    group, unit = [of for _, of, _ in accounts], [of for _, _, of in accounts]
    got = found(lists, group, unit, most, due)
    expected = slowly(lists, group, unit, most, due)
    assert got.group.tolist() == [row[0] for row in expected] and got.draws.tolist() == [row[1] for row in expected]
    assert np.allclose(got.repeated, [row[2] for row in expected])
    assert np.allclose(got.expected, [row[3] for row in expected])


def e_values(
    outsiders: list[set[int]], draws: list[tuple[set[int], ...]], honest_share: float, due: float
) -> NDArray[np.float64]:
    """The e-value of a group of each tuple of draws."""
    out = []
    for units in draws:
        group = [-1] * len(outsiders) + [0] * len(units)
        out.append(np.exp(log_e_dealt_out(found([*outsiders, *units], group, due=due), 1, honest_share)[0]))
    return np.array(out)


LAWS = [np.array(law) / sum(law) for law in ([1, 1, 1, 1], [4, 1, 1, 1], [1, 2, 3, 4], [9, 9, 1, 1], [1, 0, 0, 1])]


@pytest.mark.parametrize("due", [0.0, 0.3])
@pytest.mark.parametrize("name", OPEN)
def test_the_mean_over_all_independent_draws_of_one_law_is_at_most_one(name: str, due: float) -> None:
    """Four units, an item each, every way to draw them, for uniform and for skew laws: nothing held back."""
    draws = list(product(range(ITEMS), repeat=4))
    e = e_values(OPEN[name], [tuple({item} for item in drawn) for drawn in draws], 1.0, due)
    assert e.max() > 2  # It can speak.
    for law in LAWS:
        chance = law[np.array(draws)].prod(axis=1)
        assert chance.sum() == pytest.approx(1) and chance @ e <= 1 + 1e-12


@pytest.mark.parametrize("name", [*OPEN, *IN_PART])
def test_the_mean_over_lists_of_any_length_is_at_most_one_with_half_held_back(name: str) -> None:
    """Three units that hold each of three items or not, independently, with chances of the item's own."""
    subsets = [{item for item in range(3) if mask >> item & 1} for mask in range(8)]
    picked = np.array(list(product(range(8), repeat=3)))
    e = e_values((OPEN | IN_PART)[name], [tuple(subsets[mask] for mask in masks) for masks in picked], 0.5, 0.05)
    for chances in ([0.5] * 3, [0.1] * 3, [0.9, 0.1, 0.1], [0.2, 0.4, 0.8], [1.0, 0.0, 0.5], [0.2, 0.9, 0.9]):
        of = [np.prod([chances[k] if k in subset else 1 - chances[k] for k in range(3)]) for subset in subsets]
        assert np.array(of)[picked].prod(axis=1) @ e <= 1 + 1e-9


@pytest.mark.parametrize("honest_share", [0.5, 1.0])
def test_a_list_dealt_out_speaks_as_much_as_the_bets_say(honest_share: float) -> None:
    """Of 40 items that one outsider holds, 10 units take 4 each: before the k-th, 4 k of the other 39 are taken."""
    dealt = [set(range(4 * k, 4 * k + 4)) for k in range(10)]
    got = found([set(range(40)), *dealt], [-1] + [0] * 10)
    assert not got.repeated.any() and np.allclose(got.expected, 4 * np.arange(10) / 39)
    wealth = [np.prod(1 + stake * honest_share * 4 * np.arange(10) / 39) for stake in STAKES]
    assert log_e_dealt_out(got, 1, honest_share)[0] == pytest.approx(np.log(np.mean(wealth)))


def test_another_list_is_not_expected_to_repeat_this_one() -> None:
    """Units that take another public list each, of which somebody else knows all: nothing is due."""
    lists = [set(range(20)), set(range(20, 40)), set(range(40, 60))]
    got = found([*lists, *lists], [-1] * 3 + [0] * 3)
    assert not got.expected.any() and not got.repeated.any() and log_e_dealt_out(got, 1, 1.0)[0] == 0


def test_private_wording_repeats_within_a_unit_and_small_talk_say_nothing() -> None:
    private = [{1, 2}, {3, 4}, {5, 6}]
    assert not len(found([{7, 8}, *private], [-1, 0, 0, 0]).group)
    one_unit = found([{1, 2, 3}, {1}, {1, 2}], [-1, 0, 0], [0, 1, 1])
    assert one_unit.draws.tolist() == [2] and not one_unit.repeated.any()
    assert not len(found([{1, 2}] * 3 + [{1}, {2}], [-1] * 3 + [0, 0], most=2).group)
    assert log_e_dealt_out(found([{1}], [-1]), 2, 0.5).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("honest_share", [0.0, -1.0, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(honest_share: float) -> None:
    with pytest.raises(ValueError, match="honest_share"):
        log_e_dealt_out(found([{1}], [-1]), 1, honest_share)
