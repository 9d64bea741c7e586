"""Co-timing: are a group's members awake in the same hours, beyond a rhythm of the day and the size of the day?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

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
    count = active.astype(np.float64)
    by_day = count.sum(axis=2, keepdims=True)
    by_hour = count.sum(axis=1, keepdims=True)
    whole = np.maximum(count.sum(axis=(1, 2), keepdims=True), 1)
    mean = np.maximum(by_day * by_hour / whole, 1e-9)
    used = (by_day > 0) & (by_hour > 0)
    honest = _log_negative_binomial(count, mean, HONEST_SHAPE)
    parts = [
        np.where(used, _log_negative_binomial(count, mean, shape) - honest, 0.0).sum(axis=(1, 2))
        for shape in JOINT_SHAPES
    ]
    return np.asarray(logsumexp(np.stack(parts), axis=0) - np.log(len(JOINT_SHAPES)))


def _log_negative_binomial(count: NDArray[np.float64], mean: NDArray[np.float64], shape: float) -> NDArray[np.float64]:
    return np.asarray(
        gammaln(count + shape)
        - gammaln(shape)
        - gammaln(count + 1)
        + shape * np.log(shape / (shape + mean))
        + count * np.log(mean / (shape + mean))
    )
