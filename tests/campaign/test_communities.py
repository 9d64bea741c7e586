"""Communities: dense pieces are found whole, small ones dissolve, and numbering is without gaps."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaign.communities import ACCOUNTS_LEAST, communities, renumbered
from stillwatch.campaign.detection import meet
from stillwatch.campaign.linkage import Links, link
from stillwatch.campaign.population import incidence

PARTITIONS = st.lists(st.integers(-1, 5), max_size=40)


def blocks(partition: list[int]) -> set[frozenset[int]]:
    names = set(partition) - {-1}
    return {frozenset(k for k, name in enumerate(partition) if name == wanted) for wanted in names}


@given(PARTITIONS)
def test_renumbering_keeps_large_groups_and_dissolves_small_ones(partition: list[int]) -> None:
    result = renumbered(np.array(partition, np.int64)).tolist()
    sizes = Counter(name for name in partition if name >= 0)
    kept = {name for name, size in sizes.items() if size >= ACCOUNTS_LEAST}
    assert [name >= 0 for name in result] == [name in kept for name in partition]
    assert blocks(result) == {block for block in blocks(partition) if len(block) >= ACCOUNTS_LEAST}
    assert set(result) - {-1} == set(range(len(kept)))


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), max_size=60))
def test_meeting_groups_are_those_together_in_both(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array([pair[k] for pair in pairs], np.int64) for k in range(2))
    names = [-1 if min(pair) < 0 else 10 * pair[0] + pair[1] for pair in pairs]
    expected = {block for block in blocks(names) if len(block) >= ACCOUNTS_LEAST}
    assert blocks(meet(left, right).tolist()) == expected == blocks(meet(right, left).tolist())


def test_separate_pieces_are_separate_communities() -> None:
    value = np.repeat(np.arange(6), [20, 20, 12, 4, 3, 2])
    links = link(incidence(np.arange(len(value)), value.astype(np.uint64)), 500)
    found = communities(links, 500, 1e9)
    assert blocks(found.tolist()) == {frozenset(np.flatnonzero(value == k).tolist()) for k in range(4)}
    assert np.array_equal(found, communities(links, 500, 1e9))


def test_no_links_make_no_community() -> None:
    none = np.zeros(0, np.int64)
    assert communities(Links(none, none, np.zeros(0)), 3, 1.0).tolist() == [-1, -1, -1]


def test_more_traffic_around_a_group_does_not_merge_it() -> None:
    """Two rings of eight with one tie between them, alone and beside a thousand others like them."""

    def rings(pairs: int) -> Links:
        edges = []
        for pair in range(pairs):
            for ring in range(2):
                begin = 16 * pair + 8 * ring
                edges += [(begin + k, begin + (k + 1) % 8) for k in range(8)]
            edges.append((16 * pair, 16 * pair + 8))
        left, right = np.array([sorted(edge) for edge in edges], np.int64).T
        return Links(left, right, np.ones(len(edges)))

    few, many = rings(2), rings(500)
    settled = 2 * float(few.weight.sum())
    alone = communities(few, 32, settled)
    crowded = communities(many, 16 * 500, settled)
    assert blocks(alone.tolist()) == {frozenset(range(8 * k, 8 * k + 8)) for k in range(4)}
    assert {frozenset(range(8 * k, 8 * k + 8)) for k in range(4)} <= blocks(crowded.tolist())
    # Without growing with the graph, modularity would have merged them.
    merged = communities(many, 16 * 500, 1e12)
    assert merged[0] == merged[8]
