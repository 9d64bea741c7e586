from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.topic import directions, view

seeds = pytest.mark.parametrize("seed", [321, 322, 323])


def asking(builder: ModuleType, draw: Any, count: int, subject: int | None) -> list[Any]:
    """People with nothing in common but a subject, or not even that."""
    out = []
    for person in draw.strangers(count):
        of = int(draw.generator.integers(builder.SUBJECTS)) if subject is None else subject
        alone = replace(person, card=None, mail=None, addresses={draw.at_home(): 1}, topic=draw.interest(of))
        out.append(alone)
    return out


def apart(groups: Groups) -> Groups:
    """The same groups where no texts are shared."""
    return Groups(groups.population, groups.partition, np.full(len(groups.partition), -1))


@seeds
def test_one_subject_in_many_hands_speaks_and_many_subjects_do_not(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = apart(
        builder.groups_of(draw.strangers(500), *(asking(builder, draw, 30, subject) for subject in (3, None, 7)))
    )
    one, many, other = view.weigh(groups)
    assert one > 5 and other > 5 and many < 0
    assert view.capped(groups)[0] == view.cap_nats and not view.strong


@seeds
def test_a_firm_a_place_and_a_text_count_once(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    people = asking(builder, draw, 30, 3)
    firm = [replace(person, card=builder.hashed("card", "firm")) for person in people]
    groups = builder.groups_of(draw.strangers(500), people, firm)
    assert view.weigh(apart(groups))[0] > 5 and view.weigh(apart(groups))[1] == 0
    same_texts = Groups(groups.population, groups.partition, np.where(groups.partition == 0, 0, -1))
    assert view.weigh(same_texts)[0] == 0
    group, vectors = directions(same_texts)
    assert np.bincount(group).tolist() == [1, 1] and np.linalg.norm(vectors, axis=1) == pytest.approx(1)


@seeds
def test_groups_that_content_drew_cannot_speak_for_themselves(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(draw.strangers(200), asking(builder, draw, 30, 3))
    assert view.weigh(Groups(groups.population, groups.partition))[0] == 0


@seeds
def test_how_much_an_account_sends_does_not_matter(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = apart(builder.groups_of(draw.strangers(300), asking(builder, draw, 20, 3)))
    before = view.weigh(groups)[0]
    groups.population.footprints.arrays["topic"][:] *= draw.generator.integers(1, 50, (len(groups.partition), 1))
    assert view.weigh(groups)[0] == pytest.approx(before, rel=1e-6)


@seeds
def test_the_sum_of_unit_vectors_tells_the_mean_cosine_of_pairs(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    _, vectors = directions(apart(builder.groups_of(draw.strangers(50), asking(builder, draw, 9, 3))))
    n = len(vectors)
    pairs = [float(vectors[i] @ vectors[j]) for i in range(n) for j in range(i)]
    assert (np.square(vectors.sum(axis=0)).sum() - n) / (n * (n - 1)) == pytest.approx(np.mean(pairs))


@seeds
def test_independent_units_are_worth_at_most_one_on_average(builder: ModuleType, seed: int) -> None:
    draw = builder.Builder(seed)
    groups = builder.groups_of(asking(builder, draw, 1200, None))
    values = []
    for size in (5, 12, 40):
        order = draw.generator.permutation(1200)[: 1200 // size * size]
        partition = np.full(1200, -1)
        partition[order] = np.arange(len(order)) // size
        values.append(np.exp(view.weigh(apart(Groups(groups.population, partition)))))
    assert np.concatenate(values).mean() < 1


def test_all_of_one_mind_are_not_closer_than_others(builder: ModuleType) -> None:
    draw = builder.Builder(324)
    people = [replace(person, topic=builder.DIRECTIONS[0]) for person in asking(builder, draw, 40, 0)]
    assert view.weigh(apart(builder.groups_of(people[:20], people[20:])))[0] < 0.01
