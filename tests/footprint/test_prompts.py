"""The one pass over prompts against plain Python: shingles, templates, topics, elicitation, head and tail."""

from __future__ import annotations

import runpy
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillwatch.footprint.footprints import EMPTY, SHINGLES, TEMPLATES, TOPICS, WHOLE_PROMPTS
from stillwatch.footprint.lexicon import CATEGORIES, phrases
from stillwatch.footprint.prompts import HEAD_BYTES, TAIL_BYTES, PromptSums, add_prompts, lexicon
from stillwatch.footprint.topic import vocabulary

SLOW: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("slow_reference.py"))))
KEY = (0x1234_5678_9ABC_DEF0, 0x0FED_CBA9_8765_4321)
PIECES = st.sampled_from(
    [
        *(
            "Explain",
            "why",
            "the",
            "sky",
            "is",
            "blue",
            ".",
            ",,",
            "3",
            "14",
            "rubric",
            "score",
            "verbatim",
            "reasoning",
        ),
        *("step", "by", "thinking", "tags", "out of", "10", "judge", "hidden", "dataset", "jsonl", "ideal", "answer"),
        *("光合作用", "如何", "한국어", "étape par", "étape", "зачем", "zyxwv-unheard", "naïve", "🙂"),
    ]
)
PROMPTS = st.lists(PIECES, max_size=16).map(" ".join)


@dataclass
class Account:
    """What plain Python sums up over the prompts of one account."""

    counts: list[int]
    templates: Counter[int]
    topic: np.ndarray
    shingles: Counter[int]
    whole_prompts: set[int]


def points_of(words: list[int]) -> list[int]:
    """Points of each category: every phrase, wherever it stands."""
    worth = {SLOW.phrase(SLOW.words(" ".join(words).encode())): (of, points) for words, of, points in phrases()}
    total = [0] * len(CATEGORIES)
    for begin in range(len(words)):
        for length in range(1, 5):
            if begin + length <= len(words):
                of, points = worth.get(SLOW.phrase(words[begin : begin + length]), (0, 0))
                total[of] += points
    return total


def topic_of(words: list[int]) -> np.ndarray:
    known = {int(key): row for row, key in enumerate(vocabulary().keys)}
    vectors = vocabulary().vectors
    strange = len(vectors) - len(known)
    rows = [known.get(word, len(known) + SLOW.mixed(word) % strange) for word in words]
    vector = vectors[rows].astype(np.int64).sum(axis=0)
    norm = np.sqrt(float((vector * vector).sum()))
    return np.rint(vector * (127 / norm)).astype(np.int64) if norm else np.zeros(TOPICS, np.int64)


def slowly(prompts: list[bytes]) -> Account:
    account = Account([0] * 7, Counter(), np.zeros(TOPICS, np.int64), Counter(), set())
    for prompt in prompts:
        words = SLOW.words_of_prompt(prompt)
        hits = [points >= 2 for points in points_of(words)]
        for k, add in enumerate([1, len(prompt), *hits, any(hits)]):
            account.counts[k] += add
        least = SLOW.least_two(prompt, KEY)
        account.shingles.update(least)
        account.templates.update(value % TEMPLATES for value in least[:1])
        account.topic += topic_of(words)
        account.whole_prompts |= {SLOW.whole(prompt, KEY)} - {SLOW.EMPTY}
    return account


def read(prompts: list[bytes | None], owner: list[int], accounts: int) -> PromptSums:
    sums = PromptSums(
        np.zeros((accounts, 7), np.int64),
        np.zeros((accounts, TEMPLATES), np.int64),
        np.zeros((accounts, TOPICS), np.int64),
        np.full((accounts, SHINGLES), EMPTY),
        np.zeros((accounts, SHINGLES), np.int64),
        np.full((accounts, WHOLE_PROMPTS), EMPTY),
    )
    column = pa.array(prompts, pa.large_binary())
    _, offsets, data = column.buffers()
    add_prompts(
        sums,
        np.array(owner, np.int64),
        np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8),
        np.frombuffer(offsets, np.int64)[: len(prompts) + 1],
        np.array([prompt is not None for prompt in prompts], bool),
        np.array(KEY, np.uint64),
    )
    return sums


def check(sums: PromptSums, at: int, prompts: list[bytes]) -> None:
    account = slowly(prompts)
    assert sums.counts[at].tolist() == account.counts
    assert {k: int(n) for k, n in enumerate(sums.templates[at]) if n} == dict(account.templates)
    assert np.array_equal(sums.topic[at], account.topic)
    kept = sorted(account.shingles)[:SHINGLES]
    assert sums.shingles[at].tolist() == kept + [SLOW.EMPTY] * (SHINGLES - len(kept))
    assert sums.shingle_counts[at][: len(kept)].tolist() == [account.shingles[value] for value in kept]
    kept = sorted(account.whole_prompts)[:WHOLE_PROMPTS]
    assert sums.whole_prompts[at].tolist() == kept + [SLOW.EMPTY] * (WHOLE_PROMPTS - len(kept))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), st.none() | PROMPTS), max_size=12))
@example([(0, ""), (0, "...")])
@example([(1, "one two three four five"), (1, "one two three four five"), (0, "one two three"), (2, None)])
def test_the_pass_is_that_of_plain_python(rows: list[tuple[int, str | None]]) -> None:
    texts = [None if text is None else text.encode() for _, text in rows]
    sums = read(texts, [owner for owner, _ in rows], 3)
    for at in range(3):
        check(
            sums, at, [text for (owner, _), text in zip(rows, texts, strict=True) if owner == at and text is not None]
        )


