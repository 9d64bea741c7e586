"""Volume: more exchanges a day than accounts of the same kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.evidence.kind import kinds, reference
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.e_value import log_calibrated_mixture
from stillwatch.statistics.rhythm import daily_totals


@dataclass(frozen=True, slots=True)
class Volume:
    """Weighs an account's exchanges an active day against its kind's."""

    benign: Benign = BENIGN

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        b = self.benign
        return Claim(
            detector="volume",
            null="The account's exchanges an active day are drawn as those of its kind (same plan, client software and "
            "use of a system prompt, as far as known).",
            assumptions="In logs, the kind follows at most Student's t law with "
            f"{b.volume_freedom:g} degrees of freedom about its median, with a spread of at least "
            f"{b.volume_spread_least:g}; median and spread are taken as known from at least {b.kind_accounts_least} "
            "accounts. No kind is ever all accounts: without any attribute there is no data.",
            source="US advisory AA26-251A (ratio of subscription to usage); Shafer et al. 2011 for the calibrator.",
            needs=("timestamp", "plan"),
            measures="exchanges an active day, in relation to the median of its kind",
            look_alikes="Heavy users, agents, and businesses on a plan made for persons.",
            population=True,
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        b = self.benign
        value = log_rate(footprints)
        kind = reference(value, kinds(footprints, b.kind_accounts_least), b.kind_accounts_least)
        excess = (value - kind.median) / np.maximum(kind.spread, b.volume_spread_least)
        known = ~np.isnan(excess)
        p = stdtr(b.volume_freedom, -np.where(known, excess, 0.0))
        return Evidence(
            self.claim,
            np.where(known, log_calibrated_mixture(p), np.nan),
            footprints.integers("exchanges"),
            np.exp(value - kind.median),
        )


def log_rate(footprints: Footprints) -> NDArray[np.float64]:
    """Return the log of each account's exchanges an active day, shape (accounts,); NaN where it has none."""
    days = daily_totals(footprints.hours)
    active = (days > 0).sum(axis=1)
    rate = np.log(np.maximum(days.sum(axis=1), 1) / np.maximum(active, 1))
    return np.where(active > 0, rate, np.nan)


detector: Detector = Volume()
