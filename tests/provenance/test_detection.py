"""Detection as a whole: against the engines' own detectors, and on marked, unmarked and repetitive text."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stillwatch.provenance.detection import detect
from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.pairs import pairs_of
from stillwatch.provenance.schemes.gumbel_dual_vllm import derived
from stillwatch.provenance.schemes.registry import SCHEMES, scheme_maker
from stillwatch.provenance.schemes.scheme import SchemeMaker, Settings
from stillwatch.provenance.suspects.markov import random_teacher

GOLDEN = Path(__file__).parent / "golden"
each = pytest.mark.parametrize("maker", SCHEMES, ids=[maker.card.id for maker in SCHEMES])


def vectors(engine: str) -> Any:
    return json.loads((GOLDEN / f"{engine}.json").read_text("utf-8"))


def test_vllm_s_detector_agrees() -> None:
    for case in vectors("vllm")["detect"]:
        scheme = scheme_maker("gumbel_vllm").make((case["key"],), Settings(width=case["width"]))
        found = detect(scheme, [case["tokens"]])
        assert found.pairs == case["scored"]
        assert math.isclose(found.total, case["score"], rel_tol=1e-12)
        assert math.isclose(found.p, case["p"], rel_tol=1e-9)


def test_vllm_s_dual_detector_agrees_on_the_total_and_its_p_is_below_our_bound() -> None:
    held = vectors("vllm")
    for case in held["derive"]:
        assert (derived(case["key"], b"key_a"), derived(case["key"], b"key_b")) == (case["a"], case["b"])
    for case in held["dual"]:
        scheme = scheme_maker("gumbel_dual_vllm").make((case["key"],), Settings(width=case["width"]))
        found = detect(scheme, [case["tokens"]])
        assert found.pairs == case["scored"]
        assert math.isclose(found.total, case["score"], rel_tol=1e-12)
        assert found.p >= case["p"]


def test_sglang_s_detector_agrees() -> None:
    for case in vectors("sglang")["detect"]:
        if 0 < len(case["prompt"]) < case["width"]:
            continue  # The engine then reads shorter contexts; here such positions are passed over.
        settings = Settings(width=case["width"])
        one = scheme_maker("gumbel_sglang").make((case["key"],), settings)
        two = scheme_maker("gumbel_sglang").make((case["key"], case["key_b"]), settings)
        found = detect(one, [case["tokens"]], [case["prompt"]])
        assert found.pairs == case["scored"]
        assert math.isclose(found.total, case["score"], rel_tol=1e-12)
        assert math.isclose(found.log_p, case["log_p"], rel_tol=1e-9)
        assert math.isclose(detect(two, [case["tokens"]], [case["prompt"]]).total, case["dual_score"], rel_tol=1e-12)


def test_hugging_face_s_detector_agrees_pair_by_pair_but_counts_some_coins_twice() -> None:
    surplus = 0
    for case in vectors("kgw")["detect"]:
        own, width = case["seeding_scheme"] == "selfhash", case["context_width"]
        if own and width == 1:
            continue
        name = "kgw_self_hugging_face" if own else "kgw_left_hugging_face"
        scheme = scheme_maker(name).make((case["hashing_key"],), Settings(width=width, vocabulary=case["vocabulary"]))
        # Under lefthash the library begins width tokens in, though the last one alone is read.
        text = case["tokens"] if own else case["tokens"][width - 1 :]
        everything = pairs_of([text], scheme.width, scheme.start)
        if not case["unique"]:
            assert len(everything) == case["scored"]
            assert scheme.scores(everything.contexts, everything.tokens).sum() == case["green"]
        else:
            surplus += case["scored"] - detect(scheme, [text]).pairs
    assert surplus > 50  # Its n-grams differ in tokens that the function does not read.


@each
@pytest.mark.parametrize("seed", [31, 32])
def test_marked_text_is_found_and_unmarked_text_is_not(maker: SchemeMaker, seed: int) -> None:
    generator = np.random.default_rng(seed)
    teacher = random_teacher(40, 0.5, generator)
    settings = Settings(width=3, vocabulary=40, green_share=0.3, layers=6)
    key, other = (cohort_key(bytes([seed] * 16), name, "2026-11") for name in ("flagged", "other"))
    scheme = maker.of(key, settings)
    prompts = [generator.integers(0, 40, 4) for _ in range(60)]
    marked = teacher.sample(prompts, 40, generator, scheme, 3.0)
    plain = teacher.sample(prompts, 40, generator)
    assert detect(scheme, marked, prompts).log_p < math.log(1e-6)
    assert detect(scheme, marked, prompts).log_p_bound < math.log(1e-4)
    assert detect(scheme, plain, prompts).log_p > math.log(1e-4)
    assert detect(maker.of(other, settings), marked, prompts).log_p > math.log(1e-4)


@each
def test_repeating_a_text_adds_nothing(maker: SchemeMaker) -> None:
    generator = np.random.default_rng(4)
    scheme = maker.of(cohort_key(bytes(16), "a", "b"), Settings(width=2, vocabulary=30, layers=5))
    text = generator.integers(0, 30, 80)
    once, often = detect(scheme, [text]), detect(scheme, [text] * 20)
    assert (often.total, often.log_p, often.pairs) == (once.total, once.log_p, once.pairs)
    assert often.repeats == 20 * (once.pairs + once.repeats) - once.pairs


@each
def test_nothing_to_read_is_no_evidence(maker: SchemeMaker) -> None:
    scheme = maker.of(cohort_key(bytes(16), "a", "b"), Settings(width=2, vocabulary=30, layers=5))
    texts: list[list[int]]
    for texts in ([], [[]], [[], []]):
        found = detect(scheme, texts)
        assert (found.pairs, found.log_p, found.z) == (0, 0.0, 0.0)
