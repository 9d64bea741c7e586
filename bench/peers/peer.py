"""What a peer is given, what it returns, and how its scores are judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.agreement import clopper_pearson
from bench.labelled import Labelled, Truth
from numpy.typing import NDArray

RATES = (1e-2, 1e-3, 1e-4)  # Benign false-positive rates at which recall is read off.


@dataclass(frozen=True, slots=True)
class Verdict:
    """One way of scoring accounts.

    Attributes:
        name: What is scored, as it stands in the table.
        settings: Everything that was chosen, and what was left out of the data.
        score: Shape (accounts,), in the order of ``account_ids``; more is more suspicious, NaN for no opinion.
        flagged: Shape (accounts,), above the peer's own threshold; None where it has none.
    """

    name: str
    settings: str
    score: NDArray[np.float64]
    flagged: NDArray[np.bool_] | None = None


class Peer(Protocol):
    """A module of this folder."""

    SOURCE: str  # Where the method comes from.

    def judge(self, labelled: Labelled, seed: int) -> list[Verdict]:
        """Score all accounts, in one or several ways."""
        ...


def account_ids(labelled: Labelled) -> pa.Array:
    """Return all accounts, in the order of the accounts file."""
    return pq.ParquetFile(labelled.accounts).read(columns=["account_id"])["account_id"].combine_chunks()


def exchanges(labelled: Labelled, columns: list[str]) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
    """Yield the exchanges in order of time, a row group at a time: each row's account, and the columns."""
    ids = account_ids(labelled)
    for path in labelled.files():
        file = pq.ParquetFile(path)
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, columns=[*columns, "account_id"])
            yield pc.index_in(table["account_id"].cast(ids.type), value_set=ids).to_numpy(), table


def times_s(table: pa.Table) -> NDArray[np.float64]:
    """Return the times of exchanges in seconds since 1970."""
    micros = table["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(micros.to_numpy(), np.float64) / 1e6


def sampled(labelled: Labelled, most: int, seed: int) -> NDArray[np.bool_]:
    """Mark at most ``most`` exchanges of each account, drawn at random, for peers that cannot take all.

    Returns:
        Shape (exchanges,), in the order of ``exchanges``.
    """
    owner = np.concatenate([rows for rows, _ in exchanges(labelled, [])])
    draw = np.random.default_rng(seed).random(len(owner))
    order = np.lexsort((draw, owner))
    ordered = owner[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    kept = np.zeros(len(owner), np.bool_)
    kept[order[rank < most]] = True
    return kept


@dataclass(frozen=True, slots=True)
class Judged:
    """What a way of scoring finds; shares in [0, 1], None where there is nothing to read off.

    Attributes:
        recall: By benign false-positive rate.
        recall_by_campaign: Likewise, a campaign each.
        flagged_recall: At the peer's own threshold.
        flagged_fpr: Likewise, of benign accounts.
        flagged_fpr_interval_95: Clopper and Pearson's.
        flagged_by_kind: Likewise, kinds of benign account without one left out.
    """

    recall: dict[str, float | None]
    recall_by_campaign: dict[str, dict[str, float | None]]
    flagged_recall: float | None
    flagged_fpr: float | None
    flagged_fpr_interval_95: tuple[float, float] | None
    flagged_by_kind: dict[str, float]


def judged(verdict: Verdict, truth: Truth) -> Judged:
    """Judge a verdict, ties against it: an account is found only if it scores above all benign ones but the allowed.

    Args:
        verdict: Of all accounts.
        truth: In the same order.
    """
    score = np.where(np.isnan(verdict.score), -np.inf, verdict.score)
    hostile = truth.campaign >= 0
    benign = np.sort(score[~hostile])[::-1]
    recall: dict[str, float | None] = {}
    by_campaign: dict[str, dict[str, float | None]] = {name: {} for name in truth.campaigns}
    for rate in RATES:
        allowed = int(rate * len(benign))
        above = score > benign[allowed] if allowed >= 1 else None
        recall[f"{rate:g}"] = _mean(above, hostile)
        for number, name in enumerate(truth.campaigns):
            by_campaign[name][f"{rate:g}"] = _mean(above, truth.campaign == number)
    flagged = verdict.flagged
    if flagged is None:
        return Judged(recall, by_campaign, None, None, None, {})
    wronged = int((flagged & ~hostile).sum())
    kinds = {name: float(flagged[truth.kind == number].mean()) for number, name in enumerate(truth.kinds)}
    interval = clopper_pearson(wronged, len(benign))
    spared = {name: share for name, share in kinds.items() if share > 0}
    return Judged(recall, by_campaign, _mean(flagged, hostile), wronged / max(len(benign), 1), interval, spared)


def _mean(hits: NDArray[np.bool_] | None, among: NDArray[np.bool_]) -> float | None:
    return None if hits is None or not among.any() else float(hits[among].mean())
