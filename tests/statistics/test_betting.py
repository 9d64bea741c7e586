"""Betting: every coin path of every predictable strategy that Hypothesis finds, so no luck is involved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.statistics.betting import log_wealth, predictable_bets

FLIPS = 6
PATHS = np.array(list(itertools.product([0.0, 1.0], repeat=FLIPS)))


def crossing_chance(bets: np.ndarray, mean: float, heads: float, threshold: float) -> tuple[float, float]:
    """Return the chance of ever reaching the threshold, and the mean of the last wealth."""
    chance = np.prod(np.where(PATHS == 1, heads, 1 - heads), axis=1)
    wealth = np.exp(log_wealth(PATHS, bets, mean))
    return float(chance @ (wealth.max(axis=1) >= threshold * (1 - 1e-12))), float(chance @ wealth[:, -1])


@settings(max_examples=60)
@given(st.data(), st.floats(0.05, 0.95), st.floats(0, 1))
def test_ville_holds_for_every_predictable_strategy(data: st.DataObject, mean: float, part: float) -> None:
    # A strategy is one bet for each history: a node of the binary tree.
    fractions = data.draw(st.lists(st.floats(0, 0.99), min_size=2**FLIPS - 1, max_size=2**FLIPS - 1))
    bets = np.zeros_like(PATHS)
    for flip in range(FLIPS):
        history = PATHS[:, :flip] @ (2.0 ** np.arange(flip)) if flip else np.zeros(len(PATHS))
        bets[:, flip] = np.array(fractions)[(2**flip - 1 + history).astype(int)] / mean
    for threshold in (2.0, 5.0, 20.0):
        crossing, final = crossing_chance(bets, mean, mean * part, threshold)
        assert crossing <= 1 / threshold + 1e-9
        assert final <= 1 + 1e-9
    assert crossing_chance(bets, mean, mean, 2.0)[1] == pytest.approx(1)


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_shipped_bets_look_only_at_the_past_and_keep_the_guarantee(mean: float, caution: float) -> None:
    bets = predictable_bets(PATHS, mean, caution)
    assert (bets >= 0).all() and (bets <= caution / mean + 1e-12).all()
    for flip in range(FLIPS):
        changed = PATHS.copy()
        changed[:, flip:] = 1 - changed[:, flip:]
        assert np.array_equal(predictable_bets(changed, mean, caution)[:, : flip + 1], bets[:, : flip + 1])
    assert crossing_chance(bets, mean, mean, 3.0)[0] <= 1 / 3 + 1e-9


def test_wealth_grows_where_the_claim_is_wrong_and_stays_near_one_where_it_holds() -> None:
    wrong = np.tile([1.0, 1.0, 0.0, 1.0], 50)
    assert log_wealth(wrong, predictable_bets(wrong, 0.5), 0.5)[-1] > 20
    right = np.tile([0.0, 0.0, 1.0, 0.0], 50)
    assert abs(log_wealth(right, predictable_bets(right, 0.5), 0.5)[-1]) < 1


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="null_mean"):
        log_wealth([1.0], [0.0], 1.0)
    with pytest.raises(ValueError, match="go with"):
        log_wealth([1.0], [0.0, 0.0], 0.5)
    for outcome in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="outcomes"):
            log_wealth([outcome], [0.0], 0.5)
    for bet in (-0.1, 2.0, np.nan):
        with pytest.raises(ValueError, match="bets"):
            log_wealth([1.0], [bet], 0.5)
    with pytest.raises(ValueError, match="caution"):
        predictable_bets([1.0], 0.5, 1.0)
