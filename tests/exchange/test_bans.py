"""The bans file: one row an account, its earliest ban; bad rows are named."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.exchange.bans import read_bans
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.quarantine import Quarantine, StrictError

ROWS = [
    {"account_id": "a", "banned_at": "2026-03-04T10:00:00Z"},
    {"account_id": "b", "banned_at": "2026-03-05T00:00:00+02:00"},
    {"account_id": "a", "banned_at": "2026-03-02T09:30:00Z"},
    {"account_id": None, "banned_at": "2026-03-02T09:30:00Z"},
    {"account_id": "c", "banned_at": None},
    {"account_id": "d", "banned_at": "on a Monday"},
    {"account_id": "e", "banned_at": "2026-03-02T09:30:00"},
]
WHEN = {
    "a": dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC),
    "b": dt.datetime(2026, 3, 4, 22, 0, tzinfo=dt.UTC),
}


def write(path: Path, rows: list[dict[str, str | None]] | None = None) -> Path:
    held = ROWS if rows is None else rows
    if ".parquet" in path.name:
        pq.write_table(pa.Table.from_pylist(held), path)
    elif ".csv" in path.name:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["account_id", "banned_at"])
            writer.writeheader()
            writer.writerows(held)
    else:
        text = "\n".join(map(json.dumps, held))
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def read(path: Path, quarantine: Quarantine | None = None, *, assume_utc: bool = False) -> dict[str, dt.datetime]:
    table = read_bans(path, assume_utc=assume_utc, quarantine=quarantine)
    assert table.column_names == ["account_id", "banned_at"]
    return dict(zip(table["account_id"].to_pylist(), table["banned_at"].to_pylist(), strict=True))


@pytest.mark.parametrize("name", ["bans.parquet", "bans.csv", "bans.jsonl", "bans.jsonl.gz"])
def test_each_account_has_its_earliest_ban_and_bad_rows_are_told(tmp_path: Path, name: str) -> None:
    quarantine = Quarantine(None)
    assert read(write(tmp_path / name), quarantine) == WHEN
    assert quarantine.count == 4
    assert sum(count for _, count in quarantine.by_reason) == 4


def test_rows_have_their_numbers_and_hints(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "rejected.jsonl")
    read(write(tmp_path / "bans.jsonl"), quarantine)
    quarantine.close()
    lines = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == [4, 5, 6, 7]
    assert all(line["reason"] and line["hint"] for line in lines)


def test_times_without_a_zone_are_taken_as_told(tmp_path: Path) -> None:
    path = write(tmp_path / "bans.jsonl")
    assert read(path, assume_utc=True) == WHEN | {"e": dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)}


def test_a_strict_quarantine_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    with pytest.raises(StrictError, match="row 4"):
        read(write(tmp_path / "bans.jsonl"), Quarantine(None, strict=True))


@pytest.mark.parametrize("missing", ["account_id", "banned_at"])
def test_a_file_without_a_column_is_refused(tmp_path: Path, missing: str) -> None:
    rows = [{name: value for name, value in row.items() if name != missing} for row in ROWS]
    path = tmp_path / "bans.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(SourceError, match=f"no column {missing}"):
        read(path)


def test_nobody_banned_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "bans.parquet"
    pq.write_table(pa.table({"account_id": pa.array([], pa.string()), "banned_at": pa.array([], pa.string())}), path)
    assert read(path) == {}


def test_what_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read(tmp_path / "nowhere.csv")
    (tmp_path / "bans.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SourceError, match="no Parquet"):
        read(tmp_path / "bans.parquet")
