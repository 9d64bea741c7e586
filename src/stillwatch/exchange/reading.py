"""From files to parts: looks at each file once, and cuts it into pieces that can be read side by side."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.exchange.batch import Part
from stillwatch.exchange.discovery import packing
from stillwatch.exchange.formats.canonical import CANONICAL
from stillwatch.exchange.formats.format import Exchange, Format, Record
from stillwatch.exchange.mapping import ColumnMap, check_mapping
from stillwatch.exchange.recognition import Sample, document_records, recognise, records_of, sample, source_columns
from stillwatch.exchange.schema import EXCHANGE_COLUMNS
from stillwatch.exchange.source_parts import (
    UNFORESEEN,
    DamagedPart,
    DocumentPart,
    LinesPart,
    ParquetPart,
    Reader,
    SheetPart,
    lowest_timestamp_us,
)
from stillwatch.exchange.table_check import Rules
from stillwatch.exchange.unpacking import READ_BYTES, Unpacking
from stillwatch.exchange.values import EARLIEST_S

PART_ROWS = 1 << 18  # Small row groups are read together up to this many rows.
PART_BYTES = 64 << 20  # Plain lines of JSON are cut into pieces of about this size.
# Columns of few distinct values, which stay dictionary-encoded from the file to the footprint.
_FEW_VALUES = (
    "account_id",
    "client_address",
    "user_agent",
    "tls_ja4",
    "client_country",
    "request_model",
    "system_instructions",
)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A file that was looked at.

    Attributes:
        seen: Its first rows.
        form: Its format, or None for a file without rows.
    """

    seen: Sample
    form: Format | None

    def exchanges(self, mapping: ColumnMap) -> list[Exchange]:
        """Return the exchanges in the sampled rows, unchecked."""
        if self.form is None:
            return []
        if self.form is CANONICAL:
            sources = source_columns(mapping)
            return [{name: record.get(source) for name, source in sources.items()} for record in self.seen.records]
        supplied = dict(filter(None, map(self.form.references, self.seen.records)))
        found = []
        for record in self.seen.records:
            own = {name: record[source] for name, source in mapping.items() if record.get(source) is not None}
            with contextlib.suppress(*UNFORESEEN):  # The row is refused when it is read.
                found += [{**exchange, **own} for exchange in self.form.exchanges(record, supplied)]
        return found

    def columns(self, mapping: ColumnMap) -> dict[str, str]:
        """Return the canonical columns that the file has, each with the source's field, in canonical order."""
        if self.form is CANONICAL and self.seen.shape in ("parquet", "sheet"):
            sources = source_columns(mapping)
            return {name: source for name, source in sources.items() if source in self.seen.columns}
        known = {name for exchange in self.exchanges(mapping) for name, value in exchange.items() if value is not None}
        fields = {} if self.form is None else {**self.form.fields, **mapping}
        return {column.name: fields.get(column.name, "") for column in EXCHANGE_COLUMNS if column.name in known}


def survey(files: Sequence[Path], mapping: ColumnMap) -> list[Surveyed]:
    """Look at the first rows of each file and tell its format.

    Raises:
        SourceError: If a file cannot be read or is in no known format, or the mapping names a column that no file has.
    """
    found = []
    for path in files:
        seen = sample(path)
        found.append(Surveyed(seen, None if seen.shape in ("nothing", "damaged") else recognise(seen, mapping)))
    if any(each.form for each in found):
        check_mapping(mapping, (name for each in found for name in each.seen.columns))
    return found


