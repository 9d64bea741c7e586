"""What every registered view must keep."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups, View
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.exchange.schema import ACCOUNT_COLUMNS, EXCHANGE_COLUMNS
from stillwatch.footprint.footprints import Footprints, blank

SOURCE = Path(__file__).parents[3] / "src" / "stillwatch" / "campaign" / "views"
# Predictors that read one unit after another, and a unit that its first account speaks for, depend on the order a bit.
ORDER_NATS = {"client": 0.7, "sign_up": 0.7, "template": 0.7}
each = pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
seeds = pytest.mark.parametrize("seed", [61, 62])


@cache
def mixture(builder: ModuleType, seed: int) -> Groups:
    """A campaign, every look-alike and two groups of strangers, each a group, among strangers."""
    draw = builder.Builder(seed)
    alike = [kind(draw) for kind in builder.LOOK_ALIKES.values()]
    groups: Groups = builder.groups_of(
        draw.strangers(400), draw.campaign(30), *alike, draw.strangers(20), draw.strangers(5)
    )
    return groups


@cache
def honest_people(builder: ModuleType, seed: int) -> Groups:
    """Two thousand, the look-alikes among them."""
    draw = builder.Builder(seed)
    # Too many evaluators would break the claim about how many honest people ask for grades and reasoning.
    kinds = [kind for name, kind in builder.LOOK_ALIKES.items() if name != "evaluators"]
    alike = [account for kind in kinds for account in kind(draw)]
    everyone: Groups = builder.groups_of(draw.strangers(2000 - len(alike)), alike)
    return everyone


def test_all_files_are_registered_under_their_names_once() -> None:
    files = {path.stem for path in SOURCE.glob("*.py") if "view = View(" in path.read_text()}
    assert sorted(view.name for view in VIEWS) == sorted(files)


@each
def test_the_claim_is_complete(view: View) -> None:
    assert len(view.null) > 30 and len(view.source) > 20 and view.null.rstrip().endswith(".")
    columns = {column.name for column in (*EXCHANGE_COLUMNS, *ACCOUNT_COLUMNS)}
    assert view.needs and set(view.needs) <= columns
    assert view.cap_nats > 0


@each
def test_the_file_explains_itself(view: View) -> None:
    text = (SOURCE / f"{view.name}.py").read_text()
    title = text.split('"""')[1].splitlines()[0]
    assert title.lower().startswith(view.name.replace("_", "-") + ":") and "def weigh" in text
    assert view.weigh.__doc__


