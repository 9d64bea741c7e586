"""The accounts file: what a provider knows of an account besides its traffic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.one_table import read_columns
from stillwatch.exchange.quarantine import Quarantine
from stillwatch.exchange.schema import ACCOUNT_COLUMNS
from stillwatch.exchange.table_check import Rules, Verdicts, canonical, refuse_missing


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
    raw, rows, early = read_columns(path, ACCOUNT_COLUMNS, rules)
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
