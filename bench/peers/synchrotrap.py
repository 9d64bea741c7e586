"""SynchroTrap: accounts that act on the same object within a time window, again and again.

Source: Cao, Yang, Yu & Palow, "Uncovering large groups of active malicious accounts in online social networks", CCS
2014. An action is an account, a time and a constraint; here the constraint is the client's address. Two actions match
if they have the constraint in common and lie within the window. The similarity of two accounts is Jaccard's index over
all their actions. Clusters are those of single linkage, and small ones are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from bench.labelled import Labelled
from bench.peers.peer import Verdict, account_ids, exchanges, times_s
from numpy.typing import NDArray

from stillwatch.statistics.compiled import compiled

SOURCE = "own implementation of SynchroTrap (CCS 2014)"
HOUR_S, DAY_S = 3600.0, 86_400.0
SETTINGS = ((HOUR_S, 10), (HOUR_S, 200), (DAY_S, 200))  # Window, and the least size of a cluster.
SIMILARITY = 0.5  # Above which two accounts are one cluster's: our choice, half of all they do.
HOLDERS_MOST = 2000  # Of an address; none of the bench's own has more.


@dataclass(frozen=True, slots=True)
class Actions:
    """Actions in order of address, account and time.

    Attributes:
        address: Shape (actions,), -1 left out.
        account: Shape (actions,).
        when_s: Shape (actions,).
    """

    address: NDArray[np.int64]
    account: NDArray[np.int64]
    when_s: NDArray[np.float64]


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Score an account by the highest similarity at which it is in a cluster that is large enough."""
    del seed
    accounts = len(account_ids(labelled))
    actions = actions_of(labelled)
    out = []
    found = {window_s: similarities(actions, window_s, accounts) for window_s in (HOUR_S, DAY_S)}
    for window_s, least in SETTINGS:
        score = joined_at(*found[window_s], accounts, least)
        said = (
            f"constraint: address; actions match within {window_s:,.0f} s; clusters from {least} accounts on, ranked "
            f"by the similarity at which single linkage makes them; flagged at {SIMILARITY}"
        )
        out.append(Verdict(f"SynchroTrap, {window_s / 3600:g} h, {least}", said, score, score >= SIMILARITY))
    return out


def actions_of(labelled: Labelled) -> Actions:
    """Return all exchanges that have an address."""
    owners, times, values = [], [], []
    for owner, table in exchanges(labelled, ["timestamp", "client_address"]):
        owners.append(owner)
        times.append(times_s(table))
        values += table["client_address"].chunks
    codes = pa.chunked_array(values).combine_chunks().dictionary_encode().indices
    address = pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    account, when = np.concatenate(owners), np.concatenate(times)
    order = np.lexsort((when, account, address))
    order = order[address[order] >= 0]
    return Actions(address[order], account[order], when[order])


def similarities(
    actions: Actions, window_s: float, accounts: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the pairs of accounts with a matched action, and their similarity.

    Matched actions are counted one to one on each address. Jaccard's index is matched / (all of both - matched), over
    all addresses of either.
    """
    run = np.flatnonzero(
        np.append(
            True,
            (actions.address[1:] != actions.address[:-1]) | (actions.account[1:] != actions.account[:-1]),
        )
    )
    bounds = np.append(run, len(actions.address))
    address, account = actions.address[run], actions.account[run]
    first = np.flatnonzero(np.append(True, address[1:] != address[:-1]))
    holders = np.append(first, len(address))
    left, right, matched = _matched(account, bounds, holders, actions.when_s, window_s, HOLDERS_MOST)
    key, of = np.unique(left * accounts + right, return_inverse=True)
    both = np.bincount(of, weights=matched, minlength=len(key))
    total = np.bincount(actions.account, minlength=accounts)
    a, b = key // accounts, key % accounts
    return a, b, both / (total[a] + total[b] - both)


@compiled
def _matched(
    account: NDArray[np.int64],
    bounds: NDArray[np.int64],
    holders: NDArray[np.int64],
    when: NDArray[np.float64],
    window_s: float,
    most: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Match the actions of every pair on an address in order of time: the most that can be matched one to one."""
    room = 1024
    left, right, matched = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    size = 0
    for place in range(len(holders) - 1):
        begin, end = holders[place], holders[place + 1]
        if end - begin > most:
            continue
        for one in range(begin, end):
            for other in range(one + 1, end):
                i, j, found = bounds[one], bounds[other], 0
                while i < bounds[one + 1] and j < bounds[other + 1]:
                    apart = when[i] - when[j]
                    if abs(apart) <= window_s:
                        found += 1
                        i += 1
                        j += 1
                    elif apart < 0:
                        i += 1
                    else:
                        j += 1
                if found:
                    if size == room:
                        room *= 2
                        left = np.append(left, np.empty(size, np.int64))
                        right = np.append(right, np.empty(size, np.int64))
                        matched = np.append(matched, np.empty(size, np.int64))
                    left[size], right[size], matched[size] = account[one], account[other], found
                    size += 1
    return left[:size], right[:size], matched[:size]


def joined_at(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    similarity: NDArray[np.float64],
    accounts: int,
    least: int,
) -> NDArray[np.float64]:
    """Return the highest similarity at which single linkage puts an account into a cluster of ``least``; 0 for none."""
    order = np.argsort(-similarity, kind="stable")
    return _joined_at(left[order], right[order], similarity[order], accounts, least)


@compiled
def _joined_at(
    left: NDArray[np.int64], right: NDArray[np.int64], similarity: NDArray[np.float64], accounts: int, least: int
) -> NDArray[np.float64]:
    parent, size = np.arange(accounts), np.ones(accounts, np.int64)
    following = np.full(accounts, -1, np.int64)  # The members of a cluster as a list, by its root.
    last = np.arange(accounts)
    out = np.zeros(accounts)
    for edge in range(len(left)):
        a, b = left[edge], right[edge]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a == b:
            continue
        if size[a] < size[b]:
            a, b = b, a
        joined = size[a] + size[b]
        if joined >= least:
            for root in (a, b):
                if size[root] < least:
                    member = root
                    while member >= 0:
                        out[member] = similarity[edge]
                        member = following[member]
        parent[b] = a
        following[last[a]] = b
        last[a] = last[b]
        size[a] = joined
    return out