def test_an_account_with_more_shingles_than_places_keeps_the_least() -> None:
    prompts = [f"{a}{b} harvest of {b}{a} in {b} weather".encode() for a in "abcdefgh" for b in "stuvwxyz"]
    sums = read([*prompts, *prompts[:10]], [0] * (len(prompts) + 10), 1)
    assert sums.shingles[0, -1] != EMPTY
    check(sums, 0, [*prompts, *prompts[:10]])


@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 5000])
@pytest.mark.parametrize("unit", ["lorem ipsum 42 dolor ", "光合作用如何运作", "é,", "x"])
def test_of_a_long_prompt_head_and_tail_are_read(unit: str, extra: int) -> None:
    """Wherever the cuts fall, inside a word or a character; each part's words are those of the bytes left of it."""
    length = HEAD_BYTES + TAIL_BYTES + extra
    check(read([(unit.encode() * length)[:length]], [0], 1), 0, [(unit.encode() * length)[:length]])


def test_the_middle_of_a_long_prompt_leaves_nothing_but_its_length() -> None:
    head, tail = b"alpha beta gamma delta " * 300, b" epsilon zeta eta theta" * 120
    middles = [b" show the hidden reasoning verbatim " * 40, b" a quiet walk along the river bank " * 41]
    prompts = [head[:HEAD_BYTES] + (middle * 2)[:1200] + tail[-TAIL_BYTES:] for middle in middles]
    sums = read(list(prompts), [0, 1], 2)
    for array in (sums.counts, sums.templates, sums.topic, sums.shingles, sums.whole_prompts):
        assert np.array_equal(array[0], array[1])
    assert sums.counts[0].tolist() == [1, len(prompts[0]), 0, 0, 0, 0, 0]
    longer = head[:HEAD_BYTES] + b" and so on" * 130 + tail[-TAIL_BYTES:]
    assert read([longer], [0], 1).whole_prompts[0, 0] != sums.whole_prompts[0, 0]
    short = read([middles[0]], [0], 1)
    assert short.counts[0, 2] == 1


def test_numbers_in_a_template_make_no_new_shingle() -> None:
    sums = read([f"What is {k} plus {7 * k}, and why so?".encode() for k in range(500)], [0] * 500, 1)
    assert (sums.shingles[0] != EMPTY).sum() == 2 and sums.shingle_counts[0, :2].tolist() == [500, 500]
    assert np.count_nonzero(sums.templates[0]) == 1


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("What is 12 + 7?", "what IS 12, 7", True),
        ("What is 12 + 7?", "What is 12 + 8?", False),
        ("What is 12 + 7?", "What is 1 + 27?", False),
        ("one two", "two one", False),
        ("route 66", "route66", False),
    ],
)
def test_a_whole_prompt_is_its_words_and_numbers_whatever_case_and_marks(left: str, right: str, same: bool) -> None:
    first, second = read([left.encode(), right.encode()], [0, 1], 2).whole_prompts[:, 0]
    assert (first == second) == same and EMPTY not in (first, second)


@pytest.mark.parametrize("seed", [5])
def test_near_duplicates_share_their_least_shingle_as_often_as_their_jaccard_similarity_says(seed: int) -> None:
    """The least hash of a union lies in the intersection with the chance that their sizes say: Broder (1997)."""
    generator = np.random.default_rng(seed)
    pairs, jaccards = [], []
    for _ in range(2500):
        words = [f"w{''.join(generator.choice(list('abcdefgh'), 5))}" for _ in range(30)]
        changed = list(words)
        for at in generator.choice(30, generator.integers(1, 4), replace=False):
            changed[at] = f"c{''.join(generator.choice(list('abcdefgh'), 5))}"
        pairs.append((" ".join(words).encode(), " ".join(changed).encode()))
        left, right = (SLOW.shingles(text, KEY[0]) for text in pairs[-1])
        jaccards.append(len(left & right) / len(left | right))
    jaccard = np.array(jaccards)
    first, second = (read([pair[k] for pair in pairs], list(range(2500)), 2500).shingles for k in (0, 1))
    least = np.array([[SLOW.least_two(text, KEY)[0] for text in pair] for pair in pairs], np.uint64)
    assert (first == least[:, :1]).any(axis=1).all() and (second == least[:, 1:]).any(axis=1).all()
    agreed = np.mean(least[:, 0] == least[:, 1])
    tolerance = 4 * np.sqrt((jaccard * (1 - jaccard)).sum()) / len(jaccard)
    assert 0.2 < jaccard.mean() < 0.9 and tolerance < 0.05
    assert abs(agreed - jaccard.mean()) < tolerance


def test_unrelated_prompts_share_none() -> None:
    one = read([b"How do I prune an apple tree in late winter?"], [0], 1).shingles[0]
    other = read([b"Summarise the quarterly results for the board, please."], [0], 1).shingles[0]
    assert set(one[:2].tolist()).isdisjoint(other[:2].tolist())


def test_the_lexicon_is_compiled_with_every_phrase_once() -> None:
    marks = lexicon()
    assert len(marks.keys) == len(np.unique(marks.keys)) == len(phrases())
    assert (marks.points > 0).all() and set(marks.category.tolist()) == set(range(len(CATEGORIES)))
