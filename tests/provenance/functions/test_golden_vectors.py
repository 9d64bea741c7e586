"""The functions here against vectors made with the engines' own published code: see docs/provenance.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillwatch.provenance.functions import g_values, green_list, mersenne, murmur, philox

GOLDEN = Path(__file__).parents[1] / "golden"


def vectors(engine: str) -> Any:
    return json.loads((GOLDEN / f"{engine}.json").read_text("utf-8"))


def test_philox_gives_vllm_s_uniforms_to_the_last_bit() -> None:
    cases = vectors("vllm")["uniform"]
    assert len(cases) == 48
    for case in cases:
        tokens = np.array(case["tokens"])
        contexts = np.tile(case["context"], (len(tokens), 1))
        assert philox.uniforms(case["key"], contexts, tokens).tolist() == case["uniform"]


def test_philox_does_not_mind_the_order_of_pairs() -> None:
    generator = np.random.default_rng(5)
    contexts, tokens = generator.integers(0, 3, (200, 2)), generator.integers(0, 50, 200)
    order = generator.permutation(200)
    whole = philox.uniforms(9, contexts, tokens)
    assert np.array_equal(philox.uniforms(9, contexts[order], tokens[order]), whole[order])
    assert len(np.unique(whole)) == len(np.unique(np.column_stack([contexts, tokens]), axis=0))


def test_the_block_function_meets_the_published_known_answers() -> None:
    # From the Random123 distribution's known-answer file, philox4x32 with 10 rounds.
    zero = [np.uint64(0)] * 6
    assert [int(word) for word in philox.philox4x32_10(*zero)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = [np.uint64(0xFFFFFFFF)] * 6
    assert [int(word) for word in philox.philox4x32_10(*ones)] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_murmur_gives_sglang_s_hashes() -> None:
    held = vectors("sglang")
    assert len(held["context"]) == 24 and len(held["token"]) == 24
    for case in held["context"]:
        assert murmur.context_hashes(np.array([case["context"]])).tolist() == [case["hash"]]
    for case in held["token"]:
        hashes = np.array([case["context_hash"]], np.uint64)
        assert murmur._token_hashes(np.uint64(case["key"]), hashes, np.array([case["token"]])).tolist() == [
            case["hash"]
        ]
    for case in held["coin"]:
        hashes = np.array([case["context_hash"]], np.uint64)
        assert murmur._coins(np.uint64(case["key"]), np.uint64(case["key_b"]), hashes).tolist() == [case["hash"]]


def test_torch_s_generator_is_numpy_s_legacy_one() -> None:
    state, block = np.empty(624, np.uint32), np.empty(624, np.uint32)
    mersenne.seeded(state, np.uint64(2**40 + 77))
    words = []
    for _ in range(3):
        mersenne.tempered_block(state, block)
        words += block.tolist()
    expected = np.random.RandomState(77).randint(0, 2**32, len(words), dtype=np.uint64)
    assert words == expected.tolist()


@pytest.mark.parametrize("head", [0, 1, 5, 6])
def test_a_head_is_the_beginning_of_the_whole_permutation(head: int) -> None:
    whole = mersenne.shuffled_head(3, 6, 6)
    assert sorted(whole.tolist()) == list(range(6))
    assert mersenne.shuffled_head(3, 6, head).tolist() == whole[:head].tolist()


def test_a_head_longer_than_its_permutation_is_refused() -> None:
    with pytest.raises(ValueError, match="no longer"):
        mersenne.shuffled_head(3, 6, 7)


def test_green_lists_are_hugging_face_s() -> None:
    held = vectors("kgw")
    for case in held["table"]:
        table = green_list._table(case["key"])
        assert table[:20].tolist() == case["head"] and table[999_999] == case["at_999999"]
    assert len(held["greenlist"]) == 72
    for case in held["greenlist"]:
        window = np.array([case["sequence"]])
        own = case["scheme"] == "selfhash"
        seeds = (green_list.own_token_seeds if own else green_list.last_token_seeds)(case["key"], window)
        size, favoured = case["vocabulary"], int(case["vocabulary"] * case["ratio"])
        listed = mersenne.shuffled_head(int(seeds[0]), size, favoured)
        assert len(listed) == case["count"]
        assert listed[:12].tolist() == case["first"] and listed[-12:].tolist() == case["last"]
        green = green_list.is_green(np.repeat(seeds, size), np.arange(size), size, favoured)
        assert np.flatnonzero(green).tolist() == sorted(listed.tolist())


def test_green_lists_of_several_seeds_do_not_disturb_each_other() -> None:
    generator = np.random.default_rng(8)
    seeds, tokens = generator.integers(1, 6, 300).astype(np.uint64), generator.integers(0, 40, 300)
    together = green_list.is_green(seeds, tokens, 40, 10)
    alone = [green_list.is_green(seeds[i : i + 1], tokens[i : i + 1], 40, 10)[0] for i in range(300)]
    assert together.tolist() == alone


@pytest.mark.parametrize("favoured", [1, 10, 39, 40])
def test_repeated_tokens_and_tokens_beyond_the_vocabulary_are_judged_too(favoured: int) -> None:
    tokens = np.random.default_rng(9).integers(0, 45, 200)
    found = green_list.is_green(np.full(200, 77, np.uint64), tokens, 40, favoured)
    listed = set(mersenne.shuffled_head(77, 40, favoured).tolist())
    assert found.tolist() == [token in listed for token in tokens]


def test_g_values_are_hugging_face_s() -> None:
    cases = vectors("synthid")["g"]
    assert len(cases) == 24
    for case in cases:
        coins = g_values.table(case["table_seed"], case["table_size"])
        assert int(coins.sum()) == case["ones"] and coins[:32].tolist() == case["head"]
        windows = np.lib.stride_tricks.sliding_window_view(np.array(case["tokens"]), case["ngram"])
        keys = tuple(case["keys"])
        found = g_values.g_values(keys, windows[:, :-1], windows[:, -1], coins)
        assert found.tolist() == case["g"]
        read = g_values.entry_weights(
            keys, windows[:, :-1], windows[:, -1], np.ones(len(windows)), np.ones(len(keys)), len(coins)
        )
        assert np.isclose(read @ coins, found.sum() / len(keys)) and np.isclose(read.sum(), len(windows))
