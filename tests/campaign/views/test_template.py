from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.template import view

seeds = pytest.mark.parametrize("seed", [91, 92, 93])


def groups_with_content(builder: ModuleType, seed: int, shares: tuple[float, ...], units: bool) -> Groups:
    """Groups of thirty of which these shares send one kind of prompt, which one stranger in a hundred sends too."""
    draw = builder.Builder(seed)
    people = [replace(person, card=None, addresses={}, mail=None) for person in draw.strangers(1000)]
    size = 30
    members = size * len(shares)
    if not units:
        people = [replace(p, card=1 + k // size if k < members else None) for k, p in enumerate(people)]
    population: Population = builder.population_of(people)[0]
    partition = np.where(np.arange(1000) < members, np.arange(1000) // size, -1)
    content = np.where(draw.generator.random(1000) < 0.01, 0, -1)
    content[-40:] = 1  # Another kind, of people in no group.
    for group, share in enumerate(shares):
        content[group * size : (group + 1) * size] = np.where(np.arange(size) < share * size, 0, -1)
    return Groups(population, partition, content)


@seeds
def test_the_more_members_send_one_kind_of_prompt_the_more_it_speaks(builder: ModuleType, seed: int) -> None:
    nats = view.weigh(groups_with_content(builder, seed, (0.0, 0.1, 0.5, 1.0), units=True))
    assert (np.diff(nats) >= 0).all() and nats[0] <= 0 and nats[-1] > 5


@seeds
def test_accounts_on_one_card_are_one_witness(builder: ModuleType, seed: int) -> None:
    assert view.weigh(groups_with_content(builder, seed, (0.0, 0.5, 1.0), units=False)).max() < 2


@seeds
def test_groups_that_content_alone_drew_have_no_evidence(builder: ModuleType, seed: int) -> None:
    groups = groups_with_content(builder, seed, (1.0, 0.5), units=True)
    assert (view.weigh(Groups(groups.population, groups.partition, None)) == 0).all()
    nobody_alike = np.full(len(groups.partition), -1)
    assert (view.weigh(Groups(groups.population, groups.partition, nobody_alike)) <= 0).all()


@seeds
def test_a_popular_kind_of_prompt_says_nothing(builder: ModuleType, seed: int) -> None:
    groups = groups_with_content(builder, seed, (0.5, 0.5), units=True)
    assert groups.content is not None
    popular = np.where(np.arange(len(groups.content)) % 2 == 0, 0, -1)
    assert view.weigh(Groups(groups.population, groups.partition, popular)).max() <= 0
