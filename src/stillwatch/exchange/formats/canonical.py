"""The plain table: columns named as in ``stillwatch.exchange.schema``, or as a mapping file says.

This is the fast lane. Parquet, JSON lines and CSV of this form are read column by column; record by record only
where a block is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator

from stillwatch.exchange.formats.format import Exchange, Format, Record, References
from stillwatch.exchange.schema import EXCHANGE_COLUMNS

REQUIRED = tuple(column.name for column in EXCHANGE_COLUMNS if column.required)


def _recognises(record: Record) -> bool:
    return all(name in record for name in REQUIRED)


def _exchanges(record: Record, references: References) -> Iterator[Exchange]:  # noqa: ARG001 (nothing refers)
    yield {column.name: record.get(column.name) for column in EXCHANGE_COLUMNS}


CANONICAL = Format(
    name="canonical",
    title="table of exchanges",
    source="stillwatch, docs/formats.md",
    fields={column.name: column.name for column in EXCHANGE_COLUMNS},
    recognises=_recognises,
    exchanges=_exchanges,
)
