from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from stillwatch.campaign.views.payment import view

seeds = pytest.mark.parametrize("seed", [71, 72, 73])


@seeds
def test_interleaved_cards_speak_and_firms_agencies_and_houses_do_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    honest = [draw.office(), draw.agency(), draw.fleet(), draw.firms_in_one_house(), draw.application()]
    groups = builder.groups_of(draw.strangers(500), draw.campaign(), *honest)
    campaign, *others = view.weigh(groups)
    assert campaign > 8
    # Four firms in one house do share cards more than others; that alone is worth little and never grows.
    assert max(others) < 4 and max(others[:3] + others[4:]) < 1.5


@seeds
def test_one_card_for_all_says_nothing_however_addresses_mix(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    one_card = [replace(account, card=1) for account in draw.campaign()]
    groups = builder.groups_of(draw.strangers(500), one_card)
    assert view.weigh(groups)[0] <= 0.5


@seeds
def test_cards_without_common_addresses_are_only_sharing(builder: ModuleType, seed: int) -> None:
    """Many small firms in one group by chance: each has its card and its own address."""
    draw = builder.Builder(seed)
    pool = draw.campaign()
    apart = [replace(a, addresses={(builder.hashed("own", a.card), 5000 + k % 3): 9}) for k, a in enumerate(pool)]
    mixed, kept_apart = view.weigh(builder.groups_of(draw.strangers(500), pool, apart))
    assert kept_apart <= 4.0 < mixed


def test_more_mixing_is_more_evidence(builder: ModuleType) -> None:
    draw = builder.Builder(74)
    pool = draw.campaign()
    groups = []
    for share in (0.0, 0.3, 1.0):
        marks = np.random.default_rng(75).random(len(pool)) < share
        groups.append([a if mark else replace(a, addresses={}) for a, mark in zip(pool, marks, strict=True)])
    nats = [view.weigh(builder.groups_of(draw.strangers(300), group))[0] for group in groups]
    assert nats == sorted(nats) and nats[0] < nats[-1]


def test_without_addresses_sharing_alone_speaks_and_cannot_decide(builder: ModuleType) -> None:
    draw = builder.Builder(76)
    pool, people = draw.campaign(), draw.strangers(300)
    nowhere = [[replace(account, addresses={}) for account in group] for group in (people, pool)]
    nats = view.capped(builder.groups_of(*nowhere))[0]
    assert 0 < nats < view.cap_nats


def test_without_cards_there_is_no_data(builder: ModuleType) -> None:
    draw = builder.Builder(77)
    unpaid = [[replace(account, card=None) for account in group] for group in (draw.strangers(50), draw.campaign(20))]
    assert np.isnan(view.weigh(builder.groups_of(*unpaid))).all()
