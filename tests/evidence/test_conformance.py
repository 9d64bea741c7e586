"""What every registered detector must keep; its own test file simulates ``benign`` and ``adversary`` accounts."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.evidence.documentation import pages
from stillwatch.evidence.evidence import Detector
from stillwatch.evidence.registry import DETECTORS
from stillwatch.exchange.schema import ACCOUNT_COLUMNS, EXCHANGE_COLUMNS
from stillwatch.footprint.footprints import blank

HERE = Path(__file__).parent
NAMES = [detector.claim.detector for detector in DETECTORS]
each = pytest.mark.parametrize("detector", DETECTORS, ids=NAMES)
seeds = pytest.mark.parametrize("seed", [20, 21])


def simulators(detector: Detector) -> ModuleType:
    name = detector.claim.detector
    spec = importlib.util.spec_from_file_location(f"simulators_of_{name}", HERE / f"test_{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each
def test_claim_and_page_are_complete(detector: Detector) -> None:
    claim = detector.claim
    for text in (claim.null, claim.assumptions, claim.source, claim.measures, claim.look_alikes):
        assert len(text) > 10
    columns = {column.name for column in (*EXCHANGE_COLUMNS, *ACCOUNT_COLUMNS)}
    assert claim.needs and set(claim.needs) <= columns
    assert claim.null in pages()[f"{claim.detector}.md"]


def test_names_are_those_of_the_files_and_all_files_are_registered() -> None:
    modules = {type(detector).__module__.rsplit(".", 1)[1] for detector in DETECTORS}
    assert sorted(modules) == sorted(NAMES) and len(modules) == len(DETECTORS)
    source = HERE.parents[1] / "src" / "stillwatch" / "evidence"
    with_detector = {path.stem for path in source.glob("*.py") if "\ndetector: Detector =" in path.read_text()}
    assert with_detector == modules


@each
@pytest.mark.parametrize("size", [0, 5])
def test_accounts_without_data_have_none(detector: Detector, size: int) -> None:
    evidence = detector(blank(pa.array([str(i) for i in range(size)], pa.string()), 0))
    for array in (evidence.log_e, evidence.exchanges, evidence.measured):
        assert array.shape == (size,)
    assert np.isnan(evidence.log_e).all() and np.isnan(evidence.measured).all()
    assert (evidence.exchanges == 0).all()


@each
@seeds
def test_benign_accounts_are_worth_at_most_one_on_average(detector: Detector, seed: int) -> None:
    footprints = simulators(detector).benign(np.random.default_rng(seed), 3000)
    log_e = detector(footprints).log_e
    active = footprints.integers("exchanges") > 0
    assert np.isfinite(log_e[active]).all() and active.mean() > 0.9
    e = np.exp(np.minimum(log_e[active], 50))
    # Four standard errors of the mean itself, for the laws are drawn at the border of the claims.
    assert e.mean() <= 1 + 4 * e.std() / np.sqrt(len(e))
    assert np.minimum(e, 20).mean() <= 1.1
    # And by Markov, what a threshold lets through.
    for alpha in (0.1, 0.01):
        assert (e >= 1 / alpha).mean() <= alpha + 4 * np.sqrt(alpha / len(e))


@each
@seeds
def test_adversaries_are_found(detector: Detector, seed: int) -> None:
    footprints = simulators(detector).adversary(np.random.default_rng(seed), 40)
    evidence = detector(footprints)
    assert np.isfinite(evidence.log_e).all() and np.isfinite(evidence.measured).all()
    assert np.median(evidence.log_e[:40]) > 1
    assert "nats" in evidence.reason(0)


@each
@pytest.mark.parametrize("kind", ["benign", "adversary"])
@seeds
def test_order_and_splitting_do_not_matter_and_the_input_stays(detector: Detector, kind: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    footprints = getattr(simulators(detector), kind)(generator, 90)
    before = {name: array.copy() for name, array in footprints.arrays.items()}
    whole = detector(footprints)
    assert all(np.array_equal(before[name], footprints.arrays[name]) for name in before)
    order = generator.permutation(len(footprints))
    shuffled = detector(footprints.take(order))
    assert np.allclose(shuffled.log_e, whole.log_e[order], rtol=1e-12, equal_nan=True)
    assert np.allclose(shuffled.measured, whole.measured[order], equal_nan=True)
    assert np.array_equal(shuffled.exchanges, whole.exchanges[order])
    if detector.claim.population:
        return  # Accounts are judged by their kind, of which a part would be another.
    cut = int(generator.integers(1, len(footprints)))
    parts = [detector(footprints.take(part)) for part in (np.arange(cut), np.arange(cut, len(footprints)))]
    together = np.concatenate([part.log_e for part in parts])
    assert np.allclose(together, whole.log_e, rtol=1e-12, equal_nan=True)
