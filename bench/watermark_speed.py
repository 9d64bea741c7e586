"""How many tokens a second detectors read on one core, beside plain numpy that computes the same totals.

    python -m bench.watermark_speed [--tokens 2000000] [--runs 5]

The text is drawn from a Zipf law over 32,000 tokens, so that contexts repeat as they do in language. Medians of runs;
the first run, which compiles, is left out, and the reference runs once. It uses numpy only: ``numpy.unique`` over
windows, and the keyed function in whole arrays of 64-bit words; for green lists, one shuffled list a context, on a
part of the text.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.detection import detect
from stillwatch.provenance.functions.g_values import table
from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.schemes.registry import SCHEMES
from stillwatch.provenance.schemes.scheme import SchemeMaker, Settings
from stillwatch.provenance.schemes.synthid import falling_weights

VOCABULARY = 32_000
U = np.uint64
MASK = U(0xFFFF_FFFF)
Words = NDArray[np.uint64]


def philox(counter: list[Words], key: list[Words]) -> list[Words]:
    """Return ten rounds over whole arrays."""
    a, b, c, d = counter
    k, m = key
    for _ in range(10):
        first, second = a * U(0xD2511F53), c * U(0xCD9E8D57)
        a, b, c, d = (second >> U(32)) ^ b ^ k, second & MASK, (first >> U(32)) ^ d ^ m, first & MASK
        k, m = (k + U(0x9E3779B9)) & MASK, (m + U(0xBB67AE85)) & MASK
    return [a, b, c, d]


def reference_vllm(key: int, windows: NDArray[np.int64]) -> float:
    """Return the total of vLLM's mark for width 4."""
    rows = np.unique(windows, axis=0).astype(U) & MASK
    low, high = np.full(len(rows), key & 0xFFFFFFFF, U), np.full(len(rows), key >> 32, U)
    zero = np.zeros(len(rows), U)
    state = philox([U(0x574D4358) ^ rows[:, 0], U(4) ^ rows[:, 1], zero ^ rows[:, 2], zero ^ rows[:, 3]], [low, high])
    token = rows[:, 4]
    words = philox([token >> U(2), *state[:3]], [low ^ state[3], high ^ U(0x574D544B)])
    word = np.choose((token & U(3)).astype(np.int64), words)
    uniform = (((word >> U(8)).astype(np.float64) + 1) / (2**24 + 1)).astype(np.float32).astype(np.float64)
    return float(-np.log1p(-uniform).sum())


def murmur(words: list[Words]) -> Words:
    """Return the hash of columns of words."""
    state = np.zeros(len(words[0]), U)
    for word in words:
        value = (word * U(0xCC9E2D51)) & MASK
        value = (((value << U(15)) | (value >> U(17))) * U(0x1B873593)) & MASK
        state ^= value
        state = ((((state << U(13)) | (state >> U(19))) & MASK) * U(5) + U(0xE6546B64)) & MASK
    state ^= U(4 * len(words))
    state = ((state ^ (state >> U(16))) * U(0x85EBCA6B)) & MASK
    state = ((state ^ (state >> U(13))) * U(0xC2B2AE35)) & MASK
    return state ^ (state >> U(16))


def reference_sglang(key: int, windows: NDArray[np.int64]) -> float:
    """Return the total of SGLang's mark for width 4."""
    rows = np.unique(windows, axis=0).astype(U)
    context = murmur([rows[:, column] for column in range(4)])
    whole = np.full(len(rows), 1, U)
    hashed = murmur([whole * U(key & 0xFFFFFFFF), whole * U(key >> 32), context, rows[:, 4]])
    return float(-np.log1p(-(hashed.astype(np.float64) + 0.5) / 2**32).sum())


