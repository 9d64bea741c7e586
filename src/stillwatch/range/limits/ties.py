"""How often two accounts share a card or an address, among a campaign's accounts and among honest ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array


def tied_pairs(accounts: Any, pairs: Sequence[tuple[Any, Any]]) -> tuple[int, int]:
    """Return how many pairs of accounts share at least one value, and how many pairs there are.

    Args:
        accounts: Their ids, an Arrow array of distinct strings.
        pairs: For each kind of value, an array of account ids and as many values beside them; nulls tie nobody.
    """
    count = len(accounts)
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    before = 0
    for owner, value in pairs:
        both = pa.table({"owner": owner, "value": value}).drop_null().group_by(["owner", "value"]).aggregate([])
        place = pc.index_in(both["owner"].cast(accounts.type), value_set=accounts)
        code = both["value"].combine_chunks().dictionary_encode()
        rows.append(place.to_numpy().astype(np.int64))
        columns.append(code.indices.to_numpy(zero_copy_only=False).astype(np.int64) + before)
        before += len(code.dictionary)
    row, column = np.concatenate(rows), np.concatenate(columns)
    table = coo_array((np.ones(len(row), np.float32), (row, column)), shape=(count, max(before, 1))).tocsr()
    shared = (table @ table.T).tocoo()
    return int(((shared.row < shared.col) & (shared.data > 0)).sum()), count * (count - 1) // 2


def tie_chance(tied: int, pairs: int) -> float:
    """Return the chance that a pair is tied, drawn off 0 and 1 by half a pair, so that its divergence is finite."""
    return (tied + 0.5) / (pairs + 1)
