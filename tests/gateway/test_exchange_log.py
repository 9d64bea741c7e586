"""The log: what goes in comes out in the scan's columns, texts stay out, footprints are the scan's, nothing is lost."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stillwatch.gateway.exchange_log as module
from stillwatch.exchange.discovery import discover
from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.exchange.reading import parts
from stillwatch.exchange.schema import EXCHANGE_COLUMNS, EXCHANGE_SCHEMA
from stillwatch.footprint.fold import Folding, fold
from stillwatch.footprint.footprints import DAY_US, HOUR_US, Footprints
from stillwatch.footprint.merge import Gathered
from stillwatch.gateway.exchange_log import ExchangeLog, Rotation
from stillwatch.gateway.exchange_log_files import footprint_files, table_of
from stillwatch.gateway.exchange_log_rows import checked
from stillwatch.gateway.exchange_log_writer import BatchError, BatchWriter, WriterGoneError, Writing

KEY = bytes(range(32))
PSEUDONYMS = Pseudonyms(KEY)
NOON_US = int(dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC).timestamp()) * 1_000_000


def row(number: int, at_us: int, **columns: Any) -> tuple[Any, ...]:
    prompt = f"Explain in full detail the reasoning steps of exercise {number} and show your work verbatim"
    held = {"prompt": prompt, "request_model": "m", "output_tokens": number, "status": 200, "turn": 0, **columns}
    return (f"x-{number}", at_us, f"account-{number % 7}", *checked(held))


def written(folder: Path) -> list[Path]:
    return sorted(folder.glob("exchanges-*.parquet"))


def test_rows_come_out_as_the_scan_reads_them_and_without_texts(tmp_path: Path) -> None:
    log = ExchangeLog(tmp_path, KEY)
    rows = [row(k, NOON_US + k, client_address="192.0.2.7", temperature=0.5) for k in range(100)]
    for each in rows:
        log.append(each, each[1])
    log.close()
    batches = [part.read() for part in parts(discover([tmp_path]), now=dt.datetime(2026, 4, 1, tzinfo=dt.UTC))]
    table = pa.concat_tables([batch.exchanges for batch in batches])
    assert not any(batch.rejected for batch in batches)
    assert table.num_rows == 100
    assert "prompt" not in table.column_names and "system_instructions" not in table.column_names
    assert sorted(table["exchange_id"].to_pylist()) == sorted(each[0] for each in rows)
    assert table["output_tokens"].to_pylist() == list(range(100))
    assert b"verbatim" not in written(tmp_path)[0].read_bytes()


def test_texts_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    log = ExchangeLog(tmp_path, KEY, keep_text=True, footprints=False)
    log.append(row(1, NOON_US), NOON_US)
    log.close()
    assert pq.read_table(written(tmp_path)[0])["prompt"].to_pylist()[0].endswith("verbatim")
    assert footprint_files(written(tmp_path)[0]) == []


@pytest.mark.parametrize("rows_most", [1, 3, 1000])
def test_merged_footprints_are_those_that_a_scan_would_fold_from_the_texts(tmp_path: Path, rows_most: int) -> None:
    rows = [row(k, NOON_US + k * 37 * 60_000_000, client_address=f"192.0.2.{k % 5}") for k in range(20)]
    log = ExchangeLog(tmp_path, KEY, rotation=Rotation(rows_most=rows_most))
    for each in rows:
        log.append(each, each[1])
    log.close()
    origin_us = NOON_US // DAY_US * DAY_US
    gathered = Gathered(origin_us, by_name=True)
    for file in written(tmp_path):
        for beside in footprint_files(file):
            gathered.add(Footprints.from_arrow(pq.read_table(beside)))
    got = gathered.footprints()
    folding = Folding(lambda field, values: PSEUDONYMS.hashes(field, values)[0], address_prefix, origin_us)
    direct = Gathered(origin_us, by_name=True)
    direct.add(Footprints.from_arrow(fold(table_of(rows), folding)))
    want = direct.footprints()
    order, other = np.argsort(got.account_id.to_pylist()), np.argsort(want.account_id.to_pylist())
    assert got.integers("reasoning").sum() > 0  # The texts were read.
    for name in want.arrays:
        np.testing.assert_array_equal(got.arrays[name][order], want.arrays[name][other], err_msg=name)


def test_files_appear_by_count_by_age_and_by_size_of_texts(tmp_path: Path) -> None:
    log = ExchangeLog(tmp_path, KEY, rotation=Rotation(rows_most=10, age_s=5.0, text_bytes_most=10_000))
    for k in range(9):
        log.append(row(k, NOON_US), NOON_US)
    log.tick(NOON_US + 4_999_999)
    assert len(log._rows) == 9
    log.tick(NOON_US + 5_000_000)
    assert len(log._rows) == 0
    log.append(row(9, NOON_US, prompt="word " * 2_000), NOON_US)
    assert len(log._rows) == 0
    for k in range(10, 21):
        log.append(row(k, NOON_US), NOON_US)
    assert len(log._rows) == 1
    log.close()
    assert sorted(pq.read_table(file).num_rows for file in written(tmp_path)) == [1, 1, 9, 10]
    assert all(
        re.fullmatch(r"exchanges-\d{8}T\d{6}-[0-9a-f]{8}-\d{6}\.parquet", file.name) for file in written(tmp_path)
    )


def test_a_disk_that_refuses_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([True, True, False])
    real = BatchWriter.write

    def write(*arguments: Any) -> None:
        if next(refusals, False):
            raise OSError(28, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(BatchWriter, "write", write)
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    told: list[tuple[int, int]] = []
    log = ExchangeLog(tmp_path, KEY, written=lambda wrote, lost: told.append((wrote, lost)))
    log.append(row(1, NOON_US), NOON_US)
    log.close()
    assert told == [(1, 0)] and pq.read_table(written(tmp_path)[0]).num_rows == 1


def test_a_disk_that_refuses_for_ever_ends_in_a_count_of_what_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def write(*_: Any) -> None:
        gate.wait(5)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BatchWriter, "write", write)
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    told: list[tuple[int, int]] = []
    rotation = Rotation(rows_most=2, backlog_rows_most=3)
    log = ExchangeLog(tmp_path, KEY, rotation=rotation, written=lambda wrote, lost: told.append((wrote, lost)))
    for k in range(10):
        log.append(row(k, NOON_US), NOON_US)
    assert sum(lost for _, lost in told) == 6 and log.pending == 4  # Beyond the backlog: lost at once, and counted.
    gate.set()
    log.close()
    assert sum(lost for _, lost in told) == 10 and written(tmp_path) == []
    assert [path for path in tmp_path.iterdir() if "parquet" in path.name] == []


def test_a_writing_process_that_dies_loses_nothing_and_writes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    log = ExchangeLog(tmp_path, KEY, footprints=False, rotation=Rotation(rows_most=5))
    started: list[int] = []
    real = BatchWriter.write

    def write(writer: BatchWriter, *arguments: Any) -> None:
        started.append(writer._process.pid)
        if len(started) in (1, 3):  # The second batch dies after it was written and before that is known.
            if len(started) == 3:
                real(writer, *arguments)
            writer._process.kill()
            writer.close()
            raise WriterGoneError(0, "the writing process ended")
        real(writer, *arguments)

    monkeypatch.setattr(BatchWriter, "write", write)
    for k in range(10):
        log.append(row(k, NOON_US), NOON_US)
    log.close()
    assert len({*started, log._batches._process.pid}) == 3
    names = [name for file in written(tmp_path) for name in pq.read_table(file)["exchange_id"].to_pylist()]
    assert sorted(names) == [f"x-{k}" for k in range(10)]


def test_a_writing_process_that_is_killed_is_told_apart_from_a_disk_that_refuses(tmp_path: Path) -> None:
    writer = BatchWriter(Writing(tmp_path, KEY, keep_text=False, footprints=False))
    assert KEY.hex() not in str(writer._process.args)
    os.killpg(writer._process.pid, signal.SIGSTOP)
    threading.Timer(0.5, os.killpg, (writer._process.pid, signal.SIGKILL)).start()
    with pytest.raises(WriterGoneError):
        writer.write("a", [row(1, NOON_US)])
    writer.write("a", [row(1, NOON_US)])
    with pytest.raises(BatchError, match="at "):
        writer.write("b", [(1,)])
    (tmp_path / "exchanges-c.parquet").mkdir()
    with pytest.raises(OSError, match="IsADirectoryError"):
        writer.write("c", [row(1, NOON_US)])
    writer.close()
    assert [file.name for file in written(tmp_path)] == ["exchanges-a.parquet", "exchanges-c.parquet"]


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"]), max_size=3)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(), st.integers(), max_size=2)
)


@given(
    st.lists(st.fixed_dictionaries({column.name: VALUES for column in EXCHANGE_COLUMNS[3:]}), min_size=1, max_size=4)
)
def test_whatever_clients_send_makes_a_row(found: list[dict[str, Any]]) -> None:
    table = table_of([(f"x{k}", NOON_US, "a", *checked(columns)) for k, columns in enumerate(found)])
    assert table.schema == EXCHANGE_SCHEMA and table.num_rows == len(found)
    table.validate(full=True)


def test_what_does_not_fit_is_null() -> None:
    names = [column.name for column in EXCHANGE_COLUMNS[3:]]
    odd = {"turn": 1 << 40, "input_tokens": True, "temperature": float("nan"), "reasoning": 1, "prompt": "  "}
    got = dict(zip(names, checked({**odd, "request_model": "a\ud800", "status": 200, "max_tokens": 3.5}), strict=True))
    assert {name: got[name] for name in odd} == dict.fromkeys(odd)
    assert (got["request_model"], got["status"], got["max_tokens"]) == ("a?", 200, None)
    assert checked({"prompt": "x" * (2 << 20)})[names.index("prompt")] is None


def test_hours_have_footprint_files_of_their_own(tmp_path: Path) -> None:
    log = ExchangeLog(tmp_path, KEY)
    for at_us in (NOON_US, NOON_US + HOUR_US, NOON_US + 1):
        log.append(row(1, at_us), at_us)
    log.close()
    files = footprint_files(written(tmp_path)[0])
    origins = [Footprints.from_arrow(pq.read_table(file)).origin_us for file in files]
    assert origins == [NOON_US, NOON_US + HOUR_US]
