"""The parts of files: each is read on its own, in any thread, into checked exchanges."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.exchange.batch import Rejected
from stillwatch.exchange.fast_text import fast_lines, fast_sheet
from stillwatch.exchange.formats.canonical import CANONICAL
from stillwatch.exchange.formats.format import Exchange, Format, Record, References
from stillwatch.exchange.formats.registry import FORMATS
from stillwatch.exchange.mapping import ColumnMap
from stillwatch.exchange.recognition import (
    BYTE_ORDER_MARK,
    CSV_FIELD_BYTES_MAX,
    document_records,
    records_of,
    source_columns,
)
from stillwatch.exchange.records import Gathering, NumberedBatch, batch_of_columns
from stillwatch.exchange.schema import EXCHANGE_SCHEMA
from stillwatch.exchange.table_check import Rules
from stillwatch.exchange.unpacking import Unpacking

BLOCK_BYTES = 8 << 20  # What is parsed at once: a bad row costs the fast lane no more than its block.
_RECORDS_AT_ONCE = 10_000
DAMAGED_PACKING = ("the compressed file is cut off or damaged from here on", "copy the file again")
# What a reader can raise over a record of a shape that nobody foresaw; none of it may end a scan.
UNFORESEEN = (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Reader:
    """How the parts of one file are read.

    Attributes:
        path: The file.
        form: Its format.
        mapping: The provider's own column names.
        references: What its records refer to.
        rules: How rows are judged.
    """

    path: Path
    form: Format
    mapping: ColumnMap
    references: References
    rules: Rules

    def gather(self, into: Gathering, row: int, record: Record, ordinal: int = 0) -> int:
        """Add the exchanges of ``record``, or refuse its row; return how many there are in the row by now."""
        form = self.form
        if form is CANONICAL:
            into.add(row, {name: record.get(source) for name, source in source_columns(self.mapping).items()}, ordinal)
            return ordinal + 1
        try:
            if not form.recognises(record):
                form = next((other for other in FORMATS if other is not CANONICAL and other.recognises(record)), form)
                if form is self.form:
                    into.refuse(row, f"the record is none of {form.title}", "keep one kind of record a file")
                    return ordinal
            for exchange in form.exchanges(record, self.references):
                into.add(row, self._overlaid(exchange, record), ordinal)
                ordinal += 1
        except UNFORESEEN:
            into.refuse(row, "the record has an unexpected form", "compare it with docs/formats.md")
        return ordinal

    def _overlaid(self, exchange: Exchange, record: Record) -> Exchange:
        own = {name: record[source] for name, source in self.mapping.items() if record.get(source) is not None}
        return {**exchange, **own}

    def gathering(self) -> Gathering:
        """Return an empty gathering for the file."""
        return Gathering(str(self.path), self.rules)


def merged(file: str, batches: list[NumberedBatch]) -> NumberedBatch:
    """Return the batches of one file as one, in their order."""
    if len(batches) == 1:
        return batches[0]
    whole = [batch for batch in batches if batch.exchanges.num_rows] or batches[:1]
    tables = [batch.exchanges for batch in whole]
    table = pa.concat_tables(tables, promote_options="default") if tables else EXCHANGE_SCHEMA.empty_table()
    return NumberedBatch(
        exchanges=table.select([name for name in EXCHANGE_SCHEMA.names if name in table.column_names]),
        rejected=tuple(refused for batch in batches for refused in batch.rejected),
        file=file,
        rows=np.concatenate([batch.rows for batch in whole]) if whole else np.zeros(0, np.int64),
        made_ids=all(batch.made_ids for batch in whole),
    )


@dataclass(frozen=True, slots=True)
class DamagedPart:
    """A file of which no row can be read; reading it tells so once."""

    file: str
    reason: str
    hint: str
    rows_before: int = 0
    earliest_us: int | None = None

    def read(self) -> NumberedBatch:
        """Return no exchange and one rejected row."""
        return NumberedBatch(
            EXCHANGE_SCHEMA.empty_table(), (Rejected(self.file, 1, self.reason, self.hint),), self.file
        )


@dataclass(frozen=True, slots=True)
class ParquetPart:
    """Some row groups of a Parquet file."""

    reader: Reader
    metadata: Any
    groups: tuple[int, ...]
    rows_before: int
    earliest_us: int | None
    columns: tuple[tuple[str, str], ...]  # (canonical, source) of a plain table; empty for other formats.
    dictionaries: tuple[str, ...]  # Source columns to keep dictionary-encoded.

    @property
    def file(self) -> str:
        """The file that the part belongs to."""
        return str(self.reader.path)

    def read(self) -> NumberedBatch:
        """Read the row groups; one that is damaged is rejected whole."""
        batches = []
        begin = self.rows_before
        for group in self.groups:
            rows = self.metadata.row_group(group).num_rows
            try:
                batches.append(self._group(group, begin))
            except (pa.ArrowException, OSError, UnicodeDecodeError):
                lost = Rejected(
                    self.file, begin + 1, "a row group is damaged", f"write the file again; {rows} rows are lost"
                )
                batches.append(NumberedBatch(EXCHANGE_SCHEMA.empty_table(), (lost,), self.file))
            begin += rows
        return merged(self.file, batches)

    def _group(self, group: int, begin: int) -> NumberedBatch:
        file = pq.ParquetFile(
            self.reader.path,
            metadata=self.metadata,
            memory_map=True,
            read_dictionary=list(self.dictionaries),
            pre_buffer=False,
        )
        if self.columns:
            table = file.read_row_group(group, columns=[source for _, source in self.columns], use_threads=False)
            raw = {name: table[source] for name, source in self.columns}
            rows = np.arange(begin + 1, begin + 1 + table.num_rows, dtype=np.int64)
            return batch_of_columns(raw, rows, self.file, self.reader.rules)
        gathering = self.reader.gathering()
        row = begin
        for batch in file.iter_batches(_RECORDS_AT_ONCE, row_groups=[group], use_threads=False):
            for record in batch.to_pylist():
                row += 1
                self.reader.gather(gathering, row, record)
        return gathering.batch()


@dataclass(frozen=True, slots=True)
class LinesPart:
    """Lines of JSON: a whole file, or the bytes from one line's begin to another's end."""

    reader: Reader
    start: int = 0
    stop: int | None = None  # None: the whole file, unpacked on the way.
    rows_before: int = 0
    earliest_us: int | None = None

    @property
    def file(self) -> str:
        """The file that the part belongs to."""
        return str(self.reader.path)

    def read(self) -> NumberedBatch:
        """Read the lines block by block; the lines of a block with a bad one are read one at a time."""
        unpacking = Unpacking(self.reader.path)
        batches: list[NumberedBatch] = []
        row = self.rows_before + 1
        for block in _whole_lines(self._blocks(unpacking), unpacking):
            batches.append(self._block(block, row))
            row += block.count(b"\n")
        if unpacking.damaged:
            lost = Rejected(self.file, row, *DAMAGED_PACKING)
            batches.append(NumberedBatch(EXCHANGE_SCHEMA.empty_table(), (lost,), self.file))
        return merged(self.file, batches or [self.reader.gathering().batch()])

    def _blocks(self, unpacking: Unpacking) -> Iterator[bytes]:
        if self.stop is None:
            first = True
            for block in unpacking:
                yield block.removeprefix(BYTE_ORDER_MARK) if first else block
                first = False
            return
        with self.reader.path.open("rb") as file:
            file.seek(self.start)
            left = self.stop - self.start
            while left and (block := file.read(min(left, BLOCK_BYTES))):
                left -= len(block)
                yield block.removeprefix(BYTE_ORDER_MARK) if file.tell() == len(block) else block

    def _block(self, block: bytes, row: int) -> NumberedBatch:
        if self.reader.form is CANONICAL:
            fast = fast_lines(block, row, source_columns(self.reader.mapping))
            if fast is not None:
                return batch_of_columns(*fast, self.file, self.reader.rules)
        gathering = self.reader.gathering()
        for number, line in enumerate(block.split(b"\n"), row):
            if line and not line.isspace():
                self._line(gathering, number, line)
        return gathering.batch()

    def _line(self, gathering: Gathering, row: int, line: bytes) -> None:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            gathering.refuse(row, *_not_json(line))
            return
        if not isinstance(value, Mapping):
            gathering.refuse(row, "the line is no JSON object", "write one object a line")
            return
        ordinal = 0
        for record in (value,) if self.reader.form is CANONICAL else records_of(value):
            ordinal = self.reader.gather(gathering, row, record, ordinal)


def _not_json(line: bytes) -> tuple[str, str]:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "the line is not UTF-8", "write the log in UTF-8"
    return "the line is not JSON", "it may be cut off; write one whole object a line"


def _whole_lines(blocks: Iterable[bytes], unpacking: Unpacking) -> Iterator[bytes]:
    """Yield blocks that end where a line ends; what follows the last newline comes last, unless damage cut it."""
    held: list[bytes] = []
    size = 0
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if size + len(block) < BLOCK_BYTES or not cut:
            held.append(block)
            size += len(block)
            if not cut or size < BLOCK_BYTES:
                continue
            block, cut, held = b"".join(held), 0, []
            cut = block.rfind(b"\n") + 1
        yield b"".join(held) + block[:cut]
        held = [block[cut:]]
        size = len(block) - cut
    rest = b"".join(held)
    if unpacking.damaged:
        rest = rest[: rest.rfind(b"\n") + 1]
    if rest:
        yield rest


@dataclass(frozen=True, slots=True)
class WholeFile:
    """What every part that is a whole file knows of itself."""

    reader: Reader
    rows_before: int = 0
    earliest_us: int | None = None

    @property
    def file(self) -> str:
        """The file that the part belongs to."""
        return str(self.reader.path)


@dataclass(frozen=True, slots=True)
class DocumentPart(WholeFile):
    """A JSON document that is a list of records, or one record."""

    def read(self) -> NumberedBatch:
        """Read the records up to where the document ends or is damaged."""
        text = b"".join(Unpacking(self.reader.path)).removeprefix(BYTE_ORDER_MARK)
        gathering = self.reader.gathering()
        for row, record in document_records(text):
            if record is None:
                gathering.refuse(row, "the element is no whole JSON object", "the list may be cut off here")
            else:
                self.reader.gather(gathering, row, record)
        return gathering.batch()


@dataclass(frozen=True, slots=True)
class SheetPart(WholeFile):
    """A CSV file with a header, in RFC 4180's quoting; an empty field is no data."""

    def read(self) -> NumberedBatch:
        """Read the sheet column by column, or row by row where it has a bad row."""
        unpacking = Unpacking(self.reader.path)
        text = b"".join(unpacking).removeprefix(BYTE_ORDER_MARK)
        if unpacking.damaged:
            text = text[: text.rfind(b"\n") + 1]
        if self.reader.form is CANONICAL and not unpacking.damaged:
            fast = fast_sheet(text, source_columns(self.reader.mapping))
            if fast is not None:
                return batch_of_columns(*fast, self.file, self.reader.rules)
        gathering = self.reader.gathering()
        for row, record in sheet_records(text, gathering):
            self.reader.gather(gathering, row, record)
        if unpacking.damaged:
            gathering.refuse(text.count(b"\n") + 1, *DAMAGED_PACKING)
        return gathering.batch()


