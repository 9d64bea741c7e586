"""What a reader yields: good rows as a table, bad rows with the reason why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that could not be used, and what would make it usable."""

    file: str
    row: int  # Counted from 1, as an editor counts lines; for Parquet, rows of the file.
    reason: str  # One sentence; never holds prompt text or an identifier.
    hint: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some exchanges of one source.

    ``exchanges`` holds a subset of ``EXCHANGE_SCHEMA``'s columns, in that order: always ``exchange_id``,
    ``timestamp`` and ``account_id`` without nulls, the others only where the source has them. String columns may be
    plain, large or dictionary-encoded. Rows need not be in order of time.
    """

    exchanges: pa.Table
    rejected: tuple[Rejected, ...] = ()


class Part(Protocol):
    """A piece of a source that is read on its own, in any thread: a row group, or a file."""

    @property
    def file(self) -> str:
        """The file that the part belongs to."""

    @property
    def rows_before(self) -> int:
        """Rows of the file that stand before the part, or 0 where it is the whole file."""

    @property
    def earliest_us(self) -> int | None:
        """A lower bound on the part's timestamps in microseconds since 1970, where known without reading it."""

    def read(self) -> Batch:
        """Read, check and canonise the part. Never raises for bad rows."""
