"""One batch of the log on the disk: a Parquet file of exchanges, and the footprints that they leave, hour by hour.

The footprints are those of ``footprint.fold`` over all columns, the texts included, so that whoever merges them need
not read the exchanges; and whoever reads the exchanges without their texts loses what the texts would have shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.exchange.schema import EXCHANGE_SCHEMA
from stillwatch.footprint.fold import Folding, fold
from stillwatch.footprint.footprints import HOUR_US
from stillwatch.gateway.exchange_log_rows import NAMES, TEXTS, Row, checked
from stillwatch.store.atomic import atomic_files

EXCHANGES_PREFIX = "exchanges-"
FOOTPRINTS_PREFIX = "_footprints-"  # An underscore keeps readers of exchanges away.


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table of ``EXCHANGE_SCHEMA``."""
    columns = zip(*rows, strict=True)
    return pa.Table.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, EXCHANGE_SCHEMA, strict=True)],
        schema=EXCHANGE_SCHEMA,
    )


def write_batch(
    folder: Path, stem: str, rows: Sequence[Row], pseudonyms: Pseudonyms, keep_text: bool, footprints: bool
) -> None:
    """Write a batch into ``folder``: the footprints first, then the exchanges, whose file seals the batch.

    Raises:
        OSError: If the disk does not take it; nothing of it is then in the folder.
    """
    table = table_of(rows)
    kept = table if keep_text else table.drop_columns([NAMES[k] for k in TEXTS])
    name = f"{EXCHANGES_PREFIX}{stem}.parquet"
    with atomic_files(folder, last=[name]) as staging:
        pq.write_table(kept, staging / name, compression="zstd")
        if footprints:
            for hour, left in footprints_of(table, pseudonyms):
                pq.write_table(left, staging / f"{FOOTPRINTS_PREFIX}{stem}-{hour}.parquet", compression="zstd")


def footprints_of(exchanges: pa.Table, pseudonyms: Pseudonyms) -> Iterator[tuple[int, pa.Table]]:
    """Yield each hour that has exchanges, counted since 1970, with its footprints; their window begins with it."""

    def hashes(field: str, values: pa.Array) -> Any:
        return pseudonyms.hashes(field, values)[0]

    hours = exchanges["timestamp"].cast(pa.int64()).to_numpy() // HOUR_US
    for hour in np.unique(hours).tolist():
        rows = exchanges.filter(pa.array(hours == hour))
        yield hour, fold(rows, Folding(hashes, address_prefix, hour * HOUR_US))


def warm_up(pseudonyms: Pseudonyms) -> None:
    """Load what the first footprints need, some seconds of work, before there are requests to keep waiting."""
    row = ("", 0, "", *checked({"prompt": "one two three four", "client_address": "192.0.2.1", "user_agent": "x"}))
    for _ in footprints_of(table_of([row]), pseudonyms):
        pass


def footprint_files(exchanges: Path) -> list[Path]:
    """Return the footprint files that lie beside a file of exchanges of the log, one for each hour in it.

    Their union is the fold of exactly that file's exchanges with their texts: merge them in place of folding it.
    """
    stem = exchanges.stem.removeprefix(EXCHANGES_PREFIX)
    return sorted(exchanges.parent.glob(f"{FOOTPRINTS_PREFIX}{stem}-*.parquet"))
