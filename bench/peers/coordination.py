"""coordination-network-toolkit: who posts the same, the similar, or anything at all within seconds of each other."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from bench.labelled import Labelled
from bench.peers.peer import Verdict, account_ids, exchanges, sampled, times_s
from numpy.typing import NDArray

SOURCE = "coordination-network-toolkit (PyPI)"
EXCHANGES_MOST = 40  # An account; the similar-text network compares every pair of texts within its window in Python.
CHARACTERS_MOST = 500  # Of a prompt; a template shows in its beginning.
SAME_WINDOW_S = 3600
SIMILAR_WINDOW_S = 60
POST_WINDOW_S = 1  # Its default; wider ones tie everybody to everybody.
SIMILARITY = 0.5  # Its default of 0.8 is for tweets; prompts of one template differ in more words.
EDGE_LEAST = 1  # For the score; one meeting counts.
FLAGGED_FROM = 2  # The default of its command: two accounts that meet twice.


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Draw three networks on the prompts and score accounts by the weight of their ties."""
    from coordination_network_toolkit import compute_networks as networks
    from coordination_network_toolkit.preprocess import preprocess_data

    accounts = len(account_ids(labelled))
    kept = sampled(labelled, EXCHANGES_MOST, seed)
    out = []
    with tempfile.TemporaryDirectory(prefix="coordination-") as scratch, contextlib.redirect_stdout(io.StringIO()):
        path = str(Path(scratch) / "messages.db")
        preprocess_data(path, messages(labelled, kept))
        posts = np.bincount(_owners(path), minlength=accounts)
        networks.compute_co_tweet_network(path, SAME_WINDOW_S, min_edge_weight=EDGE_LEAST, n_threads=1)
        out.append(("co-tweet", f"same text within {SAME_WINDOW_S} s", *ties(path, "co_tweet_network", accounts)))
        networks.compute_co_similar_tweet(
            path, SIMILAR_WINDOW_S, min_edge_weight=EDGE_LEAST, similarity_threshold=SIMILARITY, n_threads=1
        )
        said = f"Jaccard of words at least {SIMILARITY} within {SIMILAR_WINDOW_S} s"
        out.append(("co-similar", said, *ties(path, "co_similar_tweet_network", accounts)))
        networks.compute_co_post_network(path, POST_WINDOW_S, min_edge_weight=EDGE_LEAST, n_threads=1)
        out.append(("co-post", f"any text within {POST_WINDOW_S} s", *ties(path, "co_post_network", accounts)))
    verdicts = []
    for name, said, weight, heaviest in out:
        settings = (
            f"{said}; at most {EXCHANGES_MOST} exchanges an account, {CHARACTERS_MOST} characters of each; flagged "
            f"with an edge of {FLAGGED_FROM}"
        )
        flagged = heaviest >= FLAGGED_FROM
        verdicts.append(Verdict(f"{name} network", settings, weight, flagged))
        share = weight / np.maximum(posts, 1)
        verdicts.append(Verdict(f"{name} network, a message", f"{settings}; weight over messages", share, flagged))
    return verdicts


def messages(labelled: Labelled, kept: NDArray[np.bool_]) -> Iterator[tuple[Any, ...]]:
    """Yield the kept exchanges as the toolkit's messages: account rows for users, prompts for texts."""
    at = 0
    for owner, table in exchanges(labelled, ["timestamp", "prompt"]):
        rows = np.flatnonzero(kept[at : at + len(owner)])
        prompts = pc.utf8_slice_codeunits(table["prompt"].take(rows), 0, CHARACTERS_MOST).to_pylist()
        for place, prompt, when in zip(rows, prompts, times_s(table)[rows].tolist(), strict=True):
            if prompt:
                yield at + int(place), int(owner[place]), "", None, None, prompt, when, []
        at += len(owner)


def ties(path: str, table: str, accounts: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight of each account's ties to others, added up, and the heaviest of them."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = database.execute(f"select user_1, weight from {table} where user_1 != user_2").fetchall()  # noqa: S608
    total, heaviest = np.zeros(accounts), np.zeros(accounts)
    if rows:
        account, weight = np.array(rows, np.int64).T
        total += np.bincount(account, weights=weight, minlength=accounts)
        np.maximum.at(heaviest, account, weight)
    return total, heaviest


def _owners(path: str) -> NDArray[np.int64]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return np.array([row[0] for row in database.execute("select user_id from edge")], np.int64)
