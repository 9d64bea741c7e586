"""The yardstick's query and the ratios."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench.labelled import Labelled
from bench.measured import Cost
from bench.scan import CONTESTANTS, STATES, commands, hashing_query, ratios, spread


def hashed(folder: Path, columns: list[str]) -> tuple[object, ...]:
    query = hashing_query([str(path) for path in sorted(folder.glob("*.parquet"))], columns)
    return duckdb.connect().execute(query).fetchall()[0]


def test_the_query_reads_every_column_of_every_file(tmp_path):
    folder = tmp_path / "it's here"
    folder.mkdir()
    table = pa.table({"prompt": ["a", "b", "c"], "turn": [0, 1, 2]})
    pq.write_table(table.slice(0, 2), folder / "1.parquet")
    pq.write_table(table.slice(2), folder / "2.parquet")
    before = hashed(folder, ["prompt", "turn"])
    assert before[0] == 3
    for column, value in (("prompt", ["z"]), ("turn", [9])):
        pq.write_table(
            table.slice(2).set_column(table.column_names.index(column), column, [value]), folder / "2.parquet"
        )
        after = hashed(folder, ["prompt", "turn"])
        assert [a != b for a, b in zip(before, after, strict=True)] == [False, column == "prompt", column == "turn"]


def test_the_spread_has_the_median_in_its_middle():
    found = spread([3.0, 1.0, 2.0])
    assert (found.least, found.median, found.greatest) == (1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="no run"):
        spread([])


def test_ratios_are_of_medians_and_by_state():
    costs = {(name, state): [Cost(1.0, 1.0, 1.0)] for name in CONTESTANTS for state in STATES}
    costs["scan", "warm"] = [Cost(2.0, 6.0, 9.0), Cost(4.0, 6.0, 9.0), Cost(90.0, 6.0, 9.0)]
    found = ratios(costs)
    assert (found["warm wall_s"], found["warm cpu_s"], found["warm peak_mb"]) == (4.0, 6.0, 9.0)
    assert found["cold wall_s"] == 1.0


def test_the_scan_is_told_where_everything_is(tmp_path):
    scan = commands(Labelled(tmp_path), tmp_path / "out", ["prompt"])["scan"]
    assert scan[1:] == [
        "scan",
        str(tmp_path / "exchanges"),
        "--accounts",
        str(tmp_path / "accounts.parquet"),
        "--out",
        str(tmp_path / "out"),
    ]
