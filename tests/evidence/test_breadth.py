"""Breadth: people with interests, and prompts drawn from everything there is."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.evidence.benign import BENIGN
from stillwatch.evidence.breadth import detector
from stillwatch.footprint.footprints import SHINGLES, TOPICS, Footprints, blank


def accounts(topic: np.ndarray, prompts: int) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(topic))]), 0)
    footprints.arrays["topic"][:] = np.rint(topic)
    footprints.arrays["prompts"][:] = footprints.arrays["exchanges"][:] = prompts
    return footprints


def with_shares(footprints: Footprints, openings: np.ndarray, alone: np.ndarray, turns: int) -> Footprints:
    footprints.arrays["turn_known"][:] = turns
    footprints.arrays["turn_zero"][:] = openings
    footprints.arrays["shingles"][:] = np.arange(SHINGLES, dtype=np.uint64)
    footprints.arrays["shingles_exchanges"][:] = np.where(np.arange(SHINGLES) < alone[:, None], 1, 4)
    return footprints


def beta_binomial(
    generator: np.random.Generator, trials: int, mean: float, concentration: float, size: int
) -> np.ndarray:
    return generator.binomial(trials, generator.beta(mean * concentration, (1 - mean) * concentration, size))


def benign(generator: np.random.Generator, size: int) -> Footprints:
    """Steps of the worst law that the topic claim allows: plus or minus one direction, with just enough drift."""
    prompts = 40
    drift = math.sqrt(BENIGN.topic_cosine)
    topic = np.zeros((size, TOPICS))
    topic[:, 0] = 127 * (2 * generator.binomial(prompts, (1 + drift) / 2, size) - prompts)
    openings = beta_binomial(generator, 20, BENIGN.opening_share, BENIGN.opening_concentration, size)
    alone = beta_binomial(generator, SHINGLES, BENIGN.alone_share, BENIGN.alone_concentration, size)
    return with_shares(accounts(topic, prompts), openings, alone, 20)


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    prompts = 800
    # The sum of random unit vectors in 64 dimensions has normal entries of variance prompts / 64.
    topic = 127 * generator.normal(0, math.sqrt(prompts / TOPICS), (size, TOPICS))
    return with_shares(accounts(topic, prompts), np.full(size, 800), np.full(size, SHINGLES), 800)


@pytest.mark.parametrize("steps", [1, 2, 6, 15])
def test_topic_bound_by_enumerating_two_valued_steps(steps: int) -> None:
    """The length is |k - (n - k)| along one line: the law for which the bound is nearest to sharp."""
    drift = math.sqrt(BENIGN.topic_cosine)
    ups = np.arange(steps + 1)
    topic = np.zeros((steps + 1, TOPICS))
    topic[:, 0] = 127 * (2 * ups - steps)
    chance = np.array([math.comb(steps, k) * ((1 + drift) / 2) ** k * ((1 - drift) / 2) ** (steps - k) for k in ups])
    assert (chance * np.exp(detector(accounts(topic, steps)).log_e)).sum() <= 1


def test_one_interest_speaks_for_the_claim_and_measures_its_cosine() -> None:
    topic = np.zeros((1, TOPICS))
    topic[0, 3] = 127 * 100
    evidence = detector(accounts(topic, 100))
    assert evidence.log_e[0] < -1
    assert evidence.measured[0] == pytest.approx(1)


def test_half_empty_samples_of_word_sequences_are_not_weighed() -> None:
    footprints = accounts(np.zeros((1, TOPICS)), 0)
    footprints.arrays["shingles"][0, :5] = np.arange(5, dtype=np.uint64)
    footprints.arrays["shingles_exchanges"][0, :5] = 1
    assert detector(footprints).log_e[0] == 0
