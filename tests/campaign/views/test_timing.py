from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stillwatch.campaign.views.timing import view

seeds = pytest.mark.parametrize("seed", [101, 102, 103])


def acting(people: list[Any], hours: NDArray[np.int64]) -> list[Any]:
    return [replace(person, hours=own) for person, own in zip(people, hours, strict=True)]


@seeds
def test_people_who_act_for_themselves_say_nothing(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    honest = [draw.strangers(40), draw.strangers(8), draw.application(), draw.households(20)]
    assert view.weigh(builder.groups_of(draw.strangers(100), *honest)).max() < 1.5


@seeds
def test_independent_arrivals_at_a_constant_rate_say_little(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    machines = acting(draw.strangers(30), draw.generator.poisson(2.0, (30, builder.DAYS * 24)))
    assert view.weigh(builder.groups_of(draw.strangers(50), machines))[0] < 3


@seeds
def test_one_queue_behind_many_accounts_is_too_steady(builder: ModuleType, seed: int) -> None:
    """Each request goes to a random account; only their number an hour is fixed."""
    draw = builder.Builder(seed)
    dealt = draw.generator.multinomial(90, np.full(30, 1 / 30), builder.DAYS * 24).T
    pool = acting(draw.strangers(30), dealt)
    assert view.weigh(builder.groups_of(draw.strangers(50), pool))[0] > 8


@seeds
def test_accounts_that_one_hand_wakes_speak(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    at_work = draw.generator.random(builder.DAYS * 24) < 0.25
    pool = acting(draw.strangers(30), draw.generator.poisson(2.0, (30, builder.DAYS * 24)) * at_work)
    assert view.weigh(builder.groups_of(draw.strangers(50), pool))[0] > 8


@seeds
def test_one_steady_member_does_not_speak_for_a_group(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people = draw.strangers(20)
    people[0] = replace(people[0], hours=np.full(builder.DAYS * 24, 60))
    assert view.weigh(builder.groups_of(draw.strangers(50), people))[0] < 3


def test_less_than_a_day_is_no_data(builder: ModuleType) -> None:
    draw = builder.Builder(104)
    first = np.zeros((30, builder.DAYS * 24), np.int64)
    first[:, :20] = 3
    assert np.isnan(view.weigh(builder.groups_of([], acting(draw.strangers(30), first)))).all()
