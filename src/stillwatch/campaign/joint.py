"""Joint evidence: what all views say together, against the benign explanation that fits best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS

VIEW_NATS_LEAST = 1.5  # A view counts as one of the two that a flag needs from here on.


@dataclass(frozen=True, slots=True)
class Joint:
    """The evidence of each group.

    Attributes:
        by_view: Shape (views, groups), capped nats in the order of ``VIEWS``; NaN for no data.
        against: Shape (explanations, groups), nats against each explanation in the order of ``EXPLANATIONS``.
        views: Shape (groups,). How many views count that the best explanation does not excuse.
        strong: Shape (groups,). How many of them are strong.
    """

    by_view: NDArray[np.float64]
    against: NDArray[np.float64]
    views: NDArray[np.int64]
    strong: NDArray[np.int64]

    @property
    def log_e(self) -> NDArray[np.float64]:
        """Shape (groups,), nats against the explanation that fits best.

        Whichever explanation is true, the least of all is at most the evidence against the true one: the minimum
        keeps the guarantee for all of them at once.
        """
        return np.asarray(self.against.min(axis=0))

    @property
    def enough_views(self) -> NDArray[np.bool_]:
        """Whether at least two views, one of them strong, speak against the explanation that fits best."""
        return (self.views >= 2) & (self.strong >= 1)


def joint(groups: Groups) -> Joint:
    """Return the joint evidence of each group.

    The views' evidence adds up against each explanation, but for the views that it excuses, and for what it lacks.
    A view's cap is part of the design: no single view reaches the level of a discovery.
    """
    by_view = np.stack([view.capped(groups) for view in VIEWS])
    known = np.nan_to_num(by_view, nan=0.0)
    against = np.stack(
        [
            explanation.misfit(groups)
            + sum(known[k] for k, view in enumerate(VIEWS) if view.name not in explanation.excuses)
            for explanation in EXPLANATIONS
        ]
    )
    best = against.argmin(axis=0)
    excused = np.array([[view.name in explanation.excuses for view in VIEWS] for explanation in EXPLANATIONS])
    counts = (known >= VIEW_NATS_LEAST) & ~excused[best].T
    strong = np.array([view.strong for view in VIEWS])
    return Joint(by_view, against, counts.sum(axis=0), counts[strong].sum(axis=0))
