"""Shared values, hubs and cycles against loops over dictionaries and a union-find."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaign.population import Incidence, incidence
from stillwatch.campaign.sharing import cycles, hubs, members, shared

ACCOUNTS, COMMUNITIES = 12, 3
HOLDINGS = st.sets(st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(0, 7)), max_size=50)
PARTITIONS = st.lists(st.integers(-1, COMMUNITIES - 1), min_size=ACCOUNTS, max_size=ACCOUNTS)
EDGES = st.lists(st.tuples(st.integers(0, COMMUNITIES - 1), st.integers(0, 5), st.integers(0, 5)), max_size=40)


def view_of(holdings: set[tuple[int, int]]) -> Incidence:
    rows = sorted(holdings)
    account = np.array([a for a, _ in rows], np.int64)
    value = np.array([v for _, v in rows], np.uint64)
    return incidence(account, value, network=value.astype(np.int64) % 3)


def slow_shared(holdings: set[tuple[int, int]], partition: list[int]) -> dict[tuple[int, int], set[int]]:
    holders: dict[tuple[int, int], set[int]] = defaultdict(set)
    for account, value in holdings:
        if partition[account] >= 0:
            holders[partition[account], value].add(account)
    return {key: held for key, held in holders.items() if len(held) >= 2}


def slow_cycles(edges: set[tuple[int, int, int]], community: int) -> int:
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def root(node: tuple[str, int]) -> tuple[str, int]:
        parent.setdefault(node, node)
        while parent[node] != node:
            node = parent[node]
        return node

    found = 0
    for _, left, right in sorted(edge for edge in edges if edge[0] == community):
        a, b = root(("left", left)), root(("right", right))
        found += a == b  # An edge within one piece closes a cycle.
        parent[a] = b
    return found


@given(HOLDINGS, PARTITIONS)
def test_shared_rows_are_the_values_that_two_members_hold(holdings: set[tuple[int, int]], partition: list[int]) -> None:
    view = view_of(holdings)
    rows = shared(view, np.array(partition))
    slow = slow_shared(holdings, partition)
    label = view.label[rows.value].astype(int) if len(rows.value) else np.zeros(0, int)
    found = list(zip(rows.community.tolist(), label.tolist(), rows.account.tolist(), strict=True))
    assert sorted(found) == sorted((c, v, a) for (c, v), held in slow.items() for a in held)
    assert rows.holders.tolist() == [len(slow[c, v]) for c, v, _ in found]
    assert rows.network.tolist() == [v % 3 for _, v, _ in found]
    pairs = {(c, v): int(pair) for (c, v, _), pair in zip(found, rows.pair, strict=True)}
    assert sorted(pairs.values()) == list(range(len(slow)))
    assert all(pairs[c, v] == pair for (c, v, _), pair in zip(found, rows.pair, strict=True))


@given(HOLDINGS, PARTITIONS, st.sets(st.integers(0, ACCOUNTS - 1)))
def test_keeping_rows_is_sharing_among_those_kept(
    holdings: set[tuple[int, int]], partition: list[int], gone: set[int]
) -> None:
    rows = shared(view_of(holdings), np.array(partition))
    kept = rows.keep(~np.isin(rows.account, list(gone)))
    slow = slow_shared(holdings, [-1 if account in gone else of for account, of in enumerate(partition)])
    assert Counter(kept.holders.tolist()) == Counter(len(held) for held in slow.values() for _ in held)
    assert len(set(kept.pair.tolist())) == len(slow)


@given(HOLDINGS, PARTITIONS)
def test_a_hub_is_a_value_that_most_members_hold(holdings: set[tuple[int, int]], partition: list[int]) -> None:
    view = view_of(holdings)
    hub, holders = hubs(shared(view, np.array(partition)), COMMUNITIES)
    slow = slow_shared(holdings, partition)
    for community in range(COMMUNITIES):
        sizes = {value: len(held) for (c, value), held in slow.items() if c == community}
        assert holders[community] == max(sizes.values(), default=0)
        if sizes:
            assert sizes[int(view.label[hub[community]])] == holders[community]
        else:
            assert hub[community] == -1


@given(EDGES)
def test_cycles_are_the_edges_that_a_forest_has_no_room_for(edges: list[tuple[int, int, int]]) -> None:
    community, left, right = (np.array([edge[k] for edge in edges], np.int64) for k in range(3))
    # Nodes of different communities are different nodes.
    found = cycles(community, left + 10 * community, right + 10 * community, COMMUNITIES)
    assert found.tolist() == [slow_cycles(set(edges), c) for c in range(COMMUNITIES)]


def test_offices_and_trees_have_no_cycle_and_a_web_has_many() -> None:
    star = np.zeros(20, np.int64)
    assert cycles(star, np.arange(20), star, 1).tolist() == [0]
    left, right = np.divmod(np.arange(30), 5)
    assert cycles(np.zeros(30, np.int64), left, right, 2).tolist() == [30 - (6 + 5) + 1, 0]
    chain = np.repeat(np.arange(10), 2)
    assert cycles(np.zeros(20, np.int64), chain, (np.arange(20) + 1) // 2, 1).tolist() == [0]


@given(PARTITIONS)
def test_members_are_counted(partition: list[int]) -> None:
    assert members(np.array(partition)).tolist() == [partition.count(k) for k in range(max(partition) + 1)]
