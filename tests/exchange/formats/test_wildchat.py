"""WildChat's rows, with the fields of its dataset card."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.exchange.batch import Batch
from stillwatch.exchange.reading import parts, survey

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
HEADER = {"accept-language": "en", "user-agent": "Mozilla/5.0"}


def moment(minute: int) -> dt.datetime:
    return dt.datetime(2024, 5, 1, 10, minute, tzinfo=dt.UTC)


def turn(role: str, text: str, identifier: int, when: dt.datetime | None) -> dict[str, Any]:
    asked = role == "user"
    return {
        "content": text,
        "country": "Germany" if asked else None,
        "hashed_ip": "3f9a" if asked else None,
        "header": HEADER if asked else None,
        "language": "English",
        "redacted": False,
        "role": role,
        "state": None,
        "timestamp": when,
        "toxic": False,
        "turn_identifier": identifier,
    }


RECORD = {
    "conversation_hash": "c0ffee",
    "model": "gpt-4-0314",
    "timestamp": moment(9),
    "conversation": [
        turn("user", "One?", 101, None),
        turn("assistant", "1", 101, moment(1)),
        turn("user", "Two?", 102, None),
        turn("assistant", "2", 102, None),
    ],
    "turn": 2,
    "language": "English",
    "toxic": False,
    "redacted": False,
    "state": None,
    "country": "Germany",
    "hashed_ip": "3f9a",
    "header": HEADER,
}


def read(path: Path) -> Batch:
    assert [each.form.name for each in survey([path], {}) if each.form] == ["wildchat"]
    return parts([path], now=NOW)[0].read()


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "json"])
def test_one_exchange_a_user_turn(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"wildchat.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([RECORD]), path)
    else:
        text = json.dumps(RECORD, default=lambda when: when.isoformat())
        path.write_text(f"[{text}]" if kind == "json" else text)
    batch = read(path)
    assert batch.rejected == ()
    shared = {
        "account_id": "3f9a",
        "conversation_id": "c0ffee",
        "request_model": "gpt-4-0314",
        "user_agent": "Mozilla/5.0",
    }
    assert [dict(row) for row in batch.exchanges.to_pylist()] == [
        {"exchange_id": "101", "timestamp": moment(1), "turn": 0, "prompt": "One?", **shared},
        {"exchange_id": "102", "timestamp": moment(9), "turn": 1, "prompt": "Two?", **shared},
    ]


def test_several_exchanges_of_a_row_have_ids_of_their_own(tmp_path: Path) -> None:
    turns = [
        {name: value for name, value in each.items() if name != "turn_identifier"} for each in RECORD["conversation"]
    ]  # type: ignore[attr-defined]
    path = tmp_path / "wildchat.jsonl"
    path.write_text(json.dumps({**RECORD, "conversation": turns}, default=lambda when: when.isoformat()))
    assert len(set(read(path).exchanges["exchange_id"].to_pylist())) == 2


def test_a_row_whose_conversation_is_none(tmp_path: Path) -> None:
    rows = [RECORD, {**RECORD, "conversation": 7}, {**RECORD, "conversation": [turn("user", " ", 1, moment(2))]}]
    path = tmp_path / "wildchat.jsonl"
    path.write_text("\n".join(json.dumps(row, default=lambda when: when.isoformat()) for row in rows))
    batch = read(path)
    assert batch.exchanges.num_rows == 2
    assert [(refused.row, refused.reason) for refused in batch.rejected] == [(3, "prompt is blank")]
