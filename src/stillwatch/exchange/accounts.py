"""The accounts file: what a provider knows of an account besides its traffic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stillwatch.exchange.batch import Rejected
from stillwatch.exchange.discovery import LINES, SHEETS, SourceError, unpacked_suffix
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.recognition import BYTE_ORDER_MARK, document_records
from stillwatch.exchange.records import Gathering
from stillwatch.exchange.schema import ACCOUNT_COLUMNS
from stillwatch.exchange.source_parts import DAMAGED_PACKING, sheet_records
from stillwatch.exchange.table_check import Rules, Verdicts, canonical, refuse_missing
from stillwatch.exchange.unpacking import Unpacking


def read_accounts(path: Path, *, assume_utc: bool = False, quarantine: Quarantine | None = None) -> pa.Table:
    """Read the table of accounts: those of ``ACCOUNT_SCHEMA``'s columns that it has, one row an account.

    Rows without an account, with values of a wrong type, or of an account that came before go to the quarantine.

    Args:
        path: Parquet, JSON lines or a list, or CSV; the last three also packed.
        assume_utc: Take times without a zone as UTC.
        quarantine: Takes the bad rows; without one they are dropped.

    Raises:
        SourceError: If the file cannot be read or no row has an ``account_id``.
        StrictError: If the quarantine is strict and there is a bad row.
    """
    rules = Rules(0, assume_utc)
    try:
        raw, rows, early = _columns(path, rules)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}", "check the file") from error
    except pa.ArrowException as error:
        raise SourceError(f"{path}: is damaged or no Parquet file", "write or copy it again") from error
    if "account_id" not in raw or (not early and raw["account_id"].null_count == len(rows)):
        raise SourceError(f"{path}: names no account", "an accounts file has a column account_id, one row an account")
    verdicts = Verdicts(np.ones(len(rows), np.bool_))
    found = canonical(raw, ACCOUNT_COLUMNS, rules, verdicts)
    refuse_missing(found["account_id"], "account_id", verdicts)
    ids = found["account_id"].combine_chunks()
    _, first = np.unique(_codes(ids)[verdicts.good], return_index=True)
    kept = np.flatnonzero(verdicts.good)[np.sort(first)]
    again = np.setdiff1d(np.flatnonzero(verdicts.good), kept)
    verdicts.refuse(again, "account_id was seen before", "give one row an account; the first is kept")
    rejected = sorted((*early, *verdicts.rejected(str(path), rows)), key=lambda refused: refused.row)
    if quarantine is not None:
        quarantine.add(rejected)
    table = pa.table(found)
    return table.filter(pa.array(verdicts.good)) if verdicts.faults else table


def _codes(ids: pa.Array) -> NDArray[np.int64]:
    encoded = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.asarray(codes, np.int64)


def _columns(path: Path, rules: Rules) -> tuple[dict[str, pa.ChunkedArray], NDArray[np.int64], tuple[Rejected, ...]]:
    suffix = unpacked_suffix(path)
    if suffix not in LINES + SHEETS:
        names = [column.name for column in ACCOUNT_COLUMNS]
        file = pq.ParquetFile(path)
        table = file.read(columns=[name for name in names if name in file.schema_arrow.names])
        raw = {name: table[name] for name in table.column_names}
        return raw, np.arange(1, table.num_rows + 1, dtype=np.int64), ()
    gathering = Gathering(str(path), rules, ACCOUNT_COLUMNS)
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
