"""The calibration report: what it counts, and that its words say no more than the counts."""

from __future__ import annotations

import dataclasses
import math
import sys
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest
from syrupy.assertion import SnapshotAssertion

from stillwatch.campaign.detection import detect
from stillwatch.case import calibration_sentences as said
from stillwatch.case.calibration import LEVELS, Calibration
from stillwatch.case.calibration_counts import KINDS_MOST, calibration
from stillwatch.case.campaign_case import Scan
from stillwatch.evidence.baseline import weigh
from stillwatch.evidence.registry import DETECTORS

SEED = 81


@pytest.fixture
def held(fictional_scan: Scan) -> Calibration:
    assert fictional_scan.calibration is not None
    return fictional_scan.calibration


def test_words_read_as_before(held: Calibration, snapshot: SnapshotAssertion) -> None:
    plain = dataclasses.replace(
        held, accounts_left_out=0, communities_left_out=0, detectors=held.detectors[1:2], baseline=False
    )
    loud = dataclasses.replace(held, groups=(dataclasses.replace(held.groups[0], levels=held.detectors[0].levels),))
    bare = dataclasses.replace(
        plain, detectors=held.detectors[2:], groups=(dataclasses.replace(held.groups[0], communities=0),)
    )
    lines = [said.what_it_is(), said.what_it_cannot_say()]
    for each in (held, plain, loud, bare, dataclasses.replace(held, offset_nats=0.0)):
        lines += [said.verdict(each), said.left_out(each), said.whose_limits(each)]
    lines += [said.cell(level) for each in held.detectors for level in each.levels]
    lines += [said.kind_name(each) for each in (*held.detectors[:1], *held.by_kind)]
    lines += [said.drawn_name(each) for each in held.groups]
    assert "\n".join(lines) == snapshot


def test_the_words_claim_neither_truth_nor_its_share() -> None:
    text = said.what_it_cannot_say()
    assert "no labels" in text and "proves nothing" in text and "not tell which" in text


def test_what_is_counted_is_what_the_detectors_say(builder: ModuleType) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    draw = builder.Builder(SEED)
    groups = builder.groups_of(draw.strangers(150), draw.strangers(40))
    detection = detect(groups.population, 0.05)
    flagged = np.zeros(len(groups.population), bool)
    flagged[:30] = True
    found = calibration(detection, flagged)
    evidence = weigh(groups.population.footprints)
    assert [each.detector for each in found.detectors] == [each.claim.detector for each in DETECTORS]
    for row, each in zip(found.detectors, evidence, strict=True):
        kept = each.log_e[30:]
        assert row.accounts == (~np.isnan(kept)).sum()
        for level, stated in zip(row.levels, LEVELS, strict=True):
            assert level.passed == (kept >= math.log(1 / stated) - 1e-12).sum()
    assert found.accounts_left_out == 30
    left = [core for core in detection.cores if flagged[core.accounts].mean() <= 0.5]
    assert found.groups[0].communities == len(left) == len(detection.cores) - found.communities_left_out
    assert sum(group.communities for group in found.groups[1:]) == len(left)


def test_kinds_partition_the_accounts_and_are_bounded(builder: ModuleType) -> None:
    draw = builder.Builder(SEED + 1)
    population = builder.groups_of(draw.strangers(120)).population
    footprints = population.footprints
    profile = footprints.profile
    plans = pa.array([f"plan {k % 20}" for k in range(len(population))], pa.string())
    footprints.profile = profile.set_column(profile.column_names.index("plan"), "plan", plans)
    found = calibration(detect(population, 0.05), np.zeros(len(population), bool))
    for detector in {each.detector for each in found.by_kind}:
        rows = [each for each in found.by_kind if each.detector == detector]
        whole = next(each for each in found.detectors if each.detector == detector)
        assert len(rows) <= KINDS_MOST + 1
        assert sum(each.accounts for each in rows) == whole.accounts
        for k in range(len(LEVELS)):
            assert sum(each.levels[k].passed for each in rows) == whole.levels[k].passed


def test_an_offset_is_taken_off_every_community(builder: ModuleType) -> None:
    draw = builder.Builder(SEED + 2)
    detection = detect(builder.groups_of(draw.strangers(200)).population, 0.05)
    assert detection.cores
    none = np.zeros(len(detection.population), bool)
    lifted = calibration(detection, none, offset_nats=-100.0)
    assert all(level.passed == lifted.groups[0].communities for level in lifted.groups[0].levels)
    assert all(level.passed == 0 for level in calibration(detection, none, offset_nats=100.0).groups[0].levels)
