"""Agreement with the truth: every pair counted one by one, every account's B-cubed by its definition."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from bench.agreement import b_cubed, clopper_pearson, pairs_in_groups, pairs_in_list
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

codes = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 3)), min_size=1, max_size=12).map(
    lambda rows: (np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.int64))
)


@given(codes)
def test_pairs_of_groups_are_those_counted_one_by_one(drawn):
    campaign, group = drawn
    linked = [(a, b) for a, b in combinations(range(len(group)), 2) if group[a] == group[b] >= 0]
    left, right = (np.array([pair[side] for pair in linked], np.int64) for side in (0, 1))
    pairs = pairs_in_groups(campaign, group)
    assert pairs == pairs_in_list(campaign, left, right)
    assert pairs.same + pairs.other + pairs.mixed + pairs.benign == len(linked)
    every = list(combinations(range(len(group)), 2))
    assert pairs.same_all == sum(campaign[a] == campaign[b] >= 0 for a, b in every)
    assert pairs.benign_all == sum(campaign[a] < 0 and campaign[b] < 0 for a, b in every)


def test_shares_of_pairs_by_hand():
    campaign = np.array([0, 0, 0, 1, -1, -1, -1])
    group = np.array([0, 0, 1, 0, 0, 2, 2])
    pairs = pairs_in_groups(campaign, group)
    assert pairs.precision == pytest.approx(1 / 3)  # (0, 1) against (0, 3) and (1, 3).
    assert pairs.recall == pytest.approx(1 / 3)
    assert pairs.contamination == pytest.approx(3 / 6)
    assert pairs.benign_share == pytest.approx(1 / 3)


def test_nothing_linked_is_no_data_and_not_a_mistake():
    pairs = pairs_in_groups(np.array([0, 0, -1]), np.array([-1, -1, -1]))
    assert np.isnan(pairs.precision)
    assert np.isnan(pairs.contamination)
    assert pairs.recall == 0


@given(codes)
def test_b_cubed_is_its_definition(drawn):
    campaign, group = drawn
    accounts = range(len(campaign))
    precisions, recalls = [], []
    for a in accounts:
        mates = [b for b in accounts if group[b] == group[a] >= 0]
        kin = [b for b in accounts if campaign[b] == campaign[a] >= 0]
        if mates:
            precisions.append(len(set(mates) & set(kin)) / len(mates))
        if kin:
            recalls.append(len(set(mates) & set(kin)) / len(kin))
    want_precision = np.mean(precisions) if precisions else 0.0
    want_recall = np.mean(recalls) if recalls else 0.0
    precision, recall, f1 = b_cubed(campaign, group)
    assert precision == pytest.approx(want_precision)
    assert recall == pytest.approx(want_recall)
    assert 0 <= f1 <= 1
    assert f1 * (precision + recall) == pytest.approx(2 * precision * recall)


def test_b_cubed_of_the_truth_itself_is_one():
    campaign = np.array([0, 0, 1, -1, 1, -1])
    assert b_cubed(campaign, campaign) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("trials", [1, 7, 30])
def test_the_interval_covers_every_share_often_enough(trials):
    for share in np.linspace(0.01, 0.99, 25):
        covered = 0.0
        for hits in range(trials + 1):
            low, high = clopper_pearson(hits, trials)
            covered += binom.pmf(hits, trials, share) * (low <= share <= high)
        assert covered >= 0.95


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_where_the_tails_hold_their_half(counts):
    hits, trials = counts
    low, high = clopper_pearson(hits, trials)
    assert (low == 0) if hits == 0 else binom.sf(hits - 1, trials, low) == pytest.approx(0.025, rel=1e-6)
    assert (high == 1) if hits == trials else binom.cdf(hits, trials, high) == pytest.approx(0.025, rel=1e-6)


def test_no_trials_tell_nothing_and_impossible_hits_are_refused():
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="hits"):
        clopper_pearson(3, 2)
