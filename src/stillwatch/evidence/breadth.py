"""Breadth: coverage of everything, without coming back to anything."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.evidence import Claim, Detector, Evidence
from stillwatch.footprint.footprints import EMPTY, SHINGLES, TOPIC_SCALE, Footprints
from stillwatch.statistics.e_value import combine_mean
from stillwatch.statistics.share import log_e_share_above_overdispersed

_BETS = (0.02, 0.05, 0.1, 0.2)  # Stakes on a short topic vector; small ones suit many prompts of nearly human breadth.


@dataclass(frozen=True, slots=True)
class Breadth:
    """Weighs topics that spread, conversations that end at once and phrases that never return."""

    benign: Benign = BENIGN

    @property
    def claim(self) -> Claim:
        """The benign claim that the detector speaks against."""
        b = self.benign
        return Claim(
            detector="breadth",
            null=f"The account keeps to its interests (two of its prompts have a mean cosine of at least "
            f"{b.topic_cosine:g}), goes on with conversations (on average over accounts at most {b.opening_share:.0%} "
            f"of exchanges open one) and repeats itself (at most {b.alone_share:.0%} of its "
            "word sequences stay alone).",
            assumptions="Prompts' topics are independent draws from the account's own interests. Shares follow Beta "
            "laws over accounts. Word sequences are weighed once the sample of them is full.",
            source="Anthropic, February 2026 (coverage for training); Chernoff's bound for the length of a sum.",
            needs=("prompt",),
            measures="mean cosine of two prompts",
            look_alikes="Resellers and applications with many users behind one account, evaluators, search tools.",
        )

    def __call__(self, footprints: Footprints) -> Evidence:
        """Return the evidence of every account in ``footprints``."""
        prompts = footprints.integers("prompts")
        length = np.sqrt((footprints.integers("topic").astype(np.float64) ** 2).sum(axis=1)) / TOPIC_SCALE
        parts = [self._topics(prompts, length), self._openings(footprints), self._repeats(footprints)]
        return Evidence(
            self.claim,
            combine_mean(np.stack(parts)),
            footprints.integers("exchanges"),
            topic_cosine(footprints),
        )

    def _topics(self, prompts: NDArray[np.int64], length: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bet that the sum of unit vectors is shorter than interests allow.

        Along its own mean direction a prompt's topic has a mean of at least sqrt(cosine) and lies in [-1, 1]; the sum
        is at least as long as its part along any direction. So the exponential bound of a two-valued step holds.
        """
        mean = math.sqrt(self.benign.topic_cosine)
        bets = []
        for bet in _BETS:
            step = math.log((1 + mean) / 2 * math.exp(-bet) + (1 - mean) / 2 * math.exp(bet))
            bets.append(-bet * length - prompts * step)
        return np.where(prompts > 0, combine_mean(np.stack(bets)), np.nan)

    def _openings(self, footprints: Footprints) -> NDArray[np.float64]:
        known = footprints.integers("turn_known")
        log_e = log_e_share_above_overdispersed(
            footprints.integers("turn_zero"), known, self.benign.opening_share, self.benign.opening_concentration
        )
        return np.where(known > 0, log_e, np.nan)

    def _repeats(self, footprints: Footprints) -> NDArray[np.float64]:
        alone, sampled = alone_counts(footprints)
        log_e = log_e_share_above_overdispersed(
            alone, sampled, self.benign.alone_share, self.benign.alone_concentration
        )
        return np.where((footprints.hashes("shingles") != EMPTY).any(axis=1), log_e, np.nan)


def alone_counts(footprints: Footprints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many of each account's sampled word sequences stay alone, of how many; 0 of 0 for a part sample."""
    used = footprints.hashes("shingles") != EMPTY
    full = used.sum(axis=1) == SHINGLES
    alone = (used & (footprints.integers("shingles_exchanges") <= 1)).sum(axis=1)
    return np.where(full, alone, 0), np.where(full, SHINGLES, 0)


def topic_cosine(footprints: Footprints) -> NDArray[np.float64]:
    """Return the mean cosine of two prompts of each account, shape (accounts,); NaN for fewer than two prompts."""
    prompts = footprints.integers("prompts")
    square = (footprints.integers("topic").astype(np.float64) ** 2).sum(axis=1) / TOPIC_SCALE**2
    return np.asarray((square - prompts) / np.where(prompts >= 2, prompts * (prompts - 1.0), np.nan))


detector: Detector = Breadth()
