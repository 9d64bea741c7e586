"""Failover: some accounts of the group fall silent, and within a day others of it take the work over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups, View
from stillwatch.footprint.footprints import BANNED, HOUR_US
from stillwatch.statistics.compiled import compiled
from stillwatch.statistics.e_value import log_e_from_rank

EDGE_DAYS = 2  # At both ends of what was seen everybody seems to begin and to stop.
DAYS_LEAST = 5  # Fewer days between the edges leave nothing to compare one day with.
STOPS_LEAST, RISES_LEAST = 5, 5  # Fewer meet by chance too easily.
EXCHANGES_LEAST = 24  # When a quieter account began in earnest nobody can tell.
RISE_FACTOR = 4.0  # An account rises where it sends at least this many times what it sent before.


@dataclass(frozen=True, slots=True)
class Moves:
    """When accounts fell silent and when they rose, in hours of the days between the edges; -1 for never.

    Attributes:
        days: Whole days between the edges.
        stop: Shape (accounts,). The hour of an account's ban where the provider names its bans, else of its last
            exchange, where it was never seen again.
        shut: Shape (accounts,). Whether that account was banned, or without known bans had been answered 401 or 403.
        rise: Shape (accounts,). The hour from which on the account sends far more than before, for two days at least.
    """

    days: int
    stop: NDArray[np.int64]
    shut: NDArray[np.bool_]
    rise: NDArray[np.int64]


def moves(population: Population) -> Moves:
    """Return when the accounts of ``population`` fell silent and when they rose."""
    footprints = population.footprints
    first, last = footprints.integers("first_us"), footprints.integers("last_us")
    here = np.flatnonzero(footprints.integers("exchanges") > 0)
    never = np.full(len(population), -1, np.int64)
    if not len(here):
        return Moves(0, never, never >= 0, never)
    began = max(int(first[here].min() - footprints.origin_us) // HOUR_US, 0)
    low = began + 24 * EDGE_DAYS
    days = max((population.hours_used - 24 * EDGE_DAYS - low) // 24, 0)
    if days < DAYS_LEAST:
        return Moves(int(days), never, never >= 0, never)
    ends = np.full(len(population), -1, np.int64)
    ends[here] = (last[here] - footprints.origin_us) // HOUR_US
    begins = np.maximum(np.where(ends >= 0, (first - footprints.origin_us) // HOUR_US, 0), began)
    busy = np.flatnonzero((footprints.integers("exchanges") >= EXCHANGES_LEAST) & (ends >= low + 24 * EDGE_DAYS))
    rise = never.copy()
    rise[busy] = _rises(footprints.hours, busy, began, begins[busy], np.minimum(ends[busy] + 1, population.hours_used))
    # Who rises and is gone a day or two later took nothing over, and its own end would stand beside its own beginning.
    rise[rise > ends - 24 * EDGE_DAYS] = -1
    banned = _banned(population)
    shut = footprints.integers("blocked") > 0 if banned is None else banned >= 0
    stop = ends if banned is None else np.where(shut, banned, ends)
    return Moves(int(days), _between(stop, low, days), shut, _between(rise, low, days))


def _banned(population: Population) -> NDArray[np.int64] | None:
    """Return the hour of each account's ban, -1 for none, or None where the provider does not name its bans."""
    footprints = population.footprints
    if footprints.profile is None or BANNED not in footprints.profile.column_names:
        return None
    held = footprints.profile[BANNED]
    known = pc.is_valid(held).to_numpy(zero_copy_only=False)
    hour = (pc.fill_null(held, 0).to_numpy(zero_copy_only=False).astype(np.int64) - footprints.origin_us) // HOUR_US
    return np.where(known, np.maximum(hour, 0), -1)


def _between(hour: NDArray[np.int64], low: int, days: int) -> NDArray[np.int64]:
    return np.where((hour >= low) & (hour < low + 24 * days), hour - low, -1)


