"""Full throttle: the highest rate from the first day on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.e_value import log_e_from_rank
from stillwatch.statistics.rhythm import daily_totals


@dataclass(frozen=True, slots=True)
class FullThrottle:
    """Ranks an account's first day among its active days."""

    days_least: int = 3

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        return Claim(
            detector="full_throttle",
            null="The account's first day is no busier than its later active days: each is as likely to be the "
            "busiest, or the first less likely.",
            assumptions=f"Active days are exchangeable, apart from a slow start. Accounts that began before the "
            f"window have no data; with fewer than {self.days_least} active days there is no evidence either way.",
            source="US advisory AA26-251A (full throttle from the first day); ranks of exchangeable values.",
            needs=("timestamp",),
            measures="exchanges of the first day, in relation to the mean of all active days",
            look_alikes="People who try a new product out and drop it, hackathons, migrations of a running service.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        days = daily_totals(footprints.hours)
        active = (days > 0).sum(axis=1)
        first = np.take_along_axis(days, (days > 0).argmax(axis=1)[:, None], axis=1)
        known = (active > 0) & (footprints.integers("first_us") >= footprints.origin_us)
        # Ties count against the first day, and it ties with itself.
        rank = ((days >= first) & (days > 0)).sum(axis=1)
        enough = known & (active >= self.days_least)
        log_e = log_e_from_rank(np.where(enough, rank, 1), np.where(enough, active, 1))
        mean = days.sum(axis=1) / np.maximum(active, 1)
        ratio = first[:, 0] / np.where(mean > 0, mean, 1.0)
        return Evidence(
            self.claim,
            np.where(known, log_e, np.nan),
            footprints.integers("exchanges"),
            np.where(known, ratio, np.nan),
        )


detector: Detector = FullThrottle()
