"""What groups know of their members: units, places, firms."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

SEEDS = [171, 172]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_group_is_one_unit_where_eight_in_ten_are(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    guests = [
        replace(person, mail=None, card=None, addresses={(k, 1): 5}) for k, person in enumerate(draw.strangers(4))
    ]
    office, fleet = draw.office(size=8), draw.fleet(size=8)
    groups = builder.groups_of(
        draw.strangers(200), office, fleet, office[:8] + guests[:2], fleet[:4] + guests[2:], draw.campaign(20)
    )
    assert groups.one_unit.tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("seed", SEEDS)
def test_met_are_those_whom_only_an_address_joins(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    place = draw.at_home()
    met = [replace(person, mail=None, card=None, addresses={place: 5}) for person in draw.strangers(5)]
    firm = [replace(person, organization=builder.hashed("firm", "A")) for person in met]
    groups = builder.groups_of(draw.strangers(300), met, draw.office(size=6), draw.agency(size=6), firm)
    for k, expected in enumerate([True, False, False, False]):
        assert (groups.met[groups.partition == k] == expected).all()
    assert not groups.met[groups.partition < 0].any()
