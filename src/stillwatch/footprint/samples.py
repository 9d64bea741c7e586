"""Bottom-k samples: the smallest distinct hashes that an account has left, with exact counts beside them.

The k smallest hashes of a union are among the k smallest of each part, so a hash that is kept at the end was kept
all along and its count is exact. Two accounts' samples are coordinated: what both kept below the smaller of their
largest hashes is a uniform sample of what they have in common.

Source: Cohen & Kaplan, "Summarizing Data using Bottom-k Sketches", PODC 2007.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.footprint.footprints import EMPTY
from stillwatch.statistics.compiled import compiled


@compiled
def place(row: NDArray[np.uint64], value: np.uint64) -> tuple[int, bool]:
    """Return where ``value`` stands or belongs in an ascending ``row``, and whether it stands there already."""
    low, high = 0, len(row)
    while low < high:
        middle = (low + high) // 2
        if row[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low, low < len(row) and row[low] == value


@compiled
def add_distinct(hashes: NDArray[np.uint64], owner: NDArray[np.int64], values: NDArray[np.uint64]) -> None:
    """Add each row's value to the sample of its owner, in place.

    Args:
        hashes: Shape (accounts, k), ascending, EMPTY where unused.
        owner: Shape (rows,). The account of each row.
        values: Shape (rows,). EMPTY for no value.
    """
    for row in range(len(owner)):
        insert_distinct(hashes[owner[row]], values[row])


@compiled
def insert_distinct(row: NDArray[np.uint64], value: np.uint64) -> None:
    """Put ``value`` into one account's sample, in place, if it is among the least and not there already."""
    if value >= row[-1]:  # EMPTY among them: no hash is greater.
        return
    at, there = place(row, value)
    if not there:
        for k in range(len(row) - 1, at, -1):
            row[k] = row[k - 1]
        row[at] = value


@compiled
def add_counted(
    hashes: NDArray[np.uint64],
    sums: NDArray[np.int64],
    greatest: NDArray[np.int64],
    owner: NDArray[np.int64],
    values: NDArray[np.uint64],
    counts: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> None:
    """Add rows to the samples of their owners, in place.

    Args:
        hashes: Shape (accounts, k), ascending, EMPTY where unused.
        sums: Shape (accounts, k). Counts that follow the hashes and add up.
        greatest: Shape (labels, accounts, k). Labels that follow the hashes; of two, the greater is kept.
        owner: Shape (rows,). The account of each row.
        values: Shape (rows,). EMPTY for no value.
        counts: Shape (rows,).
        labels: Shape (labels, rows).
    """
    width = hashes.shape[1]
    for row in range(len(owner)):
        account, value = owner[row], values[row]
        if value >= hashes[account, width - 1] and value != hashes[account, width - 1]:
            continue
        if value == EMPTY:
            continue
        at, there = place(hashes[account], value)
        if not there:
            for k in range(width - 1, at, -1):
                hashes[account, k] = hashes[account, k - 1]
                sums[account, k] = sums[account, k - 1]
                for label in range(len(greatest)):
                    greatest[label, account, k] = greatest[label, account, k - 1]
            hashes[account, at] = value
            sums[account, at] = 0
            for label in range(len(greatest)):
                greatest[label, account, at] = labels[label, row]
        sums[account, at] += counts[row]
        for label in range(len(greatest)):
            greatest[label, account, at] = max(greatest[label, account, at], labels[label, row])
