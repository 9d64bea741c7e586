"""Sleepless: activity around the clock, without a person's night."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.rhythm import active_hours_of_day, log_e_no_rhythm, windows


@dataclass(frozen=True, slots=True)
class Sleepless:
    """Weighs the quietest stretch of an account's day."""

    benign: Benign = BENIGN

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        night, share = self.benign.night_h, self.benign.night_share
        return Claim(
            detector="sleepless",
            null=f"Some {night} consecutive hours of the day, the same every day, hold at most {share:.0%} of the "
            "hours in which the account is active.",
            assumptions="Each active hour falls into the night with at most that chance, whatever went before. An "
            "hour counts once, however many exchanges it holds.",
            source="US advisory AA26-251A (round-the-clock use); Robbins 1970 for the mixture.",
            needs=("timestamp",),
            measures=f"share of active hours in the quietest {night} of the day",
            look_alikes="Fleets of agents, services with users in all time zones, shared accounts, travellers, and "
            "people whose shifts rotate.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        active = active_hours_of_day(footprints.hours)
        seen = active.sum(axis=1) > 0
        log_e = log_e_no_rhythm(active, self.benign.night_share, self.benign.night_h)
        return Evidence(
            self.claim,
            np.where(seen, log_e, np.nan),
            footprints.integers("exchanges"),
            quietest_share(active, self.benign.night_h),
        )


def quietest_share(active: NDArray[np.int64], night_h: int) -> NDArray[np.float64]:
    """Return the share of active hours in the quietest stretch of the day, shape (accounts,); NaN where none is active.

    Args:
        active: Shape (accounts, 24). Active hours at each hour of the day.
        night_h: Length of the stretch, in hours.
    """
    total = active.sum(axis=1)
    share = windows(active, night_h).min(axis=1) / np.maximum(total, 1)
    return np.where(total > 0, share, np.nan)


detector: Detector = Sleepless()
