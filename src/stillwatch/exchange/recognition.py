"""Which format a file is in, found by looking at its first rows and never at its name."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.exchange.discovery import LINES, SHEETS, SourceError, unpacked_suffix
from stillwatch.exchange.formats.canonical import CANONICAL, REQUIRED
from stillwatch.exchange.formats.format import Format, Record
from stillwatch.exchange.formats.registry import FORMATS
from stillwatch.exchange.mapping import ColumnMap
from stillwatch.exchange.schema import EXCHANGE_COLUMNS
from stillwatch.exchange.unpacking import Unpacking

SAMPLE_ROWS = 200
_SAMPLE_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CSV_FIELD_BYTES_MAX = (1 << 31) - 1  # The standard library stops at 128 KiB, less than a long prompt.

Shape = Literal["parquet", "lines", "document", "sheet", "nothing", "damaged"]


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file.

    Attributes:
        path: The file.
        shape: How rows lie in it; ``nothing`` for a file without rows, ``damaged`` for one that cannot be opened.
        columns: The names of its columns or keys, in order of first sight.
        records: Up to ``SAMPLE_ROWS`` rows.
    """

    path: Path
    shape: Shape
    columns: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()


def sample(path: Path, *, rows: int = SAMPLE_ROWS) -> Sample:
    """Read the first rows of ``path``.

    Raises:
        SourceError: If the file cannot be read.
    """
    suffix = unpacked_suffix(path)
    try:
        if suffix in LINES:
            return _sample_json(path, rows)
        if suffix in SHEETS:
            return _sample_sheet(path, rows)
        return _sample_parquet(path, rows)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}", "check the file") from error


def _sample_parquet(path: Path, rows: int) -> Sample:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        if not path.is_file():
            raise
        return Sample(path, "damaged")
    columns = tuple(file.schema_arrow.names)
    if file.metadata.num_rows == 0:
        return Sample(path, "nothing", columns)
    try:
        batch = next(file.iter_batches(batch_size=rows), None)
        records = tuple(batch.to_pylist()) if batch is not None else ()
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        records = ()  # The first row group is damaged; the columns still tell.
    return Sample(path, "parquet", columns, records)


def _head(path: Path) -> tuple[bytes, bool]:
    """Return the first bytes, at least one line of them, and whether they are the whole file."""
    blocks: list[bytes] = []
    held = 0
    for block in Unpacking(path):
        blocks.append(block)
        held += len(block)
        if held >= _SAMPLE_BYTES and any(b"\n" in block for block in blocks):
            return b"".join(blocks).removeprefix(BYTE_ORDER_MARK), False
    return b"".join(blocks).removeprefix(BYTE_ORDER_MARK), True


def _sample_json(path: Path, rows: int) -> Sample:
    head, whole = _head(path)
    if not head.strip():
        return Sample(path, "nothing")
    records: list[Record] = []
    first_parses = False
    shape: Shape = "lines"
    for place, line in enumerate(line for line in head.split(b"\n") if line.strip()):
        try:
            records.extend(records_of(orjson.loads(line)))
            first_parses = first_parses or place == 0
        except orjson.JSONDecodeError:
            pass
        if len(records) >= rows:
            break
    spread = head.lstrip()[:1] == b"{" and not first_parses and unpacked_suffix(path) == ".json"
    if head.lstrip()[:1] == b"[" or (spread and not records):
        shape = "document"
        text = head if whole else b"".join(Unpacking(path)).removeprefix(BYTE_ORDER_MARK)
        records = list(itertools.islice((item for _, item in document_records(text) if item is not None), rows))
    return Sample(path, shape, _keys(records), tuple(records[:rows]))


def records_of(value: Any) -> Iterator[Record]:
    """Yield the records in one JSON value: an object, or the list in the ``data`` of an answer from an API."""
    if isinstance(value, Mapping):
        inside = value.get("data")
        if isinstance(inside, list) and not any(form.recognises(value) for form in FORMATS):
            yield from (item for item in inside if isinstance(item, Mapping))
        else:
            yield value


def document_records(text: bytes) -> Iterator[tuple[int, Record | None]]:
    """Yield the records of a JSON document, numbered from 1, and None at the place where it is damaged.

    A list is read as far as it is whole. An object is one record, or the list in its ``data``.
    """
    try:
        loaded = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from _until_damage(text)
        return
    items = loaded if isinstance(loaded, list) else list(records_of(loaded))
    for number, item in enumerate(items, 1):
        yield number, item if isinstance(item, Mapping) else None


def _until_damage(text: bytes) -> Iterator[tuple[int, Record | None]]:
    import json  # The standard library's parser alone can stop after one value.

    rest = text.decode("utf-8", "surrogateescape")
    place = rest.find("[") + 1
    number = 0
    parse = json.JSONDecoder().raw_decode
    while place and place < len(rest):
        while place < len(rest) and rest[place] in " \t\r\n,":
            place += 1
        if rest[place : place + 1] == "]":
            break
        number += 1
        try:
            item, place = parse(rest, place)
        except (json.JSONDecodeError, RecursionError):
            yield number, None
            return
        yield number, item if isinstance(item, Mapping) else None
    if not place:
        yield 1, None


def _sample_sheet(path: Path, rows: int) -> Sample:
    head, whole = _head(path)
    if not head.strip():
        return Sample(path, "nothing")
    csv.field_size_limit(CSV_FIELD_BYTES_MAX)
    reader = csv.reader(io.StringIO(head.decode("utf-8", "replace"), newline=""))
    columns = next((row for row in reader if row), [])
    records = [
        {name: field or None for name, field in zip(columns, row, strict=True)}
        for row in itertools.islice(reader, rows)
        if len(row) == len(columns)
    ]
    if not records and whole and b"\n" not in head.strip():
        return Sample(path, "nothing", tuple(columns))
    return Sample(path, "sheet", tuple(columns), tuple(records))


def _keys(records: list[Record]) -> tuple[str, ...]:
    seen: dict[str, None] = {}
    for record in records:
        seen.update(dict.fromkeys(map(str, record)))
    return tuple(seen)


def source_columns(mapping: ColumnMap) -> dict[str, str]:
    """Return the source column of each canonical one: as mapped, else of the same name unless that is mapped away."""
    taken = set(mapping.values())
    return {
        column.name: mapping.get(column.name, column.name)
        for column in EXCHANGE_COLUMNS
        if column.name in mapping or column.name not in taken
    }


def recognise(seen: Sample, mapping: ColumnMap) -> Format:
    """Return the format of a file from its sample.

    A mapping that finds the account and the time in the file makes it a plain table. Otherwise the format that knows
    most of the sampled records is taken.

    Raises:
        SourceError: If no format knows any record, or the file is a table of accounts.
    """
    sources = source_columns(mapping)
    if all(sources.get(name) in seen.columns for name in REQUIRED) and any(name in mapping for name in REQUIRED):
        return CANONICAL
    counts = [sum(form.recognises(record) for record in seen.records) for form in FORMATS]
    if any(counts):
        return FORMATS[counts.index(max(counts))]
    if all(sources.get(name) in seen.columns for name in REQUIRED) or not seen.columns:
        return CANONICAL
    if "account_id" in seen.columns and {"created_at", "payment_fingerprint", "plan"} & set(seen.columns):
        raise SourceError(f"{seen.path}: is a table of accounts, not of exchanges", "pass it with --accounts")
    raise SourceError(
        f"{seen.path}: no known format; it has {', '.join(seen.columns[:12])}{', …' * (len(seen.columns) > 12)}",
        "name its columns with --map FILE, or run `stillwatch columns`",
    )
