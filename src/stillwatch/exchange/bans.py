"""The bans file: which accounts the provider shut, and when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.one_table import read_columns
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.schema import TIMESTAMP, Column
from stillwatch.exchange.table_check import Rules, Verdicts, canonical, refuse_missing

BAN_COLUMNS: tuple[Column, ...] = (
    Column("account_id", pa.string(), "who was shut out", "the table cannot be used", required=True),
    Column("banned_at", TIMESTAMP, "when", "the table cannot be used", required=True),
)


def read_bans(path: Path, *, assume_utc: bool = False, quarantine: Quarantine | None = None) -> pa.Table:
    """Read the table of bans: ``account_id`` and ``banned_at``, one row an account, its earliest ban.

    Rows without an account or a time go to the quarantine. An account that was banned, let in and banned again has
    several rows; failover asks when it first had to be replaced.

    Args:
        path: Parquet, JSON lines or a list, or CSV; the last three also packed.
        assume_utc: Take times without a zone as UTC.
        quarantine: Takes the bad rows; without one they are dropped.

    Raises:
        SourceError: If the file cannot be read or has not both columns.
        StrictError: If the quarantine is strict and there is a bad row.
    """
    rules = Rules(0, assume_utc)
    raw, rows, early = read_columns(path, BAN_COLUMNS, rules)
    for column in BAN_COLUMNS:
        if column.name not in raw and (len(rows) or not early):
            raise SourceError(f"{path}: has no column {column.name}", "a bans file has account_id and banned_at")
    verdicts = Verdicts(np.ones(len(rows), np.bool_))
    found = canonical(raw, BAN_COLUMNS, rules, verdicts)
    for column in BAN_COLUMNS:
        if column.name in found:
            refuse_missing(found[column.name], column.name, verdicts)
    rejected = sorted((*early, *verdicts.rejected(str(path), rows)), key=lambda refused: refused.row)
    if quarantine is not None:
        quarantine.add(rejected)
    names = [column.name for column in BAN_COLUMNS]
    if set(found) != set(names):
        return pa.table({column.name: pa.array([], column.type) for column in BAN_COLUMNS})
    table = pa.table({name: found[name] for name in names}).filter(pa.array(verdicts.good))
    plain = table.set_column(0, "account_id", table["account_id"].cast(pa.string()))
    first = plain.group_by("account_id", use_threads=False).aggregate([("banned_at", "min")])
    return pa.table({"account_id": first["account_id"], "banned_at": pc.cast(first["banned_at_min"], TIMESTAMP)})
