"""Louvain's method against modularity by its definition, exhaustive search and an independent implementation."""

from __future__ import annotations

from itertools import product

import networkit
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stillwatch.campaign.linkage import Links
from stillwatch.campaign.modularity import louvain

EDGES = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0.1, 5.0)).filter(lambda edge: edge[0] != edge[1]),
    max_size=40,
)


def links(edges: list[tuple[int, int, float]]) -> Links:
    left = np.array([min(a, b) for a, b, _ in edges], np.int64)
    right = np.array([max(a, b) for a, b, _ in edges], np.int64)
    return Links(left, right, np.array([weight for _, _, weight in edges], np.float64))


def modularity(ties: Links, partition: NDArray[np.int64], resolution: float) -> float:
    double = 2 * ties.weight.sum()
    nodes = len(partition)
    degree = np.bincount(ties.left, ties.weight, nodes) + np.bincount(ties.right, ties.weight, nodes)
    inside = ties.weight[partition[ties.left] == partition[ties.right]].sum()
    return float(2 * inside / double - resolution * np.square(np.bincount(partition, degree) / double).sum())


@given(EDGES, st.floats(0.3, 4.0), st.integers(0, 5))
def test_no_account_gains_by_moving_alone_and_numbers_have_no_gaps(
    edges: list[tuple[int, int, float]], resolution: float, seed: int
) -> None:
    ties = links(edges)
    found = louvain(ties, 12, resolution, seed)
    assert set(found.tolist()) == set(range(int(found.max()) + 1))
    assert np.array_equal(found, louvain(ties, 12, resolution, seed))
    if edges:
        alone = np.arange(12)
        assert modularity(ties, found, resolution) >= modularity(ties, alone, resolution) - 1e-9


@given(EDGES.filter(bool), st.integers(0, 5))
def test_pieces_without_a_tie_between_them_never_share_a_community(
    edges: list[tuple[int, int, float]], seed: int
) -> None:
    piece = np.arange(12)
    for _ in range(12):
        for a, b, _weight in edges:
            piece[a] = piece[b] = min(piece[a], piece[b])
    found = louvain(links(edges), 12, 1.0, seed)
    for community in range(int(found.max()) + 1):
        assert len(set(piece[found == community].tolist())) == 1


@pytest.mark.parametrize("seed", range(4))
def test_small_graphs_come_close_to_the_best_of_all_partitions(seed: int) -> None:
    random = np.random.default_rng(seed)
    edges = [(a, b, float(random.uniform(0.5, 2))) for a in range(7) for b in range(a) if random.random() < 0.45]
    ties = links(edges)
    partitions = (np.array(each) for each in product(range(4), repeat=7))
    best = max(modularity(ties, partition, 1.0) for partition in partitions)
    assert modularity(ties, louvain(ties, 7, 1.0, seed), 1.0) >= best - 0.05


@pytest.mark.parametrize("seed", [11])
@pytest.mark.parametrize("resolution", [1.0, 3.0])
def test_as_good_as_an_independent_implementation_on_planted_groups(resolution: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes, groups = 1500, 50
    group = random.integers(0, groups, nodes)
    inside = [(a, int(b), 1.0) for a in range(nodes) for b in random.choice(np.flatnonzero(group == group[a]), 4)]
    across = [(int(a), int(b), 1.0) for a, b in random.integers(0, nodes, (3000, 2))]
    ties = links([edge for edge in inside + across if edge[0] != edge[1]])
    networkit.setSeed(seed, False)
    networkit.setNumberOfThreads(1)
    graph = networkit.GraphFromCoo((ties.weight, (ties.left, ties.right)), n=nodes, weighted=True, directed=False)
    method = networkit.community.PLM(graph, gamma=resolution)
    method.run()
    theirs = modularity(ties, np.array(method.getPartition().getVector()), resolution)
    assert modularity(ties, louvain(ties, nodes, resolution, seed), resolution) >= 0.98 * theirs
