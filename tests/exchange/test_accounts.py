import datetime as dt
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.schema import ACCOUNT_SCHEMA

ROWS = [
    {"account_id": "a", "created_at": "2026-01-02T03:04:05Z", "plan": "pro", "payment_fingerprint": "card-1"},
    {"account_id": "b", "created_at": "2026-01-02T03:04:05Z", "plan": "free", "payment_fingerprint": ""},
    {"account_id": "a", "created_at": "2026-01-02T03:04:05Z", "plan": "api", "payment_fingerprint": None},
    {"account_id": None, "created_at": None, "plan": "api", "payment_fingerprint": None},
    {"account_id": " ", "created_at": None, "plan": "api", "payment_fingerprint": None},
    {"account_id": "c", "created_at": None, "plan": None, "payment_fingerprint": None},
    {"account_id": "d", "created_at": "some day", "plan": None, "payment_fingerprint": None},
]


def write(path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix == ".csv":
        lines = [",".join("" if value is None else value for value in row.values()) for row in ROWS]
        path.write_text("\n".join([",".join(ROWS[0]), *lines]))
    elif path.suffix == ".json":
        path.write_text(json.dumps(ROWS))
    else:
        path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "json"])
def test_accounts_are_read_once_each(tmp_path: Path, kind: str) -> None:
    quarantine = Quarantine(None)
    table = read_accounts(write(tmp_path / f"accounts.{kind}"), quarantine=quarantine)
    assert table.column_names == ["account_id", "created_at", "plan", "payment_fingerprint"]
    assert table["created_at"].type == ACCOUNT_SCHEMA.field("created_at").type
    assert table["account_id"].to_pylist() == ["a", "b", "c"]
    assert table["plan"].to_pylist() == ["pro", "free", None]
    assert table["payment_fingerprint"].to_pylist() == ["card-1", None, None]
    assert table["created_at"][0].as_py() == dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    reasons = dict(quarantine.by_reason)
    assert reasons["account_id was seen before"] == 1
    assert reasons["created_at cannot be read"] == 1
    assert quarantine.count == 4


def test_rows_are_named(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "rejected.jsonl")
    read_accounts(write(tmp_path / "accounts.csv"), quarantine=quarantine)
    quarantine.close()
    lines = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == [4, 5, 6, 8]


@pytest.mark.parametrize("name", ["accounts.parquet", "accounts.csv", "accounts.jsonl"])
def test_files_that_are_no_accounts(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_accounts(tmp_path / name)
    (tmp_path / name).write_text("plan\nfree\n" if name.endswith("csv") else "")
    with pytest.raises(SourceError):
        read_accounts(tmp_path / name)


def test_times_without_a_zone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text("account_id,created_at\na,2026-01-02 03:04:05\n")
    assert read_accounts(path).num_rows == 0
    assert read_accounts(path, assume_utc=True).num_rows == 1


def test_a_damaged_packing_keeps_the_accounts_before(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv.gz"
    lines = [f"account-{number * number * 7919}" for number in range(5_000)]
    path.write_bytes(gzip.compress("\n".join(["account_id", *lines]).encode())[:-2_000])
    quarantine = Quarantine(None)
    table = read_accounts(path, quarantine=quarantine)
    assert 0 < table.num_rows < 5_000
    assert table["account_id"].to_pylist() == lines[: table.num_rows]
    assert quarantine.count == 1
