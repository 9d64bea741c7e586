"""Monoculture: one template, or one request setting, where the account's kind uses several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.evidence.kind import kinds, reference
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.concentration import collision_share, log_e_more_concentrated
from stillwatch.statistics.e_value import combine_mean


@dataclass(frozen=True, slots=True)
class Monoculture:
    """Weighs how often two exchanges of an account share a template or a setting, against its kind."""

    benign: Benign = BENIGN

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        return Claim(
            detector="monoculture",
            null="Two prompts of the account share a template, and two requests their settings, no more often than "
            "those of the middle account of its kind, or than with a chance of "
            f"{self.benign.template_collision:.0%} for templates and {self.benign.setting_collision:.0%} for settings, "
            "whichever is more.",
            assumptions="Accounts of a kind draw their own mix as from a symmetric Dirichlet law. The kind's median is "
            "taken as known, and a kind has at least "
            f"{self.benign.kind_accounts_least} accounts, or a coarser one stands in, or the constants alone.",
            source="Anthropic, February and September 2026 (one prompt varied over hundreds of accounts; one injected "
            "prompt in every request).",
            needs=("prompt",),
            measures="chance that two prompts share a template bucket",
            look_alikes="Applications and batch jobs, whose prompts come from one template by design.",
            population=True,
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        levels = kinds(footprints, self.benign.kind_accounts_least)
        templates, settings = footprints.integers("templates"), footprints.integers("settings")
        parts = [
            self._weighed(templates, levels, self.benign.template_collision),
            self._weighed(settings, levels, self.benign.setting_collision),
        ]
        return Evidence(
            self.claim,
            combine_mean(np.stack(parts)),
            footprints.integers("exchanges"),
            collision_share(templates),
        )

    def _weighed(
        self, counts: NDArray[np.int64], levels: tuple[NDArray[np.int64], ...], least: float
    ) -> NDArray[np.float64]:
        share = collision_share(counts)
        kind = reference(share, levels, self.benign.kind_accounts_least).median
        limit = np.clip(np.nan_to_num(kind, nan=least), least, self.benign.collision_most)
        log_e = log_e_more_concentrated(counts, limit)
        return np.where(counts.sum(axis=1) > 0, log_e, np.nan)


detector: Detector = Monoculture()
