"""Joint evidence: what all views say together, against the benign explanation that fits best."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

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
        uncapped: Shape (views, groups), nats in the order of ``VIEWS``; NaN for no data.
        misfit: Shape (explanations, groups), capped nats, what each of ``EXPLANATIONS`` lacks.
        uncapped_misfit: Likewise before the caps.
        looks: How many looks like this one the evidence is to hold for at once.
    """

    uncapped: NDArray[np.float64]
    misfit: NDArray[np.float64]
    uncapped_misfit: NDArray[np.float64]
    looks: int = 1

    @property
    def by_view(self) -> NDArray[np.float64]:
        """Shape (views, groups), capped nats in the order of ``VIEWS``; NaN for no data."""
        return np.asarray(np.minimum(self.uncapped, np.array([view.cap_nats for view in VIEWS])[:, None]))

    @property
    def against(self) -> NDArray[np.float64]:
        """Shape (explanations, groups), nats against each explanation.

        The views' evidence adds up, but for the views that the explanation excuses, and for what it lacks. The caps
        keep one view from outweighing all others; that it takes two is asked by ``enough_views``.

        Two doubts are paid for apart. That chance made the evidence: each look is a new chance, so the logarithm of
        their number is taken off the whole of it, as the mean of all looks' e-values is an e-value still. That a claim
        is wrong, and honest groups break it: this is what caps are for, and looking twice makes it no likelier. The
        smaller of the two counts. Views whose claim is of all that a unit ever does pay for no looks: half of the
        level is for what they say alone.
        """
        counted = np.array([[v.name not in explanation.excuses for v in VIEWS] for explanation in EXPLANATIONS])
        ever = counted & np.array([v.ever for v in VIEWS])
        capped, whole, lasting = (
            misfit + held.astype(np.float64) @ np.nan_to_num(nats, nan=0.0)
            for misfit, held, nats in (
                (self.misfit, counted, self.by_view),
                (self.uncapped_misfit, counted, self.uncapped),
                (0.0, ever, self.uncapped),
            )
        )
        if self.looks > 1:
            whole = np.logaddexp(whole - np.log(self.looks), lasting) - np.log(2)
        return np.asarray(np.minimum(capped, whole))

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
        nats = np.nan_to_num(self.by_view, nan=0.0)
        says = nats >= VIEW_NATS_LEAST
        strong = says & (nats >= np.array([0.0 if view.strong else view.strong_nats for view in VIEWS])[:, None])
        return np.asarray((says.sum(axis=0) >= 2) & strong.any(axis=0))

    def with_view(self, name: str, other: Joint, groups: NDArray[np.int64]) -> Joint:
        """Return the evidence with one view's taken from ``groups`` of another.

        What two partitions agree on was chosen for agreeing, so how well they agree is asked of the whole group.
        """
        uncapped = self.uncapped.copy()
        row = [view.name for view in VIEWS].index(name)
        uncapped[row] = other.uncapped[row, groups]
        return replace(self, uncapped=uncapped)

    def unasked(self, names: Collection[str]) -> Joint:
        """Return the evidence without some views, as where their data drew the groups."""
        drew = np.array([view.name in names for view in VIEWS])
        return replace(self, uncapped=np.where(drew[:, None], np.nan, self.uncapped))

    @classmethod
    def of(cls, parts: list[Joint]) -> Joint:
        """Return the evidence of all groups of one or more parts of one look, side by side."""
        views, capped, whole = (
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("uncapped", "misfit", "uncapped_misfit")
        )
        return cls(views, capped, whole, parts[0].looks)

    def where(self, groups: NDArray[np.bool_], other: Joint) -> Joint:
        """Return the evidence with that of ``groups`` taken from ``other``, which has as many."""
        views, capped, whole = (
            np.where(groups, getattr(other, name), getattr(self, name))
            for name in ("uncapped", "misfit", "uncapped_misfit")
        )
        return Joint(views, capped, whole, self.looks)

    def take(self, group: int) -> Joint:
        """Return the evidence of one group."""
        views, capped, whole = (nats[:, [group]] for nats in (self.uncapped, self.misfit, self.uncapped_misfit))
        return Joint(views, capped, whole, self.looks)


def joint(groups: Groups) -> Joint:
    """Return the joint evidence of each group."""
    looks = groups.population.looks
    if len(groups) == 0:
        nobody = np.zeros((len(EXPLANATIONS), 0))
        return Joint(np.zeros((len(VIEWS), 0)), nobody, nobody, looks)
    misfits = np.stack([explanation.misfit(groups) for explanation in EXPLANATIONS])
    return Joint(np.stack([view.weighed(groups) for view in VIEWS]), misfits[:, 0], misfits[:, 1], looks)


def after_growth(cores: list[Joint], grown: Joint) -> Joint:
    """Return the evidence of groups that were grown from cores, one core a group.

    Growth asked the views that tie accounts who shares what, so of their answers from the core, which was drawn
    before, and from the whole the smaller counts; the views that growth did not ask answer for the whole group.
    What a core was not asked, its grown group is not asked either. Of two misfits the smaller counts too.
    """
    grew = np.array([view.ties for view in VIEWS])[:, None]
    before = Joint.of(cores)
    return Joint(
        np.where(grew | np.isnan(before.uncapped), np.minimum(before.uncapped, grown.uncapped), grown.uncapped),
        np.minimum(before.misfit, grown.misfit),
        np.minimum(before.uncapped_misfit, grown.uncapped_misfit),
        grown.looks,
    )
