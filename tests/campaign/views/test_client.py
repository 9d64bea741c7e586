from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from stillwatch.campaign.views.client import view

seeds = pytest.mark.parametrize("seed", [121, 122, 123])


@seeds
def test_rare_software_in_many_hands_speaks_and_popular_software_does_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    alone = [replace(person, card=None, addresses={draw.at_home(): 1}) for person in draw.strangers(40)]
    rare = [replace(person, client=5, setting=29, system=6) for person in alone]
    usual = [replace(person, client=builder.hashed("client", 1 + k % 2)) for k, person in enumerate(alone)]
    own, common = view.weigh(builder.groups_of(draw.strangers(800), rare, usual))
    assert own > 10 and common < 1.5


@seeds
def test_a_firm_chose_its_software_once(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    honest = [draw.fleet(), draw.office(), draw.school_class()]
    assert view.weigh(builder.groups_of(draw.strangers(800), *honest)).max() < 1.5


@seeds
def test_it_never_decides_alone(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    capped = view.capped(builder.groups_of(draw.strangers(800), draw.application(), draw.campaign()))
    assert capped.max() <= view.cap_nats and not view.strong
