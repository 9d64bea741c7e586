"""Communities on the graph of links: candidates, never campaigns by themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.linkage import Links
from stillwatch.campaign.modularity import louvain

ACCOUNTS_LEAST = 4  # Fewer accounts are no campaign, whatever ties them.


def communities(
    links: Links, accounts: int, settled: float, resolution: float = 1.0, least: float = 0.0, seed: int = 1
) -> NDArray[np.int64]:
    """Return each account's community, -1 where it is in none of at least ``ACCOUNTS_LEAST`` accounts.

    Louvain's method: at a low resolution small groups merge, at a high one large ones break up. Both are harmless here,
    since every community is tested afterwards and grown from its core.

    What modularity merges or breaks up depends on the whole graph: two groups with one tie between them stay apart in
    a small graph and merge in a large one, and a pool that is most of a graph falls to pieces. So that neither more
    nor less honest traffic around a group changes anything, the resolution goes with the graph's weight.

    Args:
        links: Ties.
        accounts: How many there are.
        settled: Twice the weight of all ties, nats, of the graph for which ``resolution`` is stated.
        resolution: Of such a graph.
        least: The resolution is at least this.
        seed: Of the order of visits.

    Source:
        Fortunato & Barthélemy, "Resolution limit in community detection" (PNAS 2007); with a resolution that goes with
        the weight the limit stays where it is, as in Traag et al., "Narrow scope for resolution-limit-free community
        detection" (Physical Review E 84, 2011).
    """
    scaled = resolution * 2 * float(links.weight.sum()) / settled
    return renumbered(louvain(links, accounts, max(scaled, least), seed))


def renumbered(partition: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the partition with communities numbered from 0 and small ones dissolved to -1."""
    _, place, size = np.unique(partition, return_inverse=True, return_counts=True)
    kept = (size >= ACCOUNTS_LEAST) & ~(_ == -1)
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.asarray(number[place], np.int64)
