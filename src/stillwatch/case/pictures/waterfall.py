"""The waterfall of a campaign's evidence: how each view moves the total, down as well as up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stillwatch.case.campaign_case import ViewEvidence

TOLERANCE = 0.05  # Nats: less than the one decimal that is printed.
COMBINING = "How the joint figure differs from the plain sum of the views."


@dataclass(frozen=True, slots=True)
class Step:
    """One bar, from ``start`` to ``end`` in percent of the width; no data where ``known`` is False."""

    label: str
    finding: str
    log_e: float
    linked: bool
    start: float
    end: float
    kind: str  # view, combining, total
    known: bool = True

    @property
    def left(self) -> float:
        """Return the bar's left end."""
        return min(self.start, self.end)

    @property
    def width(self) -> float:
        """Return the bar's width."""
        return abs(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The bars from top to bottom, and where nothing stands."""

    steps: tuple[Step, ...]
    zero: float


def waterfall(views: Sequence[ViewEvidence], total: float) -> Waterfall:
    """Return the bars of ``views``, strongest first, and of ``total``.

    Where ``total`` is not the plain sum, one bar between says so and shows the difference.

    Args:
        views: In any order. A NaN means no data and is listed last, without a bar.
        total: The joint evidence, in nats; where it is not finite, no bar can be drawn for it.
    """
    known = sorted((view for view in views if math.isfinite(view.log_e)), key=lambda view: -view.log_e)
    unknown = [view for view in views if not math.isfinite(view.log_e)]
    reached = [0.0]
    for view in known:
        reached.append(reached[-1] + view.log_e)
    plain = reached[-1]
    end = total if math.isfinite(total) else plain
    low, high = min(*reached, end), max(*reached, end)
    scale = 100 / (high - low) if high - low > TOLERANCE else 0.0

    def step(view: ViewEvidence, begin: float, end: float, kind: str) -> Step:
        known = math.isfinite(view.log_e)
        return Step(
            view.view, view.finding, view.log_e, view.linked, (begin - low) * scale, (end - low) * scale, kind, known
        )

    steps = [step(view, reached[place], reached[place + 1], "view") for place, view in enumerate(known)]
    steps += [step(view, plain, plain, "view") for view in unknown]
    if known and abs(end - plain) > TOLERANCE:
        combining = ViewEvidence("combining", end - plain, COMBINING, linked=False)
        steps.append(step(combining, plain, end, "combining"))
    steps.append(step(ViewEvidence("joint evidence", total, "", linked=False), 0.0, end, "total"))
    return Waterfall(tuple(steps), -low * scale)
