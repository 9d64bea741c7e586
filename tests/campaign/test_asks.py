"""Groups drawn by what they ask for: a pool whose accounts have a card and a home each, and the honest who ask too."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stillwatch.campaign.detection import ASKING_MOSTLY, DREW, asking, asks, asks_alike, detect, draw
from stillwatch.campaign.population import Population
from stillwatch.campaign.views.registry import VIEWS

LEVEL = 0.05
LOOKS = 56
seeds = pytest.mark.parametrize("seed", [181, 182])


def apart(draw_from: Any, size: int) -> list[Any]:
    """A campaign that gave up everything that ties identities, and drains one queue at a steady pace."""
    pool = draw_from.campaign(size)
    dealt = draw_from.generator.multinomial(2 * size, np.full(size, 1 / size), len(pool[0].hours)).T
    dealt[:, : 4 * 24] = 0
    return [
        replace(
            each,
            hours=hours,
            card=None,
            mail=None,
            organization=None,
            addresses={draw_from.at_home(): 5},
            eliciting_share=0.6,
        )
        for each, hours in zip(pool, dealt, strict=True)
    ]


@seeds
def test_a_pool_without_a_common_identity_is_found_and_drawn_by_what_it_asks_for(
    builder: ModuleType, seed: int
) -> None:
    draw_from = builder.Builder(seed)
    footprints = builder.footprints_of(draw_from.strangers(1500) + apart(draw_from, 60))
    detection = detect(Population(footprints, looks=LOOKS), LEVEL)
    (group,) = np.flatnonzero(detection.flagged)
    member = detection.partition == group
    assert member[1500:].mean() >= 0.8 and member[:1500].sum() <= 1
    drawn = [core for core in detection.cores if core.graph in DREW and (core.accounts >= 1500).mean() > 0.5]
    assert drawn
    for core in drawn:  # What drew it is not asked again.
        said = dict(zip([view.name for view in VIEWS], core.evidence.by_view[:, 0], strict=True))
        assert all(np.isnan(said[name]) for name in DREW[core.graph])


@seeds
def test_honest_people_who_ask_are_drawn_and_not_flagged(builder: ModuleType, seed: int) -> None:
    draw_from = builder.Builder(seed)
    graders = [replace(each, eliciting_share=0.6) for each in draw_from.strangers(120)]
    population, _ = builder.population_of(draw_from.strangers(1500), graders, draw_from.evaluators())
    assert asking(population)[1500:1620].mean() > 0.5
    cores = [core for core in draw(population, np.full(len(population), -1, np.int64)) if core.graph == "asks alike"]
    assert sum(len(core.accounts) for core in cores) >= 60
    assert not detect(population, LEVEL).flagged.any()


@seeds
def test_groups_have_one_setting_each(builder: ModuleType, seed: int) -> None:
    draw_from = builder.Builder(seed)
    graders = [replace(each, eliciting_share=0.6, setting=k % 3) for k, each in enumerate(draw_from.strangers(90))]
    population, _ = builder.population_of(graders)
    drawn, mostly = asks_alike(population), asks(population)
    assert drawn.max() == 2
    for group in range(3):
        assert len({graders[k].setting for k in np.flatnonzero(drawn == group)}) == 1
    assert ((drawn >= 0) == asking(population)).all()
    assert mostly.max() == 0 and ((mostly == 0) == asking(population, ASKING_MOSTLY)).all()
