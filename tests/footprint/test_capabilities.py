"""What prompts aim at: the capability that their accounts lean to more than everyone does."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stillwatch.footprint.capabilities import CAPABILITIES, directions, targeted
from stillwatch.footprint.fold import Folding, fold_footprints
from stillwatch.footprint.footprints import DAY_US, TOPICS

NO_LEAN = np.zeros(TOPICS)
TEXTS = {
    "mathematics": [
        "Prove that the sum of two odd integers is even",
        "Solve the equation and calculate the probability",
        "Find the number of integer triangles with this perimeter",
    ],
    "coding": [
        "Write a Python function that sorts an array",
        "Fix the bug in this Javascript class so that it will compile",
        "Implement the algorithm as a program in Python code",
    ],
    "language": [
        "Translate this sentence into German",
        "Correct the grammar of my French sentence",
        "What is the Spanish word for window",
    ],
    "writing": [
        "Write a short poem and a story for my blog",
        "Rewrite this paragraph of my essay",
        "Write a creative letter and an article",
    ],
}


def topics_of(texts: list[list[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The topic sums and the prompt counts of accounts that send the given texts."""
    rows = [(f"account {k}", text) for k, sent in enumerate(texts) for text in sent]
    exchanges = pa.table(
        {
            "exchange_id": [str(k) for k in range(len(rows))],
            "timestamp": pa.array(range(len(rows)), pa.timestamp("us", "UTC")),
            "account_id": [account for account, _ in rows],
            "prompt": [text for _, text in rows],
        }
    )

    def numbered(_: str, values: pa.Array) -> NDArray[np.uint64]:
        return np.arange(len(values), dtype=np.uint64)

    footprints = fold_footprints(exchanges, Folding(numbered, lambda addresses: addresses, DAY_US))
    order = np.argsort(footprints.account_id.to_pylist())
    return footprints.integers("topic")[order], footprints.integers("prompts")[order]


def test_directions_are_distinct_and_of_length_one() -> None:
    found = directions()
    assert found.shape == (len(CAPABILITIES), TOPICS)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0)
    assert (found @ found.T - np.eye(len(found))).max() < 0.9


@pytest.mark.parametrize("capability", TEXTS)
def test_plain_texts_lean_to_their_capability(capability: str) -> None:
    everyone = list(TEXTS.values())
    topic, prompts = topics_of(everyone)
    mean = topic.sum(axis=0)
    row = list(TEXTS).index(capability)
    assert targeted(topic[[row]], prompts[[row]], mean / np.linalg.norm(mean)) == {capability: 1.0}


def test_shares_are_of_prompts_and_the_greatest_comes_first() -> None:
    topic, prompts = topics_of([TEXTS["coding"] * 2, TEXTS["language"]])
    assert prompts.tolist() == [6, 3]
    mean = topics_of(list(TEXTS.values()))[0].sum(axis=0)
    found = targeted(topic, prompts, mean / np.linalg.norm(mean))
    assert list(found) == ["coding", "language"] and list(found.values()) == pytest.approx([2 / 3, 1 / 3])


def test_accounts_without_prompts_do_not_count() -> None:
    topic, prompts = topics_of([TEXTS["mathematics"], TEXTS["coding"]])
    silent = np.array([[0] * TOPICS, *topic.tolist()]), np.array([0, *prompts.tolist()])
    assert targeted(*silent, NO_LEAN) == targeted(topic, prompts, NO_LEAN)
    assert targeted(topic * 0, prompts * 0, NO_LEAN) == {}
    assert targeted(topic[:0], prompts[:0], NO_LEAN) == {}


ROWS = st.lists(
    st.tuples(st.lists(st.integers(-500, 500), min_size=TOPICS, max_size=TOPICS), st.integers(0, 50)), max_size=6
)


@given(ROWS)
def test_shares_add_up_whatever_was_asked(rows: list[tuple[list[int], int]]) -> None:
    topic = np.array([topic for topic, _ in rows], np.int64).reshape(-1, TOPICS)
    prompts = np.array([count for _, count in rows], np.int64)
    found = targeted(topic, prompts, NO_LEAN)
    shares = list(found.values())
    assert set(found) <= set(CAPABILITIES) and shares == sorted(shares, reverse=True)
    assert all(share > 0 for share in shares)
    assert sum(shares) == pytest.approx(1.0 if prompts.any() else 0.0)
