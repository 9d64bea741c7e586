"""Elicitation: prompts that ask for what a student model is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.e_value import combine_mean
from stillwatch.statistics.share import log_e_share_above_overdispersed


@dataclass(frozen=True, slots=True)
class Elicitation:
    """Weighs the shares of prompts that elicit, by category."""

    benign: Benign = BENIGN

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        b = self.benign
        return Claim(
            detector="elicitation",
            null=f"Of honest accounts' prompts, on average at most {b.coercion_share:.1%} coerce a reasoning trace "
            f"out, {b.reasoning_share:.0%} ask for worked reasoning, {b.grading_share:.0%} have answers graded and "
            f"{b.training_share:.0%} ask for training-style answers.",
            assumptions="An account's share follows a Beta law about that mean: a few honest accounts do little else, "
            "so that one account's evidence grows with the log of its prompts only.",
            source="Google, GTIG, February 2026 (reasoning trace coercion); Frontier Model Forum brief (kinds).",
            needs=("prompt",),
            measures="share of prompts that elicit in any of the four ways",
            look_alikes="Researchers who run test sets, teachers, builders of graders.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        b = self.benign
        prompts = footprints.integers("prompts")
        parts = [
            log_e_share_above_overdispersed(footprints.integers(name), prompts, share, concentration)
            for name, share, concentration in (
                ("coercion", b.coercion_share, b.coercion_concentration),
                ("reasoning", b.reasoning_share, b.reasoning_concentration),
                ("grading", b.grading_share, b.grading_concentration),
                ("training", b.training_share, b.training_concentration),
            )
        ]
        log_e = np.where(prompts > 0, combine_mean(np.stack(parts)), np.nan)
        share = np.where(prompts > 0, footprints.integers("eliciting") / np.maximum(prompts, 1), np.nan)
        return Evidence(self.claim, log_e, prompts, share)


detector: Detector = Elicitation()
