"""Plain tables in text, column by column: what Arrow parses whole goes fast, anything odd is left to the slow lane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
from numpy.typing import NDArray

from stillwatch.exchange.schema import EXCHANGE_COLUMNS

Columns = tuple[dict[str, pa.ChunkedArray], NDArray[np.int64]]
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_BLANKS = (9, 32)


def fast_lines(block: bytes, row: int, sources: Mapping[str, str]) -> Columns | None:
    """Parse lines of JSON objects whole, or return None where any line is odd.

    Args:
        block: Whole lines.
        row: The number of the first.
        sources: The source key of each canonical column.

    Returns:
        Columns by canonical name, those without any value left out, and each row's line.
    """
    rows = _lines_of_objects(block, row)
    if rows is None:
        return None
    schema = _schema(block, sources)
    if schema is None:
        return None
    try:
        table = pa.json.read_json(
            pa.BufferReader(block),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException:
        return None
    if table.num_rows != len(rows):
        return None
    found = {name: table[source] for name, source in sources.items() if table[source].null_count < table.num_rows}
    if not {"timestamp", "account_id"} <= found.keys():
        return None
    return found, rows


def _lines_of_objects(block: bytes, row: int) -> NDArray[np.int64] | None:
    """Return the number of each line, or None unless each begins with a brace and ends with one.

    Together with as many records as lines this proves that every line is one record: after a closing brace, no
    object can go on with an opening one.
    """
    data = np.frombuffer(block, np.uint8)
    if not len(data):
        return None
    ends = np.flatnonzero(data == _NEWLINE)
    if data[-1] != _NEWLINE:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    numbers = np.arange(row, row + len(ends), dtype=np.int64)
    ends = ends - ((ends > starts) & (data[np.maximum(ends - 1, 0)] == _RETURN))
    filled = ends > starts
    starts, ends, numbers = starts[filled], ends[filled], numbers[filled]
    if not len(starts) or (data[starts] != ord("{")).any() or (data[ends - 1] != ord("}")).any():
        return None
    return np.asarray(numbers, np.int64)


def _schema(block: bytes, sources: Mapping[str, str]) -> pa.Schema | None:
    """Return the types to read, the timestamp's as in the first line; Arrow refuses a block that mixes them."""
    try:
        first = orjson.loads(block.lstrip(b"\r\n").partition(b"\n")[0])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(first, dict):
        return None
    when = first.get(sources["timestamp"])
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    if type(when) not in kinds:
        return None
    fields = []
    for column in EXCHANGE_COLUMNS:
        if column.name in sources:
            kind = kinds[type(when)] if column.name == "timestamp" else column.type
            fields.append(pa.field(sources[column.name], kind))
    return pa.schema(fields)


def fast_sheet(text: bytes, sources: Mapping[str, str]) -> Columns | None:
    """Parse a CSV text whole, or return None where any row is odd.

    Returns:
        Columns by canonical name as text, those that the header names, and the line in which each row begins.
    """
    lines = _record_lines(text)
    if lines is None:
        return None
    wanted = set(sources.values())
    kinds = {source: pa.large_string() if name == "prompt" else pa.string() for name, source in sources.items()}
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(text),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=True, null_values=[""]),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    names = table.column_names
    if table.num_rows != len(lines) - 1 or len(set(names)) != len(names):
        return None
    found = {name: table[source] for name, source in sources.items() if source in wanted.intersection(names)}
    return found, lines[1:]


def _record_lines(text: bytes) -> NDArray[np.int64] | None:
    """Return the lines in which the records of a CSV text begin, or None where its quotes do not match.

    A newline ends a record where the quotes before it are even in number.
    """
    data = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    if len(quotes) % 2 or not len(data):
        return None
    breaks = np.flatnonzero(data == _NEWLINE)
    ends_record = np.searchsorted(quotes, breaks) % 2 == 0
    starts = np.concatenate(([0], breaks[ends_record] + 1))
    lines = np.concatenate(([1], np.flatnonzero(ends_record) + 2)).astype(np.int64)
    ends = np.append(breaks[ends_record], len(data))
    ends = ends - ((ends > starts) & (data[np.maximum(ends - 1, 0)] == _RETURN))
    return np.asarray(lines[ends > starts], np.int64)
