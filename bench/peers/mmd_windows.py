"""Maximum mean discrepancy of windows of prompts against benign history, after arXiv:2606.05725.

The paper tests windows: of one user, or of everybody's mixed traffic. Both are scored here. The benign history is taken
from the truth, which is more help than any provider has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.labelled import Labelled, truth_of
from bench.peers.peer import Verdict, account_ids, exchanges, sampled
from bench.peers.texts import DIMENSIONS, embedded, embedder
from numpy.typing import NDArray

from stillwatch.statistics.mean_discrepancy import MULTIPLES, FourierFeatures, median_distance

SOURCE = "own implementation of arXiv:2606.05725, with wordllama's embeddings"
EXCHANGES_MOST = 20  # An account; embedding takes nearly all of the time.
CHARACTERS_MOST = 500  # Of a prompt.
BANK = 100  # Benign reference windows that are drawn from.
WINDOW = 1500  # Of mixed traffic; one account's window is what it has.
NULL_WINDOWS = 200
PERCENTILE = 95.0
REFERENCES = 20
FREQUENCIES = 512
LEAST = 5  # Prompts of one account; fewer say nothing.
BANDWIDTH_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class History:
    """Benign vectors and their features.

    Attributes:
        features: How vectors become features.
        known: Shape (vectors, 2 * FREQUENCIES).
        bank: Shape (BANK, 2 * FREQUENCIES): sums over windows of WINDOW.
    """

    features: FourierFeatures
    known: NDArray[np.float32]
    bank: NDArray[np.float64]

    @classmethod
    def of(cls, features: FourierFeatures, vectors: NDArray[np.floating], rng: np.random.Generator) -> History:
        """Learn from benign vectors, at least WINDOW of them."""
        known = features.of(vectors)
        drawn = [rng.choice(len(known), WINDOW, replace=False) for _ in range(BANK)]
        return cls(features, known, np.stack([known[rows].sum(axis=0, dtype=np.float64) for rows in drawn]))

    def null(self, size: int, windows: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the discrepancies of benign windows of ``size`` against benign windows of WINDOW."""
        drawn = [rng.choice(len(self.known), size, replace=False) for _ in range(windows)]
        first = np.stack([self.known[rows].sum(axis=0, dtype=np.float64) for rows in drawn])
        return FourierFeatures.mmd2(first, size, self.bank[rng.integers(BANK, size=windows)], WINDOW)

    def references(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the sums of as many benign windows as a score is the mean over."""
        return self.bank[rng.choice(BANK, REFERENCES, replace=False)]


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Score each account's own window, and the windows of mixed traffic that it took part in."""
    rng = np.random.default_rng(seed)
    owner, vectors = sampled_vectors(labelled, seed)
    benign = _benign(labelled)
    past = rng.permutation(np.flatnonzero(benign[owner]))[: 20 * WINDOW]
    widths = [median_distance(vectors[past[:BANDWIDTH_SAMPLE]]) * multiple for multiple in MULTIPLES]
    features = FourierFeatures.drawn(DIMENSIONS, widths, FREQUENCIES, rng)
    history = History.of(features, vectors[past], rng)
    accounts = len(benign)
    own, own_flagged = own_windows(owner, vectors, accounts, history, rng)
    mixed, mixed_flagged = mixed_windows(owner, vectors, accounts, history, rng)
    said = (
        f"at most {EXCHANGES_MOST} prompts an account and {CHARACTERS_MOST} characters of each, {len(past):,d} benign "
        f"prompts known from the truth; threshold: {PERCENTILE:g}th percentile of {NULL_WINDOWS} benign windows"
    )
    return [
        Verdict("MMD, an account's window", f"{said}; in null deviations for its size", own, own_flagged),
        Verdict(
            "MMD, mixed windows", f"{said}; mean score of windows of {WINDOW} in order of time", mixed, mixed_flagged
        ),
    ]


def sampled_vectors(labelled: Labelled, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the accounts and embeddings of a sample of exchanges, in order of time."""
    kept, model = sampled(labelled, EXCHANGES_MOST, seed), embedder()
    owners, vectors, at = [], [], 0
    for owner, table in exchanges(labelled, ["prompt"]):
        rows = np.flatnonzero(kept[at : at + len(owner)])
        at += len(owner)
        owners.append(owner[rows])
        texts = pc.utf8_slice_codeunits(pc.fill_null(table["prompt"].take(rows), ""), 0, CHARACTERS_MOST)
        vectors.append(embedded(texts.to_pylist(), model))
    return np.concatenate(owners), np.concatenate(vectors)


def own_windows(
    owner: NDArray[np.int64],
    vectors: NDArray[np.float32],
    accounts: int,
    history: History,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each account's discrepancy in standard deviations of benign windows of its size, and who passes 95 %."""
    order = np.argsort(owner, kind="stable")
    size = np.bincount(owner, minlength=accounts)
    begin = np.concatenate([[0], np.cumsum(size)])
    references = history.references(rng)
    score, flagged = np.full(accounts, np.nan), np.zeros(accounts, np.bool_)
    for count in np.unique(size[size >= LEAST]):
        null = history.null(int(count), NULL_WINDOWS, rng)
        middle, spread, limit = null.mean(), null.std(), np.percentile(null, PERCENTILE)
        for account in np.flatnonzero(size == count):
            rows = order[begin[account] : begin[account + 1]]
            total = history.features.of(vectors[rows]).sum(axis=0, dtype=np.float64)
            found = FourierFeatures.mmd2(total[None], int(count), references, WINDOW).mean()
            score[account], flagged[account] = (found - middle) / spread, found > limit
    return score, flagged


def mixed_windows(
    owner: NDArray[np.int64],
    vectors: NDArray[np.float32],
    accounts: int,
    history: History,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each account's mean score over the windows its prompts fell into, and whether most were flagged."""
    references = history.references(rng)
    limit = float(np.percentile(history.null(WINDOW, NULL_WINDOWS, rng), PERCENTILE))
    found = np.zeros(len(owner))
    for begin in range(0, len(owner) - WINDOW + 1, WINDOW):
        rows = slice(begin, begin + WINDOW)
        total = history.features.of(vectors[rows]).sum(axis=0, dtype=np.float64)
        found[rows] = FourierFeatures.mmd2(total[None], WINDOW, references, WINDOW).mean()
    whole = len(owner) // WINDOW * WINDOW
    count = np.bincount(owner[:whole], minlength=accounts)
    total_score = np.bincount(owner[:whole], weights=found[:whole], minlength=accounts)
    above = np.bincount(owner[:whole], weights=found[:whole] > limit, minlength=accounts)
    known = count > 0
    score = np.where(known, total_score / np.maximum(count, 1), np.nan)
    return score, known & (above > count / 2)


def _benign(labelled: Labelled) -> NDArray[np.bool_]:
    table = pq.ParquetFile(labelled.truth).read()
    ids = account_ids(labelled)
    place = pc.index_in(ids, value_set=table["account_id"].combine_chunks().cast(ids.type))
    return truth_of(table.take(place)).campaign < 0
