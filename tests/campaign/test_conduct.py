"""Groups drawn by conduct: only where the logs name nobody, and only of accounts that never sleep."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stillwatch.campaign.detection import conduct, draw
from stillwatch.campaign.population import Population

seeds = pytest.mark.parametrize("seed", [151, 152])


def nameless(draw_from: Any, sleepless: int) -> list[Any]:
    people = [replace(each, card=None, addresses={}, mail=None, organization=None) for each in draw_from.strangers(60)]
    awake = np.ones_like(people[0].hours)
    night = awake.copy()
    night.reshape(-1, 24)[:, :9] = 0
    return [replace(each, hours=awake if k < sleepless else night, setting=3) for k, each in enumerate(people)]


@seeds
def test_who_never_sleeps_is_drawn_where_nobody_is_named(builder: ModuleType, seed: int) -> None:
    population = Population(builder.footprints_of(nameless(builder.Builder(seed), 12)))
    assert population.network.empty and population.payment.empty
    drawn = conduct(population)
    assert (drawn[:12] == 0).all() and (drawn[12:] == -1).all()
    cores = [core for core in draw(population, np.full(len(population), -1, np.int64)) if core.graph == "conduct"]
    assert [core.accounts.tolist() for core in cores] == [list(range(12))]


@seeds
def test_nobody_is_drawn_by_conduct_where_cards_or_addresses_are_known(builder: ModuleType, seed: int) -> None:
    draw_from = builder.Builder(seed)
    people = nameless(draw_from, 12)
    people[30] = replace(people[30], addresses={draw_from.at_home(): 1})
    population = Population(builder.footprints_of(people))
    assert not population.network.empty
    assert (conduct(population) == -1).all()
