"""When accounts are at work: hours of the day, days of the week, sleep, and appointments that a group keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.range.countries import UTC_OFFSET_H
from stillwatch.range.draws import unit, weighted
from stillwatch.range.roster import Integers, Numbers, Roster

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Rhythm:
    """One way to spend a week."""

    name: str
    hours: tuple[float, ...]  # Relative activity in each local hour.
    weekend: float  # Activity on Saturday and Sunday against a working day.
    restless: float  # How unequal the days are: 0 all alike, 1 most are empty.


def _hours(levels: str) -> tuple[float, ...]:
    """Return 24 levels from as many digits."""
    return tuple(int(digit) + 0.05 for digit in levels)


RHYTHMS: tuple[Rhythm, ...] = (
    Rhythm("leisure", _hours("210000123344455445678986"), 1.1, 0.75),
    Rhythm("office", _hours("000000128999789986432111"), 0.15, 0.45),
    Rhythm("developer", _hours("320000013688789987555665"), 0.45, 0.5),
    Rhythm("student", _hours("531000013577667776789997"), 0.7, 0.8),
    Rhythm("public", _hours("321112356788888888877654"), 0.8, 0.15),
    Rhythm("machine", _hours("777777777777777777777777"), 1.0, 0.1),
    Rhythm("night", _hours("111111111111111111111111"), 0.9, 0.2),  # At an hour of its own, see below.
)
RHYTHM = {rhythm.name: number for number, rhythm in enumerate(RHYTHMS)}
_HOURS = np.array([rhythm.hours for rhythm in RHYTHMS])
_WEEKEND = np.array([rhythm.weekend for rhythm in RHYTHMS])
_RESTLESS = np.array([rhythm.restless for rhythm in RHYTHMS])
_HUMAN = np.array([rhythm.name not in ("machine", "night", "public") for rhythm in RHYTHMS])


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is simulated."""

    start_us: int
    days: int
    release_us: int  # When the new model comes out.

    @property
    def end_us(self) -> int:
        """The first microsecond after the window."""
        return self.start_us + self.days * DAY_US


@dataclass(frozen=True, slots=True)
class Appointments:
    """When groups meet. The events of account k are ``start_us[first[k] : first[k] + count[k]]``."""

    start_us: Integers
    length_us: Integers
    first: Integers
    count: Integers


def _day_weights(rng: np.random.Generator, roster: Roster, window: Window) -> Numbers:
    """Return how busy each account is on each day, shape (accounts, days)."""
    day = np.arange(window.days)
    midday_us = window.start_us + day * DAY_US + DAY_US // 2
    weekend = (midday_us // DAY_US + 3) % 7 >= 5  # 1 January 1970 was a Thursday.
    restless = _RESTLESS[roster.rhythm][:, None]
    shape = np.clip(4.0 * (1.0 - restless) ** 2, 0.25, None)
    busy = rng.standard_gamma(np.broadcast_to(shape, (len(roster), window.days))) + 0.02
    busy *= np.where(weekend[None, :], _WEEKEND[roster.rhythm][:, None], 1.0)
    begin = window.start_us + day * DAY_US
    low = np.maximum(begin[None, :], roster.active_from_us[:, None])
    high = np.minimum(begin[None, :] + DAY_US, roster.active_to_us[:, None])
    return busy * np.clip((high - low) / DAY_US, 0.0, 1.0) + 1e-12 * (high > low)


def starts(
    rng: np.random.Generator,
    roster: Roster,
    accounts: Integers,
    window: Window,
    appointments: Appointments,
) -> tuple[Integers, Integers]:
    """Return when each conversation begins, and at which of its group's appointments (-1: at none).

    Args:
        rng: Source of randomness.
        roster: Whose rhythms are kept.
        accounts: Shape (conversations,), rows of the roster.
        window: The time that is simulated.
        appointments: Of each account of the roster.

    Returns:
        Two arrays of shape (conversations,): microseconds since 1970 within the account's active time, and events.
    """
    day = weighted(rng, _day_weights(rng, roster, window), accounts)
    rhythm = roster.rhythm[accounts]
    hour = weighted(rng, _HOURS, rhythm) + rng.random(len(accounts))
    key = roster.key[accounts]
    # Larks and owls: a person's own clock differs from the country's.
    hour = hour + np.where(_HUMAN[rhythm], 4.0 * unit(key, 301) - 2.0, 0.0)
    own_hour = 24.0 * unit(roster.group[accounts], 302) + 0.8 * rng.random(len(accounts)) ** 2
    hour = np.where(rhythm == RHYTHM["night"], own_hour, hour)
    utc_h = (hour - UTC_OFFSET_H[roster.country[accounts]]) % 24.0
    time = window.start_us + day * DAY_US + (utc_h * HOUR_US).astype(np.int64)
    low = np.maximum(roster.active_from_us[accounts], window.start_us)
    high = np.maximum(np.minimum(roster.active_to_us[accounts], window.end_us), low + 60_000_000)
    outside = (time < low) | (time >= high)
    anywhere = low + (rng.random(len(accounts)) * (high - low)).astype(np.int64)
    time = np.where(outside, anywhere, time)
    count = appointments.count[accounts]
    attends = (count > 0) & (rng.random(len(accounts)) < roster.event_share[accounts])
    number = np.floor(rng.random(len(accounts)) * np.maximum(count, 1)).astype(np.int64)
    if not len(appointments.start_us):
        return time, np.full(len(accounts), -1, np.int64)
    event = np.where(attends, appointments.first[accounts] + number, 0)
    within = rng.random(len(accounts)) * appointments.length_us[event]
    met = appointments.start_us[event] + within.astype(np.int64)
    attends &= (met >= low) & (met < high)
    return np.where(attends, met, time), np.where(attends, event, -1)


def no_appointments(accounts: int) -> Appointments:
    """Return the diary of accounts that meet nobody."""
    empty = np.zeros(0, np.int64)
    zeros: NDArray[np.int64] = np.zeros(accounts, np.int64)
    return Appointments(empty, empty, zeros, zeros)
