"""Small tables in one file each, of accounts or of bans: whatever the file's kind, columns come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.exchange.batch import Rejected
from stillwatch.exchange.discovery import LINES, SHEETS, SourceError, unpacked_suffix
from stillwatch.exchange.recognition import BYTE_ORDER_MARK, document_records
from stillwatch.exchange.records import Gathering
from stillwatch.exchange.schema import Column
from stillwatch.exchange.source_parts import DAMAGED_PACKING, sheet_records
from stillwatch.exchange.table_check import Rules
from stillwatch.exchange.unpacking import Unpacking


def read_columns(
    path: Path, columns: tuple[Column, ...], rules: Rules
) -> tuple[dict[str, pa.ChunkedArray], NDArray[np.int64], tuple[Rejected, ...]]:
    """Return those of ``columns`` that a file has, as they are written, with the number of each row.

    Args:
        path: Parquet, JSON lines or a list, or CSV; the last three also packed.
        columns: What is looked for.
        rules: What values are judged by.

    Returns:
        The columns, the number of each of their rows in the file from 1 on, and the rows that could not be read.

    Raises:
        SourceError: If the file cannot be read.
    """
    try:
        return _columns(path, columns, rules)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}", "check the file") from error
    except pa.ArrowException as error:
        raise SourceError(f"{path}: is damaged or no Parquet file", "write or copy it again") from error


def _columns(
    path: Path, columns: tuple[Column, ...], rules: Rules
) -> tuple[dict[str, pa.ChunkedArray], NDArray[np.int64], tuple[Rejected, ...]]:
    suffix = unpacked_suffix(path)
    if suffix not in LINES + SHEETS:
        names = [column.name for column in columns]
        file = pq.ParquetFile(path)
        table = file.read(columns=[name for name in names if name in file.schema_arrow.names])
        raw = {name: table[name] for name in table.column_names}
        return raw, np.arange(1, table.num_rows + 1, dtype=np.int64), ()
    gathering = Gathering(str(path), rules, columns)
    unpacking = Unpacking(path)
    text = b"".join(unpacking).removeprefix(BYTE_ORDER_MARK)
    if unpacking.damaged:
        text = text[: text.rfind(b"\n") + 1]
        gathering.refuse(text.count(b"\n") + 1, *DAMAGED_PACKING)
    if suffix in SHEETS:
        for row, record in sheet_records(text, gathering):
            gathering.add(row, record)
    elif text.lstrip()[:1] == b"[":
        for row, item in document_records(text):
            if item is None:
                gathering.refuse(row, "the element is no whole JSON object", "the list may be cut off here")
            else:
                gathering.add(row, item)
    else:
        _gather_lines(text, gathering)
    return gathering.columns(), gathering.rows, gathering.rejected


def _gather_lines(text: bytes, gathering: Gathering) -> None:
    for row, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if isinstance(record, dict):
            gathering.add(row, record)
        else:
            gathering.refuse(row, "the line is no JSON object", "write one object a line")
