"""Detection among two thousand strangers: no honest look-alike is a discovery, a campaign is found whole."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from stillwatch.campaign import detection as detection_module
from stillwatch.campaign.detection import content, detect, identity
from stillwatch.campaign.population import Population
from stillwatch.footprint.footprints import Footprints, blank

LEVEL = 0.05
STRANGERS = 2000
SEEDS = [41, 42, 43]
DRAWN = ("office", "agency", "fleet", "class", "two classes", "firms in one house", "application", "evaluators")


@pytest.fixture(scope="module")
def strangers(builder: ModuleType) -> dict[int, list[Any]]:
    return {seed: builder.Builder(seed).strangers(STRANGERS) for seed in SEEDS}


def drawn_together(partition: NDArray[np.int64], member: NDArray[np.bool_]) -> int:
    """How many of ``member`` are in the one group that has most of them."""
    return int(np.bincount(partition[member] + 1)[1:].max(initial=0))


def every_look_alike(builder: ModuleType, seed: int) -> list[Any]:
    return [account for draw in builder.LOOK_ALIKES.values() for account in draw(builder.Builder(seed))]


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize("kind", [*DRAWN, "exit nodes", "households"])
def test_no_look_alike_is_a_discovery(
    builder: ModuleType, strangers: dict[int, list[Any]], kind: str, seed: int
) -> None:
    alike = builder.LOOK_ALIKES[kind](builder.Builder(seed + 1000))
    population, number = builder.population_of(strangers[seed], alike)
    if kind in DRAWN:  # Else nothing would have been a candidate, and the next line would say nothing.
        most = max(drawn_together(drawn, number == 1) for drawn in (identity(population), content(population)))
        assert most >= 7
    detection = detect(population, LEVEL)
    assert detection.tested > 0 and not detection.flagged.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_all_look_alikes_at_once_are_no_discovery(
    builder: ModuleType, strangers: dict[int, list[Any]], seed: int
) -> None:
    population, _ = builder.population_of(strangers[seed], every_look_alike(builder, seed + 2000))
    assert not detect(population, LEVEL).flagged.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_campaign_among_them_is_found_whole_and_alone(
    builder: ModuleType, strangers: dict[int, list[Any]], seed: int
) -> None:
    honest = strangers[seed] + every_look_alike(builder, seed + 3000)
    campaign = builder.Builder(seed + 4000).campaign()
    order = np.random.default_rng(seed).permutation(len(honest) + len(campaign))
    accounts = honest + campaign
    population, _ = builder.population_of([accounts[k] for k in order])
    detection = detect(population, LEVEL)
    assert detection.flagged.sum() == 1
    found = detection.partition == int(np.flatnonzero(detection.flagged)[0])
    assert np.array_equal(found, order >= len(honest))


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_two_campaigns_are_two_discoveries(builder: ModuleType, strangers: dict[int, list[Any]], seed: int) -> None:
    draw = builder.Builder(seed + 5000)
    population, number = builder.population_of(
        strangers[seed], draw.campaign(40, name="first"), draw.campaign(50, name="second")
    )
    detection = detect(population, LEVEL)
    flagged = np.flatnonzero(detection.flagged)
    found = {frozenset(np.flatnonzero(detection.partition == k).tolist()) for k in flagged}
    assert found == {frozenset(np.flatnonzero(number == k).tolist()) for k in (1, 2)}


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_what_detection_says_fits_together(builder: ModuleType, strangers: dict[int, list[Any]], seed: int) -> None:
    draw = builder.Builder(seed + 6000)
    population, number = builder.population_of(strangers[seed], draw.campaign(), draw.office(), draw.fleet())
    detection = detect(population, LEVEL)
    again = detect(population, LEVEL)
    assert np.array_equal(detection.partition, again.partition)  # Nothing is left to chance.
    assert np.array_equal(detection.evidence.log_e, again.evidence.log_e)
    count = len(detection.candidates)
    assert detection.partition.shape == number.shape and detection.flagged.shape == (count,)
    assert detection.evidence.log_e.shape == (count,) and detection.tested >= count > 0
    for k, candidate in enumerate(detection.candidates):
        assert candidate.membership.member[detection.partition == k].all()
    assert (detection.evidence.enough_views | ~detection.flagged).all()
    strict = detect(population, 1e-6)
    assert strict.flagged.sum() <= detection.flagged.sum()
    assert not detect(population, 1e-12).flagged.any()


def with_footprints_only(footprints: Footprints) -> Footprints:
    return Footprints(footprints.arrays, footprints.account_id, footprints.origin_us)


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_a_log_that_lacks_almost_everything_is_scanned_without_a_discovery(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    accounts = draw.strangers(60)
    without_profile = with_footprints_only(builder.footprints_of(accounts))
    without_samples = with_footprints_only(builder.footprints_of(accounts))
    bare = blank(without_samples.account_id, without_samples.origin_us)
    for name in bare.arrays:
        if name not in ("exchanges", "first_us", "last_us", "hours"):
            without_samples.arrays[name] = bare.arrays[name]
    nobody = blank(pa.array([], pa.large_string()), 0)
    one = builder.footprints_of(accounts[:1])
    for footprints in (without_profile, without_samples, bare, nobody, one):
        detection = detect(Population(footprints), LEVEL)
        assert detection.partition.shape == (len(footprints),)
        assert not detection.flagged.any()


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_three_accounts_left_of_a_group_are_no_discovery(
    builder: ModuleType, strangers: dict[int, list[Any]], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    population, _ = builder.population_of(strangers[seed], builder.Builder(seed + 7000).campaign())
    assert detect(population, LEVEL).flagged.sum() == 1

    def all_but(left: int) -> None:
        def kept(*arguments: Any) -> NDArray[np.int64]:
            partition = arguments[2].copy()
            for group in range(int(partition.max()) + 1):
                partition[np.flatnonzero(partition == group)[left:]] = -1
            return partition

        monkeypatch.setattr(detection_module, "_without_bystanders", kept)

    all_but(4)
    assert detect(population, LEVEL).flagged.sum() == 1
    all_but(3)
    assert not detect(population, LEVEL).flagged.any()


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_the_level_is_paid_for_remainders_too(
    builder: ModuleType, strangers: dict[int, list[Any]], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    population, _ = builder.population_of(strangers[seed], builder.Builder(seed + 7000).campaign())
    before = detect(population, LEVEL)
    extra = [core for core in before.cores if core.evidence.log_e[0] < 0][:3]
    monkeypatch.setattr(detection_module, "_remainders", lambda *_: extra)
    drawn = len(detection_module.draw(population, before.content))
    assert len(extra) == 3 and detect(population, LEVEL).tested == drawn + 3


@pytest.mark.parametrize("seed", [161, 162])
def test_the_order_of_rows_changes_nothing(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    accounts = [*draw.strangers(150), *draw.campaign(30), *draw.office(size=12)]
    footprints = builder.footprints_of(accounts)
    straight = detect(Population(footprints), 0.05)
    order = np.random.default_rng(seed).permutation(len(accounts))
    shuffled = detect(Population(footprints.take(order)), 0.05)
    assert np.array_equal(straight.content[order], shuffled.content)
    assert np.array_equal(straight.partition[order], shuffled.partition)
    assert np.array_equal(straight.flagged, shuffled.flagged) and straight.flagged.any()
    # Predictors go along the rows in any order that no value decides: their evidence may differ a little.
    assert np.abs(straight.evidence.log_e - shuffled.evidence.log_e).max() < 1.0
    assert np.abs(straight.score[order] - shuffled.score).max() < 1.0


def small_pool(builder: ModuleType, seed: int) -> list[Any]:
    """Four accounts behind one address that do nothing but demand hidden reasoning, day and night."""
    draw = builder.Builder(seed)
    members = draw.campaign(4, cards=1000, name="small")
    address = {(builder.hashed("address", seed), 9100): 1000}
    return [replace(m, addresses=address, mail=None, coercing_share=0.9, eliciting_share=0.9) for m in members]


@pytest.mark.parametrize("seed", SEEDS)
def test_four_accounts_at_one_address_that_demand_hidden_reasoning_are_found(
    builder: ModuleType, strangers: dict[int, list[Any]], seed: int
) -> None:
    pool, people = small_pool(builder, seed), strangers[seed]
    alike = every_look_alike(builder, seed + 8000)
    population, number = builder.population_of(people, alike, pool)
    detection = detect(population, LEVEL)
    found = np.flatnonzero(np.append(detection.flagged, False)[detection.partition])
    assert np.array_equal(found, np.flatnonzero(number == 2))
    # One firm may ask its own questions, and people who ask for other things are a household.
    firm = [replace(account, card=builder.hashed("card", "one firm")) for account in pool]
    home = [replace(account, coercing_share=0.0, eliciting_share=0.0) for account in pool]
    for honest in (firm, home):
        assert not detect(builder.population_of(people, honest)[0], LEVEL).flagged.any()


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_a_group_that_growth_spoiled_is_told_as_it_was_drawn(
    builder: ModuleType, strangers: dict[int, list[Any]], seed: int
) -> None:
    population, _ = builder.population_of(strangers[seed], builder.Builder(seed + 7000).campaign())
    before = detect(population, LEVEL)
    (k,) = np.flatnonzero(before.flagged)
    core = before.candidates[k].core
    count = len(before.candidates)
    weak = replace(
        before.evidence, misfit=np.zeros_like(before.evidence.misfit), uncapped=before.evidence.uncapped - 50
    )
    partition = np.full(len(population), -1)
    partition[core.accounts] = k
    stranger = int(np.setdiff1d(np.arange(len(population)), core.accounts)[0])
    partition[stranger] = k
    narrow, evidence = detection_module._narrowed(before.candidates, partition, weak, before.tested, LEVEL)
    assert narrow[stranger] == -1 and (narrow[core.accounts] == k).all()
    assert evidence.log_e[k] == pytest.approx(core.evidence.log_e[0])
    # Where growth was good it stays; where another group took members of the core, it is not the core any more.
    same, _ = detection_module._narrowed(before.candidates, partition, before.evidence, before.tested, LEVEL)
    assert np.array_equal(same, partition) and count > 0
    partition[core.accounts[0]] = -1
    taken, _ = detection_module._narrowed(before.candidates, partition, weak, before.tested, LEVEL)
    assert np.array_equal(taken, partition)
