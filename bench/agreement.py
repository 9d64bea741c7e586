"""How well a grouping of accounts agrees with the truth: pairs, B-cubed, and exact intervals of shares.

Groups and campaigns are whole numbers from 0, and -1 is "in none": an account without a group is alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many pairs of accounts are linked, by who they are.

    Attributes:
        same: Linked pairs within one campaign.
        other: Linked pairs of two different campaigns.
        mixed: Linked pairs of a campaign's account and a benign one.
        benign: Linked pairs of two benign accounts.
        same_all: Pairs within one campaign, linked or not.
        benign_all: Pairs of two benign accounts, linked or not.
    """

    same: int
    other: int
    mixed: int
    benign: int
    same_all: int
    benign_all: int

    @property
    def precision(self) -> float:
        """Among linked pairs of campaigns' accounts, the share within one campaign; NaN where none is linked."""
        return _share(self.same, self.same + self.other)

    @property
    def recall(self) -> float:
        """Among pairs within one campaign, the share that is linked."""
        return _share(self.same, self.same_all)

    @property
    def contamination(self) -> float:
        """Among linked pairs with a campaign's account, the share whose other account is benign."""
        return _share(self.mixed, self.same + self.other + self.mixed)

    @property
    def benign_share(self) -> float:
        """Among pairs of benign accounts, the share that is linked; honest firms and families are in it."""
        return _share(self.benign, self.benign_all)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _pairs_in(sizes: NDArray[np.int64]) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def pairs_in_groups(campaign: Codes, group: Codes) -> Pairs:
    """Return the pairs that a grouping links, everybody in a group with everybody else in it.

    Args:
        campaign: Shape (accounts,), -1 for benign.
        group: Shape (accounts,), -1 for none.
    """
    placed = group >= 0
    of, hostile = group[placed], campaign[placed] >= 0
    groups = int(of.max(initial=-1)) + 1
    bad = np.bincount(of[hostile], minlength=groups)
    good = np.bincount(of[~hostile], minlength=groups)
    campaigns = int(campaign.max(initial=-1)) + 1
    together = np.bincount(of[hostile] * campaigns + campaign[placed][hostile], minlength=groups * campaigns)
    same = _pairs_in(together)
    return Pairs(
        same=same,
        other=_pairs_in(bad) - same,
        mixed=int((bad * good).sum()),
        benign=_pairs_in(good),
        same_all=_pairs_in(np.bincount(campaign[campaign >= 0])),
        benign_all=_pairs_in(np.array([(campaign < 0).sum()])),
    )


def pairs_in_list(campaign: Codes, left: Codes, right: Codes) -> Pairs:
    """Return the same for pairs that are given one by one.

    Args:
        campaign: Shape (accounts,), -1 for benign.
        left: Shape (pairs,), accounts; no pair comes twice.
        right: Shape (pairs,), the other account of each.
    """
    a, b = campaign[left], campaign[right]
    both, none = (a >= 0) & (b >= 0), (a < 0) & (b < 0)
    return Pairs(
        same=int((both & (a == b)).sum()),
        other=int((both & (a != b)).sum()),
        mixed=int((~both & ~none).sum()),
        benign=int(none.sum()),
        same_all=_pairs_in(np.bincount(campaign[campaign >= 0])),
        benign_all=_pairs_in(np.array([(campaign < 0).sum()])),
    )


def b_cubed(campaign: Codes, group: Codes) -> tuple[float, float, float]:
    """Return B-cubed precision, recall and F1 over the accounts that are in a true or a found campaign.

    An account's precision is the share of its group that is of its campaign, itself included, and 0 where it is
    benign; its recall is the share of its campaign that is in its group, and 0 where it is in none.

    Args:
        campaign: Shape (accounts,), -1 for benign.
        group: Shape (accounts,), -1 for none.

    Source:
        Bagga & Baldwin, "Entity-based cross-document coreferencing using the vector space model" (1998).
    """
    hit = (campaign >= 0) & (group >= 0)
    groups = int(group.max(initial=-1)) + 1
    cell, place, size = np.unique(campaign[hit] * max(groups, 1) + group[hit], return_inverse=True, return_counts=True)
    shared = size[place].astype(np.float64)
    in_group = np.bincount(group[group >= 0], minlength=groups)[group[hit]]
    in_campaign = np.bincount(campaign[campaign >= 0])[campaign[hit]] if len(cell) else np.zeros(0)
    found, true = int((group >= 0).sum()), int((campaign >= 0).sum())
    precision = float((shared / in_group).sum() / found) if found else 0.0
    recall = float((shared / in_campaign).sum() / true) if true else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact two-sided interval of a share; (0, 1) without trials.

    Args:
        hits: In [0, trials].
        trials: Independent ones; accounts of one campaign are not quite that, so read it as the least uncertainty.
        level: In (0, 1).

    Raises:
        ValueError: If ``hits`` is not in its range.

    Source:
        Clopper & Pearson, Biometrika 26 (1934).
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"hits must lie in [0, {trials}], not {hits}")
    half = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(half, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - half, hits + 1, trials - hits))
    return low, high
