from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stillwatch.campaign.joint import VIEW_NATS_LEAST
from stillwatch.campaign.views.round_the_clock import ACCOUNTS_LEAST, view

seeds = pytest.mark.parametrize("seed", [181, 182, 183])


def behind_one_address(builder: ModuleType, draw: Any, awake: int, asleep: int = 0) -> list[Any]:
    """Strangers who pay for themselves: some work without a pause, the others are people."""
    place = draw.at_home()
    people = [replace(person, card=None, mail=None, addresses={place: 9}) for person in draw.strangers(awake + asleep)]
    never = draw.generator.poisson(3.0, (awake, builder.DAYS * 24)) + 1
    return [replace(person, hours=never[k]) if k < awake else person for k, person in enumerate(people)]


@seeds
def test_three_at_one_address_that_never_sleep_speak_and_fewer_do_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    pool = behind_one_address(builder, draw, ACCOUNTS_LEAST)
    groups = [
        pool,
        behind_one_address(builder, draw, ACCOUNTS_LEAST + 1, ACCOUNTS_LEAST),
        behind_one_address(builder, draw, ACCOUNTS_LEAST - 1),
        behind_one_address(builder, draw, ACCOUNTS_LEAST, ACCOUNTS_LEAST + 1),  # A hostel with three bots.
        [replace(account, card=builder.hashed("card", "firm")) for account in pool],
        [replace(account, organization=builder.hashed("firm", "one")) for account in pool],
        [replace(a, addresses={(k, 1): 9}) for k, a in enumerate(pool)],
        [replace(account, hours=np.minimum(account.hours, np.arange(builder.DAYS * 24) < 20)) for account in pool],
    ]
    nats = [float(view.capped(builder.groups_of(draw.strangers(300), group))[0]) for group in groups]
    assert min(nats[:2]) >= VIEW_NATS_LEAST and max(nats[2:]) < 0


@seeds
def test_people_classes_and_fleets_do_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    alike = [kind(draw) for kind in builder.LOOK_ALIKES.values()]
    assert (view.capped(builder.groups_of(draw.strangers(300), *alike)) < 0).all()
