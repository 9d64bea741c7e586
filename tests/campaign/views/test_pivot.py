from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.special import betaln, comb

from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.pivot import CONCENTRATION, ODDS, UNITS_LEAST, releases, view
from stillwatch.footprint.footprints import DAY_US, HOUR_US

seeds = pytest.mark.parametrize("seed", [311, 312, 313])
EARLY_H, LATE_H = 5, 60


def people(builder: ModuleType, draw: Any, early: int, count: int, card: str | None = None) -> list[Any]:
    """People who are there every hour, of whom ``early`` go over on the day of the release and the rest after it."""
    out = []
    for k, person in enumerate(draw.strangers(count)):
        hours = np.ones(builder.DAYS * 24, np.int64)
        hour = builder.RELEASE_HOUR + (EARLY_H if k < early else LATE_H)
        own = replace(person, hours=hours, new_model_hour=hour, addresses={draw.at_home(): 1}, mail=None)
        out.append(replace(own, card=builder.hashed("card", card) if card else None))
    return out


def crowd(builder: ModuleType, draw: Any, count: int = 400, share: float = 0.1) -> list[Any]:
    first = replace(people(builder, draw, 0, 1)[0], new_model_hour=builder.RELEASE_HOUR)
    return [first, *people(builder, draw, round(share * count), count - 1)]


@seeds
def test_a_group_that_goes_over_at_once_speaks_and_one_that_does_as_others_does_not(
    builder: ModuleType, seed: int
) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(crowd(builder, draw), *(people(builder, draw, k, 40) for k in (40, 24, 8, 4, 0)))
    nats = view.weigh(groups)
    assert (np.diff(nats) < 0).all()
    assert nats[0] > 6 and nats[1] > 3
    # Twice as eager as everyone is what one honest group in a dozen is.
    assert nats[2] < 0.5 and nats[3] < 0 and nats[4] < 0


@seeds
def test_a_firm_goes_over_once(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    firms = [account for k in range(UNITS_LEAST) for account in people(builder, draw, 8 * (k < 1), 8, f"firm {k}")]
    strangers = people(builder, draw, 8, 8 * UNITS_LEAST)
    few, many = view.weigh(builder.groups_of(crowd(builder, draw), firms, strangers))
    assert few < 0.7
    one_firm = people(builder, draw, 40, 40, "one firm")
    assert view.weigh(builder.groups_of(crowd(builder, draw), one_firm))[0] == 0
    assert np.isfinite(many)


def test_the_mean_over_all_outcomes_is_at_most_one(builder: ModuleType) -> None:
    """By enumeration of the beta-binomial law that the claim states, for every share of early accounts outside."""
    draw = builder.Builder(314)
    size = 12
    everyone = [people(builder, draw, k, size) for k in range(size + 1)]
    for outside in (0.05, 0.3, 0.8):
        rest = crowd(builder, draw, 300, outside)
        share = (round(outside * 300) + 2) / 302  # Who was first is early too; one success and one failure are added.
        k = np.arange(size + 1)
        nats = np.array([view.weigh(builder.groups_of(rest, group))[0] for group in everyone])
        for mean in (share, 0.5 * share):
            a, b = CONCENTRATION * mean, CONCENTRATION * (1 - mean)
            chance = comb(size, k) * np.exp(betaln(k + a, size - k + b) - betaln(a, b))
            assert chance.sum() == pytest.approx(1)
            expectation = float((chance * np.exp(nats)).sum())
            assert expectation == pytest.approx(1, abs=1e-6) if mean == share else expectation < 1
    assert min(ODDS) > 1


@seeds
def test_what_was_there_before_or_hardly_anybody_used_is_no_release(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(crowd(builder, draw), people(builder, draw, 20, 20))
    (found,) = releases(groups.population)
    assert found.at_us // HOUR_US == builder.ORIGIN_US // HOUR_US + builder.RELEASE_HOUR
    assert found.active.all() and found.early.sum() == 40 + 20 + 1
    few = [replace(person, new_model_hour=None) for person in people(builder, draw, 0, 200)]
    some = people(builder, draw, 5, 5)
    assert not releases(builder.population_of(few, some)[0])
    assert np.isnan(view.weigh(builder.groups_of(few, some))).all()
    at_once = [replace(person, new_model_hour=30) for person in few]
    assert not releases(builder.population_of(at_once, few)[0])


@seeds
def test_who_was_away_or_not_there_yet_is_not_asked(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    group = people(builder, draw, 20, 40)
    asleep = np.ones(builder.DAYS * 24, np.int64)
    asleep[builder.RELEASE_HOUR : builder.RELEASE_HOUR + 30] = 0
    late = np.where(np.arange(builder.DAYS * 24) > builder.RELEASE_HOUR, 1, 0)
    more = [replace(person, hours=asleep) for person in people(builder, draw, 0, 10)]
    more += [replace(person, hours=late) for person in people(builder, draw, 10, 10)]
    rest = crowd(builder, draw)
    groups = builder.groups_of(rest, group, group + more)
    population = groups.population
    alone = Groups(population, np.where(groups.partition == 0, 0, -1), groups.content)
    (release,) = releases(population)
    assert release.active.sum() == len(rest) + 80
    assert release.at_us + DAY_US < population.footprints.integers("last_us").max()
    assert view.weigh(groups)[0] == pytest.approx(view.weigh(groups)[1]) == pytest.approx(view.weigh(alone)[0])
