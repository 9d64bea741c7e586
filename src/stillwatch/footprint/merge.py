"""``merge``: footprints of the same accounts, from anywhere and in any order, become one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.footprint.footprints import EMPTY, FIELDS, HOUR_US, HOURS, Footprints, blank
from stillwatch.footprint.samples import add_counted, add_distinct


def merge(tables: Iterable[pa.Table]) -> pa.Table:
    """Return one table of footprints, a row an account, from any number of them.

    Associative and commutative to the last bit but for the order of rows, which is that of first appearance.

    Raises:
        ValueError: If there is no table, or the tables' windows begin at different instants.
    """
    gathered: Gathered | None = None
    for table in tables:
        footprints = Footprints.from_arrow(table)
        gathered = gathered or Gathered(footprints.origin_us)
        if footprints.origin_us != gathered.origin_us:
            raise ValueError(f"windows differ: {footprints.origin_us} is not {gathered.origin_us}")
        gathered.add(footprints)
    if gathered is None:
        raise ValueError("there is nothing to merge; pass at least one table")
    return gathered.footprints().to_arrow()


class Gathered:
    """Footprints that grow in place, for one who merges many small tables into a large one.

    Args:
        origin_us: Where the window of hours begins.
        hours: How many hours of it are kept.
        by_name: Whether the new accounts of one table get their rows in the order of their names, not of its rows.
    """

    def __init__(self, origin_us: int, hours: int = HOURS, *, by_name: bool = False) -> None:
        """Begin with no account."""
        self._by_name = by_name
        self.origin_us = origin_us
        self._hours = hours
        self._ids = pa.array([], pa.large_string())
        self._store = blank(pa.array([], pa.large_string()), origin_us).arrays
        self._store["hours"] = np.zeros((0, hours), np.uint16)

    @classmethod
    def of(cls, footprints: Footprints, *, by_name: bool = False) -> Gathered:
        """Return what holds ``footprints`` already, its accounts in the rows that they have there."""
        gathered = cls(footprints.origin_us, int(footprints.hours.shape[1]))
        gathered.add(footprints)
        gathered._by_name = by_name
        return gathered

    def add(self, footprints: Footprints) -> NDArray[np.int64]:
        """Merge ``footprints`` in and return the row of each of its accounts.

        Its window may begin a whole number of hours later or earlier; hours outside this one's are let go.

        Raises:
            ValueError: If the windows are not whole hours apart, or an account has more than one row.
        """
        shift, rest = divmod(footprints.origin_us - self.origin_us, HOUR_US)
        if rest:
            raise ValueError(f"windows are not whole hours apart: {footprints.origin_us} and {self.origin_us}")
        rows = self._rows(footprints.account_id)
        self._grow(len(self._ids))
        for field in FIELDS:
            mine, theirs = self._store[field.name], footprints.arrays[field.name]
            if field.rule == "sum":
                mine[rows] += theirs
            elif field.rule == "least":
                mine[rows] = np.minimum(mine[rows], theirs)
            elif field.rule == "greatest":
                mine[rows] = np.maximum(mine[rows], theirs)
            elif field.rule == "saturate":
                begin, end = max(shift, 0), min(shift + theirs.shape[1], self._hours)
                if begin < end:
                    added = np.asarray(theirs[:, begin - shift : end - shift], np.uint32)
                    total = mine[rows, begin:end].astype(np.uint32) + added
                    mine[rows, begin:end] = np.minimum(total, 65_535).astype(np.uint16)
            elif field.rule == "distinct":
                add_distinct(mine, np.repeat(rows, field.width), theirs.reshape(-1))
            elif field.rule == "sample":
                self._merge_sample(field.name, rows, footprints)
        return rows

    def _rows(self, account_id: pa.Array) -> NDArray[np.int64]:
        """Return the row of each account, new ones at the end."""
        ids = account_id.cast(pa.large_string())
        if pc.count_distinct(ids).as_py() != len(ids):
            raise ValueError("an account has more than one row in one table of footprints; fold or merge makes one")
        found = pc.fill_null(pc.index_in(ids, value_set=self._ids), -1)
        rows: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
        new = rows < 0
        fresh = ids.filter(pa.array(new))
        order = pc.array_sort_indices(fresh).to_numpy() if self._by_name else np.arange(len(fresh))
        rows[np.flatnonzero(new)[order]] = len(self._ids) + np.arange(len(order))
        self._ids = pa.concat_arrays([self._ids, fresh.take(pa.array(order))])
        return rows

    def advance(self, hours: int) -> None:
        """Move the window ``hours`` later and let go of what it leaves behind."""
        kept = np.zeros_like(self._store["hours"])
        kept[:, : max(self._hours - hours, 0)] = self._store["hours"][:, hours:]
        self._store["hours"] = kept
        self.origin_us += hours * HOUR_US

    def footprints(self) -> Footprints:
        """Return a view of all that was added; adding more changes it."""
        n = len(self._ids)
        arrays = {name: array[:n] for name, array in self._store.items()}
        return Footprints(arrays, self._ids, self.origin_us)

    def _grow(self, accounts: int) -> None:
        have = len(self._store["exchanges"])
        if accounts <= have:
            return
        more = max(accounts, have * 3 // 2) - have
        fresh = blank(pa.nulls(more, pa.large_string()), self.origin_us).arrays
        fresh["hours"] = np.zeros((more, self._hours), np.uint16)
        self._store = {name: np.concatenate([array, fresh[name]]) for name, array in self._store.items()}

    def _merge_sample(self, name: str, rows: NDArray[np.int64], other: Footprints) -> None:
        labels = [field.name for field in FIELDS if field.sample == name and not field.adds]
        theirs = other.hashes(name)
        used = theirs != EMPTY
        owner = np.repeat(rows, used.sum(axis=1))
        counts = other.integers(f"{name}_exchanges")[used]
        theirs_labels = np.zeros((len(labels), len(owner)), np.int64)
        greatest = np.zeros((len(labels), *self._store[name].shape), np.int64)
        for k, label in enumerate(labels):
            greatest[k] = self._store[label]
            theirs_labels[k] = other.integers(label)[used]
        add_counted(
            self._store[name], self._store[f"{name}_exchanges"], greatest, owner, theirs[used], counts, theirs_labels
        )
        for k, label in enumerate(labels):
            self._store[label] = greatest[k]
