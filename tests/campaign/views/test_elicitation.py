from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from stillwatch.campaign.views.elicitation import view

seeds = pytest.mark.parametrize("seed", [131, 132, 133])


@seeds
def test_the_more_members_ask_for_training_data_the_more_it_speaks(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people = [
        replace(person, card=None, addresses={draw.at_home(): 1}, hours=np.full_like(person.hours, 2), mail=None)
        for person in draw.strangers(30)
    ]
    groups = [
        [replace(person, eliciting_share=0.8 if k < share * 30 else 0.0) for k, person in enumerate(people)]
        for share in (0.0, 0.2, 0.6, 1.0)
    ]
    nats = view.weigh(builder.groups_of(draw.strangers(100), *groups))
    assert (np.diff(nats) > 0).all() and nats[0] < 0 and nats[-1] > 20
    # One who asks now and then is not one who asks all the time.
    mild = [replace(person, eliciting_share=0.2) for person in people]
    assert view.weigh(builder.groups_of(draw.strangers(100), mild))[0] < nats[-1]


@seeds
def test_one_firm_is_one_witness_and_people_who_chat_none(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    graders = [replace(account, eliciting_share=0.9) for account in draw.fleet()]
    groups = builder.groups_of(draw.strangers(100), graders, draw.strangers(40), draw.school_class())
    firm, strangers, pupils = view.weigh(groups)
    assert firm < 4 and strangers < 4 and pupils < 1
