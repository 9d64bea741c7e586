"""Probing: the same test prompts again and again, among much that varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import EMPTY, Footprints
from stillwatch.statistics.rhythm import daily_totals
from stillwatch.statistics.share import log_e_share_above_overdispersed


@dataclass(frozen=True, slots=True)
class Probing:
    """Weighs word sequences that return, but not in most prompts, on accounts that last for days."""

    benign: Benign = BENIGN
    returns_least: int = 3
    days_least: int = 3
    template_share: float = 0.25  # What stands in more of the prompts is a template or a fixed instruction.

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        return Claim(
            detector="probing",
            null=f"On average over honest accounts at most {self.benign.probe_share:.0%} of an account's word "
            f"sequences return on {self.returns_least} or more exchanges, those of templates left aside.",
            assumptions="An account's share follows a Beta law about that mean; the sample of word sequences is a "
            f"random one. Accounts active on fewer than {self.days_least} days give no evidence either way. When "
            "each prompt came is not kept, so that one busy day of repeats counts like many days.",
            source="US advisory AA26-251A (probing for countermeasures); Anthropic, September 2026 (degraded answers "
            "are looked for).",
            needs=("prompt", "timestamp"),
            measures="share of word sequences that return, templates left aside",
            look_alikes="Regression tests of an application, monitors, learners who repeat exercises.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        prompts = footprints.integers("prompts")
        used = footprints.hashes("shingles") != EMPTY
        returning, sampled = self.returning(footprints)
        lasting = (daily_totals(footprints.hours) > 0).sum(axis=1) >= self.days_least
        log_e = log_e_share_above_overdispersed(
            np.where(lasting, returning, 0),
            np.where(lasting, sampled, 0),
            self.benign.probe_share,
            self.benign.probe_concentration,
        )
        known = used.any(axis=1)
        share = returning / np.maximum(sampled, 1)
        return Evidence(self.claim, np.where(known, log_e, np.nan), prompts, np.where(known, share, np.nan))

    def returning(self, footprints: Footprints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many of each account's word sequences return, and of how many, those of templates left aside."""
        used = footprints.hashes("shingles") != EMPTY
        count = footprints.integers("shingles_exchanges")
        most = np.maximum(self.template_share * footprints.integers("prompts"), self.returns_least)
        own = used & (count <= most[:, None])
        return (own & (count >= self.returns_least)).sum(axis=1), own.sum(axis=1)


detector: Detector = Probing()
