"""Growth: half of a group finds the other half and nobody else."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stillwatch.campaign.membership import NONE, TIES, Ties, _completed, grow
from stillwatch.campaign.population import Population, incidence

SEEDS = [51, 52]


def planted(builder: ModuleType, seed: int) -> tuple[Population, NDArray[np.bool_]]:
    """A campaign of forty among eight hundred strangers and some who are alike, in an order drawn anew."""
    draw = builder.Builder(seed)
    honest = draw.strangers(800) + draw.office() + draw.fleet() + draw.school_class() + draw.households(20)
    accounts = honest + draw.campaign(40)
    order = draw.generator.permutation(len(accounts))
    population, _ = builder.population_of([accounts[k] for k in order])
    return population, order >= len(honest)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("part", [0.25, 0.5, 1.0])
def test_a_part_of_a_campaign_grows_to_the_whole(builder: ModuleType, part: float, seed: int) -> None:
    population, campaign = planted(builder, seed)
    core = campaign & (np.random.default_rng(seed).random(len(campaign)) < part)
    assert np.array_equal(grow(Ties(population), core).member, campaign)


@pytest.mark.parametrize("seed", SEEDS)
def test_strangers_in_the_core_are_let_go(builder: ModuleType, seed: int) -> None:
    population, campaign = planted(builder, seed)
    core = campaign.copy()
    core[np.random.default_rng(seed).choice(np.flatnonzero(~campaign), 8, replace=False)] = True
    assert np.array_equal(grow(Ties(population), core).member, campaign)


@pytest.mark.parametrize("seed", SEEDS)
def test_strangers_alone_do_not_grow(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    population, _ = builder.population_of(draw.strangers(600))
    core = np.zeros(600, bool)
    core[draw.generator.choice(600, 12, replace=False)] = True
    assert grow(Ties(population), core).member.sum() <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_the_day_of_first_use_counts_once_where_that_of_opening_is_not_known(builder: ModuleType, seed: int) -> None:
    population, campaign = planted(builder, seed)
    column = population.footprints.profile.column_names.index("created_us")
    population.footprints.profile = population.footprints.profile.remove_column(column)
    unknown = Population(population.footprints)
    judged = dict(zip([tie.name for tie in TIES], grow(Ties(unknown), campaign).by_tie, strict=True))
    assert judged["first_use"].any() and not judged["sign_up"].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_accounts_does_not_matter(builder: ModuleType, seed: int) -> None:
    population, campaign = planted(builder, seed)
    generator = np.random.default_rng(seed)
    core = campaign & (generator.random(len(campaign)) < 0.5)
    order = generator.permutation(len(campaign))
    shuffled = grow(Ties(Population(population.footprints.take(order))), core[order])
    straight = grow(Ties(population), core)
    assert np.array_equal(shuffled.member, straight.member[order])
    assert np.allclose(shuffled.log_odds, straight.log_odds[order])
    assert np.allclose(shuffled.by_tie, straight.by_tie[:, order])


@pytest.mark.parametrize("seed", SEEDS)
def test_log_odds_are_the_prior_and_what_each_tie_adds_within_its_bounds(builder: ModuleType, seed: int) -> None:
    population, campaign = planted(builder, seed)
    before = campaign.copy()
    result = grow(Ties(population), campaign)
    assert np.array_equal(campaign, before)  # The core is the caller's.
    assert result.by_tie.shape == (len(TIES), len(campaign)) and np.isfinite(result.log_odds).all()
    for tie, nats in zip(TIES, result.by_tie, strict=True):
        assert nats.max() <= tie.most and nats.min() >= -tie.least
        # Each tie that the campaign has speaks for its members more than for the others.
        if tie.name != "system":
            assert np.median(nats[campaign]) > np.median(nats[~campaign]), tie.name
    prior = result.log_odds - result.by_tie.sum(axis=0)
    assert np.allclose(prior, prior[0]) and prior[0] < 0
    assert result.log_odds[campaign].min() > result.log_odds[~campaign].max()


def test_what_an_account_holds_alone_never_makes_it_a_member(builder: ModuleType) -> None:
    """A member's own values are left out: else each account would be tied to any group that it was put into."""
    draw = builder.Builder(53)
    people = draw.strangers(200)
    lonely = [person for person in people if person.card is not None][:10]
    population, number = builder.population_of(people, [])
    core = np.array([any(person is one for one in lonely) for person in people])
    result = grow(Ties(population), core)
    payment = [tie.name for tie in TIES].index("payment")
    assert core.sum() == 10 and not number.any()
    assert (result.by_tie[payment, core] <= 0).all()


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(2, 6)), max_size=25))
def test_holding_nothing_is_a_value_where_others_hold_some(rows: set[tuple[int, int]]) -> None:
    table = sorted(rows)
    view = incidence(np.array([a for a, _ in table], np.int64), np.array([v for _, v in table], np.uint64))
    whole = _completed(view, 10)
    held: dict[int, set[int]] = {account: set() for account in range(10)}
    for account, value in table:
        held[account].add(value)
    if table:
        held = {account: values or {int(NONE)} for account, values in held.items()}
    found: dict[int, set[int]] = {account: set() for account in range(10)}
    for account, label in zip(whole.account.tolist(), whole.label[whole.value].tolist(), strict=True):
        found[account].add(label)
    assert found == held
    assert np.all(whole.account[1:] >= whole.account[:-1])
