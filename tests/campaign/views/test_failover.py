from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.failover import DAYS_LEAST, EDGE_DAYS, moves, view
from stillwatch.statistics.e_value import log_e_from_rank

seeds = pytest.mark.parametrize("seed", [301, 302, 303])
EDGE_HOURS = 24 * EDGE_DAYS


def working(builder: ModuleType, generator: np.random.Generator, begin: int, end: int) -> NDArray[np.int64]:
    """A machine's hours from ``begin`` on and before ``end``."""
    hours = np.zeros(builder.DAYS * 24, np.int64)
    hours[begin:end] = 1 + generator.poisson(3.0, end - begin)
    return hours


def pool(builder: ModuleType, draw: Any, ban: int, relief: int, size: int = 12) -> list[Any]:
    """Half is shut at ``ban``, half begins at ``relief``; both with an hour's scatter."""
    out = []
    for k, person in enumerate(draw.strangers(2 * size)):
        at = int(draw.generator.integers(0, 2))
        span = (0, ban + at) if k < size else (relief + at, builder.DAYS * 24)
        out.append(replace(person, hours=working(builder, draw.generator, *span)))
    return out


def crowd(builder: ModuleType, draw: Any, count: int = 300) -> list[Any]:
    """Strangers who come and go when they like, and two who were there from the first hour to the last."""
    out = []
    for k, person in enumerate(draw.strangers(count)):
        begin, end = sorted(draw.generator.choice(builder.DAYS * 24, 2, replace=False).tolist())
        span = (0, builder.DAYS * 24) if k < 2 else (begin, end + 1)
        out.append(replace(person, hours=working(builder, draw.generator, *span)))
    return out


@seeds
def test_a_matched_rise_speaks_and_one_of_another_day_does_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    matched, later, before = (pool(builder, draw, 150, at) for at in (153, 225, 90))
    nats = view.weigh(builder.groups_of(crowd(builder, draw), matched, later, before))
    days = moves(builder.groups_of(crowd(builder, draw), matched).population).days
    assert nats[0] == pytest.approx(log_e_from_rank(1, days)) and nats[0] > 1
    assert nats[1] < 0.5 and nats[2] < 0.5


@seeds
def test_stops_are_told_to_the_hour_and_rises_nearly(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(crowd(builder, draw), pool(builder, draw, 150, 160))
    moved, inside = moves(groups.population), np.flatnonzero(groups.partition == 0)
    assert moved.days == builder.DAYS - 2 * EDGE_DAYS
    assert set(moved.stop[inside[:12]].tolist()) <= {149 - EDGE_HOURS, 150 - EDGE_HOURS}
    late = moved.rise[inside[12:]] - (160 - EDGE_HOURS)  # Some hours late where the work began slowly.
    assert (late >= 0).all() and (late <= 12).all() and np.median(late) <= 1
    assert (moved.stop[inside[12:]] == -1).all() and (moved.rise[inside[:12]] == -1).all()


@seeds
def test_a_reserve_that_idled_before_rises_too(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    reserve = pool(builder, draw, 150, 160)
    idle = draw.generator.poisson(0.05, (24, builder.DAYS * 24))
    cover = [replace(person, hours=person.hours + own) for person, own in zip(reserve[12:], idle, strict=False)]
    groups = builder.groups_of(crowd(builder, draw), reserve[:12] + cover)
    rise = moves(groups.population).rise[groups.partition == 0][12:]
    assert (np.abs(rise - (160 - EDGE_HOURS)) <= 2).all()


@seeds
def test_only_those_who_were_shut_out_count_where_some_were(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(crowd(builder, draw), pool(builder, draw, 150, 153))
    alone = view.weigh(groups)[0]
    blocked = groups.population.footprints.arrays["blocked"]
    members = np.flatnonzero(groups.partition == 0)
    blocked[members[:12]] = 3
    assert view.weigh(groups)[0] == alone > 1
    # Others' errors are no stops: they went on.
    blocked[members[12:]] = 3
    assert view.weigh(groups)[0] == alone


@seeds
def test_the_claim_holds_exactly_for_waves_on_days_of_their_own(builder: ModuleType, seed: int) -> None:
    """All stops of a group in one wave, all rises in another: over all pairs of days the mean is at most 1."""
    draw = builder.Builder(seed)
    steady = [replace(p, hours=working(builder, draw.generator, 0, builder.DAYS * 24)) for p in draw.strangers(40)]
    days = range(EDGE_DAYS, builder.DAYS - EDGE_DAYS)
    groups = [pool(builder, draw, 24 * stop + 10, 24 * rise + 11, 6) for stop in days for rise in days]
    nats = view.weigh(builder.groups_of(steady, *groups))
    table = np.exp(nats).reshape(len(days), len(days))
    assert table.mean() <= 1 + 1e-9
    assert (np.diag(table) > 2).all() and (table > 2).sum() == len(days)


@seeds
def test_few_stops_or_rises_say_nothing(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    small = pool(builder, draw, 150, 153, 4)
    only_stops = pool(builder, draw, 150, 153)[:12]
    assert (view.weigh(builder.groups_of(crowd(builder, draw), small, only_stops)) == 0).all()


def test_a_short_log_is_no_data(builder: ModuleType) -> None:
    draw = builder.Builder(304)
    for days in (2 * EDGE_DAYS + DAYS_LEAST - 1, 2 * EDGE_DAYS + DAYS_LEAST):
        short = [replace(p, hours=working(builder, draw.generator, 0, 24 * days)) for p in draw.strangers(20)]
        groups = builder.groups_of(short[:10], short[10:])
        assert isinstance(groups, Groups)
        assert bool(np.isnan(view.weigh(groups)).all()) == (days < 2 * EDGE_DAYS + DAYS_LEAST)


def test_the_greatest_evidence_falls_with_every_rank() -> None:
    nats = [float(log_e_from_rank(rank, 24)) for rank in range(1, 25)]
    assert all(more > less for more, less in pairwise(nats)) and nats[0] < view.cap_nats and not view.strong
