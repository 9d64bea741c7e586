from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from stillwatch.campaign.views import elicitation
from stillwatch.campaign.views.coercion import PROMPTS_LEAST, view

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
    assert (np.diff(nats) > 0).all() and nats[0] < 0 and nats[-1] > 20
    assert view.capped(population).max() <= view.cap_nats
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
