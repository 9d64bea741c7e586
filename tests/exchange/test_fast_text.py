import json

import pytest

from stillwatch.exchange.fast_text import fast_lines, fast_sheet
from stillwatch.exchange.recognition import source_columns

SOURCES = source_columns({})
LINE = b'{"account_id": "a", "timestamp": "2026-05-01T10:00:00Z", "prompt": "x", "extra": {"a": [1]}}\n'


def test_clean_lines_take_the_fast_lane() -> None:
    found = fast_lines(LINE * 3, 7, SOURCES)
    assert found is not None
    columns, rows = found
    assert sorted(columns) == ["account_id", "prompt", "timestamp"]
    assert rows.tolist() == [7, 8, 9]


def test_blank_lines_count() -> None:
    found = fast_lines(b"\n" + LINE + b"\r\n" + LINE.replace(b"\n", b"\r\n"), 1, SOURCES)
    assert found is not None
    assert found[1].tolist() == [2, 4]


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\n",
        LINE + b"  \n",
        LINE + b"[]\n",
        LINE + LINE[:-1] + LINE,
        LINE + b'{"account_id":\n"b"}\n',
        LINE + b'{"account_id": {"b": 1}\n{"c": 2}}\n',
        LINE + LINE.replace(b'"a"', b"17", 1),
        LINE + LINE.replace(b'"2026-05-01T10:00:00Z"', b"1777629600"),
        b'{"account_id": "a", "timestamp": null}\n',
        b'{"timestamp": "2026-05-01T10:00:00Z"}\n',
        LINE[:-3],
    ],
)
def test_odd_lines_are_left_to_the_slow_lane(odd: bytes) -> None:
    assert fast_lines(odd, 1, SOURCES) is None


def test_clean_sheets_take_the_fast_lane() -> None:
    found = fast_sheet(b'account_id,timestamp,other,prompt\na,1,2,"x\ny"\n\nb,2,,\n', SOURCES)
    assert found is not None
    columns, rows = found
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "account_id": ["a", "b"],
        "timestamp": ["1", "2"],
        "prompt": ["x\ny", None],
    }
    assert rows.tolist() == [2, 5]


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"account_id,timestamp\na\n",
        b'account_id,timestamp\na,"open\n',
        b"account_id,timestamp\na,caf\xe9\n",
        b"account_id,account_id\na,b\n",
    ],
)
def test_odd_sheets_are_left_to_the_slow_lane(odd: bytes) -> None:
    assert fast_sheet(odd, SOURCES) is None


def test_numbers_larger_than_their_type_are_odd() -> None:
    record = {"account_id": "a", "timestamp": 1, "input_tokens": 2**70}
    assert fast_lines(json.dumps(record).encode() + b"\n", 1, SOURCES) is None
