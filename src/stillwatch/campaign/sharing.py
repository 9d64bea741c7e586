"""What the members of each community hold in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from stillwatch.campaign.population import Incidence


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows (community, account, value) of a view, for values that at least two members hold.

    Attributes:
        community: Shape (rows,).
        account: Shape (rows,).
        value: Shape (rows,).
        pair: Shape (rows,). A number for each (community, value), from 0.
        holders: Shape (rows,). Members that hold the row's value.
        network: Shape (rows,).
    """

    community: NDArray[np.int64]
    account: NDArray[np.int64]
    value: NDArray[np.int64]
    pair: NDArray[np.int64]
    holders: NDArray[np.int64]
    network: NDArray[np.int64]

    def keep(self, rows: NDArray[np.bool_]) -> Shared:
        """Return the rows that ``rows`` marks, with holders counted anew and lone rows dropped."""
        return _shared(self.community[rows], self.account[rows], self.value[rows], self.network[rows])


def shared(view: Incidence, partition: NDArray[np.int64]) -> Shared:
    """Return what the members of each community of ``partition`` (-1: none) have in common."""
    community = partition[view.account]
    inside = community >= 0
    return _shared(community[inside], view.account[inside], view.value[inside], view.network[inside])


def _shared(
    community: NDArray[np.int64], account: NDArray[np.int64], value: NDArray[np.int64], network: NDArray[np.int64]
) -> Shared:
    values = int(value.max(initial=0)) + 1
    _, pair, holders = np.unique(community * values + value, return_inverse=True, return_counts=True)
    several = holders[pair] >= 2
    _, again = np.unique(pair[several], return_inverse=True)
    return Shared(community[several], account[several], value[several], again, holders[pair[several]], network[several])


def hubs(rows: Shared, communities: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the value that most members of each community hold, and how many do; -1 and 0 where none is shared."""
    most = np.zeros(communities, np.int64)
    np.maximum.at(most, rows.community, rows.holders)
    hub = np.full(communities, -1, np.int64)
    top = rows.holders == most[rows.community]
    np.maximum.at(hub, rows.community[top], rows.value[top])
    return hub, most


def cycles(
    community: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64], communities: int
) -> NDArray[np.int64]:
    """Return the number of independent cycles of each community's bipartite graph.

    A star, a tree and any union of them have none: one office, one card, one office with three firms in it. A pool
    that mixes its cards and addresses over its accounts has many.

    Args:
        community: Shape (edges,). Edges of different communities share no node.
        left: Shape (edges,). A number for the left node, unique over all communities.
        right: Shape (edges,). Likewise for the right node.
        communities: How many there are.
    """
    if len(left) == 0:
        return np.zeros(communities, np.int64)
    lefts, a = np.unique(left, return_inverse=True)
    rights, b = np.unique(right, return_inverse=True)
    edge, first = np.unique(a * len(rights) + b, return_index=True)
    a, b, of = edge // len(rights), edge % len(rights), community[first]
    nodes = len(lefts) + len(rights)
    count, component = connected_components(coo_matrix((np.ones(len(a)), (a, len(lefts) + b)), (nodes, nodes)), False)
    owner = np.zeros(count, np.int64)
    owner[component[a]] = of
    size = np.bincount(component, minlength=count)
    edges = np.bincount(component[a], minlength=count)
    return np.bincount(owner, edges - size + 1, minlength=communities).astype(np.int64)


def members(partition: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the size of each community."""
    return np.bincount(partition[partition >= 0], minlength=int(partition.max(initial=-1)) + 1)


def rooted(core: NDArray[np.bool_], partition: NDArray[np.int64], views: tuple[Shared, ...]) -> NDArray[np.bool_]:
    """Return which accounts are in a piece of their group that its core makes up.

    Shared values cut each group into connected pieces. A piece counts where at least half of it is core, or where most
    of the group's core is: what growth brought in by the piece, tied to itself and not to the core, does not.

    Args:
        core: Shape (accounts,). Members that the groups began with.
        partition: Shape (accounts,). The group of each account, -1 for none.
        views: What the members of each group share.
    """
    accounts = len(core)
    left, right, nodes = [], [], accounts
    for rows in views:
        left.append(rows.account)
        right.append(nodes + rows.pair)
        nodes += int(rows.pair.max(initial=-1)) + 1
    a, b = np.concatenate(left), np.concatenate(right)
    count, component = connected_components(coo_matrix((np.ones(len(a)), (a, b)), (nodes, nodes)), False)
    inside = np.flatnonzero(partition >= 0)
    piece = component[inside]
    size = np.bincount(piece, minlength=count)
    begun = np.bincount(piece, core[inside], minlength=count)
    most = np.zeros(int(partition.max(initial=-1)) + 1)
    np.maximum.at(most, partition[inside], begun[piece])
    out = np.zeros(accounts, bool)
    out[inside] = (2 * begun[piece] >= size[piece]) | ((begun[piece] == most[partition[inside]]) & (begun[piece] > 0))
    return out


def kept_to_themselves(
    accounts: int, views: tuple[Shared, ...], holders_least: int, leaving_share: float
) -> NDArray[np.bool_]:
    """Return the accounts of blocks that keep to themselves, shape (accounts,).

    A block is all members that hold one value: a card, an address, a firm's domain. One of its members leads out of it
    by holding another value that somebody outside the block holds too. Where hardly any member does, the block is a
    firm, an office or a household that got into the group by accident: the cards and addresses of a pool lead on.

    Args:
        accounts: How many there are.
        views: What the members of each group share.
        holders_least: Smaller blocks are passed over.
        leaving_share: Of a block's members; where fewer lead out of it, it keeps to itself.
    """
    account = np.concatenate([rows.account for rows in views])
    sizes = [int(rows.pair.max(initial=-1)) + 1 for rows in views]
    begins = np.cumsum([0, *sizes])
    value = np.concatenate([rows.pair + begin for rows, begin in zip(views, begins[:-1], strict=True)])
    held = coo_matrix((np.ones(len(account)), (account, value)), (accounts, int(begins[-1]))).tocsr()
    both = (held.T @ held).tocoo()  # Holders that each two values have in common.
    holders = np.bincount(value, minlength=int(begins[-1]))
    leads = both.data < holders[both.col]  # The second value is held outside the first one's block.
    out_of = coo_matrix((leads.astype(np.float64), (both.row, both.col)), both.shape).tocsr()
    leading = (held @ out_of.T).multiply(held).tocoo()  # By how many of its values each holder leads out.
    leavers = np.bincount(leading.col, leading.data > 0, minlength=int(begins[-1]))
    closed = (holders >= holders_least) & (leavers < leaving_share * holders)
    inside = np.zeros(accounts, bool)
    inside[account[closed[value]]] = True
    return inside
