"""How far an accuracy can be trusted: over test problems for one student, over seeds for several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with a range that covers the truth at 95 %, under the assumptions of ``interval``; in [0, 1]."""

    mean: float
    low: float
    high: float


def interval(accuracies: Sequence[float], problems: int) -> Interval:
    """Return the mean accuracy of students of different seeds, each tested on ``problems`` problems, with its range.

    Of one student only the test problems vary (Clopper and Pearson's exact interval): what another seed would have
    given is not in it. Of several, seeds and problems vary together (Student's t, cut to [0, 1]); the range is never
    narrower than the pooled exact one, since students that all reach 100 % don't prove certainty.

    Raises:
        ValueError: If there is no accuracy or no problem.
    """
    if not accuracies or problems < 1:
        raise ValueError("an interval needs at least one accuracy and one problem")
    mean, trials = float(np.mean(accuracies)), problems * len(accuracies)
    right = round(mean * trials)
    exact = stats.binomtest(right, trials).proportion_ci(0.95, method="exact")
    low, high = float(exact.low), float(exact.high)
    if len(accuracies) > 1:
        error = float(np.std(accuracies, ddof=1)) / len(accuracies) ** 0.5
        reach = float(stats.t.ppf(0.975, len(accuracies) - 1)) * error
        low, high = min(low, mean - reach), max(high, mean + reach)
    return Interval(mean, max(0.0, low), min(1.0, high))
