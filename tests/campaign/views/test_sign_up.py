from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from stillwatch.campaign.views.sign_up import view

seeds = pytest.mark.parametrize("seed", [111, 112, 113])


@seeds
def test_accounts_opened_and_used_together_speak(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    alone = [replace(person, card=None, addresses={draw.at_home(): 1}) for person in draw.strangers(40)]
    opened = builder.ORIGIN_US - 33 * builder.DAY_US
    batch = [replace(person, created_us=opened) for person in alone]
    together, apart = view.weigh(builder.groups_of(draw.strangers(800), batch, alone))
    assert together > 4 and apart < 1.5


@seeds
def test_a_class_a_firm_and_a_fleet_signed_up_once_each(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    honest = [draw.school_class(), draw.office(), draw.fleet(), draw.application(), draw.households()]
    assert view.weigh(builder.groups_of(draw.strangers(800), *honest)).max() < 1.5


@seeds
def test_a_day_on_which_everybody_came_says_nothing(builder: ModuleType, seed: int) -> None:
    """A launch: half of all accounts were opened on one day."""
    draw = builder.Builder(seed)
    day = builder.ORIGIN_US - 5 * builder.DAY_US
    people = [replace(p, created_us=day) if k % 2 else p for k, p in enumerate(draw.strangers(800))]
    newcomers = [replace(person, created_us=day) for person in draw.strangers(40)]
    assert view.weigh(builder.groups_of(people, newcomers))[0] < 1.5