@each
def test_no_data_is_not_a_number(view: View) -> None:
    footprints = blank(pa.array([str(k) for k in range(12)], pa.large_string()), 0)
    for content in (None, np.full(12, -1)):
        groups = Groups(Population(footprints), np.arange(12) // 4, content)
        assert view.weigh(groups).shape == view.capped(groups).shape == (3,)
        assert np.isnan(view.weigh(groups)).all() and np.isnan(view.capped(groups)).all()


@each
@seeds
def test_evidence_is_bounded_on_both_sides(builder: ModuleType, view: View, seed: int) -> None:
    groups = mixture(builder, seed)
    nats, capped = view.weigh(groups), view.capped(groups)
    assert capped.shape == (len(groups),) and np.array_equal(np.isnan(nats), np.isnan(capped))
    assert np.nanmax(capped) <= view.cap_nats
    # A habit that a group does not have takes away at most what its own half of the bet was worth.
    assert np.nanmin(capped) >= -math.log(2) - 1e-12
    order = np.argsort(nats)
    assert (np.diff(capped[order]) >= -1e-12).all()


@each
@seeds
def test_the_input_stays(builder: ModuleType, view: View, seed: int) -> None:
    groups = mixture(builder, seed)
    before = {name: array.copy() for name, array in groups.population.footprints.arrays.items()}
    partition = groups.partition.copy()
    first = view.weigh(groups)
    assert np.array_equal(first, view.weigh(groups), equal_nan=True)
    assert np.array_equal(partition, groups.partition)
    assert all(np.array_equal(array, before[name]) for name, array in groups.population.footprints.arrays.items())


@each
@seeds
def test_numbers_of_groups_are_names_only(builder: ModuleType, view: View, seed: int) -> None:
    groups = mixture(builder, seed)
    names = np.random.default_rng(seed).permutation(len(groups))
    renamed = Groups(groups.population, np.append(names, -1)[groups.partition], groups.content)
    assert np.allclose(view.weigh(renamed)[names], view.weigh(groups), equal_nan=True)


@each
@seeds
def test_the_order_of_accounts_does_not_matter(builder: ModuleType, view: View, seed: int) -> None:
    groups = mixture(builder, seed)
    order = np.random.default_rng(seed).permutation(len(groups.partition))
    assert groups.content is not None
    population = Population(groups.population.footprints.take(order))
    shuffled = view.capped(Groups(population, groups.partition[order], groups.content[order]))
    straight = view.capped(groups)
    assert np.allclose(shuffled, straight, atol=ORDER_NATS.get(view.name, 1e-9), equal_nan=True)


@each
@seeds
def test_groups_are_judged_apart_from_groups_that_share_nothing_with_them(
    builder: ModuleType, view: View, seed: int
) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(draw.strangers(300), draw.campaign(30), draw.office(), draw.fleet(), draw.application())
    together = view.weigh(groups)
    for number in range(len(groups)):
        alone = Groups(groups.population, np.where(groups.partition == number, 0, -1), groups.content)
        # All but exactly: who is in no group is a stranger to everyone when the crowd of a network is counted.
        assert np.allclose(view.weigh(alone)[0], together[number], atol=0.02, equal_nan=True)


@each
@seeds
def test_honest_groups_drawn_at_random_are_worth_at_most_one_on_average(
    builder: ModuleType, view: View, seed: int
) -> None:
    """Whoever the honest accounts are: that they are in one group says nothing of what they share."""
    groups = honest_people(builder, seed)
    generator = np.random.default_rng(seed)
    accounts = len(groups.partition)
    e = []
    for size in (4, 8, 20, 50):
        partition = np.full(accounts, -1)
        chosen = generator.permutation(accounts)[: accounts // size * size]
        partition[chosen] = np.arange(len(chosen)) // size
        e.append(np.exp(view.capped(Groups(groups.population, partition, groups.content))))
    values = np.nan_to_num(np.concatenate(e), nan=1.0)
    assert len(values) > 500
    assert values.mean() <= 1 + 4 * values.std() / np.sqrt(len(values))
    assert (values >= 10).mean() <= 0.1 + 4 * np.sqrt(0.1 / len(values))
    assert values.mean() <= 1.1


def without(footprints: Footprints, column: str) -> Footprints:
    """The same footprints from logs without ``column``."""
    empty = blank(footprints.account_id, footprints.origin_us).arrays
    fields = {
        "client_address": ("addresses", "addresses_exchanges", "address_asn", "address_prefix"),
        "prompt": ("shingles", "shingles_exchanges", "whole_prompts", "prompts", "coercion", "eliciting", "topic"),
        "request_model": ("models", "models_exchanges", "model_first_us"),
    }
    arrays = footprints.arrays | {name: empty[name] for name in fields.get(column, ())}
    profile = footprints.profile
    assert profile is not None
    if column == "payment_fingerprint":
        profile = profile.drop_columns(["card"])
    return Footprints(arrays, footprints.account_id, footprints.origin_us, profile)


@each
@pytest.mark.parametrize("column", ["client_address", "prompt", "payment_fingerprint", "request_model"])
def test_a_missing_column_silences_the_views_that_need_it_and_no_other(
    builder: ModuleType, view: View, column: str
) -> None:
    groups = mixture(builder, 63)
    population = Population(without(groups.population.footprints, column))
    content = np.full(len(groups.partition), -1) if column == "prompt" else groups.content
    nats = view.weigh(Groups(population, groups.partition, content))
    assert np.isnan(nats).all() if view.needs == (column,) else not np.isnan(nats).all()
