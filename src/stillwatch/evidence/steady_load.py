"""Steady load: counts that vary less than chance lets independent requests vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.dispersion import log_e_steadier_than_own_pace
from stillwatch.statistics.e_value import combine_mean
from stillwatch.statistics.rhythm import active_hours_of_day, daily_totals

_SATURATED = np.iinfo(np.uint16).max  # Hours that reach it look alike whatever they held.


@dataclass(frozen=True, slots=True)
class SteadyLoad:
    """Bets, hour by hour and day by day, that the next count is nearer its expectation than a Poisson count."""

    warm_up: int = 24

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        return Claim(
            detector="steady_load",
            null="Given how busy the account's owner is at each time, requests arrive independently of each other: "
            "hourly and daily counts vary at least as much as Poisson counts.",
            assumptions=f"None about the rates, which may be random and change at will. Betting starts after "
            f"{self.warm_up} exchanges, with paces learnt from the past only.",
            source="Anthropic, February 2026 (coordinated timing, load balancing); the bound for Cox processes is "
            "proved at statistics.dispersion.log_e_steadier_than_poisson.",
            needs=("timestamp",),
            measures="variance of the hourly counts in relation to their mean, over hours with activity",
            look_alikes="Nightly batch jobs, schedulers and monitors, which also drain a queue or follow a clock.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        hours = footprints.hours
        days = daily_totals(hours)
        known = (days.sum(axis=1) > 0) & (hours.max(axis=1, initial=0) < _SATURATED)
        hourly = log_e_steadier_than_own_pace(hours, self.warm_up)
        daily = log_e_steadier_than_own_pace(days, self.warm_up)
        log_e = combine_mean(np.stack([hourly, daily]))
        busy = np.maximum(active_hours_of_day(hours).sum(axis=1), 1)
        mean = days.sum(axis=1) / busy
        square = np.einsum("ah,ah->a", hours, hours, dtype=np.float64) / busy
        ratio = np.where(known, (square - mean**2) / np.where(mean > 0, mean, 1.0), np.nan)
        return Evidence(self.claim, np.where(known, log_e, np.nan), footprints.integers("exchanges"), ratio)


detector: Detector = SteadyLoad()
