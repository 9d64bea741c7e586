"""Louvain's method on a sparse weighted graph, compiled, so that communities can be drawn anew at every look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.linkage import Links
from stillwatch.statistics.compiled import compiled

_SWEEPS_MOST = 32  # Over the nodes of one level.
_LEVELS_MOST = 16
_GAIN_LEAST = 1e-12  # Of total weight: smaller gains are rounding.


def louvain(links: Links, accounts: int, resolution: float, seed: int) -> NDArray[np.int64]:
    """Return a partition of the accounts at a local maximum of modularity at ``resolution``.

    Nodes are visited in an order drawn from ``seed``, each moving to the neighbouring community that gains most; the
    communities then become nodes, until nothing moves.

    Args:
        links: One tie a pair.
        accounts: How many accounts there are.
        resolution: Above 0; 1 is Newman's modularity, above it communities are smaller.
        seed: Of the order.

    Returns:
        Shape (accounts,), numbered from 0; an account without ties is alone.

    Source:
        Blondel et al., "Fast unfolding of communities in large networks" (2008); the resolution after Reichardt &
        Bornholdt (2006).
    """
    random = np.random.default_rng(seed)
    begin, neighbour, weight = _adjacent(links.left, links.right, links.weight, accounts)
    own = np.zeros(accounts)
    whole = np.arange(accounts, dtype=np.int64)
    for _ in range(_LEVELS_MOST):
        community = _moved(begin, neighbour, weight, own, resolution, random.permutation(len(own)))
        kept = int(community.max(initial=-1)) + 1
        whole = community[whole]
        if kept == len(own):
            break
        begin, neighbour, weight, own = _folded(begin, neighbour, weight, own, community, kept)
    return whole


@compiled
def _adjacent(
    left: NDArray[np.int64], right: NDArray[np.int64], weight: NDArray[np.float64], nodes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return each node's ties, both ways, as compressed rows."""
    begin = np.zeros(nodes + 1, np.int64)
    for k in range(len(left)):
        begin[left[k] + 1] += 1
        begin[right[k] + 1] += 1
    for node in range(nodes):
        begin[node + 1] += begin[node]
    at = begin[:-1].copy()
    neighbour = np.empty(2 * len(left), np.int64)
    both = np.empty(2 * len(left))
    for k in range(len(left)):
        a, b = left[k], right[k]
        neighbour[at[a]], both[at[a]] = b, weight[k]
        at[a] += 1
        neighbour[at[b]], both[at[b]] = a, weight[k]
        at[b] += 1
    return begin, neighbour, both


@compiled
def _moved(
    begin: NDArray[np.int64],
    neighbour: NDArray[np.int64],
    weight: NDArray[np.float64],
    own: NDArray[np.float64],
    resolution: float,
    order: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Move nodes until no move gains, and return their communities, numbered from 0 in order of first node."""
    nodes = len(own)
    degree = np.empty(nodes)
    for node in range(nodes):
        total = 2.0 * own[node]
        for k in range(begin[node], begin[node + 1]):
            total += weight[k]
        degree[node] = total
    double = degree.sum()
    community = np.arange(nodes)
    if double > 0.0:
        volume = degree.copy()
        towards = np.zeros(nodes)  # Weight from the node at hand to each community near it.
        near = np.empty(nodes, np.int64)
        waiting = np.ones(nodes, np.bool_)
        for _ in range(_SWEEPS_MOST):
            moves = 0
            for node in order:
                if not waiting[node]:
                    continue
                waiting[node] = False
                home = community[node]
                found = 0
                for k in range(begin[node], begin[node + 1]):
                    there = community[neighbour[k]]
                    if towards[there] == 0.0:
                        near[found] = there
                        found += 1
                    towards[there] += weight[k]
                price = resolution * degree[node] / double
                best, best_gain = home, towards[home] - price * (volume[home] - degree[node])
                for k in range(found):
                    gain = towards[near[k]] - price * volume[near[k]]
                    if near[k] != home and gain > best_gain + _GAIN_LEAST * double:
                        best, best_gain = near[k], gain
                for k in range(found):
                    towards[near[k]] = 0.0
                if best != home:
                    volume[home] -= degree[node]
                    volume[best] += degree[node]
                    community[node] = best
                    moves += 1
                    for k in range(begin[node], begin[node + 1]):
                        if community[neighbour[k]] != best:
                            waiting[neighbour[k]] = True
            if moves == 0:
                break
    number = np.full(nodes, -1)
    known = 0
    for node in range(nodes):
        if number[community[node]] < 0:
            number[community[node]] = known
            known += 1
        community[node] = number[community[node]]
    return community


@compiled
def _folded(
    begin: NDArray[np.int64],
    neighbour: NDArray[np.int64],
    weight: NDArray[np.float64],
    own: NDArray[np.float64],
    community: NDArray[np.int64],
    kept: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the graph whose nodes are the communities, with the weight inside each."""
    first = np.zeros(kept + 1, np.int64)
    for node in range(len(own)):
        first[community[node] + 1] += 1
    for k in range(kept):
        first[k + 1] += first[k]
    at = first[:-1].copy()
    member = np.empty(len(own), np.int64)
    for node in range(len(own)):
        member[at[community[node]]] = node
        at[community[node]] += 1
    inside = np.zeros(kept)
    rows = np.zeros(kept + 1, np.int64)
    columns = np.empty(len(neighbour), np.int64)
    values = np.empty(len(neighbour))
    towards = np.zeros(kept)
    used = 0
    for k in range(kept):
        begun = used
        for m in range(first[k], first[k + 1]):
            node = member[m]
            inside[k] += own[node]
            for tie in range(begin[node], begin[node + 1]):
                there = community[neighbour[tie]]
                if there == k:
                    inside[k] += 0.5 * weight[tie]
                    continue
                if towards[there] == 0.0:
                    columns[used] = there
                    used += 1
                towards[there] += weight[tie]
        for tie in range(begun, used):
            values[tie] = towards[columns[tie]]
            towards[columns[tie]] = 0.0
        rows[k + 1] = used
    return rows, columns[:used].copy(), values[:used].copy(), inside