@compiled
def _rises(
    hours: NDArray[np.uint16],
    accounts: NDArray[np.int64],
    began: int,
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the hour at which each account's sum lags most behind an even pace, -1 where it then rises too little.

    The day is looked for first and then the hour, a day to either side: the whole is one pass over the hours.

    Args:
        hours: Shape (all accounts, hours).
        accounts: Shape (accounts,). The rows asked for.
        began: The hour from which on anybody was seen.
        begins: Shape (accounts,). The hour of the account's first exchange, at least ``began``.
        ends: Shape (accounts,). The hour after its last one.
    """
    result = np.full(len(accounts), -1, np.int64)
    sums = np.zeros(hours.shape[1] // 24 + 2)  # Sent before each day from the account's first on.
    for k in range(len(accounts)):
        account, begin, end = accounts[k], begins[k], ends[k]
        days = (end - begin + 23) // 24
        for day in range(days):
            total = 0
            for hour in range(begin + 24 * day, min(begin + 24 * day + 24, end)):
                total += hours[account, hour]
            sums[day + 1] = sums[day] + total
        pace = sums[days] / (end - began)
        lag_most, top = -1.0, 0
        for day in range(days):
            lag = pace * (begin + 24 * day - began) - sums[day]
            if lag > lag_most:
                lag_most, top = lag, day
        low, high = max(top - 1, 0), min(top + 1, days)
        sent, lag_most, at, before = sums[low], -1.0, begin, 0.0
        for hour in range(begin + 24 * low, min(begin + 24 * high, end)):
            lag = pace * (hour - began) - sent
            if lag > lag_most:
                lag_most, at, before = lag, hour, sent
            sent += hours[account, hour]
        # Rates after and before, multiplied out.
        if at > began and (sums[days] - before) * (at - began) >= RISE_FACTOR * before * (end - at):
            result[k] = at
    return result


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the evidence that members rise within a day after others of them stop, more than with the days shifted.

    A group's stops and its rises may each come in waves: courses end, classes begin. The claim is that the two have
    nothing to do with each other, so that the rises could as well have come any number of whole days later or
    earlier (in a circle over the days seen, with what everyone outside does on each day taken off). The rank of the
    true alignment among all of them then is uniform; the scan over days is paid for by it. Where members were shut
    out, only their stops count.
    """
    moved = groups.population.once(moves)
    if moved.days < DAYS_LEAST:
        return np.full(len(groups), np.nan)
    # Only how many there are of each decides who is asked: that does not change with the alignment, and costs nothing.
    shut = np.where(moved.shut, moved.stop, -1)
    by_shut = _count(groups, shut) >= STOPS_LEAST
    stop = np.where(by_shut[groups.partition], shut, moved.stop)
    asked = np.flatnonzero((_count(groups, stop) >= STOPS_LEAST) & (_count(groups, moved.rise) >= RISES_LEAST))
    log_e = np.zeros(len(groups))
    if len(asked):
        place = np.full(len(groups) + 1, -1, np.int64)  # The last place is that of the accounts in no group.
        place[asked] = np.arange(len(asked))
        number = place[groups.partition]
        everyone = np.bincount(moved.rise[moved.rise >= 0] // 24, minlength=moved.days)
        stops, rises = (_by_hour(number, when, len(asked), 24 * moved.days) for when in (stop, moved.rise))
        coincidences = _aligned(stops, rises, everyone)
        rank = (coincidences >= coincidences[:, :1] - 1e-9).sum(axis=1)
        log_e[asked] = log_e_from_rank(rank, moved.days)
    return log_e


def _count(groups: Groups, hour: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many members have an hour at all, shape (groups,)."""
    return np.bincount(groups.partition[hour >= 0] + 1, minlength=len(groups) + 1)[1:]


def _by_hour(number: NDArray[np.int64], hour: NDArray[np.int64], count: int, hours: int) -> NDArray[np.float64]:
    """Return how many accounts of each number have each hour, shape (count, hours)."""
    rows = np.flatnonzero((number >= 0) & (hour >= 0))
    key = number[rows] * hours + hour[rows]
    return np.bincount(key, minlength=count * hours).reshape(count, hours).astype(np.float64)


def _aligned(
    stops: NDArray[np.float64], rises: NDArray[np.float64], everyone: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the excess of rises within a day after a stop, the rises shifted by 0, 1, ... days; (groups, days)."""
    count, hours = rises.shape
    days = hours // 24
    outside = everyone - rises.reshape(count, days, 24).sum(axis=2) + 0.5
    usual = rises.sum(axis=1, keepdims=True) * outside / outside.sum(axis=1, keepdims=True)
    excess = rises - np.repeat(usual / 24, 24, axis=1)
    sums = np.cumsum(np.concatenate([np.zeros((count, 1)), excess, excess[:, :24]], axis=1), axis=1)
    within = (sums[:, 24 : hours + 24] - sums[:, :hours]).reshape(count, days, 24)
    pairs = stops.reshape(count, days, 24) @ within.transpose(0, 2, 1)
    day = np.arange(days)
    return np.asarray(pairs[:, day[:, None], (day[:, None] + day) % days].sum(axis=1))


view = View(
    name="failover",
    null="When members fall silent has nothing to do with when others of them begin in earnest: shifted by whole days, "
    "and with what everyone else does taken off, the two would meet as often.",
    source="Failover after bans: Anthropic (Sept 2026), US advisory AA26-251A (Sept 2026); circular shifts as the null "
    "of two event series are common in neuroscience and ecology.",
    needs=("timestamp",),
    cap_nats=3.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
