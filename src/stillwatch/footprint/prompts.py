"""The one pass over prompt text: shingles, templates, topics and elicitation are kept, the text is not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stillwatch.footprint.footprints import EMPTY, TEMPLATES, TOPIC_SCALE, TOPICS
from stillwatch.footprint.lexicon import CATEGORIES, POINTS_NEEDED, phrases
from stillwatch.footprint.samples import insert_distinct, place
from stillwatch.footprint.topic import vocabulary
from stillwatch.footprint.words import chained, hash_of, keyed, look_up, mixed, next_word, open_table
from stillwatch.statistics.compiled import compiled

HEAD_BYTES = 6144  # Of a longer prompt, the first 6 KiB and the last 2 KiB are read.
TAIL_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The phrases of the lexicon as hashes of one to four chained words."""

    keys: NDArray[np.uint64]
    table: NDArray[np.int32]
    category: NDArray[np.int64]
    points: NDArray[np.int64]


@cache
def lexicon() -> Lexicon:
    """Return the lexicon, compiled once."""
    hashes, category, points = [], [], []
    for words, of, worth in phrases():
        hashes.append(int(hash_of(" ".join(words))))
        category.append(of)
        points.append(worth)
    keys = np.array(hashes, np.uint64)
    return Lexicon(keys, open_table(keys, 1 << 12), np.array(category, np.int64), np.array(points, np.int64))


@dataclass(frozen=True, slots=True)
class PromptSums:
    """Where the pass leaves its sums; the first axis of each is the account.

    Attributes:
        counts: Shape (accounts, 7): prompts, bytes, the four categories, any of them.
        templates: Shape (accounts, TEMPLATES).
        topic: Shape (accounts, TOPICS).
        shingles: Shape (accounts, SHINGLES).
        shingle_counts: Shape (accounts, SHINGLES).
        whole_prompts: Shape (accounts, WHOLE_PROMPTS).
    """

    counts: NDArray[np.int64]
    templates: NDArray[np.int64]
    topic: NDArray[np.int64]
    shingles: NDArray[np.uint64]
    shingle_counts: NDArray[np.int64]
    whole_prompts: NDArray[np.uint64]


def add_prompts(
    sums: PromptSums,
    owner: NDArray[np.int64],
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    present: NDArray[np.bool_],
    key: NDArray[np.uint64],
) -> None:
    """Read the prompts once and add what they leave to ``sums``, in place.

    Args:
        sums: Grown in place.
        owner: Shape (rows,). The account of each row.
        data: The UTF-8 bytes of all prompts, one behind the other.
        offsets: Shape (rows + 1,). Where each prompt begins in ``data``.
        present: Shape (rows,). False where there is no prompt.
        key: Two words drawn from the operator's key, so that shingle hashes mean nothing without it.
    """
    words, marks = vocabulary(), lexicon()
    _read(
        sums.counts,
        sums.templates,
        sums.topic,
        sums.shingles,
        sums.shingle_counts,
        sums.whole_prompts,
        owner,
        data,
        offsets,
        present,
        key,
        words.keys,
        words.table,
        words.vectors,
        marks.keys,
        marks.table,
        marks.category,
        marks.points,
    )


@compiled
def _insert(row: NDArray[np.uint64], counts: NDArray[np.int64], value: np.uint64) -> None:
    if value > row[-1] or value == EMPTY:
        return
    at, there = place(row, value)
    if not there:
        for k in range(len(row) - 1, at, -1):
            row[k] = row[k - 1]
            counts[k] = counts[k - 1]
        row[at] = value
        counts[at] = 0
    counts[at] += 1


@compiled
def _add_direction(topic: NDArray[np.int64], vector: NDArray[np.int32]) -> None:
    """Add a prompt's vector to its account's topic, brought to one length and rounded."""
    norm = 0.0
    for k in range(TOPICS):
        norm += float(vector[k]) * float(vector[k])
    if norm > 0.0:
        scale = TOPIC_SCALE / np.sqrt(norm)
        for k in range(TOPICS):
            topic[k] += np.int64(np.rint(vector[k] * scale))


