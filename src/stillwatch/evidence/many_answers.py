"""Many answers: several samples of the same prompt at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import Footprints
from stillwatch.statistics.share import log_e_share_above_overdispersed


@dataclass(frozen=True, slots=True)
class ManyAnswers:
    """Weighs the answers asked for beyond the first of each request."""

    benign: Benign = BENIGN

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        b = self.benign
        return Claim(
            detector="many_answers",
            null=f"On average over honest accounts at most {b.extra_answer_share:.0%} of the answers asked for are "
            "further answers to the same request.",
            assumptions="An account's share follows a Beta law about that mean.",
            source="Sampling several answers a prompt is how preference data and rejection-sampled data are made "
            "(Frontier Model Forum brief: synthetic data, autograding).",
            needs=("choice_count",),
            measures="answers asked for, a request",
            look_alikes="Evaluators of sampling strategies, writing tools that offer alternatives.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        known = footprints.integers("choice_known")
        extra, answers = extra_answers(footprints)
        log_e = log_e_share_above_overdispersed(
            extra, answers, self.benign.extra_answer_share, self.benign.extra_answer_concentration
        )
        return Evidence(
            self.claim,
            np.where(known > 0, log_e, np.nan),
            known,
            np.where(known > 0, answers / np.maximum(known, 1), np.nan),
        )


def extra_answers(footprints: Footprints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many answers each account asked for beyond the first of a request, and of how many."""
    known = footprints.integers("choice_known")
    # A request for no answer is answered once all the same.
    answers = np.maximum(footprints.integers("choice_sum"), known)
    return answers - known, answers


detector: Detector = ManyAnswers()
