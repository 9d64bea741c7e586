"""Rhythm: whether an account's hours look like those of somebody who sleeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stillwatch.statistics.compiled import compiled
from stillwatch.statistics.share import log_e_share_above

HOURS_A_DAY = 24


def active_hours_of_day(hours: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return, for each hour of the day, on how many days the account was active in it.

    An hour counts once however much it holds, because the exchanges of one sitting are no independent witnesses of
    when their sender sleeps.

    Args:
        hours: Shape (accounts, hours), exchanges an hour; hours a multiple of 24.

    Returns:
        Shape (accounts, 24), from the hour of the day of the first column on.

    Raises:
        ValueError: If the hours do not fill whole days.
    """
    if hours.ndim != 2 or hours.shape[1] % HOURS_A_DAY:
        raise ValueError(f"hours of shape {hours.shape} do not fill whole days")
    result: NDArray[np.int64] = _active(np.ascontiguousarray(hours))
    return result


def daily_totals(hours: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return the exchanges of each run of 24 hours.

    Args:
        hours: Shape (accounts, hours), exchanges an hour; hours a multiple of 24.

    Returns:
        Shape (accounts, days).

    Raises:
        ValueError: If the hours do not fill whole days.
    """
    if hours.ndim != 2 or hours.shape[1] % HOURS_A_DAY:
        raise ValueError(f"hours of shape {hours.shape} do not fill whole days")
    days = hours.shape[1] // HOURS_A_DAY
    return np.asarray(hours.reshape(len(hours), days, HOURS_A_DAY).sum(axis=2, dtype=np.int64), np.int64)


def windows(hours_of_day: ArrayLike, window_h: int) -> NDArray[np.int64]:
    """Return the sums over all ``window_h`` consecutive hours of the circular day.

    Args:
        hours_of_day: Shape (..., 24), whole numbers.
        window_h: From 1 to 23.

    Returns:
        Shape (..., 24): entry h is the window that begins with hour h.

    Raises:
        ValueError: If the shape or the window is wrong.
    """
    counts = np.asarray(hours_of_day, np.int64)
    if counts.shape[-1] != HOURS_A_DAY or not 1 <= window_h < HOURS_A_DAY:
        raise ValueError(f"24 hours and a window of 1 to 23 are wanted, not {counts.shape} and {window_h}")
    rolled = np.stack([np.roll(counts, -shift, axis=-1) for shift in range(window_h)])
    return np.asarray(rolled.sum(axis=0), np.int64)


def log_e_no_rhythm(hours_of_day: ArrayLike, share_max: float, window_h: int = 6) -> NDArray[np.float64]:
    """Return the log e-value against "some ``window_h`` consecutive hours hold at most ``share_max`` of the activity".

    Nobody says in which time zone an account sleeps, so that the claim is a union over 24 windows. The smallest of
    their e-values is at most the true window's, whichever that is.

    Args:
        hours_of_day: Shape (..., 24), whole numbers, none negative.
        share_max: In (0, 1). The share that a sleeper's night may hold.
        window_h: From 1 to 23. The night's length.

    Returns:
        Shape (...), nats; finite. Without activity 0.

    Raises:
        ValueError: If a count or a parameter is outside its range.

    Assumptions:
        Under the claim each unit of activity falls into the true window with a chance of at most ``share_max``,
        whatever went before.
    """
    counts = np.asarray(hours_of_day, np.int64)
    if np.any(counts < 0):
        raise ValueError("counts cannot be negative")
    # One share is tested for all windows and its e-value rises with the count: the quietest window has the smallest.
    quietest = windows(counts, window_h).min(axis=-1)
    return log_e_share_above(quietest, counts.sum(axis=-1), share_max)


@compiled
def _active(hours: NDArray[np.uint16]) -> NDArray[np.int64]:
    accounts, width = hours.shape
    result = np.zeros((accounts, 24), np.int64)
    for account in range(accounts):
        for hour in range(width):
            if hours[account, hour] > 0:
                result[account, hour % 24] += 1
    return result
