"""Views left out say nothing and tie nobody; the bench scores what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench.ablation import REMOVALS, folded, looked, table_of
from bench.labelled import Labelled, given
from rich.console import Console

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.range.simulation import Simulation, simulate

SEED = 17


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    folder = tmp_path_factory.mktemp(f"seed-{SEED}") / "traffic"
    simulate(Simulation(benign=200, scale=0.02, days=3, seed=SEED), folder)
    return given(folder)


def test_each_removal_is_of_views_that_exist_and_is_scored(labelled: Labelled, tmp_path: Path) -> None:
    names = {view.name for view in VIEWS}
    assert all(without <= names for _, without in REMOVALS)
    traffic = folded(labelled)
    whole, prompts = (looked(traffic, dict(REMOVALS)[name], tmp_path) for name in ("nothing", "prompts"))
    assert whole.recall.of == prompts.recall.of > 0 and whole.wronged.of == prompts.wronged.of >= 200
    console = Console(width=200, record=True)
    console.print(table_of([("nothing", "x", whole), ("prompts", "x", prompts)]))
    assert "prompts" in console.export_text()


@pytest.mark.parametrize(("removed", "without"), REMOVALS, ids=[name for name, _ in REMOVALS])
def test_what_is_left_out_has_no_voice_and_no_ties(labelled: Labelled, removed: str, without: frozenset[str]) -> None:
    from bench.folded import footprints_of

    footprints = footprints_of(labelled)
    population, whole = Population(footprints, without), Population(footprints)
    partition = np.arange(len(population), dtype=np.int64) // 20
    for view in VIEWS:
        silent = np.isnan(view.capped(Groups(population, partition))).all()
        assert silent == (view.name in without or np.isnan(view.capped(Groups(whole, partition))).all())
    for name in ("payment", "network", "template", "system"):
        gone = {"system": "template"}.get(name, name) in without
        assert getattr(population, name).empty == (gone or getattr(whole, name).empty)
    assert removed
