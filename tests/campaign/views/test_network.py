from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from stillwatch.campaign.views.network import view

seeds = pytest.mark.parametrize("seed", [81, 82, 83])


@seeds
def test_a_pool_that_takes_addresses_in_turns_speaks_and_places_do_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    honest = [draw.office(), draw.fleet(), draw.school_class(), draw.two_classes(), draw.firms_in_one_house()]
    honest += [draw.evaluators(), draw.application()]
    campaign, *others = view.weigh(builder.groups_of(draw.strangers(500), draw.campaign(), *honest))
    assert campaign > 8 and max(others) < 1.5


@seeds
def test_exit_nodes_and_households_are_chance(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(draw.strangers(800) + draw.exit_nodes(100), draw.exit_nodes(50), draw.households(20))
    assert view.weigh(groups).max() < 2.5


@seeds
def test_a_pool_behind_crowded_exits_says_less(builder: ModuleType, seed: int) -> None:
    """Where strangers meet all the time, meeting says little."""
    draw = builder.Builder(seed)
    pool = draw.campaign(addresses=20)
    places = {place: k for k, place in enumerate(sorted({place for a in pool for place in a.addresses}))}
    behind = [
        replace(a, addresses={(builder.hashed("exit", places[place]), 3000): 5 for place in a.addresses}) for a in pool
    ]
    crowd = draw.strangers(300) + draw.exit_nodes(300)
    own, crowded = view.weigh(builder.groups_of(crowd, pool, behind))
    assert crowded < own / 2


def test_accounts_without_addresses_are_no_data_only_where_nobody_has_any(builder: ModuleType) -> None:
    draw = builder.Builder(84)
    nowhere = [replace(account, addresses={}) for account in draw.campaign(20)]
    assert view.weigh(builder.groups_of(draw.strangers(50), nowhere))[0] <= 0
    people = [replace(account, addresses={}) for account in draw.strangers(50)]
    assert np.isnan(view.weigh(builder.groups_of(people, nowhere))).all()
