"""Kinds of account: whom an account may fairly be compared with.

A test against all accounts at once fires for nearly every honest one, because people differ. A kind is what the
provider knows of an account beside its behaviour: the plan, the client software, whether it sends a system prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.footprint.footprints import EMPTY, Footprints

_LEVELS = (("plan", "client", "system"), ("plan", "client"), ("plan", "system"), ("client", "system"), ("plan",))
_LAST_LEVELS = (("client",), ("system",))  # Where the plan is unknown, the finest of these must do.
_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Reference:
    """What an account's kind does.

    Attributes:
        median: Shape (accounts,). NaN: no kind is known that is large enough.
        spread: Shape (accounts,). 1.4826 times the median distance from the median: the standard deviation where
            values are normal.
        accounts: Shape (accounts,). Accounts of the kind, 0 for none.
    """

    median: NDArray[np.float64]
    spread: NDArray[np.float64]
    accounts: NDArray[np.int64]


def kinds(footprints: Footprints, accounts_least: int) -> tuple[NDArray[np.int64], ...]:
    """Return each account's kind at every level, from the finest to the coarsest.

    Args:
        footprints: Of all accounts that are to be compared.
        accounts_least: Clients with fewer accounts count as one kind of client.

    Returns:
        One array of shape (accounts,) a level: a number for each kind, -1 where an attribute is unknown.
    """
    attribute = {
        "plan": _plans(footprints),
        "client": _clients(footprints, accounts_least),
        "system": _systems(footprints),
    }
    return tuple(_crossed([attribute[name] for name in level]) for level in (*_LEVELS, *_LAST_LEVELS))


def reference(values: NDArray[np.float64], levels: tuple[NDArray[np.int64], ...], accounts_least: int) -> Reference:
    """Return the median and spread of the finest kind of each account that has enough accounts.

    Medians hold as long as less than half of a kind is adversarial; a campaign that outnumbers its kind hides in it.

    Args:
        values: Shape (accounts,); NaN: not counted.
        levels: As from ``kinds``.
        accounts_least: Accounts with a value that a kind must have, or a coarser kind is taken.

    Returns:
        One reference an account.
    """
    found = Reference(np.full(len(values), np.nan), np.full(len(values), np.nan), np.zeros(len(values), np.int64))
    known = ~np.isnan(values)
    for level in levels:
        counted = known & (level >= 0)
        size = np.bincount(level[counted], minlength=int(level.max(initial=0)) + 1)
        accounts = np.where(level >= 0, size[np.maximum(level, 0)], 0)
        fresh = np.isnan(found.median) & (accounts >= accounts_least)
        group, value = level[counted], values[counted]
        middle = _medians(value, group, len(size))
        spread = 1.4826 * _medians(np.abs(value - middle[group]), group, len(size))
        found.median[fresh] = middle[level[fresh]]
        found.spread[fresh] = spread[level[fresh]]
        found.accounts[fresh] = accounts[fresh]
    return found


def _medians(values: NDArray[np.float64], group: NDArray[np.int64], groups: int) -> NDArray[np.float64]:
    order = np.lexsort((values, group))
    ordered = values[order]
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    result = np.full(groups, np.nan)
    filled = size > 0
    low = first[filled] + (size[filled] - 1) // 2
    high = first[filled] + size[filled] // 2
    result[filled] = (ordered[low] + ordered[high]) / 2
    return result


def _plans(footprints: Footprints) -> NDArray[np.int64]:
    if footprints.profile is None or "plan" not in footprints.profile.column_names:
        return np.full(len(footprints), _UNKNOWN)
    codes = footprints.profile["plan"].combine_chunks().dictionary_encode().indices.fill_null(_UNKNOWN)
    return np.asarray(codes.to_numpy(zero_copy_only=False), np.int64)


def _clients(footprints: Footprints, accounts_least: int) -> NDArray[np.int64]:
    """Number the client that each account uses most; rare ones share a number, for who builds an own client is one."""
    hashes = footprints.hashes("clients")
    used = np.where(hashes == EMPTY, -1, footprints.integers("clients_exchanges"))
    if not len(hashes):
        return np.zeros(0, np.int64)
    best = np.take_along_axis(hashes, used.argmax(axis=1)[:, None], axis=1)[:, 0]
    _, number, size = np.unique(best, return_inverse=True, return_counts=True)
    number = np.where(size[number] >= accounts_least, number + 1, 0)
    return np.where(best == EMPTY, _UNKNOWN, number).astype(np.int64)


def _systems(footprints: Footprints) -> NDArray[np.int64]:
    """Tell accounts with a system prompt from those without, unless nobody has one: then the column is absent."""
    has = (footprints.hashes("systems") != EMPTY).any(axis=1)
    return has.astype(np.int64) if has.any() else np.full(len(has), _UNKNOWN)


def _crossed(attributes: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    known = np.all([codes >= 0 for codes in attributes], axis=0)
    if not len(known):
        return np.zeros(0, np.int64)
    _, number = np.unique(np.stack(attributes, axis=1), axis=0, return_inverse=True)
    return np.where(known, number.reshape(-1), _UNKNOWN).astype(np.int64)
