"""Co-timing: are a group's members awake in the same hours, beyond a rhythm of the day and the size of the day?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from stillwatch.statistics.compiled import compiled

HONEST_SHAPE = 4.0  # Gamma shape of the honest hours: rates that swing by half from hour to hour are honest.
JOINT_SHAPES = (0.2, 0.6, 1.5)  # Shapes of jointly driven hours: bursts and silences.


def log_e_joint_hours(active: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return evidence that the number of active members swings with a common driver.

    Under the claim the members of a group are active independently, each hour about as many as the hour of the day
    and the size of the day suggest, with a Gamma swing of shape 4 on top (weather, meetings, news). The alternative
    swings more. The expected counts are fitted to the group itself, which takes away from the evidence.

    Args:
        active: Shape (groups, days, 24). How many members were active in each hour.

    Returns:
        Shape (groups,), nats.

    Source:
        Negative binomial against negative binomial of larger shape; Clauset & Eagle (arXiv:1211.7343) for the daily
        rhythm as the null of co-activity.
    """
    shapes = np.array([HONEST_SHAPE, *JOINT_SHAPES])
    counts = np.arange(int(active.max(initial=0)) + 1)
    tables = gammaln(counts + shapes[:, None]) - gammaln(shapes[:, None])
    parts = _ratios(np.ascontiguousarray(active, np.int64), shapes, tables)
    return np.asarray(logsumexp(parts, axis=0) - np.log(len(JOINT_SHAPES)))


@compiled
def _ratios(active: NDArray[np.int64], shapes: NDArray[np.float64], tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-likelihood ratio of each later shape to the first, shape (shapes - 1, groups)."""
    out = np.zeros((len(shapes) - 1, active.shape[0]))
    by_day = np.empty(active.shape[1])
    by_hour = np.empty(active.shape[2])
    for group in range(active.shape[0]):
        by_day[:] = 0.0
        by_hour[:] = 0.0
        for day in range(active.shape[1]):
            for hour in range(active.shape[2]):
                by_day[day] += active[group, day, hour]
                by_hour[hour] += active[group, day, hour]
        whole = max(by_day.sum(), 1.0)
        for day in range(active.shape[1]):
            for hour in range(active.shape[2]):
                mean = by_day[day] * by_hour[hour] / whole
                if mean <= 0.0:
                    continue
                count = active[group, day, hour]
                honest = _log_weight(count, mean, shapes[0], tables[0])
                for k in range(len(out)):
                    out[k, group] += _log_weight(count, mean, shapes[k + 1], tables[k + 1]) - honest
    return out


@compiled
def _log_weight(count: int, mean: float, shape: float, table: NDArray[np.float64]) -> float:
    """Return the log-probability of a count, less what all shapes have in common."""
    return float(table[count] + shape * np.log(shape) - (shape + count) * np.log(shape + mean))
