"""Words for what drew a community: one for every family that detection draws, naming views that exist."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np

from stillwatch.campaign.detection import draw
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.case.drawn import DRAWN

SEED = 83


def test_every_family_has_words(builder: ModuleType) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    made = builder.Builder(SEED)
    population = builder.groups_of(made.strangers(150), made.strangers(40)).population
    cores = draw(population, np.arange(len(population)) % 7)
    assert len({core.graph for core in cores}) >= 3
    assert {core.graph for core in cores} <= DRAWN.keys()


def test_the_views_named_exist() -> None:
    assert frozenset().union(*(drawn.views for drawn in DRAWN.values())) <= {view.name for view in VIEWS}
