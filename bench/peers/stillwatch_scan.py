"""stillwatch itself, as its command runs; or a result that is there."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.labelled import Labelled
from bench.peers.peer import Verdict, account_ids
from bench.score import scan

SOURCE = "this project"


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Scan with the defaults, without history."""
    del seed
    with tempfile.TemporaryDirectory(prefix="stillwatch-") as scratch:
        scan(labelled, Path(scratch) / "result")
        return [read(labelled, Path(scratch) / "result", "stillwatch scan, defaults, no history")]


def read(labelled: Labelled, result: Path, settings: str) -> Verdict:
    """Return the scores of a result.

    Raises:
        FileNotFoundError: If there is no result in the folder.
    """
    path = result / "accounts.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; give the folder that `stillwatch scan --out` wrote")
    table = pq.ParquetFile(path).read(columns=["account_id", "score", "flagged"])
    ids = account_ids(labelled)
    place = pc.index_in(ids, value_set=table["account_id"].combine_chunks().cast(ids.type))
    seen = table.take(place)
    score = pc.fill_null(seen["score"], float("nan")).to_numpy()
    flagged = pc.fill_null(seen["flagged"], False).to_numpy().astype(np.bool_)
    return Verdict("stillwatch", settings, score, flagged)
