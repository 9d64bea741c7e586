"""How views add up and what the benign explanations leave of the sum."""

from __future__ import annotations

import math
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.joint import VIEW_NATS_LEAST, Joint, after_growth, joint
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.registry import VIEWS

NAMES = [view.name for view in VIEWS]


@st.composite
def joints(draw: st.DrawFn, groups: int | None = None) -> Joint:
    count = draw(st.integers(0, 4)) if groups is None else groups
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    uncapped = generator.uniform(-2, 20, (len(VIEWS), count)).round(int(generator.integers(0, 4)))
    uncapped[generator.random(uncapped.shape) < generator.choice([0.0, 0.3, 0.9])] = math.nan
    misfit = np.maximum(generator.uniform(-20, 30, (len(EXPLANATIONS), count)), 0.0)
    beyond = np.where(misfit > 20, generator.uniform(0, 50, misfit.shape), 0.0)
    return Joint(uncapped, misfit, misfit + beyond, int(generator.choice([1, 56, 672])))


@given(joints())
def test_what_is_left_is_what_the_best_explanation_neither_excuses_nor_fits(evidence: Joint) -> None:
    for group in range(evidence.by_view.shape[1]):
        against = []
        for k, explanation in enumerate(EXPLANATIONS):
            capped, uncapped = evidence.misfit[k, group], evidence.uncapped_misfit[k, group]
            for row, view in enumerate(VIEWS):
                value = evidence.uncapped[row, group]
                if view.name not in explanation.excuses and not math.isnan(value):
                    capped, uncapped = capped + min(value, view.cap_nats), uncapped + value
            if evidence.looks > 1:
                lasting = sum(
                    evidence.uncapped[row, group]
                    for row, view in enumerate(VIEWS)
                    if view.ever and view.name not in explanation.excuses
                    if not math.isnan(evidence.uncapped[row, group])
                )
                uncapped = np.logaddexp(uncapped - math.log(evidence.looks), lasting) - math.log(2)
            against.append(min(capped, uncapped))
        assert evidence.against[:, group] == pytest.approx(against, abs=1e-9)
        assert evidence.log_e[group] == pytest.approx(min(against), abs=1e-9)


@given(joints(4), st.integers(2, 1000))
def test_looking_oftener_is_paid_for_by_what_caps_cut_off_first(evidence: Joint, times: int) -> None:
    oftener = replace(evidence, looks=evidence.looks * times)
    assert (oftener.log_e <= evidence.log_e).all()
    assert (oftener.log_e >= evidence.log_e - math.log(2 * times) - 1e-9).all()


def test_evidence_far_above_the_caps_pays_nothing_for_looking_often() -> None:
    nothing_lacked = np.zeros((len(EXPLANATIONS), 1))
    ample = Joint(np.full((len(VIEWS), 1), 50.0), nothing_lacked, nothing_lacked, looks=672)
    assert ample.log_e[0] == replace(ample, looks=1).log_e[0] > 0
    bare = Joint(np.array([[view.cap_nats] for view in VIEWS]), nothing_lacked, nothing_lacked, looks=672)
    assert bare.log_e[0] == pytest.approx(replace(bare, looks=1).log_e[0] - math.log(2 * 672), abs=0.1)


def test_what_a_unit_never_does_at_all_pays_half_the_level_and_nothing_for_looking_often() -> None:
    nothing_lacked = np.zeros((len(EXPLANATIONS), 1))
    nats = np.array([[view.cap_nats if view.ever else math.nan] for view in VIEWS])
    once, hourly = (Joint(nats, nothing_lacked, nothing_lacked, looks) for looks in (1, 10**6))
    assert any(view.ever for view in VIEWS)
    assert hourly.log_e[0] == pytest.approx(once.log_e[0] - math.log(2), abs=1e-4)


@pytest.mark.parametrize("looks", [1, 2, 56, 672])
def test_what_chance_gives_in_all_looks_together_is_at_most_one(looks: int) -> None:
    # Two coins: one is thrown anew at each look, the other once and for ever. Both have e-values of mean one.
    anew, ever = np.log([0.2, 1.8]), np.log([0.5, 1.5])
    lasting = next(row for row, view in enumerate(VIEWS) if view.ever)
    other = next(row for row, view in enumerate(VIEWS) if not view.ever)
    nats = np.full((len(VIEWS), 4), math.nan)
    nats[lasting], nats[other] = np.repeat(ever, 2), np.tile(anew, 2)
    without_caps = Joint(nats, *[np.zeros((len(EXPLANATIONS), 4))] * 2, looks)
    strangers = next(k for k, explanation in enumerate(EXPLANATIONS) if not explanation.excuses)
    e = np.exp(without_caps.against[strangers]).reshape(2, 2)
    # Of all looks together the largest counts at most as their sum, and what lasts is the same in each of them.
    anew_e = e - (np.exp(ever) / 2)[:, None] if looks > 1 else e
    total = (looks * anew_e.mean(axis=1) + (np.exp(ever) / 2 if looks > 1 else 0.0)).mean()
    assert total <= 1 + 1e-12


