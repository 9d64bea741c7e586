"""Dealt out: do the members of a group repeat each other less than independent draws from one pool would?

How large a pool is, nobody knows: that two lists have no item in common may mean no more than that it is large. But
others draw from it as well, and what they hold shows what a member could have drawn. Of what an outsider holds beside
the item that a unit drew, earlier units hold some share; of the unit's own draws at least as great a share should have
been drawn before. Whoever deals out one list takes care that nothing is asked twice, and falls short of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from stillwatch.statistics.compiled import compiled

STAKES = (0.25, 0.5, 0.9)
"""Parts of the wealth that are bet on each unit; each is as likely as the others beforehand."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who holds which items, both ways round; of items that one account alone holds only the weight is left.

    Attributes:
        account: Shape (rows,), ascending.
        item: Shape (rows,). Distinct for one account.
        begin: Shape (items + 1,). Where each item's holders begin in ``holder``.
        holder: Shape (rows,). The accounts, by item.
        weight: Shape (accounts,). The sum, over all that an account holds, of one over the item's holders. Over a
            company of accounts these add up to its distinct items.
    """

    account: NDArray[np.int64]
    item: NDArray[np.int64]
    begin: NDArray[np.int64]
    holder: NDArray[np.int64]
    weight: NDArray[np.float64]


def holdings(account: NDArray[np.int64], item: NDArray[np.int64], accounts: int) -> Holdings:
    """Return the holdings of distinct (account, item) rows.

    Args:
        account: Shape (rows,), ascending.
        item: Shape (rows,), numbered from 0.
        accounts: How many there are.
    """
    holders = np.bincount(item)
    weight = np.bincount(account, 1.0 / holders[item], minlength=accounts).astype(np.float64)
    several = holders[item] >= 2
    account, item = account[several], item[several]
    _, item = np.unique(item, return_inverse=True)
    begin = np.concatenate([[0], np.cumsum(np.bincount(item))])
    return Holdings(account, item, begin, account[np.argsort(item, kind="stable")], weight)


@dataclass(frozen=True, slots=True)
class Repeats:
    """What each unit of a group repeats, and what it should; units without draws that can tell are left out.

    Attributes:
        group: Shape (units,), ascending.
        draws: Shape (units,). Items that the unit drew, somebody outside its group holds, and were due to be repeated.
        repeated: Shape (units,), in [0, 1]. The share of the draws that earlier units of the group had drawn.
        expected: Shape (units,), in [0, 1]. Of what the outsiders who know a draw hold beside it, the share that
            earlier units had drawn; the mean over the draws.
    """

    group: NDArray[np.int64]
    draws: NDArray[np.int64]
    repeated: NDArray[np.float64]
    expected: NDArray[np.float64]


def repeats(
    held: Holdings, group: NDArray[np.int64], unit: NDArray[np.int64], outsiders_most: int, due_least: float
) -> Repeats:
    """Return what each unit repeats of the units before it.

    Args:
        held: Who holds what.
        group: Shape (accounts,). The group of each account, -1 for none.
        unit: Shape (accounts,). The unit of each account, numbered in an order that does not depend on its items.
        outsiders_most: Items that more accounts outside the group hold are passed over, as small talk that would be
            long to follow.
        due_least: Draws are passed over where earlier units hold less than this share of what the outsiders who know
            the draw hold, itself included: independent units would hardly repeat it either. Where all outsiders share
            one company this is known before the draw, so that what is passed over says nothing of what is not.
    """
    items = len(held.begin) - 1
    rows = np.flatnonzero(group[held.account] >= 0)
    pair, holders_inside = np.unique(
        group[held.account[rows]] * items + held.item[rows], return_inverse=True, return_counts=True
    )[1:]
    outsiders = np.diff(held.begin)[held.item[rows]] - holders_inside[pair]
    told = (outsiders >= 1) & (outsiders <= outsiders_most)
    rows, outsiders = rows[told], outsiders[told]
    key = (group[held.account[rows]], unit[held.account[rows]], held.item[rows])
    order = np.lexsort(key[::-1])
    of, who, what = (part[order] for part in key)
    fresh = np.append(True, (np.diff(of) != 0) | (np.diff(who) != 0) | (np.diff(what) != 0))[: len(of)]
    of, who, what, outsiders = of[fresh], who[fresh], what[fresh], outsiders[order][fresh]
    known, expected = _draws(of, who, what, outsiders, held.begin, held.holder, held.weight, group, due_least)
    counts = expected >= 0
    first = np.append(True, (np.diff(of[counts]) != 0) | (np.diff(who[counts]) != 0))[: int(counts.sum())]
    place = np.cumsum(first) - 1
    draws = np.bincount(place)
    return Repeats(
        of[counts][first],
        draws,
        np.bincount(place, known[counts]) / draws,
        np.bincount(place, expected[counts]) / draws,
    )


@compiled
def _draws(
    of: NDArray[np.int64],
    who: NDArray[np.int64],
    what: NDArray[np.int64],
    outsiders: NDArray[np.int64],
    begin: NDArray[np.int64],
    holder: NDArray[np.int64],
    weight: NDArray[np.float64],
    group: NDArray[np.int64],
    due_least: float,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return of each draw whether an earlier unit had drawn it, and with what chance it should have; -1: not due."""
    known, expected = np.zeros(len(of), np.bool_), np.full(len(of), -1.0)
    seen, drawn = np.full(len(begin) - 1, -1), np.full(len(begin) - 1, -1)  # In which group last.
    company = weight.copy()  # As if the group at hand held nothing.
    covered = np.zeros(len(weight))  # The part of it that the units before the one at hand have drawn.
    end = 0
    while end < len(of):
        first = end
        while end < len(of) and of[end] == of[first]:
            item, end = what[end], end + 1
            if seen[item] != of[first]:
                seen[item] = of[first]
                for k in range(begin[item], begin[item + 1]):
                    company[holder[k]] += 1 / outsiders[end - 1] - 1 / (begin[item + 1] - begin[item])
        last = first
        while last < end:
            now = last
            while last < end and who[last] == who[now]:
                item, one = what[last], 1 / outsiders[last]
                known[last] = drawn[item] == of[first]
                total, met, own = 0.0, 0.0, 0.0  # Own: the part of the draw itself.
                for k in range(begin[item], begin[item + 1]):
                    if group[holder[k]] != of[first]:
                        total += company[holder[k]]
                        met += covered[holder[k]]
                        own += one
                if total - own > 1e-9 and met >= due_least * total:
                    expected[last] = min(max((met - own * known[last]) / (total - own), 0.0), 1.0)
                last += 1
            for row in range(now, last):
                if not known[row]:
                    drawn[what[row]] = of[first]
                    for k in range(begin[what[row]], begin[what[row] + 1]):
                        covered[holder[k]] += 1 / outsiders[row]
        for row in range(first, end):
            for k in range(begin[what[row]], begin[what[row] + 1]):
                company[holder[k]], covered[holder[k]] = weight[holder[k]], 0.0
    return known, expected


