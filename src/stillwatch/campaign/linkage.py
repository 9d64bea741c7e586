"""Candidate pairs: accounts that hold a rare value in common, near-linearly many of them.

A value with f accounts would make f(f-1)/2 pairs. Here each account is tied to a few others of the value, in a ring,
with the value's whole weight spread over the ties: communities are found as well, and work grows with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Incidence
from stillwatch.statistics.compiled import compiled

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
    by_chance = np.zeros(0)
    if strangers is not None:
        by_chance = np.clip(1 - strangers / np.maximum(view.frequency - 1, 1), 0.0, 1.0)
    return Links(*_rings(view.account, view.value, view.frequency, accounts, most, ties, by_chance))


@compiled
def _rings(
    account: NDArray[np.int64],
    value: NDArray[np.int64],
    frequency: NDArray[np.int64],
    accounts: int,
    most: int,
    ties: int,
    by_chance: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Tie the accounts of each value in a ring; of each value the holders are put side by side first."""
    begin = np.full(len(frequency), -1)
    rows, made = 0, 0
    for v in range(len(frequency)):
        if 2 <= frequency[v] <= most:
            begin[v] = rows
            rows += frequency[v]
            made += frequency[v] * min(ties, frequency[v] // 2)
    holder = np.empty(rows, np.int64)
    at = begin.copy()
    for row in range(len(account)):
        if begin[value[row]] >= 0:
            holder[at[value[row]]] = account[row]
            at[value[row]] += 1
    left, right, weight = np.empty(made, np.int64), np.empty(made, np.int64), np.empty(made)
    made = 0
    for v in range(len(frequency)):
        if begin[v] < 0:
            continue
        size = frequency[v]
        reach = min(ties, size // 2)
        each = np.log(accounts / size) / reach
        if len(by_chance) > 0:
            each *= by_chance[v]
        if each <= 0.0:
            continue
        for step in range(1, reach + 1):
            # In a ring of 2 * step accounts the opposite account would be tied twice.
            for place in range(step if size == 2 * step else size):
                a, b = holder[begin[v] + place], holder[begin[v] + (place + step) % size]
                if a != b:
                    left[made], right[made], weight[made] = min(a, b), max(a, b), each
                    made += 1
    return left[:made].copy(), right[:made].copy(), weight[:made].copy()


def together(parts: list[Links], accounts: int) -> Links:
    """Return one tie a pair, with the sum of its weights over views."""
    left = np.concatenate([np.zeros(0, np.int64), *[part.left for part in parts]])
    right = np.concatenate([np.zeros(0, np.int64), *[part.right for part in parts]])
    pair, place = np.unique(left * accounts + right, return_inverse=True)
    weight = np.bincount(place, np.concatenate([np.zeros(0), *[part.weight for part in parts]]), minlength=len(pair))
    return Links(pair // accounts, pair % accounts, weight.astype(np.float64))
