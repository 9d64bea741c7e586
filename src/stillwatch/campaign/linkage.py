"""Candidate pairs: accounts that hold a rare value in common, near-linearly many of them.

A value with f accounts would make f(f-1)/2 pairs. Here each account is tied to a few others of the value, in a ring,
with the value's whole weight spread over the ties: communities are found as well, and work grows with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Incidence

ACCOUNTS_MOST = 64  # A value that more accounts hold links nobody.
TIES = 4  # Ties an account and value, forward in the ring.
TEXT_ACCOUNTS_MOST = 16  # Shingles are many: rarer ones suffice, each tying an account to its next.
TEXT_TIES = 1


@dataclass(frozen=True, slots=True)
class Links:
    """Weighted ties between accounts.

    Attributes:
        left: Shape (links,), the smaller account.
        right: Shape (links,), the larger account.
        weight: Shape (links,), above 0, nats.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.float64]


def link(
    view: Incidence,
    accounts: int,
    most: int = ACCOUNTS_MOST,
    ties: int = TIES,
    strangers: NDArray[np.float64] | None = None,
) -> Links:
    """Return the ties of one view.

    The weight of a value is the logarithm of its rarity, log(accounts / f): the term-frequency weight of Fellegi and
    Sunter, so that popular networks, clients and applications weigh next to nothing.

    Args:
        view: Which accounts hold which values.
        accounts: How many accounts there are in all.
        most: Values with more accounts are passed over.
        ties: Ties an account and value, forward in the ring.
        strangers: Shape (values,). How many others are to be expected on each value by chance; the weight falls by
            their part of those who are there. None: nobody.
    """
    kept = (view.frequency[view.value] >= 2) & (view.frequency[view.value] <= most)
    value, account = view.value[kept], view.account[kept]
    order = np.argsort(value, kind="stable")
    value, account = value[order], account[order]
    size = view.frequency[value]
    begin = np.searchsorted(value, value, "left")
    place = np.arange(len(value)) - begin
    reach = np.minimum(ties, size // 2)
    left, right, weight, tied_rows = [], [], [], []
    for step in range(1, ties + 1):
        # In a ring of 2 * step accounts the opposite account would be tied twice.
        tied = (reach >= step) & ~((size == 2 * step) & (place >= step))
        tied_rows.append(tied)
        left.append(account[tied])
        right.append(account[begin[tied] + (place[tied] + step) % size[tied]])
        weight.append(np.log(accounts / size[tied]) / reach[tied])
    if strangers is not None:
        by_chance = 1 - strangers / np.maximum(view.frequency - 1, 1)
        weight = [w * np.clip(by_chance[value[t]], 0.0, 1.0) for w, t in zip(weight, tied_rows, strict=True)]
    a, b, w = np.concatenate(left), np.concatenate(right), np.concatenate(weight)
    different = (a != b) & (w > 0)
    return Links(np.minimum(a, b)[different], np.maximum(a, b)[different], w[different])


def together(parts: list[Links], accounts: int) -> Links:
    """Return one tie a pair, with the sum of its weights over views."""
    left = np.concatenate([part.left for part in parts]) if parts else np.zeros(0, np.int64)
    right = np.concatenate([part.right for part in parts]) if parts else np.zeros(0, np.int64)
    weight = np.concatenate([part.weight for part in parts]) if parts else np.zeros(0)
    pair, place = np.unique(left * accounts + right, return_inverse=True)
    return Links(pair // accounts, pair % accounts, np.bincount(place, weight, minlength=len(pair)).astype(np.float64))