def parts(
    files: Sequence[Path], *, now: dt.datetime, mapping: ColumnMap | None = None, assume_utc: bool = False
) -> list[Part]:
    """Return the pieces of ``files`` in their order, to be read in any order and in any thread.

    Parquet comes a row group a piece, or small ones together; plain JSON lines in pieces of about 64 MiB; every
    other file whole, so that a packed or CSV log takes as much memory as its text while it is read.

    Args:
        files: As from ``discover``.
        now: The present, with a zone: rows more than a day later are refused.
        mapping: The provider's own column names.
        assume_utc: Take timestamps without a zone as UTC instead of refusing their rows.

    Raises:
        SourceError: If a file cannot be read or is in no known format, or the mapping names a column that no file has.
        ValueError: If ``now`` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    names = mapping or {}
    rules = Rules(int(now.timestamp() * 1_000_000), assume_utc)
    surveyed = survey(files, names)
    references = _references(surveyed)
    found: list[Part] = []
    for each in surveyed:
        if each.seen.shape == "damaged":
            found.append(_damaged(each.seen.path))
        if each.form is None:
            continue
        judged = replace(rules, assume_utc=assume_utc or each.form.naive_is_utc)
        found += _cut(Reader(each.seen.path, each.form, names, references, judged), each.seen)
    return found


def absent_columns(files: Sequence[Path], mapping: ColumnMap | None = None) -> tuple[tuple[str, str], ...]:
    """Return the canonical columns that none of ``files`` has, each with what its absence costs.

    Parquet and CSV are judged by their columns, other formats by their first rows.

    Raises:
        SourceError: As ``parts``.
    """
    names = mapping or {}
    present = {name for each in survey(files, names) for name in each.columns(names)}
    return tuple((column.name, column.absence) for column in EXCHANGE_COLUMNS if column.name not in present)


def _damaged(path: Path) -> DamagedPart:
    return DamagedPart(
        str(path), "the Parquet file is cut off or damaged: its table of contents is lost", "copy the file again"
    )


def _cut(reader: Reader, seen: Sample) -> Iterator[Part]:
    if seen.shape == "parquet":
        yield from _parquet_parts(reader)
    elif seen.shape == "lines":
        if packing(reader.path) or reader.path.stat().st_size <= PART_BYTES:
            yield LinesPart(reader)
        else:
            yield from _line_parts(reader)
    elif seen.shape == "document":
        yield DocumentPart(reader)
    else:
        yield SheetPart(reader)


def _parquet_parts(reader: Reader) -> Iterator[ParquetPart]:
    file = pq.ParquetFile(reader.path, memory_map=True)
    metadata, schema = file.metadata, file.schema_arrow
    sources = {name: source for name, source in source_columns(reader.mapping).items() if source in schema.names}
    plain = reader.form is CANONICAL
    texts = {
        name: source
        for name, source in sources.items()
        if name in _FEW_VALUES
        and (pa.types.is_string(kind := schema.field(source).type) or pa.types.is_large_string(kind))
    }
    when = sources.get("timestamp")
    kind = schema.field(when).type if plain and when else pa.null()
    leaf = _leaf(metadata, when)
    for groups, rows_before in _together([metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]):
        earliest_us = None if leaf is None else lowest_timestamp_us(metadata, groups, leaf, kind)
        yield ParquetPart(
            reader=reader,
            metadata=metadata,
            groups=groups,
            rows_before=rows_before,
            earliest_us=None if earliest_us is None else max(earliest_us, EARLIEST_S * 1_000_000),
            columns=tuple(sources.items()) if plain else (),
            dictionaries=tuple(texts.values()) if plain else (),
        )


def _leaf(metadata: Any, name: str | None) -> int | None:
    """Return the place of a top-level column among the leaves, which nested columns before it shift."""
    paths = [metadata.schema.column(place).path for place in range(metadata.num_columns)]
    return paths.index(name) if name in paths else None


def _together(rows: list[int]) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield runs of row groups of at most ``PART_ROWS`` rows, or single larger ones, and the rows before each."""
    begin = before = held = 0
    for group, count in enumerate(rows):
        if group > begin and held + count > PART_ROWS // 2:
            yield tuple(range(begin, group)), before
            begin, before, held = group, before + held, 0
        held += count
    if begin < len(rows):
        yield tuple(range(begin, len(rows))), before


def _line_parts(reader: Reader) -> Iterator[LinesPart]:
    """Cut a plain file at newlines, counting the lines before each cut."""
    start = place = rows_before = lines = 0
    with reader.path.open("rb") as file:
        while block := file.read(READ_BYTES):
            cut = block.find(b"\n") + 1
            if cut and place + cut - start >= PART_BYTES:
                lines += 1
                yield LinesPart(reader, start, place + cut, rows_before)
                start, rows_before, lines = place + cut, rows_before + lines, 0
                lines = block.count(b"\n", cut)
            else:
                lines += block.count(b"\n")
            place += len(block)
    if start < place:
        yield LinesPart(reader, start, place, rows_before)


def _references(surveyed: Sequence[Surveyed]) -> dict[str, Exchange]:
    """Read what records supply to others, from the files whose first rows do so, before any exchange is read."""
    found: dict[str, Exchange] = {}
    for each in surveyed:
        form = each.form
        if form is None or not any(form.references(record) for record in each.seen.records):
            continue
        for record in _all_records(each.seen):
            try:
                supplied = form.references(record)
            except UNFORESEEN:
                continue  # The row is refused when it is read.
            if supplied is not None:
                found[supplied[0]] = supplied[1]
    return found


def _all_records(seen: Sample) -> Iterator[Record]:
    if seen.shape == "parquet":
        for batch in pq.ParquetFile(seen.path).iter_batches():
            yield from batch.to_pylist()
    elif seen.shape == "document":
        text = b"".join(Unpacking(seen.path))
        yield from (record for _, record in document_records(text) if record is not None)
    elif seen.shape == "lines":
        held = b""
        for block in Unpacking(seen.path):
            *lines, held = (held + block).split(b"\n")
            yield from _parsed(lines)
        yield from _parsed([held])
    else:
        yield from sample(seen.path, rows=1 << 62).records


def _parsed(lines: Sequence[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            yield from records_of(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue  # The line is refused when it is read.