@compiled
def _read(
    counts: NDArray[np.int64],
    templates: NDArray[np.int64],
    topic: NDArray[np.int64],
    shingles: NDArray[np.uint64],
    shingle_counts: NDArray[np.int64],
    whole_prompts: NDArray[np.uint64],
    owner: NDArray[np.int64],
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    present: NDArray[np.bool_],
    key: NDArray[np.uint64],
    word_keys: NDArray[np.uint64],
    word_table: NDArray[np.int32],
    vectors: NDArray[np.int8],
    mark_keys: NDArray[np.uint64],
    mark_table: NDArray[np.int32],
    mark_category: NDArray[np.int64],
    mark_points: NDArray[np.int64],
) -> None:
    strange = len(vectors) - len(word_keys)
    vector = np.zeros(TOPICS, np.int32)
    points = np.zeros(len(CATEGORIES), np.int64)
    for row in range(len(owner)):
        if not present[row]:
            continue
        account = owner[row]
        begin, end = offsets[row], offsets[row + 1]
        vector[:] = 0
        points[:] = 0
        least, second = EMPTY, EMPTY
        w1, w2, w3 = np.uint64(0), np.uint64(0), np.uint64(0)  # The three words before this one.
        total, figures = np.uint64(0), np.uint64(0)
        at = begin
        skip = end - TAIL_BYTES if end - begin > HEAD_BYTES + TAIL_BYTES else end
        stop = begin + HEAD_BYTES if skip < end else end
        while True:
            at, word, digits = next_word(data, at, stop)
            if word == np.uint64(0):
                if stop == end:
                    break
                at, stop = skip, end
                continue
            known = look_up(word_table, word_keys, word)
            line = known if known >= 0 else len(word_keys) + np.int64(mixed(word) & np.uint64(strange - 1))
            for k in range(TOPICS):
                vector[k] += vectors[line, k]
            phrase = word
            mark = look_up(mark_table, mark_keys, phrase)
            if mark >= 0:
                points[mark_category[mark]] += mark_points[mark]
            if w1 != np.uint64(0):
                mark = look_up(mark_table, mark_keys, chained(w1, word))
                if mark >= 0:
                    points[mark_category[mark]] += mark_points[mark]
                if w2 != np.uint64(0):
                    mark = look_up(mark_table, mark_keys, chained(chained(w2, w1), word))
                    if mark >= 0:
                        points[mark_category[mark]] += mark_points[mark]
                    if w3 != np.uint64(0):
                        four = chained(chained(chained(w3, w2), w1), word)
                        mark = look_up(mark_table, mark_keys, four)
                        if mark >= 0:
                            points[mark_category[mark]] += mark_points[mark]
                        shingle = mixed(four ^ key[0])
                        if shingle < least:
                            least, second = shingle, least
                        elif shingle < second and shingle != least:
                            second = shingle
            total = word if total == np.uint64(0) else chained(total, word)
            if digits != np.uint64(0):
                figures = chained(figures, digits)
            w3, w2, w1 = w2, w1, word
        if total != np.uint64(0):
            # Of a long prompt the middle is not read, so its length stands for it.
            unread = np.uint64(end - begin) if skip < end else np.uint64(0)
            insert_distinct(whole_prompts[account], keyed(chained(chained(total, figures), unread), key))
        if least == EMPTY and total != np.uint64(0):  # Fewer than four words: the prompt is its own shingle.
            least = mixed(total ^ key[0])
        counts[account, 0] += 1
        counts[account, 1] += end - begin
        asked = 0
        for category in range(len(CATEGORIES)):
            if points[category] >= POINTS_NEEDED:
                counts[account, 2 + category] += 1
                asked = 1
        counts[account, 2 + len(CATEGORIES)] += asked
        if least != EMPTY:
            # Who knew the order could plant a phrase that is always least; what is kept must not be turned back.
            least = keyed(least, key)
            second = keyed(second, key) if second != EMPTY else EMPTY
            templates[account, np.int64(least % np.uint64(TEMPLATES))] += 1
            _insert(shingles[account], shingle_counts[account], least)
            _insert(shingles[account], shingle_counts[account], second)
        _add_direction(topic[account], vector)
