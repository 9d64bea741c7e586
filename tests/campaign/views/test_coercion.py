from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stillwatch.campaign.marked_units import CROWD_ACCOUNTS
from stillwatch.campaign.views import elicitation
from stillwatch.campaign.views.coercion import FEW_NATS_MOST, PROMPTS_LEAST, view, weigh_apart

seeds = pytest.mark.parametrize("seed", [141, 142, 143])


@seeds
def test_the_more_units_demand_hidden_reasoning_the_more_it_speaks(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people = [
        replace(person, card=None, addresses={draw.at_home(): 1}, hours=np.full_like(person.hours, 2), mail=None)
        for person in draw.strangers(30)
    ]
    groups = [
        [replace(person, coercing_share=0.8 if k < share * 30 else 0.0) for k, person in enumerate(people)]
        for share in (0.0, 0.2, 0.6, 1.0)
    ]
    population = builder.groups_of(draw.strangers(100), *groups)
    nats = view.weigh(population)
    assert (np.diff(nats) >= 0).all() and nats[0] < 0 < nats[1] and nats[-1] == FEW_NATS_MOST
    # However many people demand it from homes of their own, it takes a second view beside this one.
    assert view.capped(population).max() < view.strong_nats <= view.cap_nats
    # What it weighs, the view of graders and training-style answers does not weigh again.
    assert (elicitation.view.weigh(population) < 0).all()


@seeds
def test_one_firm_is_one_witness_and_who_tries_it_out_is_none(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    testers = [replace(account, coercing_share=0.9) for account in draw.fleet()]
    few = np.zeros_like(draw.strangers(1)[0].hours)
    few[:5] = 1  # Five prompts, all of them attempts.
    curious = [
        replace(person, card=None, mail=None, addresses={draw.at_home(): 1}, hours=few, coercing_share=1.0)
        for person in draw.strangers(20)
    ]
    assert few.sum() < PROMPTS_LEAST
    firm, tried = view.weigh(builder.groups_of(draw.strangers(100), testers, curious))
    assert firm < 6 and tried < 0


def at_one_address(draw: Any, size: int, each: int, share: float = 0.9) -> list[Any]:
    """Strangers who pay for themselves and sent all from one address, ``each`` exchanges apiece."""
    place = draw.at_home()
    hours = np.zeros_like(draw.strangers(1)[0].hours)
    hours[: each // 10] = 10
    return [
        replace(person, card=None, mail=None, addresses={place: each}, hours=hours, coercing_share=share)
        for person in draw.strangers(size)
    ]


@seeds
def test_a_crowd_at_one_address_is_what_no_honest_unit_is(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    crowd = at_one_address(draw, 4, 400)
    others = [
        at_one_address(draw, CROWD_ACCOUNTS - 1, 400),  # A couple.
        at_one_address(draw, 30, 100),  # A class.
        at_one_address(draw, 4, 400, 0.3),  # People who ask for something else mostly.
        [replace(account, card=builder.hashed("card", "firm")) for account in crowd],
        [replace(account, organization=builder.hashed("firm", "one")) for account in crowd],
        [replace(account, mail=builder.hashed("mail", "of their own")) for account in crowd],
    ]
    for apart in ({}, {"card": builder.hashed("card", "other")}):
        one = [replace(account, **apart) if k == 0 else account for k, account in enumerate(crowd)]
        found = view.capped(builder.groups_of(draw.strangers(400), one))
        assert found[0] >= view.strong_nats
    for group in others:
        nats = view.capped(builder.groups_of(draw.strangers(400), group))
        assert nats[0] < 6 < view.strong_nats


@seeds
def test_strangers_count_each_by_itself(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(draw.strangers(400), at_one_address(draw, 4, 100))
    assert weigh_apart(groups)[0] == pytest.approx(4 * view.weigh(groups)[0])
