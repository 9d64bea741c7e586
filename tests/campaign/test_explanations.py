"""Each explanation fits the groups that it is meant for and lacks something for a campaign."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from stillwatch.campaign.explanations import EXPLANATIONS, SLEEPLESS_NATS_MOST, Explanation
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS

SOURCE = Path(__file__).parents[2] / "src" / "stillwatch" / "campaign" / "views"
BY_NAME = {explanation.name: explanation for explanation in EXPLANATIONS}
FITS = {
    "office": {"one organisation", "one place"},
    "agency": {"one organisation", "one application"},
    "fleet": {"one organisation", "one application"},
    "class": {"one place"},
    "application": {"one application"},
}
SEEDS = [31, 32]


def of_share(builder: ModuleType, size: int) -> Groups:
    """Groups of ``size`` accounts of which 0, 1, 2, ... to all are on one card."""
    people = builder.Builder(1).strangers(size)
    plain = [replace(person, card=None, mail=None) for person in people]
    groups = [
        [replace(p, card=builder.hashed("card", h)) if k < h else p for k, p in enumerate(plain)]
        for h in range(size + 1)
    ]
    population, number = builder.population_of(*groups)
    return Groups(population, number)


def test_explanations_are_complete_and_excuse_views_that_exist() -> None:
    # Views that are written count as well: what is excused before a view is registered is not forgotten then.
    written = {path.stem for path in SOURCE.glob("*.py") if "view = View(" in path.read_text()}
    names = {view.name for view in VIEWS} | written
    assert len(BY_NAME) == len(EXPLANATIONS)
    for explanation in EXPLANATIONS:
        assert len(explanation.claim) > 30
        assert explanation.excuses <= names, f"{explanation.name}: {explanation.excuses - names}"
        assert explanation.excuses < names, "an explanation that excuses everything would let everything pass"
    assert BY_NAME["strangers"].excuses == frozenset()


def test_what_an_explanation_needs_to_excuse_a_view_is_never_that_view(builder: ModuleType) -> None:
    groups = builder.groups_of(builder.Builder(2).strangers(50), builder.Builder(3).campaign(20))
    demanding = {name for name, explanation in BY_NAME.items() if explanation.misfit(groups)[0][0] > 0}
    assert {"one organisation", "one place", "one application"} <= demanding


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", FITS)
def test_look_alikes_fit_their_explanations_and_campaigns_none(builder: ModuleType, kind: str, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(draw.strangers(300), builder.LOOK_ALIKES[kind](draw), draw.campaign(40))
    for name in FITS[kind]:
        honest, campaign = BY_NAME[name].misfit(groups)[0]
        assert honest <= 1.0, name
        assert campaign >= 10.0, name


@pytest.mark.parametrize("explanation", EXPLANATIONS, ids=lambda explanation: explanation.name)
def test_misfits_are_finite_and_at_least_zero(builder: ModuleType, explanation: Explanation) -> None:
    draw = builder.Builder(33)
    every = [kind(draw) for kind in builder.LOOK_ALIKES.values()]
    nothing = builder.footprints_of([])
    for groups in (
        builder.groups_of(draw.strangers(100), *every, draw.campaign(12)),
        Groups(type(builder.population_of([])[0])(nothing), np.zeros(0, np.int64)),
    ):
        misfit = explanation.misfit(groups)[0]
        assert misfit.shape == (len(groups),)
        assert np.isfinite(misfit).all() and (misfit >= 0).all()


@pytest.mark.parametrize("size", [6, 20, 40])
def test_fewer_on_the_card_is_worse_and_a_true_firm_is_hardly_blamed(builder: ModuleType, size: int) -> None:
    misfit = BY_NAME["one organisation"].misfit(of_share(builder, size))[0]
    assert misfit[-1] == 0 and (np.diff(misfit) <= 0).all() and misfit[0] > 2
    # Over all outcomes of a firm whose card covers nine in ten; setting negative evidence to 0 can at most double it.
    for share in (0.9, 0.97, 1.0):
        assert (binom.pmf(np.arange(size + 1), size, share) * np.exp(misfit)).sum() <= 2.0


def test_a_place_sleeps(builder: ModuleType) -> None:
    draw = builder.Builder(34)
    people = draw.school_class(size=20)
    sleepless = [replace(person, hours=draw.generator.poisson(1.0, builder.DAYS * 24)) for person in people]
    event = [replace(person, hours=np.where(np.arange(builder.DAYS * 24) < 48, 3, 0)) for person in people]
    groups = builder.groups_of(draw.strangers(50), people, sleepless, event)
    rested, restless, short = BY_NAME["one place"].misfit(groups)[0]
    assert rested == 0 and restless > 1 and short == 0


def test_without_addresses_only_who_never_sleeps_is_in_no_place(builder: ModuleType) -> None:
    draw = builder.Builder(35)
    pupils = [replace(person, addresses={}) for person in draw.school_class(size=10)]
    pool = [replace(person, addresses={}, hours=np.ones_like(person.hours)) for person in pupils]
    rested, restless = BY_NAME["one place"].misfit(builder.groups_of([], pupils, pool))[0]
    assert rested == 0 and restless == SLEEPLESS_NATS_MOST


@pytest.mark.parametrize("seed", SEEDS)
def test_strangers_behind_one_address_who_all_demand_reasoning_are_counted_each(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    place = draw.at_home()
    people = [
        replace(person, card=None, mail=None, hours=np.full_like(person.hours, 1)) for person in draw.strangers(12)
    ]
    askers = [replace(person, coercing_share=0.9, addresses={place: 300}) for person in people[:4]]
    homely = [replace(a, addresses={(k, 1): 300}) for k, a in enumerate(askers)]
    quiet = [replace(person, addresses={place: 300}) for person in people[4:8]]
    groups = builder.groups_of(draw.strangers(100), askers, homely, quiet)
    for name in ("strangers", "one prompt set"):
        behind_one, each_at_home, silent = BY_NAME[name].misfit(groups)[0]
        assert behind_one > 5 and each_at_home == silent == 0
    assert (
        BY_NAME["one organisation"].misfit(groups)[0]
        == BY_NAME["one organisation"].misfit(
            builder.groups_of(
                draw.strangers(100), *[[replace(a, coercing_share=0) for a in g] for g in (askers, homely, quiet)]
            )
        )[0]
    ).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_large_firm_is_one_organisation_and_a_pool_on_a_mail_provider_is_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    firm = [replace(account, card=None) for account in draw.fleet(size=60)]
    everyone = draw.strangers(400)
    domains = [person.mail for person in everyone]
    widest = max(set(domains), key=domains.count)
    pool = [replace(account, card=None, mail=widest) for account in draw.campaign(60)]
    groups = builder.groups_of(everyone, firm, pool)
    assert groups.population.popular < 60 <= domains.count(widest)  # Both domains look like a provider's by number.
    large, hired = BY_NAME["one organisation"].misfit(groups)[0]
    assert large == 0 and hired > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_where_nobody_is_named_one_harness_may_be_one_firms(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)

    def nameless(accounts: list[Any]) -> list[Any]:
        return [replace(account, card=None, mail=None, organization=None) for account in accounts]

    everyone, fleet, pool = draw.strangers(100), draw.fleet(), draw.campaign(40)
    of = BY_NAME["one organisation"]
    firm, hired = of.misfit(builder.groups_of(nameless(everyone), nameless(fleet), nameless(pool)))[0]
    assert firm == 0 and hired > 10
    # Where others are named, who is not is no firm for its harness alone.
    assert of.misfit(builder.groups_of(everyone, nameless(fleet)))[0][0] > 10
