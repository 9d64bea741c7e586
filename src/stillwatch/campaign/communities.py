"""Communities on the graph of links: candidates, never campaigns by themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.linkage import Links
from stillwatch.campaign.modularity import louvain

ACCOUNTS_LEAST = 4  # Fewer accounts are no campaign, whatever ties them.


def communities(
    links: Links, accounts: int, settled: float, resolution: float = 1.0, seed: int = 1
) -> NDArray[np.int64]:
    """Return each account's community, -1 where it is in none of at least ``ACCOUNTS_LEAST`` accounts.

    Louvain's method at ``resolution``: at 1 small groups merge, above it large ones break up. Both are harmless here,
    since every community is tested afterwards and grown from its core.

    What modularity merges depends on the whole graph: two groups with one tie between them stay apart in a small graph
    and merge in a large one. So that more honest traffic around them changes nothing, the resolution grows with the
    graph's weight from ``settled`` on.

    Args:
        links: Ties.
        accounts: How many there are.
        settled: Twice the weight of all ties, nats, up to which ``resolution`` holds as it is.
        resolution: Of a graph of that weight or less.
        seed: Of the order of visits.

    Source:
        Fortunato & Barthélemy, "Resolution limit in community detection" (PNAS 2007); with a resolution that grows with
        the weight the limit stays where it is, as in Traag et al., "Narrow scope for resolution-limit-free community
        detection" (Physical Review E 84, 2011).
    """
    grown = max(1.0, 2 * float(links.weight.sum()) / settled)
    return renumbered(louvain(links, accounts, resolution * grown, seed))


def renumbered(partition: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the partition with communities numbered from 0 and small ones dissolved to -1."""
    _, place, size = np.unique(partition, return_inverse=True, return_counts=True)
    kept = (size >= ACCOUNTS_LEAST) & ~(_ == -1)
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.asarray(number[place], np.int64)
