"""Many answers: Beta shares of further answers, and eight answers to each prompt."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.evidence.benign import BENIGN
from stillwatch.evidence.many_answers import detector
from stillwatch.footprint.footprints import Footprints, blank


def accounts(requests: np.ndarray, answers: np.ndarray) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(requests))]), 0)
    footprints.arrays["choice_known"][:] = footprints.arrays["exchanges"][:] = requests
    footprints.arrays["choice_sum"][:] = answers
    return footprints


def benign(generator: np.random.Generator, size: int) -> Footprints:
    """Of 30 answers a Beta share are further ones; an account with further ones only keeps no first to ask for."""
    a, b = BENIGN.extra_answer_share, 1 - BENIGN.extra_answer_share
    concentration = BENIGN.extra_answer_concentration
    further = generator.binomial(30, generator.beta(a * concentration, b * concentration, size))
    kept = further < 30
    return accounts(np.where(kept, 30 - further, 1), np.where(kept, 30, 1))


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    requests = generator.integers(50, 500, size)
    return accounts(requests, 8 * requests)


def test_one_answer_a_request_speaks_for_the_claim() -> None:
    evidence = detector(accounts(np.array([100, 100]), np.array([100, 400])))
    assert evidence.log_e[0] < 0 < evidence.log_e[1]
    assert evidence.measured.tolist() == [1.0, 4.0]


def test_requests_for_no_answer_count_as_one() -> None:
    assert detector(accounts(np.array([10]), np.array([0]))).measured[0] == 1
