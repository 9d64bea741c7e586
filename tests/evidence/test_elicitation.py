"""Elicitation: shares as from the Beta laws of the claim, and prompts that mostly elicit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.evidence.benign import BENIGN
from stillwatch.evidence.elicitation import detector
from stillwatch.footprint.footprints import Footprints, blank

LAWS = {
    "coercion": (BENIGN.coercion_share, BENIGN.coercion_concentration),
    "reasoning": (BENIGN.reasoning_share, BENIGN.reasoning_concentration),
    "grading": (BENIGN.grading_share, BENIGN.grading_concentration),
    "training": (BENIGN.training_share, BENIGN.training_concentration),
}


def accounts(prompts: np.ndarray, **shares: np.ndarray) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(prompts))]), 0)
    footprints.arrays["prompts"][:] = footprints.arrays["exchanges"][:] = prompts
    for name, count in shares.items():
        footprints.arrays[name][:] = count
        footprints.arrays["eliciting"][:] = np.maximum(footprints.arrays["eliciting"], count)
    return footprints


def benign(generator: np.random.Generator, size: int) -> Footprints:
    prompts = generator.integers(1, 30, size)
    counts = {
        name: generator.binomial(prompts, generator.beta(mean * spread, (1 - mean) * spread, size))
        for name, (mean, spread) in LAWS.items()
    }
    return accounts(prompts, **counts)


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    return accounts(np.full(size, 40), coercion=generator.binomial(40, 0.6, size))


def test_categories_weigh_by_their_rarity() -> None:
    prompts = np.full(1, 50)
    half = {name: detector(accounts(prompts, **{name: np.array([25])})).log_e[0] for name in LAWS}
    assert half["coercion"] > half["grading"] > half["reasoning"]
    assert half["coercion"] > half["training"] > half["reasoning"]


def test_one_account_alone_never_weighs_like_many() -> None:
    """An honest evaluator's million prompts must not outweigh a pool: the evidence grows with their log."""
    prompts = np.array([100, 1_000_000])
    log_e = detector(accounts(prompts, reasoning=prompts)).log_e
    assert 0 < log_e[0] < log_e[1] < 15


def test_no_elicitation_speaks_for_the_claim() -> None:
    evidence = detector(accounts(np.array([500])))
    assert evidence.log_e[0] < 0 and evidence.measured[0] == 0
