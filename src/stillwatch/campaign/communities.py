"""Communities on the graph of links: candidates, never campaigns by themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.linkage import Links
from stillwatch.campaign.modularity import louvain

ACCOUNTS_LEAST = 4  # Fewer accounts are no campaign, whatever ties them.


def communities(links: Links, accounts: int, resolution: float = 1.0, seed: int = 1) -> NDArray[np.int64]:
    """Return each account's community, -1 where it is in none of at least ``ACCOUNTS_LEAST`` accounts.

    Louvain's method at ``resolution``: at 1 small groups merge, above it large ones break up. Both are harmless here,
    since every community is tested afterwards and grown from its core.
    """
    return renumbered(louvain(links, accounts, resolution, seed))


def renumbered(partition: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the partition with communities numbered from 0 and small ones dissolved to -1."""
    _, place, size = np.unique(partition, return_inverse=True, return_counts=True)
    kept = (size >= ACCOUNTS_LEAST) & ~(_ == -1)
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    return np.asarray(number[place], np.int64)
