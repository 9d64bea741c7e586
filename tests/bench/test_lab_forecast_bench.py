"""Forecasts at sizes that were left out: exact where the curve has the model's form, wrong where it jumps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import orjson
import pytest

from bench import lab_forecast
from stillwatch.lab.curve import Cell
from stillwatch.lab.forecast import Curve

SIZES = [125, 250, 500, 1000, 4000]


def cells(accuracy: dict[int, float], seed: int = 1) -> list[Cell]:
    return [
        Cell("sums", size, seed, "sampled answers", "none", "passive", reached, 1.0, 0.18, 1000, size, 1.0, 1.0, None)
        for size, reached in accuracy.items()
    ]


def test_a_size_left_out_is_forecast_from_the_others() -> None:
    smooth = dict(zip(SIZES, Curve(0.18, 0.99, 300, 1.5).at(SIZES).tolist(), strict=True))
    near = lab_forecast.told(cells(smooth), 500, SIZES)["sums"]
    assert abs(lab_forecast.points_off(near)) < 5 and lab_forecast.in_range(near)
    jump = smooth | {500: smooth[500] - 0.3}  # What was left out is not read: the same forecast, 30 points too high.
    far = lab_forecast.told(cells(jump), 500, SIZES)["sums"]
    assert far.forecast == near.forecast and not lab_forecast.in_range(far)
    assert lab_forecast.points_off(far) == pytest.approx(lab_forecast.points_off(near) + 30)


def test_the_table_has_a_row_a_size_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cells").mkdir()
    smooth = dict(zip(SIZES, Curve(0.18, 0.99, 300, 1.5).at(SIZES).tolist(), strict=True))
    held = [*cells(smooth), *cells(smooth, seed=2)]
    for number, cell in enumerate(held):
        (tmp_path / "cells" / f"{number}.json").write_bytes(orjson.dumps(asdict(cell)))
    monkeypatch.setattr("sys.argv", ["x", str(tmp_path)])
    lab_forecast.main()
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["250", "500", "1,000"]
    assert all(line.endswith("of 2") for line in lines)
