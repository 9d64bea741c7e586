"""Co-use: do the members of a group draw their values from a pool of the group's own?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

OWN_SHARES = (0.05, 0.2, 0.5, 0.9)
"""How much of a group's values may come from its own pool; each is as likely as the others beforehand."""


def log_e_own_pool(
    group: NDArray[np.int64], value: NDArray[np.int64], chance: NDArray[np.float64], groups: int
) -> NDArray[np.float64]:
    """Return each group's evidence that its rows repeat one another's values more than strangers' rows would.

    Row after row, a predictor that expects the group's earlier values again, in proportion to their use, is compared
    with one that knows only how common each value is among everyone. Each prediction is made before its row is
    seen, so that under the claim the product of the ratios has mean 1.

    Args:
        group: Shape (rows,), in [0, groups). Rows of one group in an order that does not depend on their values.
        value: Shape (rows,). The value of each row.
        chance: Shape (rows,), in (0, 1]. How likely a stranger's row holds this value.
        groups: How many groups there are.

    Returns:
        Shape (groups,), nats; 0 for a group without rows.

    Raises:
        ValueError: If a chance lies outside (0, 1].

    Source:
        Blackwell & MacQueen, "Ferguson distributions via Polya urn schemes" (1973), for the predictor; a mixture of
        likelihood ratios is an e-value (Vovk & Wang, arXiv:1912.06116).
    """
    if len(chance) and not (chance.min() > 0 and chance.max() <= 1):
        raise ValueError("each chance must lie in (0, 1]")
    earlier_equal = _earlier(group * (int(value.max(initial=0)) + 1) + value)
    earlier = _earlier(group)
    boost = earlier_equal / np.maximum(earlier, 1) / chance
    parts = []
    for share in OWN_SHARES:
        step = np.where(earlier > 0, np.log1p(share * (boost - 1)), 0.0)
        parts.append(np.bincount(group, weights=step, minlength=groups))
    return np.asarray(logsumexp(np.stack(parts), axis=0) - np.log(len(OWN_SHARES)))


def _earlier(key: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many rows before each one have its key."""
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    begins = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(begins, len(ranked)))
    out = np.empty(len(key))
    out[order] = np.arange(len(key)) - np.repeat(begins, lengths)
    return out
