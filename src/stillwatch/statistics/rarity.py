"""More of something than chance explains: a Poisson count against larger rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

FACTORS = tuple(2.0**k for k in range(1, 17))
"""How many times the expected count the alternatives expect; each is as likely as the others beforehand."""


def log_e_more_than_expected(count: NDArray[np.int64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return evidence that a Poisson count has a mean above ``expected``.

    Args:
        count: Shape (any,).
        expected: Same shape, above 0. The largest mean that the claim allows.

    Returns:
        Same shape, nats. Under the claim exp has mean at most 1.

    Raises:
        ValueError: If an expectation is not above 0.
    """
    if expected.size and not expected.min() > 0:
        raise ValueError("expected counts must be above 0")
    parts = [count * np.log(factor) - (factor - 1) * expected for factor in FACTORS]
    return np.asarray(logsumexp(np.stack(parts), axis=0) - np.log(len(FACTORS)))
