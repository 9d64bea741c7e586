"""Links against all pairs of accounts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaign.linkage import Links, link, together
from stillwatch.campaign.population import Incidence, incidence

ACCOUNTS = 15
HOLDINGS = st.sets(st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, 4)), max_size=60)
PAIR = tuple[int, int]


def view_of(holdings: set[PAIR]) -> Incidence:
    rows = sorted(holdings)
    return incidence(np.array([a for a, _ in rows], np.int64), np.array([v for _, v in rows], np.uint64))


def holders_of(holdings: set[PAIR]) -> dict[int, set[int]]:
    holders: dict[int, set[int]] = defaultdict(set)
    for account, value in holdings:
        holders[value].add(account)
    return holders


def pairs_of(links: Links) -> list[PAIR]:
    return list(zip(links.left.tolist(), links.right.tolist(), strict=True))


def pieces(nodes: set[int], pairs: set[PAIR]) -> int:
    piece = {node: {node} for node in nodes}
    for a, b in pairs:
        if a in piece and b in piece and piece[a] is not piece[b]:
            piece[a] |= piece[b]
            for node in piece[b]:
                piece[node] = piece[a]
    return len({id(members) for members in piece.values()})


@given(HOLDINGS, st.integers(2, ACCOUNTS), st.integers(1, 5))
def test_links_tie_holders_of_rare_values_and_nobody_else(holdings: set[PAIR], most: int, ties: int) -> None:
    links = link(view_of(holdings), ACCOUNTS, most=most, ties=ties)
    rare = {value: held for value, held in holders_of(holdings).items() if 2 <= len(held) <= most}
    allowed = {pair for held in rare.values() for pair in combinations(sorted(held), 2)}
    found = pairs_of(links)
    assert set(found) <= allowed and (links.left < links.right).all() and (links.weight > 0).all()
    # A value that everybody holds weighs nothing and ties nobody.
    for held in rare.values():
        if len(held) < ACCOUNTS:
            within = {pair for pair in found if set(pair) <= held}
            assert pieces(held, within) == 1
    assert len(found) <= ties * sum(len(held) for held in rare.values())


@given(st.integers(2, 40), st.integers(1, 6))
def test_a_value_alone_makes_a_ring_in_which_no_pair_is_tied_twice(size: int, ties: int) -> None:
    accounts = 100
    links = link(view_of({(account, 0) for account in range(size)}), accounts, most=size, ties=ties)
    ring = {
        tuple(sorted((a, (a + step) % size)))
        for a in range(size)
        for step in range(1, ties + 1)
        if (a + step) % size != a
    }
    assert Counter(pairs_of(links)) == Counter(dict.fromkeys(ring, 1))
    degree = np.bincount(np.concatenate([links.left, links.right]), minlength=size)
    assert (degree == degree[0]).all() and degree[0] == min(2 * ties, size - 1)
    assert np.allclose(links.weight, math.log(accounts / size) / min(ties, size // 2))


def test_rarer_values_weigh_more() -> None:
    weights = [link(view_of({(a, 0) for a in range(size)}), 1000).weight.sum() / size for size in (3, 9, 17, 33, 63)]
    assert weights == sorted(weights, reverse=True)


def test_popular_values_link_nobody() -> None:
    assert len(link(view_of({(account, 0) for account in range(11)}), 1000, most=10).left) == 0
    assert len(link(view_of(set()), 1000).left) == 0


@pytest.mark.parametrize(("strangers", "left_over"), [(0.0, 1.0), (1.5, 0.5), (3.0, 0.0), (9.0, 0.0)])
def test_strangers_to_be_expected_take_their_part_of_the_weight(strangers: float, left_over: float) -> None:
    view = view_of({(account, 0) for account in range(4)})
    full = link(view, 100).weight.sum()
    assert link(view, 100, strangers=np.array([strangers])).weight.sum() == pytest.approx(left_over * full)


@given(st.lists(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(6, 9)), st.floats(0.1, 9)), max_size=4))
def test_weights_of_several_views_add_up(parts: list[dict[PAIR, float]]) -> None:
    links = [
        Links(
            np.array([a for a, _ in part], np.int64),
            np.array([b for _, b in part], np.int64),
            np.array(list(part.values()), float),
        )
        for part in parts
    ]
    whole = together(links, 10)
    total: dict[PAIR, float] = defaultdict(float)
    for part in parts:
        for pair, weight in part.items():
            total[pair] += weight
    assert len(pairs_of(whole)) == len(total)
    assert dict(zip(pairs_of(whole), whole.weight.tolist(), strict=True)) == pytest.approx(dict(total))
