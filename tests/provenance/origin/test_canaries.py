"""Canaries: exact law, fair planting, honest reading of answers."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.origin.canaries import log_hits_tail, planted, preferred
from stillwatch.provenance.origin.question import Canary


@pytest.mark.parametrize("chances", [(0.5, 0.5, 0.25), (0.2, 0.5, 1 / 3, 0.25, 0.5)])
def test_the_law_of_hits_is_the_sum_over_all_outcomes(chances: tuple[float, ...]) -> None:
    for least in range(len(chances) + 1):
        exact = sum(
            math.prod(each if hit else 1 - each for each, hit in zip(chances, hits, strict=True))
            for hits in product((0, 1), repeat=len(chances))
            if sum(hits) >= least
        )
        assert math.isclose(math.exp(log_hits_tail(least, chances)), exact, rel_tol=1e-12)


def test_a_tail_too_small_for_the_machine_is_bounded_from_above() -> None:
    assert log_hits_tail(600, [0.25] * 600) >= 600 * math.log(0.25)
    assert log_hits_tail(600, [0.25] * 600) > -10_000


def test_every_option_is_planted_as_often() -> None:
    options = ("a", "b", "c", "d")
    found = np.bincount([planted(cohort_key(bytes(16), "x", "p"), f"cue {i}", options).planted for i in range(4000)])
    assert np.all(np.abs(found - 1000) < 120)
    with pytest.raises(ValueError, match="two options"):
        planted(cohort_key(bytes(16), "x", "p"), "cue", ("a", "a"))


def test_what_was_said_first_counts_and_ties_do_not() -> None:
    options = ("in short", "in short order", "briefly")
    for answer, expected in [
        ("Briefly, and then in short.", 2),
        ("In short order it went.", 1),
        ("in short: no", 0),
        ("none of them", None),
    ]:
        assert preferred(Canary("cue", options, 0, answer=answer)) == expected
    assert preferred(Canary("cue", options, 0, scores=(-2.0, -1.0, -3.0))) == 1
    assert preferred(Canary("cue", options, 0, scores=(-1.0, -1.0, -3.0))) is None
