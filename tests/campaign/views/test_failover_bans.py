"""Failover where the provider names its bans: the ban is the stop, and status codes are not asked."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.failover import EDGE_DAYS, moves, view
from stillwatch.footprint.footprints import BANNED, HOUR_US

seeds = pytest.mark.parametrize("seed", [311, 312, 313])
BAN_HOUR, RELIEF_HOUR = 150, 153


def working(builder: ModuleType, generator: np.random.Generator, begin: int, end: int) -> NDArray[np.int64]:
    hours = np.zeros(builder.DAYS * 24, np.int64)
    hours[begin:end] = 1 + generator.poisson(3.0, end - begin)
    return hours


def crowd(builder: ModuleType, draw: Any) -> list[Any]:
    out = []
    for k, person in enumerate(draw.strangers(300)):
        begin, end = sorted(draw.generator.choice(builder.DAYS * 24, 2, replace=False).tolist())
        span = (0, builder.DAYS * 24) if k < 2 else (begin, end + 1)
        out.append(replace(person, hours=working(builder, draw.generator, *span)))
    return out


def pool(builder: ModuleType, draw: Any, tail_h: int) -> list[Any]:
    """Twelve whose refused requests go on for ``tail_h`` hours after their ban, each for another while; twelve rise."""
    out = []
    for k, person in enumerate(draw.strangers(24)):
        later = int(draw.generator.integers(0, tail_h))
        span = (0, BAN_HOUR + later) if k < 12 else (RELIEF_HOUR, builder.DAYS * 24)
        out.append(replace(person, hours=working(builder, draw.generator, *span)))
    return out


def with_bans(groups: Groups, hours: dict[int, int]) -> Groups:
    """The same groups where the bans are known, by row."""
    population = groups.population
    footprints, column = population.footprints, [None] * len(population)
    held: list[int | None] = list(column)
    for row, hour in hours.items():
        held[row] = footprints.origin_us + hour * HOUR_US + 5
    assert footprints.profile is not None
    footprints.profile = footprints.profile.append_column(BANNED, pa.array(held, pa.int64()))
    return groups


@seeds
def test_named_bans_are_found_where_last_exchanges_are_blurred(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people, shut = crowd(builder, draw), pool(builder, draw, 120)
    blurred = builder.groups_of(people, shut)
    members = np.flatnonzero(blurred.partition == 0)[:12].tolist()
    without = float(view.weigh(blurred)[0])
    named = with_bans(builder.groups_of(people, shut), dict.fromkeys(members, BAN_HOUR))
    assert view.weigh(named)[0] > 1 > without
    found = moves(named.population)
    assert (found.stop[members] == BAN_HOUR - 24 * EDGE_DAYS).all() and found.shut[members].all()


@seeds
def test_bans_stand_in_place_of_status_codes(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people, shut = crowd(builder, draw), pool(builder, draw, 1)
    groups = builder.groups_of(people, shut)
    blocked = groups.population.footprints.arrays["blocked"]
    blocked[:] = 3
    assert moves(groups.population).shut.all()
    named = with_bans(builder.groups_of(people, shut), {0: BAN_HOUR})
    named.population.footprints.arrays["blocked"][:] = 3
    assert moves(named.population).shut.sum() == 1


@seeds
def test_where_nobody_was_banned_last_exchanges_are_the_stops(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people, shut = crowd(builder, draw), pool(builder, draw, 1)
    plain = builder.groups_of(people, shut)
    named = with_bans(builder.groups_of(people, shut), {})
    assert view.weigh(named)[0] == view.weigh(plain)[0] > 1


@seeds
def test_bans_of_others_on_other_days_say_nothing(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people, shut = crowd(builder, draw), pool(builder, draw, 1)
    groups = builder.groups_of(people, shut)
    members = np.flatnonzero(groups.partition == 0)[:12].tolist()
    named = with_bans(groups, dict.fromkeys(members, BAN_HOUR + 72))
    assert view.weigh(named)[0] < 0.5
