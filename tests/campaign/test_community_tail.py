"""The tail of communities: an offset where honest ones carry too much, robust against a few campaigns."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from stillwatch.campaign.baseline import COMMUNITIES_LEAST, UPPER_SHARES, Baseline, CommunityTail, community_tail
from stillwatch.evidence.baseline import Habits
from stillwatch.evidence.benign import BENIGN
from stillwatch.statistics.false_discovery import e_benjamini_hochberg

seeds = pytest.mark.parametrize("seed", [91, 92, 93])


def baseline(offset_nats: float) -> Baseline:
    now = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    tail = CommunityTail(100, ((0.1, 2.0),), offset_nats, 0.0)
    return Baseline("0", now, now, now, 1, 1, (Habits(None, 1, BENIGN, ()),), tail)


@seeds
@pytest.mark.parametrize("excess", [0.0, 0.7, 2.0])
def test_the_offset_brings_the_tail_down_to_what_is_stated(seed: int, excess: float) -> None:
    nats = np.random.default_rng(seed).exponential(1.0, 20_000) + excess
    found = community_tail(nats)
    assert found.offset_nats == pytest.approx(excess, abs=0.1)
    for x in (1.0, 1.5, 2.0):
        assert (nats - found.offset_nats > x).mean() <= math.exp(-x) * 1.1


@seeds
def test_headroom_is_told_and_not_spent(seed: int) -> None:
    found = community_tail(np.random.default_rng(seed).exponential(1.0, 20_000) - 1.5)
    assert found.offset_nats == 0 and found.headroom_nats == pytest.approx(1.5, abs=0.1)


@seeds
def test_a_few_campaigns_move_the_offset_little_and_only_up(seed: int) -> None:
    nats = np.random.default_rng(seed).exponential(1.0, 500) + 0.5
    clean = community_tail(nats).offset_nats
    bent = community_tail(np.append(nats, np.full(10, 60.0))).offset_nats
    # At the worst each place is read where 10 of 510 fewer honest communities lie beyond it.
    worst = [np.quantile(nats, 1 - (share - 10 / 500)) + math.log(share) for share in UPPER_SHARES]
    assert clean <= bent <= max(worst) + 1e-3
    assert community_tail(np.append(nats, np.full(10, 1e9))).offset_nats == bent
    assert community_tail(np.append(nats, np.full(10, -60.0))).offset_nats <= clean


def test_few_communities_teach_nothing() -> None:
    assert community_tail(np.full(COMMUNITIES_LEAST - 1, 9.0)) == CommunityTail(COMMUNITIES_LEAST - 1, (), 0.0, 0.0)
    assert community_tail([]).communities == 0
    assert community_tail(np.full(COMMUNITIES_LEAST, 9.0)).offset_nats > 8


@seeds
def test_the_level_it_asks_for_is_the_same_as_the_offset_on_each_e_value(seed: int) -> None:
    """Evidence with the offset taken off, at the old level, against all of it at the new one."""
    generator = np.random.default_rng(seed)
    for offset in (0.0, 0.3, 2.5):
        log_e = generator.normal(4.0, 3.0, 300)
        paid = e_benjamini_hochberg(log_e, baseline(offset).level(0.05))
        assert (paid == e_benjamini_hochberg(log_e - offset, 0.05)).all()
        assert paid.sum() <= e_benjamini_hochberg(log_e, 0.05).sum()
