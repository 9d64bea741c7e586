from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.complementarity import overlap, view
from stillwatch.case.findings import findings

seeds = pytest.mark.parametrize("seed", [141, 142, 143])
SET, UNITS = 480, 40


def with_phrases(people: list[Any], lists: list[np.ndarray]) -> list[Any]:
    """The people alone on cards and addresses of their own, with only these phrases."""
    return [
        replace(person, card=None, mail=None, shingles=phrases) for person, phrases in zip(people, lists, strict=True)
    ]


def scene(builder: ModuleType, seed: int, readers: int = 5) -> tuple[Groups, Groups, list[Any]]:
    """A public set dealt out over forty; forty who each ask a random part; the first forty. Others read it, too."""
    draw = builder.Builder(seed)
    generator = draw.generator
    public = generator.permutation(builder.prompt_set("a public set", SET))
    each = SET // UNITS
    dealt = [public[k * each : (k + 1) * each] for k in range(UNITS)]
    random = [generator.choice(public, each, replace=False) for _ in range(UNITS)]
    reading = [generator.choice(public, 30, replace=False) for _ in range(readers)]
    alone = with_phrases(draw.strangers(readers), reading)
    groups = [with_phrases(draw.strangers(UNITS), lists) for lists in (dealt, random)]
    home = [[replace(person, addresses={draw.at_home(): 1}) for person in group] for group in groups]
    # One at a time, so that each is compared with who reads the set and not with the other group.
    first, second = (builder.groups_of(draw.strangers(200) + alone, group) for group in home)
    return first, second, home[0]


@seeds
def test_a_set_dealt_out_speaks_and_one_asked_at_random_does_not(builder: ModuleType, seed: int) -> None:
    dealt, random, _ = scene(builder, seed)
    assert view.capped(dealt)[0] > 2 and view.weigh(dealt)[0] > 3
    assert view.weigh(random)[0] < 0 and view.capped(random)[0] < 0
    found = overlap(dealt)
    assert found is not None and not found.repeated.any() and (found.expected >= 0.04).all()
    said = findings(dealt, np.full(len(dealt.partition), -1))["complementarity"]
    assert f"Of {found.draws.sum():,} " in said and " 0 had been sent " in said
    assert f"about {(found.expected * found.draws).sum():,.1f} would" in said


@seeds
def test_where_nobody_else_knows_the_set_nothing_is_said(builder: ModuleType, seed: int) -> None:
    """Two groups with private data look alike: their lists may be of any length."""
    dealt, random, _ = scene(builder, seed, readers=0)
    assert view.weigh(dealt)[0] == view.weigh(random)[0] == 0


@seeds
def test_a_firm_that_deals_a_queue_out_is_one_unit_and_excused(builder: ModuleType, seed: int) -> None:
    _, _, dealt = scene(builder, seed)
    draw = builder.Builder(seed + 1)
    readers = with_phrases(draw.strangers(5), [builder.prompt_set("a public set", SET)] * 5)
    firm = [replace(person, card=builder.hashed("card", "a firm")) for person in dealt]
    assert view.weigh(builder.groups_of(draw.strangers(50) + readers, firm))[0] == 0
    excusing = {explanation.name for explanation in EXPLANATIONS if view.name in explanation.excuses}
    assert excusing == {"one organisation", "one place", "one application"}


@seeds
def test_honest_look_alikes_are_not_taken_for_dealt_out(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(draw.strangers(400), *(make(draw) for make in builder.LOOK_ALIKES.values()))
    assert view.capped(groups).max() < 0.5


@seeds
def test_it_never_decides_alone(builder: ModuleType, seed: int) -> None:
    dealt, _, _ = scene(builder, seed)
    assert view.capped(dealt)[0] <= view.cap_nats and not view.strong and not view.ties
