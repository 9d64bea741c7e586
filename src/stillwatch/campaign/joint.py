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
        misfit: Shape (explanations, groups), nats, what each explanation lacks, in the order of ``EXPLANATIONS``.
    """

    by_view: NDArray[np.float64]
    misfit: NDArray[np.float64]

    @property
    def against(self) -> NDArray[np.float64]:
        """Shape (explanations, groups), nats against each explanation.

        The views' evidence adds up, but for the views that the explanation excuses, and for what it lacks. The caps
        keep one view from outweighing all others; that it takes two is asked by ``enough_views``.
        """
        known = np.nan_to_num(self.by_view, nan=0.0)
        counted = np.array([[v.name not in explanation.excuses for v in VIEWS] for explanation in EXPLANATIONS])
        return np.asarray(self.misfit + counted.astype(np.float64) @ known)

    @property
    def log_e(self) -> NDArray[np.float64]:
        """Shape (groups,), nats against the explanation that fits best.

        Whichever explanation is true, the least of all is at most the evidence against the true one: the minimum
        keeps the guarantee for all of them at once.
        """
        return np.asarray(self.against.min(axis=0))

    @property
    def enough_views(self) -> NDArray[np.bool_]:
        """Whether at least two views, one of them strong, have something to say."""
        says = np.nan_to_num(self.by_view, nan=0.0) >= VIEW_NATS_LEAST
        strong = np.array([view.strong for view in VIEWS])
        return np.asarray((says.sum(axis=0) >= 2) & says[strong].any(axis=0))

    def with_view(self, name: str, other: Joint, groups: NDArray[np.int64]) -> Joint:
        """Return the evidence with one view's taken from ``groups`` of another.

        What two partitions agree on was chosen for agreeing, so how well they agree is asked of the whole group.
        """
        by_view = self.by_view.copy()
        row = [view.name for view in VIEWS].index(name)
        by_view[row] = other.by_view[row, groups]
        return Joint(by_view, self.misfit)

    def take(self, group: int) -> Joint:
        """Return the evidence of one group."""
        return Joint(self.by_view[:, [group]], self.misfit[:, [group]])


def joint(groups: Groups) -> Joint:
    """Return the joint evidence of each group."""
    if len(groups) == 0:
        return Joint(np.zeros((len(VIEWS), 0)), np.zeros((len(EXPLANATIONS), 0)))
    by_view = np.stack([view.capped(groups) for view in VIEWS])
    return Joint(by_view, np.stack([explanation.misfit(groups) for explanation in EXPLANATIONS]))


def after_growth(cores: list[Joint], grown: Joint) -> Joint:
    """Return the evidence of groups that were grown from cores, one core a group.

    Growth asked the views that tie accounts who shares what, so of their answers from the core, which was drawn
    before, and from the whole the smaller counts; the views that growth did not ask answer for the whole group. Of
    two misfits the smaller counts too.
    """
    grew = np.array([view.ties for view in VIEWS])[:, None]
    before = np.concatenate([core.by_view for core in cores], axis=1)
    misfit = np.concatenate([core.misfit for core in cores], axis=1)
    by_view = np.where(grew, np.minimum(before, grown.by_view), grown.by_view)
    return Joint(by_view, np.minimum(misfit, grown.misfit))