def reference_synthid(keys: tuple[int, ...], windows: NDArray[np.int64]) -> float:
    """Return the weighted mean of SynthID's mark for width 4."""
    rows = np.unique(windows, axis=0).astype(U)
    state = np.ones(len(rows), U)
    for column in range(5):
        state = (state + rows[:, column]) * U(6364136223846793005) + U(1)
    coins, total = table(0, 65_536), np.zeros(len(rows))
    for key, weight in zip(keys, falling_weights(len(keys)), strict=True):
        place = ((state + U(key)) * U(6364136223846793005) + U(1)) & U(65_535)
        total += weight * coins[place.astype(np.int64)]
    return float(total.mean() / len(keys))


def reference_green(key: int, windows: NDArray[np.int64]) -> float:
    """Return the green tokens of Hugging Face's lefthash: a shuffled list for each last token."""
    rows = np.unique(windows[:, -2:], axis=0)
    rows = rows[rows[:, 0] != 0]
    favoured, total = VOCABULARY // 4, 0
    for context in np.unique(rows[:, 0]):
        seed = (key * int(context)) % (2**64 - 1) % 2**32
        words = np.random.RandomState(seed).randint(0, 2**32, favoured, dtype=np.uint64)
        others = np.arange(favoured) + (words % (VOCABULARY - np.arange(favoured, dtype=U))).astype(np.int64)
        order = np.arange(VOCABULARY)
        for place, other in enumerate(others):
            order[place], order[other] = order[other], order[place]
        total += int(np.isin(rows[rows[:, 0] == context, 1], order[:favoured]).sum())
    return float(total)


def text_of(tokens: int, seed: int) -> NDArray[np.int64]:
    """Return a text with language's repetitions."""
    chances = 1 / np.arange(1, VOCABULARY + 1) ** 1.05
    return np.random.default_rng(seed).choice(VOCABULARY, tokens, p=chances / chances.sum())


def seconds(work: Callable[[], float], runs: int) -> tuple[float, float]:
    """Return the median processor time of a call, and what it returned."""
    took = []
    for _ in range(runs):
        began = time.process_time()
        found = work()
        took.append(time.process_time() - began)
    return median(took), found


def measured(maker: SchemeMaker, text: NDArray[np.int64], runs: int) -> str:
    """Return one line of the table."""
    key = cohort_key(bytes(16), "bench", "p")
    settings = Settings(width=4, vocabulary=VOCABULARY)
    scheme, numbers = maker.of(key, settings), maker.numbers(key, settings)
    detect(scheme, [text[:1000]])
    ours, total = seconds(lambda: detect(scheme, [text]).total, runs)
    rate = f"{maker.card.id:24} {len(text):9,} tokens {len(text) / ours / 1e6:8.3f} million tokens/s"
    references: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "gumbel_vllm": lambda windows: reference_vllm(numbers[0], windows),
        "gumbel_sglang": lambda windows: reference_sglang(numbers[0], windows),
        "synthid_hugging_face": lambda windows: reference_synthid(numbers, windows),
        "kgw_left_hugging_face": lambda windows: reference_green(numbers[0], windows),
    }
    if maker.card.id not in references:
        return f"{rate}   (no reference)"
    part = text[:3000] if maker.card.id.startswith("kgw") else text
    windows = np.lib.stride_tricks.sliding_window_view(part, 5)
    theirs, expected = seconds(lambda: references[maker.card.id](windows), 1)
    # Engines that mark a context's first place only, and count a text's first tokens, differ by few pairs.
    if len(part) < len(text):
        ours, total = seconds(lambda: detect(scheme, [part]).total, runs)
    return f"{rate}   {theirs / ours:8.1f} x numpy on {len(part):,}   totals {total:,.1f} and {expected:,.1f}"


def main() -> None:
    """Print one line a mark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    text = text_of(chosen.tokens, 1)
    print(f"median of {chosen.runs} runs, one core's processor time")
    for maker in SCHEMES:
        print(measured(maker, text, chosen.runs), flush=True)


if __name__ == "__main__":
    main()