def log_e_dealt_out(found: Repeats, groups: int, honest_share: float) -> NDArray[np.float64]:
    """Return each group's evidence that its units repeat each other less than independent draws would.

    On each unit a part of the wealth is bet that it repeats less than ``honest_share`` of what is expected: however
    many draws it has, a unit is one witness of its taste. A bet multiplies the wealth by one plus the stake times
    (expected - repeated), whose mean is at most 1 whenever that of the repeated share is at least the expected one.

    That it is, holds for members who draw independently of each other by one law q, whatever the outsiders hold. Of
    the items U that outsiders hold, an item has been drawn before with a chance v that rises with q; a draw falls on v
    with the mean of v weighted by q, and everyone's mean of v over U is never greater (Chebyshev's inequality for sums
    of like order). Where the outsiders who know a draw hold but a part of U, that part is compared, so that who takes
    another test set is not expected to repeat this one. What is left to tastes is what ``honest_share`` is for.

    Args:
        found: Of all groups.
        groups: How many there are.
        honest_share: In (0, 1]. The part of what is expected that honest units repeat at least.

    Returns:
        Shape (groups,), nats; 0 where nothing is known.

    Raises:
        ValueError: If ``honest_share`` is outside its range.

    Source:
        That independent sources coincide at least as often as their shares with a third require, and that only
        sources which take turns do less, is known of light: Clauser, Physical Review D 9, 853 (1974). Bets:
        Waudby-Smith & Ramdas, arXiv:2010.09686. To use them for prompts is ours.
    """
    if not 0 < honest_share <= 1:
        raise ValueError(f"honest_share must lie in (0, 1], not {honest_share}")
    gain = honest_share * found.expected - found.repeated
    parts = [np.bincount(found.group, np.log1p(stake * gain), minlength=groups) for stake in STAKES]
    return np.asarray(logsumexp(np.stack(parts), axis=0) - np.log(len(STAKES)))
