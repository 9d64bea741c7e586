"""Exchanges seen twice: logs overlap, gateways repeat themselves, and a repeated exchange would count double."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.exchange.batch import Batch, Rejected
from stillwatch.exchange.blankness import offsets_and_bytes
from stillwatch.exchange.records import NumberedBatch
from stillwatch.statistics.compiled import compiled

_VACANT = np.uint64(0)
_FIRST_CAPACITY = 1 << 16
_MULTIPLIER = np.uint64(0x9E37_79B9_7F4A_7C15)
_FINAL = np.uint64(0xFF51_AFD7_ED55_8CCD)


@compiled
def _hash_strings(offsets: Any, data: Any, hashes: Any) -> None:
    """Hash each string, eight bytes a step; 0 is left free for vacant places."""
    for row in range(len(hashes)):
        place = offsets[row]
        end = offsets[row + 1]
        state = np.uint64(end - place) * _MULTIPLIER
        while place < end:
            word = np.uint64(0)
            for byte in range(min(8, end - place)):
                word |= np.uint64(data[place + byte]) << np.uint64(8 * byte)
            state = (state ^ word) * _MULTIPLIER
            state ^= state >> np.uint64(29)
            place += 8
        state *= _FINAL
        state ^= state >> np.uint64(33)
        hashes[row] = state if state != _VACANT else _MULTIPLIER


@compiled
def _insert(table: Any, hashes: Any, first: Any) -> int:
    """Put hashes into the table, mark those that were not there, and return how many."""
    mask = np.uint64(len(table) - 1)
    added = 0
    for row in range(len(hashes)):
        found = hashes[row]
        place = found & mask
        while table[place] != _VACANT and table[place] != found:
            place = (place + np.uint64(1)) & mask
        first[row] = table[place] == _VACANT
        if first[row]:
            table[place] = found
            added += 1
    return added


def hash_strings(strings: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each string, shape (rows,), never 0; nulls hash as empty strings.

    Two given strings collide by chance with probability 2**-64. The hash is no secret: it must not leave the process.
    """
    chunks = strings.chunks if isinstance(strings, pa.ChunkedArray) else [strings]
    parts = []
    for chunk in chunks:
        plain = chunk.cast(chunk.type.value_type) if pa.types.is_dictionary(chunk.type) else chunk
        offsets, data = offsets_and_bytes(plain)
        hashes = np.empty(len(plain), np.uint64)
        _hash_strings(offsets, data, hashes)
        parts.append(hashes)
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


class Duplicates:
    """Remembers the exchange ids of a whole scan in 16 to 32 bytes each, and tells which are new.

    Not for several threads at once: whoever scans passes its batches in one order, so that the same exchange is
    kept whatever the number of threads. Two different ids are taken for one with probability n²/2**65: at 100
    million ids, 3 in 10,000 that any is lost.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._table = np.zeros(_FIRST_CAPACITY, np.uint64)
        self.count = 0

    def first_seen(self, batch: Batch) -> NDArray[np.bool_]:
        """Return which exchanges of ``batch`` were not seen before, shape (exchanges,), and remember all.

        Ids that the reader made from file and row are new by construction and are not remembered.
        """
        if isinstance(batch, NumberedBatch) and batch.made_ids:
            return np.ones(batch.exchanges.num_rows, np.bool_)
        hashes = hash_strings(batch.exchanges["exchange_id"])
        self._make_room(len(hashes))
        first = np.empty(len(hashes), np.bool_)
        self.count += int(_insert(self._table, hashes, first))
        return first

    def without_repeats(self, batch: Batch) -> Batch:
        """Return ``batch`` less the exchanges seen before, which are added to its rejected rows."""
        first = self.first_seen(batch)
        if first.all():
            return batch
        again = np.flatnonzero(~first)
        file, rows = (
            (batch.file, batch.rows) if isinstance(batch, NumberedBatch) else ("", np.arange(1, len(first) + 1))
        )
        repeats = [
            Rejected(file, int(rows[row]), "exchange_id was seen before", "pass each log once; overlaps are dropped")
            for row in again
        ]
        rejected = tuple(sorted((*batch.rejected, *repeats), key=lambda refused: refused.row))
        table = batch.exchanges.filter(pa.array(first))
        if isinstance(batch, NumberedBatch):
            return NumberedBatch(table, rejected, file, rows[first], batch.made_ids)
        return Batch(table, rejected)

    def _make_room(self, more: int) -> None:
        """Keep the table at most half full."""
        capacity = len(self._table)
        while 2 * (self.count + more) > capacity:
            capacity *= 2
        if capacity > len(self._table):
            held = self._table[self._table != _VACANT]
            self._table = np.zeros(capacity, np.uint64)
            _insert(self._table, held, np.empty(len(held), np.bool_))