@given(joints())
def test_a_flag_needs_two_views_one_of_them_strong(evidence: Joint) -> None:
    for group, enough in enumerate(evidence.enough_views):
        says = [view for row, view in enumerate(VIEWS) if evidence.by_view[row, group] >= VIEW_NATS_LEAST]
        strong = any(
            evidence.by_view[row, group] >= (VIEW_NATS_LEAST if view.strong else view.strong_nats)
            for row, view in enumerate(VIEWS)
        )
        assert enough == (len(says) >= 2 and strong)


def test_one_view_alone_is_never_enough() -> None:
    for row in range(len(VIEWS)):
        uncapped = np.full((len(VIEWS), 1), math.nan)
        uncapped[row] = 100.0
        assert not Joint(uncapped, *[np.zeros((len(EXPLANATIONS), 1))] * 2).enough_views[0]
    # No strong view's cap alone reaches what a discovery among a few dozen groups takes.
    assert all(view.cap_nats < math.log(100 / 0.05) + 1 for view in VIEWS if view.strong)
    assert any(view.strong for view in VIEWS) and not all(view.strong for view in VIEWS)


def test_what_is_strong_from_some_nats_on_speaks_for_a_second_view_from_there_only() -> None:
    (row,) = [row for row, view in enumerate(VIEWS) if view.strong_nats < math.inf]
    other = next(k for k, view in enumerate(VIEWS) if not view.strong and k != row)
    uncapped = np.full((len(VIEWS), 2), math.nan)
    uncapped[row] = VIEWS[row].strong_nats, VIEWS[row].strong_nats - 0.01
    uncapped[other] = VIEWS[other].cap_nats
    nothing_lacked = np.zeros((len(EXPLANATIONS), 2))
    assert Joint(uncapped, nothing_lacked, nothing_lacked).enough_views.tolist() == [True, False]


@given(joints(3), joints(3))
def test_after_growth_only_views_that_growth_did_not_ask_speak_anew(core: Joint, grown: Joint) -> None:
    result = after_growth([core.take(k) for k in range(3)], grown)
    for row, view in enumerate(VIEWS):
        found, before, after = result.by_view[row], core.by_view[row], grown.by_view[row]
        unasked = np.isnan(before)
        assert np.isnan(found[unasked]).all()  # What the core was not asked is not asked later.
        if view.ties:
            # Growth picked the members for this: what it picked may take away from the core's evidence, never add.
            assert (np.nan_to_num(found, nan=0.0) <= np.maximum(np.nan_to_num(before, nan=0.0), 0.0)).all()
        else:
            assert np.array_equal(found[~unasked], after[~unasked], equal_nan=True)
    assert (result.misfit <= core.misfit).all() and (result.misfit <= grown.misfit).all()


@given(joints(3), joints(5), st.lists(st.integers(0, 4), min_size=3, max_size=3), st.sampled_from(NAMES))
def test_one_view_can_be_taken_from_other_groups(own: Joint, other: Joint, groups: list[int], name: str) -> None:
    before = own.by_view.copy()
    result = own.with_view(name, other, np.array(groups))
    for row, view in enumerate(VIEWS):
        expected = other.by_view[row, groups] if view.name == name else before[row]
        assert np.array_equal(result.by_view[row], expected, equal_nan=True)
    assert np.array_equal(own.by_view, before, equal_nan=True)
    assert np.array_equal(other.take(groups[0]).misfit, other.misfit[:, groups[:1]])


@given(joints(2), joints(3))
def test_parts_stand_side_by_side_and_groups_can_be_taken_from_others(one: Joint, other: Joint) -> None:
    both = Joint.of([one, replace(other, looks=one.looks)])
    assert both.looks == one.looks and both.by_view.shape[1] == 5
    for k in range(5):
        part = one.take(k) if k < 2 else replace(other, looks=one.looks).take(k - 2)
        assert both.against[:, k] == pytest.approx(part.against[:, 0])
    chosen = np.array([True, False])
    mixed = one.where(chosen, other.take(2))
    assert np.array_equal(mixed.take(0).uncapped, other.take(2).uncapped, equal_nan=True)
    assert np.array_equal(mixed.take(1).uncapped, one.take(1).uncapped, equal_nan=True)
    assert np.array_equal(mixed.misfit[:, 0], other.misfit[:, 2]) and np.array_equal(
        mixed.misfit[:, 1], one.misfit[:, 1]
    )


def test_groups_are_asked_in_the_order_of_views_and_explanations(builder: ModuleType) -> None:
    draw = builder.Builder(1)
    groups = builder.groups_of(draw.strangers(300), draw.campaign(20), draw.office(size=10))
    found = joint(groups)
    for row, view in enumerate(VIEWS):
        assert np.array_equal(found.by_view[row], view.capped(groups), equal_nan=True)
    for row, explanation in enumerate(EXPLANATIONS):
        assert np.array_equal((found.misfit[row], found.uncapped_misfit[row]), explanation.misfit(groups))


def test_no_groups_have_no_evidence(builder: ModuleType) -> None:
    population, _ = builder.population_of(builder.Builder(2).strangers(5))
    nothing = joint(Groups(population, np.full(5, -1)))
    assert nothing.log_e.shape == nothing.enough_views.shape == (0,)
