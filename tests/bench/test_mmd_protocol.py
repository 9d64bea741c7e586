"""The MMD paper's protocol: its windows, its detector and ours on made-up vectors, and a little of the real prompts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.mmd_protocol import (
    PURE,
    SHARES,
    Material,
    Tally,
    as_published,
    compare,
    family_table,
    joined,
    material,
    ours,
    split,
    sums,
    table_of,
)
from bench.peers.texts import CHARACTERS_MOST, FORMS, embedded, form
from rich.console import Console

from bench import mmd_protocol
from stillwatch.statistics.mean_discrepancy import MULTIPLES, median_distance, mmd2

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SIZE = 60


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(mmd_protocol, "SIZE", SIZE)
    monkeypatch.setattr(mmd_protocol, "NULL_WINDOWS", 400)
    monkeypatch.setattr(mmd_protocol, "BANK", 40)
    monkeypatch.setattr(mmd_protocol, "FREQUENCIES", 256)
    monkeypatch.setattr(mmd_protocol, "FORM_FEATURES", 32)


def made_up(seed: int, people: int = 1500, apart: float = 0.8) -> Material:
    """People of two sources, and two families: one lies apart in a narrow direction, one is like people."""
    rng = np.random.default_rng(seed)
    width = np.geomspace(1, 0.2, 12)
    vectors = rng.standard_normal((people + 400, 12)) * width
    vectors[people : people + 200, -1] += apart
    families = {"apart": np.arange(people, people + 200), "alike": np.arange(people + 200, people + 400)}
    source = np.where(np.arange(people) % 3 == 0, "few", "many")
    outer = rng.standard_normal((people + 400, FORMS)).astype(np.float32)
    return Material(vectors.astype(np.float32), outer, source, families)


@pytest.mark.parametrize("seed", [1, 20])
def test_windows_hold_what_they_are_said_to(seed):
    of = made_up(seed)
    drawn = split(of, seed, each=5, benign=7)
    assert len(drawn.pool) == 1200 and not set(drawn.pool) & set(drawn.held)
    assert drawn.windows["benign", 0.0].shape == (7, SIZE)
    assert np.isin(drawn.windows["benign", 0.0], drawn.held).all()
    for share in (*SHARES, PURE):
        for family, rows in of.families.items():
            windows = drawn.windows[family, share]
            assert windows.shape == (5, SIZE)
            assert (np.isin(windows, rows).sum(axis=1) == round(SIZE * share)).all()
            assert (np.isin(windows, drawn.held).sum(axis=1) == SIZE - round(SIZE * share)).all()
    assert {what for what, share in drawn.windows if what.startswith("drift")} == {"drift: few", "drift: many"}


def test_a_part_is_drawn_twice_only_where_it_is_too_small():
    of = made_up(3)
    of.families["tiny"] = of.families["apart"][:10]
    windows = split(of, 3, each=4, benign=2).windows
    assert all(len(set(row)) == SIZE for row in windows["apart", 0.5])
    assert all(len(set(row)) < SIZE for row in windows["tiny", 0.5])


def test_sums_are_the_sums_of_rows():
    rng = np.random.default_rng(4)
    features = rng.standard_normal((50, 3)).astype(np.float32)
    windows = rng.integers(0, 50, (6, 9))
    assert sums(features, windows) == pytest.approx(features[windows].sum(axis=1, dtype=np.float64), abs=1e-5)


@pytest.mark.parametrize("seed", [5])
def test_the_published_detector_scores_as_the_quadratic_definition_does(seed, monkeypatch):
    monkeypatch.setattr(mmd_protocol, "FREQUENCIES", 4096)
    monkeypatch.setattr(mmd_protocol, "REFERENCES", 40)
    of = made_up(seed)
    drawn = split(of, seed, each=3, benign=3)
    detector = as_published(of.vectors, drawn, seed)
    rng = np.random.default_rng(seed)
    widths = [median_distance(of.vectors[drawn.pool]) * multiple for multiple in MULTIPLES]
    for kind in (("apart", PURE), ("alike", PURE)):
        windows = drawn.windows[kind]
        exact = [
            np.mean(
                [
                    mmd2(of.vectors[rng.choice(drawn.pool, SIZE, replace=False)], of.vectors[window], widths)
                    for _ in range(60)
                ]
            )
            for window in windows
        ]
        assert detector.score(windows) == pytest.approx(np.array(exact), abs=0.006)


@pytest.mark.parametrize("seed", [6])
def test_both_see_a_family_that_lies_apart_and_ours_sees_it_first(seed):
    of = made_up(seed, people=4000)
    tallies = compare(of, [seed], each=40, benign=100)
    mmd, plain = tallies["MMD"].figures(), tallies["ours: embeddings"].figures()
    assert mmd.tpr_by_family["apart"][PURE] == plain.tpr_by_family["apart"][PURE] == 1.0
    assert plain.tpr_by_family["apart"][0.25] > mmd.tpr_by_family["apart"][0.25] + 0.2
    for figures in (mmd, plain):
        assert figures.fpr < 0.06
        assert figures.tpr_by_family["alike"][PURE] < 0.3


def test_features_side_by_side_weigh_alike():
    of = made_up(7)
    pool = np.arange(1000)
    both = joined([of.vectors * 100, of.form], pool)
    assert both[pool, :12].var(axis=0).sum() == pytest.approx(1, rel=1e-4)
    assert both[pool, 12:].var(axis=0).sum() == pytest.approx(1, rel=1e-4)
    detector = ours(both, split(of, 7, 2, 2), 7)
    assert np.isfinite(detector.threshold)


def test_figures_are_those_of_the_paper():
    kinds = {("benign", 0.0): (1, 100), ("drift: few", 0.0): (9, 10), ("a", PURE): (10, 10), ("b", PURE): (5, 10)}
    for share in SHARES:
        kinds |= {("a", share): (10, 10), ("b", share): (0, 10)}
    tally = Tally({kind: hits for kind, (hits, _) in kinds.items()}, {kind: of for kind, (_, of) in kinds.items()})
    figures = tally.figures()
    assert figures.fpr == 0.01 and figures.fpr_drift == 0.9
    assert figures.tpr == {**dict.fromkeys(SHARES, 0.5), PURE: 0.75}
    assert figures.balanced_accuracy == pytest.approx((0.55 + 0.99) / 2)
    assert figures.tpr_by_family["b"][PURE] == 0.5
    console = Console(width=200, quiet=True)
    with console.capture() as captured:
        console.quiet = False
        console.print(table_of({"x": figures}), family_table({"x": figures}, SHARES[0]))
    for said in ("59.0%", "1.0% (0.0%–5.4%)", "77.0%", "90.0%"):
        assert said in captured.get()


def test_texts_become_vectors():
    texts = ["", "Why is the sky blue?", "def f(x):\n    return x", "why " * 4000]
    vectors = embedded(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([0, 1, 1, 1], abs=1e-5)
    assert embedded(texts[::-1])[::-1] == pytest.approx(vectors, abs=1e-6)
    assert vectors[3] == pytest.approx(embedded([texts[3][:CHARACTERS_MOST]])[0], abs=1e-6)
    outer = form(texts)
    assert outer.shape == (4, FORMS) and np.isfinite(outer).all()
    assert outer[1, 7] == 1 and outer[2, 7] == 0  # Ends with a question mark.
    assert outer[3, 0] == pytest.approx(np.log1p(16_000))  # The whole length, though the rest is cut.


@pytest.mark.shared
@pytest.mark.parametrize("seed", [1])
def test_real_prompts_once_each_and_gsm8k_stands_out(tmp_path, seed):
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    rng = np.random.default_rng(seed)
    human = pq.ParquetFile(SHARED / "prompts_human.parquet").read(columns=["source", "text"])
    human = human.take(np.sort(rng.choice(human.num_rows, 1200, replace=False)))
    hostile = pq.ParquetFile(SHARED / "prompts_distiller.parquet").read(columns=["family", "text"])
    gsm8k = hostile.filter(pa.compute.equal(hostile["family"], "math_gsm8k")).slice(0, 150)
    pq.write_table(pa.concat_tables([human, human.slice(0, 50)]), tmp_path / "prompts_human.parquet")
    pq.write_table(gsm8k, tmp_path / "prompts_distiller.parquet")
    of = material(tmp_path, cap=100)
    assert of.people == len(set(human["text"].to_pylist()) - {""})
    assert len(of.families["math_gsm8k"]) == 100
    figures = compare(of, [seed], each=10, benign=20)["ours: embeddings and form"].figures()
    assert figures.tpr[0.5] == 1.0 and figures.fpr <= 0.2