def sheet_records(text: bytes, gathering: Gathering) -> Iterator[tuple[int, Record]]:
    """Yield the rows of a CSV text with the lines they begin in; refuse those that are none."""
    csv.field_size_limit(CSV_FIELD_BYTES_MAX)
    reader = csv.reader(io.StringIO(text.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    header: list[str] | None = None
    while True:
        row = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            gathering.refuse(row, "the row's quotes do not match", 'close every quote, and write a quote in text as ""')
            continue
        if not fields:
            continue
        if header is None:
            header = fields
        elif len(fields) != len(header):
            gathering.refuse(row, "the row has more or fewer fields than the header", "it may be cut off")
        else:
            yield row, {name: field or None for name, field in zip(header, fields, strict=True)}


def lowest_timestamp_us(metadata: Any, groups: Iterable[int], column: int, kind: pa.DataType) -> int | None:
    """Return the least timestamp of row groups from their statistics, in microseconds, or None where unknown."""
    if not pa.types.is_timestamp(kind):
        return None
    found = []
    for group in groups:
        statistics = metadata.row_group(group).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        found.append(pa.scalar(int(statistics.min_raw), pa.int64()).cast(pa.timestamp(kind.unit)))
    least = pc.min(pa.array(found)).cast(pa.timestamp("us"), safe=False)
    return int(least.value)
