"""The served log: what goes in comes out, whole or not at all, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.served_log import SCHEMA, Served, read_served_log, write_served_log
from stillwatch.provenance.width import recommended_width


def served(number: int, key_id: str = "flagged@p#00") -> Served:
    return Served(
        exchange_id=f"e{number}",
        served_at=datetime(2026, 11, 23, 12, number, tzinfo=UTC),
        key_id=key_id,
        scheme="gumbel_vllm",
        width=4,
        engine="vllm",
        engine_version="0.33.0",
        function_version="philox4x32-10-v1",
        tokenizer="sha256:12",
        temperature=None if number % 2 else 0.7,
        prompt_tokens=np.arange(number, dtype=np.int32),
        tokens=np.arange(3 * number, dtype=np.int32),
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = [served(number) for number in range(5)]
    write_served_log(tmp_path / "1.parquet", rows[:3])
    write_served_log(tmp_path / "2.parquet", rows[3:])
    found = list(read_served_log(tmp_path))
    assert [each.exchange_id for each in found] == [f"e{number}" for number in range(5)]
    for row, back in zip(rows, found, strict=True):
        assert back.served_at == row.served_at and back.width == row.width and back.key_id == row.key_id
        assert np.array_equal(back.tokens, row.tokens) and np.array_equal(back.prompt_tokens, row.prompt_tokens)
        assert (back.temperature is None) == (row.temperature is None)
    assert pq.read_schema(tmp_path / "1.parquet").equals(SCHEMA, check_metadata=False)


def test_one_key_alone_can_be_read(tmp_path: Path) -> None:
    write_served_log(tmp_path / "a.parquet", [served(1), served(2, "other@p#11"), served(3, "")])
    assert [each.exchange_id for each in read_served_log(tmp_path / "a.parquet", "other@p#11")] == ["e2"]


def test_an_empty_file_is_a_log(tmp_path: Path) -> None:
    write_served_log(tmp_path / "a.parquet", [])
    assert list(read_served_log(tmp_path)) == []


def test_times_need_a_zone_and_nothing_is_left_behind(tmp_path: Path) -> None:
    row = served(1)
    naive = Served(**{**{name: getattr(row, name) for name in SCHEMA.names}, "served_at": datetime(2026, 1, 1)})
    with pytest.raises(ValueError, match="zone"):
        write_served_log(tmp_path / "a.parquet", [naive])
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no served log"):
        list(read_served_log(tmp_path))
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(SourceError, match="Parquet"):
        list(read_served_log(tmp_path / "text.parquet"))
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(SourceError, match="version 1"):
        list(read_served_log(tmp_path / "other.parquet"))


def test_a_wide_context_is_advised_only_where_it_can_be_traced() -> None:
    found = {
        (log, weights): recommended_width(log, weights).width for log in (True, False) for weights in (True, False)
    }
    assert found == {(True, True): 4, (True, False): 2, (False, True): 2, (False, False): 2}
    assert all(len(part) > 40 for part in (recommended_width(False).reason, recommended_width(False).cost))
