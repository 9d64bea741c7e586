"""Batches with row numbers: from columns, or from logs that have to be read one record at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.exchange.batch import Batch, Rejected
from stillwatch.exchange.schema import EXCHANGE_COLUMNS, TIMESTAMP, Column
from stillwatch.exchange.table_check import Rules, Verdicts, canonical, check_exchanges
from stillwatch.exchange.values import UnusableError, converter


@dataclass(frozen=True, slots=True, eq=False)
class NumberedBatch(Batch):
    """A batch that knows where its exchanges stood, so that a later check can name them.

    Attributes:
        file: The file that they come from.
        rows: Shape (exchanges,), the row of each in the file, counted from 1.
        made_ids: Whether the exchange ids were made from file and row, and so cannot repeat.
    """

    file: str = ""
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    made_ids: bool = False


def batch_of_columns(
    raw: Mapping[str, pa.ChunkedArray],
    rows: NDArray[np.int64],
    file: str,
    rules: Rules,
    ordinals: NDArray[np.int64] | None = None,
) -> NumberedBatch:
    """Return the good rows of ``raw`` in canonical form, and the bad ones with their reasons.

    Args:
        raw: Columns by canonical name, equally long; ``timestamp`` and ``account_id`` are among them.
        rows: Shape (rows,), their numbers in the file.
        file: Its name, for rejected rows and made ids.
        rules: How to judge.
        ordinals: Shape (rows,), the place of an exchange within its row where one row holds several.
    """
    verdicts = Verdicts(np.ones(len(rows), np.bool_))
    found = canonical(raw, EXCHANGE_COLUMNS, rules, verdicts)
    check_exchanges(found, rules, verdicts)
    made = "exchange_id" not in found or found["exchange_id"].null_count == len(rows)
    if made or found["exchange_id"].null_count:
        found["exchange_id"] = _with_made_ids(found.get("exchange_id"), rows, file, ordinals)
    names = [column.name for column in EXCHANGE_COLUMNS if column.name in found]
    table = pa.table({name: found[name] for name in names})
    if verdicts.faults:
        table = table.filter(pa.array(verdicts.good))
    return NumberedBatch(
        exchanges=table,
        rejected=verdicts.rejected(file, rows),
        file=file,
        rows=rows[verdicts.good] if verdicts.faults else rows,
        made_ids=made,
    )


def _with_made_ids(
    ids: pa.ChunkedArray | None, rows: NDArray[np.int64], file: str, ordinals: NDArray[np.int64] | None
) -> pa.ChunkedArray:
    made = pc.binary_join_element_wise(pa.scalar(file), pa.array(rows).cast(pa.string()), ":")
    if ordinals is not None and ordinals.any():
        made = pc.binary_join_element_wise(made, pa.array(ordinals).cast(pa.string()), ".")
    if ids is None:
        return pa.chunked_array([made])
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    return pc.coalesce(ids, pa.chunked_array([made.cast(ids.type)]))


class Gathering:
    """Takes exchanges one at a time and ends as a batch.

    Args:
        file: The file that they come from.
        rules: How to judge.
        columns: The columns to keep.
    """

    def __init__(self, file: str, rules: Rules, columns: tuple[Column, ...] = EXCHANGE_COLUMNS) -> None:
        """Begin with none."""
        self._file = file
        self._rules = rules
        self._columns = columns
        self._convert = {column.name: converter(column, assume_utc=rules.assume_utc) for column in columns}
        self._kept: list[dict[str, object]] = []
        self._rows: list[int] = []
        self._ordinals: list[int] = []
        self._rejected: list[Rejected] = []

    def add(self, row: int, values: Mapping[str, object], ordinal: int = 0) -> None:
        """Take one exchange of ``row``; names that are no columns are passed over."""
        kept: dict[str, object] = {}
        try:
            for name, convert in self._convert.items():
                if (value := values.get(name)) is not None:
                    kept[name] = convert(value)
        except UnusableError as error:
            self.refuse(row, error.reason, error.hint)
            return
        self._kept.append(kept)
        self._rows.append(row)
        self._ordinals.append(ordinal)

    def refuse(self, row: int, reason: str, hint: str) -> None:
        """Take note of a row that cannot be used."""
        self._rejected.append(Rejected(self._file, row, reason, hint))

    def columns(self) -> dict[str, pa.ChunkedArray]:
        """Return what was gathered, column by column; required columns, and the others where any value is known."""
        found = {}
        for column in self._columns:
            values = [kept.get(column.name) for kept in self._kept]
            if column.required or any(value is not None for value in values):
                found[column.name] = pa.chunked_array([_array(values, column)])
        return found

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of each exchange that was gathered, shape (exchanges,)."""
        return np.array(self._rows, np.int64)

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """The rows that were refused so far."""
        return tuple(self._rejected)

    def batch(self) -> NumberedBatch:
        """Return the exchanges that pass the checks, and all rejected rows in order."""
        ordinals = np.array(self._ordinals, np.int64)
        batch = batch_of_columns(self.columns(), self.rows, self._file, self._rules, ordinals)
        rejected = sorted((*self._rejected, *batch.rejected), key=lambda refused: refused.row)
        return NumberedBatch(batch.exchanges, tuple(rejected), batch.file, batch.rows, batch.made_ids)


def _array(values: list[object], column: Column) -> pa.Array:
    if column.type == TIMESTAMP:
        return pa.array(values, pa.int64()).cast(TIMESTAMP)
    return pa.array(values, column.type)
