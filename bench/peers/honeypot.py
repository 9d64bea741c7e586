"""honeypotllm's suspicion score: rates, gaps, and likeness of one prompt to the one before, within one account."""

from __future__ import annotations

import types
from unittest import mock

import numpy as np
import pyarrow as pa
from bench.labelled import Labelled
from bench.peers.peer import Verdict, account_ids, exchanges, times_s
from numpy.typing import NDArray

SOURCE = "honeypotllm (PyPI)"
THRESHOLD = 0.75  # Its default.


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Feed every exchange, an account after the other, under a clock that shows the exchange's time."""
    del seed
    accounts = len(account_ids(labelled))
    owner, when, prompts = _by_account(labelled)
    highest, mean = np.zeros(accounts), np.zeros(accounts)
    first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    for begin, end in zip(first, np.append(first[1:], len(owner)), strict=True):
        scores = suspicion(when[begin:end], prompts[begin:end].to_pylist())
        highest[owner[begin]], mean[owner[begin]] = scores.max(), scores.mean()
    flagged = highest >= THRESHOLD
    said = f"version's defaults, all exchanges; flagged at {THRESHOLD} once"
    return [
        Verdict("honeypotllm, highest", said, highest, flagged),
        Verdict("honeypotllm, mean", f"{said}; ranked by the mean score, which ties less", mean, flagged),
    ]


def suspicion(when: NDArray[np.float64], prompts: list[str | None]) -> NDArray[np.float64]:
    """Return the score of one account after each of its exchanges, in order of time."""
    from honeypotllm import scoring
    from honeypotllm.config import ScoringConfig

    now = [float(when[0])]
    clock = types.SimpleNamespace(time=lambda: now[0])
    scorer = scoring.SuspicionScorer(ScoringConfig(), THRESHOLD)
    # A new state would begin at the machine's own time, which lies years off and so would count as negative decay.
    scorer._states["account"] = scoring.ScoringState(key_hash="account", last_seen=float(when[0]))
    out = np.empty(len(when))
    with mock.patch.object(scoring, "time", clock):
        for row, now[0] in enumerate(when.tolist()):  # The clock shows it.
            out[row] = scorer.score_request("account", prompt=prompts[row] or "").score_after
    return out


def _by_account(labelled: Labelled) -> tuple[NDArray[np.int64], NDArray[np.float64], pa.ChunkedArray]:
    owners, times, heads = [], [], []
    for owner, table in exchanges(labelled, ["timestamp", "prompt"]):
        owners.append(owner)
        times.append(times_s(table))
        # It reads no further than 120 characters itself.
        heads += pa.compute.utf8_slice_codeunits(table["prompt"].cast(pa.large_string()), 0, 120).chunks
    owner, when = np.concatenate(owners), np.concatenate(times)
    order = np.lexsort((when, owner))
    return owner[order], when[order], pa.chunked_array(heads).combine_chunks().take(pa.array(order))
