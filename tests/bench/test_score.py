"""The score of a scan: by hand on a small folder, and against the score that stands beside the project."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.labelled import Labelled, given
from bench.score import Share, score, table_of, written
from rich.console import Console

SHARED = Path(__file__).resolve().parents[3] / "shared" / "bench"
BEGIN = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
TIME = pa.timestamp("us", "UTC")


def day(number: int) -> dt.datetime:
    return BEGIN + dt.timedelta(days=number)


@pytest.fixture
def folder(tmp_path) -> Labelled:
    """Two campaigns of two, two benign accounts; each account of a campaign takes something on days 1 and 3."""
    (tmp_path / "exchanges").mkdir()
    (tmp_path / "truth").mkdir()
    ids = ["a", "b", "c", "d", "e", "f"]
    truth = {
        "account_id": ids,
        "kind": ["campaign"] * 4 + ["chat", "team"],
        "campaign": ["x", "x", "y", "y", None, None],
    }
    pq.write_table(pa.table(truth), tmp_path / "truth" / "accounts.parquet")
    pq.write_table(pa.table({"account_id": ids}), tmp_path / "accounts.parquet")
    rows = [(f"{account}{number}", account, day(number)) for account in ids for number in (1, 3)]
    exchanges = pa.table(
        {
            "exchange_id": [row[0] for row in rows],
            "account_id": [row[1] for row in rows],
            "timestamp": pa.array([row[2] for row in rows], TIME),
        }
    )
    pq.write_table(exchanges.slice(0, 5), tmp_path / "exchanges" / "part-0.parquet")
    pq.write_table(exchanges.slice(5), tmp_path / "exchanges" / "part-1.parquet")
    taken = [row[0] for row in rows if row[1] in "abcd"]
    pq.write_table(pa.table({"exchange_id": taken}), tmp_path / "truth" / "extraction.parquet")
    return given(tmp_path)


def write_result(out: Path, rows: list[tuple[str, bool, str | None, dt.datetime | None]]) -> Path:
    out.mkdir()
    table = pa.table(
        {
            "account_id": [row[0] for row in rows],
            "score": pa.array([float(row[1]) for row in rows]),
            "flagged": [row[1] for row in rows],
            "campaign_id": pa.array([row[2] for row in rows], pa.string()),
            "flagged_at": pa.array([row[3] for row in rows], TIME),
        }
    )
    pq.write_table(table, out / "accounts.parquet")
    return out


def test_every_figure_by_hand(folder, tmp_path):
    result = write_result(
        tmp_path / "result",
        [
            ("f", False, None, None),
            ("e", True, "C1", day(2)),
            ("b", True, "C1", day(3)),  # At the very instant of its last exchange, which so got out.
            ("a", True, "C1", day(2)),
            ("c", True, "C2", day(1)),
        ],  # d is not in the result at all.
    )
    found = score(folder, result, "small")
    assert found.recall == Share(3, 4)
    assert found.recall_by_campaign == {"x": Share(2, 2), "y": Share(1, 2)}
    assert found.wronged == Share(1, 2)
    assert found.wronged_by_kind == {"chat": Share(1, 1)}
    assert found.precision == Share(3, 4)
    precision, recall, f1 = found.b_cubed
    assert precision == pytest.approx((2 / 3 + 2 / 3 + 0 + 1) / 4)
    assert recall == pytest.approx((1 + 1 + 1 / 2 + 0) / 4)
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert found.leaked_by_campaign == {"x": Share(3, 4), "y": Share(3, 4)}
    assert found.leaked == Share(6, 8)
    assert found.found == 2


def test_the_table_shows_every_folder_and_every_campaign(folder, tmp_path):
    result = write_result(tmp_path / "result", [("a", True, "C1", day(2))])
    console = Console(width=200, record=True, quiet=True)
    with console.capture() as captured:
        console.quiet = False
        console.print(table_of([score(folder, result, "first"), score(folder, result, "second")]))
    said = captured.get()
    for word in ("first", "second", "flagged recall", "  x", "  y", "precision", "B³ F1", "leaked before flagged"):
        assert word in said
    json.dumps(score(folder, result, "first").as_json(), allow_nan=False)


def test_a_share_is_written_with_counts_and_interval():
    assert written(Share(19, 20)) == "0.950 (19/20; 0.751–0.999)"
    assert written(Share(0, 0)) == "–"


def test_a_result_that_lacks_a_column_or_repeats_an_account_is_refused(folder, tmp_path):
    result = write_result(tmp_path / "twice", [("a", True, "C1", day(2)), ("a", False, None, None)])
    with pytest.raises(ValueError, match="more than once"):
        score(folder, result, "twice")
    table = pq.read_table(result / "accounts.parquet").drop_columns(["flagged_at"])
    pq.write_table(table, result / "accounts.parquet")
    with pytest.raises(ValueError, match="lacks flagged_at"):
        score(folder, result, "lacking")


def made_up_result(labelled: Labelled, out: Path, seed: int) -> Path:
    """Write a result that errs in every way there is: missed, wronged, split, merged, late and absent accounts."""
    rng = np.random.default_rng(seed)
    truth = pq.read_table(labelled.truth)
    rows: list[tuple[str, bool, str | None, dt.datetime | None]] = []
    for account, campaign in zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True):
        if rng.random() < 0.03:
            continue
        flagged = bool(rng.random() < (0.8 if campaign else 0.1))
        group = f"C{rng.integers(4)}" if rng.random() < 0.3 else f"C{len(campaign or '') % 3}"
        rows.append((account, flagged, group if flagged else None, day(int(rng.integers(28))) if flagged else None))
    return write_result(out, rows)


@pytest.mark.shared
@pytest.mark.parametrize("seed", [5])
def test_agrees_with_the_score_beside_the_project(tmp_path, seed):
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    traffic, figures = tmp_path / "traffic", tmp_path / "figures.json"
    making = ["--benign", "120", "--scale", "0.002", "--seed", str(seed), "--out", str(traffic)]
    subprocess.run([sys.executable, SHARED / "traffic.py", *making], check=True, capture_output=True)
    labelled = given(traffic)
    result = made_up_result(labelled, tmp_path / "result", seed)
    judging = [sys.executable, SHARED / "score.py", traffic, result, "--json", figures]
    subprocess.run(judging, check=True, capture_output=True)
    theirs, mine = json.loads(figures.read_text()), score(labelled, result, "shared")
    assert mine.recall.value == pytest.approx(theirs["flagged"]["recall"])
    assert 0 < mine.recall.hits < mine.recall.of
    assert {k: v.value for k, v in mine.recall_by_campaign.items()} == pytest.approx(
        theirs["flagged"]["recall_by_campaign"]
    )
    assert mine.wronged.hits == theirs["flagged"]["false"] > 0
    assert mine.as_json()["benign_flagged"]["interval_95"] == pytest.approx(
        theirs["flagged"]["fpr_interval_95"], abs=1e-9
    )
    assert {k: v.hits for k, v in mine.wronged_by_kind.items()} == theirs["flagged"]["false_by_kind"]
    assert mine.precision.value == pytest.approx(theirs["flagged"]["precision"])
    assert mine.found == theirs["campaigns"]["found"]
    names = ("b_cubed_precision", "b_cubed_recall", "b_cubed_f1")
    assert mine.b_cubed == pytest.approx([theirs["campaigns"][name] for name in names])
    for name, share in {**mine.leaked_by_campaign, "all": mine.leaked}.items():
        assert share.hits == theirs["leaked_before_flagged"][name]["exchanges"]
        assert share.value == pytest.approx(theirs["leaked_before_flagged"][name]["share"])
    assert 0 < mine.leaked.hits < mine.leaked.of
