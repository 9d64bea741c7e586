"""Green lists are read without being written: against whole shuffles, alone and in groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stillwatch.provenance.functions.green_list import is_green, last_token_seeds
from stillwatch.provenance.functions.mersenne import shuffled_head


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("vocabulary", "favoured"), [(1, 1), (2, 1), (5, 5), (82, 20), (1000, 999), (4096, 1024), (32_000, 8000)]
)
def test_tokens_are_green_where_the_whole_shuffle_says_so(vocabulary: int, favoured: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    seeds = generator.integers(0, 2**63, 200).astype(np.uint64)
    seeds[:60] = np.repeat(seeds[60:75], 4)  # Some lists are asked about several tokens, most about one.
    tokens = generator.integers(0, vocabulary + vocabulary // 10 + 1, 200)  # Some are beyond the vocabulary.
    lists = [set(shuffled_head(int(each), vocabulary, favoured).tolist()) for each in seeds]
    expected = [token in green for token, green in zip(tokens.tolist(), lists, strict=True)]
    assert is_green(seeds, tokens, vocabulary, favoured).tolist() == expected


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**32 - 1), max_size=20))
@example(2**63 - 1, [0, 1, 2, 2**32 - 1])
@example(2**32 + 1, [2**32 - 1])  # The product is the modulus itself.
@example((2**64 - 1) // 5, [5, 10])
def test_seeds_are_products_modulo_all_ones(key: int, tokens: list[int]) -> None:
    found = last_token_seeds(key, np.array([[7, token] for token in tokens], np.int64).reshape(-1, 2))
    assert found.tolist() == [(key * token) % (2**64 - 1) for token in tokens]


def test_nothing_is_asked_about_nothing() -> None:
    assert len(is_green(np.zeros(0, np.uint64), np.zeros(0, np.int64), 100, 25)) == 0
