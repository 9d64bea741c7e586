"""How often each provenance test rejects where it must not: at least 100,000 draws under its null.

    python -m bench.provenance_error [--draws 100000] [--seed 1] [--only radioactivity]

Models are small tables with exact probabilities (``stillwatch.provenance.suspects.markov``), marks are the engines'
own functions, except for ``served_weights``: there each draw needs marked texts of its own, so coins are drawn anew
from a generator, in compiled code whose sums are compared with the product's on the first draws.

A rate is "in" if it lies within the 99 % binomial band of its level, "below" if under it (the test is conservative),
and "ABOVE" if over it. Tests with discrete totals or with bounds are expected below.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from bench.provenance_coins import Coins, draws_of_served_choices, draws_of_served_weights
from numpy.typing import NDArray
from scipy import stats
from scipy.special import logsumexp

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.origin import served_choices
from stillwatch.provenance.origin.canaries import log_hits_tail
from stillwatch.provenance.origin.question import Material
from stillwatch.provenance.origin.served_weights import SOFTNESS as SERVED_SOFTNESS
from stillwatch.provenance.origin.served_weights import first_visits, log_p_of_martingale
from stillwatch.provenance.origin.teacher_subtracted import total_of
from stillwatch.provenance.pairs import Pairs, first_of_context, pairs_of
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Scheme, Settings, WeightedSum, distinct
from stillwatch.provenance.suspects.markov import MarkovModel, counted_student, random_teacher
from stillwatch.provenance.tails import holm, log_binomial_tail
from stillwatch.provenance.tokens import Text
from stillwatch.provenance.weighing import answers_less_teacher, joined

LEVELS = (0.05, 0.01, 0.001)
VOCABULARY = 24
LENGTH = 24
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One test under one null."""

    test: str
    mark: str
    null: str
    log_p: Floats


def band(level: float, draws: int) -> tuple[float, float]:
    """Return the 99 % binomial band of a rate."""
    return float(stats.binom.ppf(0.005, draws, level)) / draws, float(stats.binom.ppf(0.995, draws, level)) / draws


def shown(row: Row) -> str:
    """Return one line of the table."""
    parts = []
    for level in LEVELS:
        rate = float((row.log_p <= np.log(level)).mean())
        low, high = band(level, len(row.log_p))
        verdict = "ABOVE" if rate > high else "below" if rate < low else "in"
        parts.append(f"{rate:9.3%} {verdict:5}")
    return f"{row.test:19} {row.mark:22} {row.null:44} {len(row.log_p):8,} " + "  ".join(parts)


def settings(width: int) -> Settings:
    """Return the configuration of all marks here."""
    # A small table makes SynthID's coins coincide far more often than in earnest.
    return Settings(width=width, vocabulary=VOCABULARY, green_share=0.25, layers=10, table_size=4096)


def prompts_of(generator: np.random.Generator, count: int) -> list[NDArray[np.int64]]:
    """Return short random prompts."""
    return [generator.integers(0, VOCABULARY, 4) for _ in range(count)]


def texts_of(
    model: MarkovModel, generator: np.random.Generator, count: int, mark: Scheme | None = None
) -> tuple[Text, ...]:
    """Return answers of a model to random prompts."""
    prompts = prompts_of(generator, count)
    drawn = model.sample(prompts, LENGTH, generator, mark, 3.0)
    return tuple(Text(row, prompt) for row, prompt in zip(drawn, prompts, strict=True))


def student_of(texts: tuple[Text, ...]) -> MarkovModel:
    """Return the student that counts these texts."""
    rows = np.array([np.concatenate([text.prompt[-2:], text.tokens]) for text in texts])
    return counted_student(rows, VOCABULARY, 1.0)


def wrong_keys(name: str, width: int, count: int) -> Iterator[Scheme]:
    """Yield the mark under keys that no text has seen."""
    maker = scheme_maker(name)
    for number in range(count):
        if name == "synthid_hugging_face":  # Deriving ten numbers a key is most of the time: draw them instead.
            numbers = tuple(int(each) for each in np.random.default_rng(number).integers(0, 2**31, 10))
            yield maker.make(numbers, settings(width))
        elif name == "kgw_left_hugging_face":
            yield maker.make((2 * number * 2_654_435_761 + 1,), settings(width))
        else:
            yield maker.make(((number * 11_400_714_819_323_198_485) % 2**64,), settings(width))


def suspects(seed: int, name: str, width: int, count: int = 12) -> dict[str, tuple[tuple[Text, ...], MarkovModel]]:
    """Return answers that no wrong key has touched, with the teacher to subtract: three kinds of suspect."""
    generator = np.random.default_rng(seed)
    teacher = random_teacher(VOCABULARY, 0.3, generator)
    maker = scheme_maker(name)
    mark = maker.of(cohort_key(bytes(16), "another", "p"), settings(width))
    unmarked = student_of(texts_of(teacher, generator, 400))
    marked = student_of(texts_of(teacher, generator, 400, mark))
    few = texts_of(unmarked, generator, 3)
    template = tuple(
        Text(np.concatenate([few[i % 3].tokens[:18], few[(i + 1) % 3].tokens[:6]]), few[0].prompt) for i in range(12)
    )
    return {
        "wrong keys, student of unmarked text": (texts_of(unmarked, generator, count), teacher),
        "wrong keys, templated suspect": (template, teacher),
        "student of another key": (texts_of(marked, generator, count), teacher),
    }


MARKS = (
    ("gumbel_vllm", 2),
    ("gumbel_vllm", 4),
    ("gumbel_sglang", 2),
    ("kgw_left_hugging_face", 1),
    ("synthid_hugging_face", 2),
)


def tails(name: str, width: int, pairs: Pairs, draws: int) -> Floats:
    """Return the log p-values of ``pairs`` under wrong keys: the product's tails, taken for many totals at once."""
    schemes = wrong_keys(name, width, draws)
    if name == "synthid_hugging_face":
        return np.array([each.judged(pairs.contexts, pairs.tokens).log_p for each in schemes])
    totals = np.array([each.scores(pairs.contexts, pairs.tokens).sum() for each in schemes])
    if name.startswith("kgw"):
        rate = int(VOCABULARY * 0.25) / VOCABULARY
        table = np.array([log_binomial_tail(count, len(pairs), rate) for count in range(len(pairs) + 1)])
        found = np.asarray(table[np.rint(totals).astype(np.int64)], np.float64)
    else:
        found = np.asarray(stats.gamma.logsf(totals, len(pairs)), np.float64)
    for each, log_p in zip(wrong_keys(name, width, 50), found, strict=False):
        if not np.isclose(each.judged(pairs.contexts, pairs.tokens).log_p, log_p):
            raise AssertionError(f"{name}: the product finds another p-value")
    return found


def radioactivity(draws: int, seed: int) -> Iterator[Row]:
    """Yield the published test: exact tails under wrong keys, and what it would be without counting pairs once."""
    for name, width in MARKS:
        for null, (answers, _) in suspects(seed, name, width).items():
            some = next(wrong_keys(name, width, 1))
            everything = pairs_of([a.tokens for a in answers], some.width, some.start, [a.prompt for a in answers])
            yield Row(
                "radioactivity", f"{name[:18]} w{width}", null, tails(name, width, distinct(some, everything), draws)
            )
            if "templated" in null and name != "synthid_hugging_face":
                yield Row("  not deduplicated", f"{name[:18]} w{width}", null, tails(name, width, everything, draws))


def teacher_subtracted(draws: int, seed: int) -> Iterator[Row]:
    """Yield the test with our teacher subtracted: a bound, so below; and the exact normal law of Gumbel's sums."""
    for name, width in (MARKS[0], *MARKS[3:]):
        for null, (answers, teacher) in suspects(seed + 1, name, width, 4).items():
            some = next(wrong_keys(name, width, 1))
            pairs = answers_less_teacher(answers, teacher, some.width, some.start)
            z = np.array([total_of(pairs, scheme).z for scheme in wrong_keys(name, width, draws)])
            yield Row("teacher_subtracted", f"{name[:18]} w{width}", null, -0.5 * np.maximum(z, 0) ** 2)
            if name == "gumbel_vllm" and width == 2:
                yield Row("  its exact law", f"{name[:18]} w{width}", null, np.asarray(stats.norm.logsf(z)))


def served_weights(draws: int, seed: int) -> Iterator[Row]:
    """Yield the test on served texts: unmarked students under the true key, whose marks the texts bear."""
    generator = np.random.default_rng(seed + 2)
    vocabulary = 12
    teacher = random_teacher(vocabulary, 0.4, generator)
    plain = teacher.sample([np.zeros(0, np.int64)] * 60, LENGTH, generator)
    students = {
        "unmarked student, true key": counted_student(plain, vocabulary, 1.0),
        "unrelated model, true key": random_teacher(vocabulary, 0.4, generator),
    }
    for mark in ("green", "gumbel"):
        for null, student in students.items():
            checked = _compared(mark, teacher, student, seed)
            total, variance, everywhere = draws_of_served_weights(
                mark == "gumbel", teacher.table, student.table, draws, 4, LENGTH, SERVED_SOFTNESS, seed
            )
            log_p = np.array([log_p_of_martingale(WeightedSum(s, v)) for s, v in zip(total, variance, strict=True)])
            z = np.maximum(total / np.sqrt(variance), 0)
            yield Row("served_weights", f"{mark} w1, e-value", f"{null} ({checked} compared)", log_p)
            yield Row("  if V were fixed", f"{mark} w1, exp(-z2/2)", null, -0.5 * z**2)
            yield Row("  every visit", f"{mark} w1, exp(-z2/2)", null, -0.5 * np.maximum(everywhere, 0) ** 2)


def _compared(mark: str, teacher: MarkovModel, student: MarkovModel, seed: int) -> int:
    """Compare the compiled sums with the product's on 20 draws, and return how many."""
    for draw in range(20):
        coins = Coins.drawn(mark, teacher.vocabulary, seed, draw)
        texts = coins.texts(teacher.table, 4, LENGTH, seed, draw)
        weighed = joined(first_visits([Text(row, np.zeros(0, np.int64)) for row in texts], student, teacher, coins), 1)
        summed = coins.weighted(weighed.contexts, weighed.tokens, weighed.tempered(SERVED_SOFTNESS))
        total, variance, _ = draws_of_served_weights(
            mark == "gumbel", teacher.table, student.table, draw + 1, 4, LENGTH, SERVED_SOFTNESS, seed
        )
        if not np.isclose(summed.total, total[-1]) or not np.isclose(summed.variance, variance[-1]):
            raise AssertionError(f"draw {draw}: the product finds {summed}, the bench {total[-1]}, {variance[-1]}")
    return 20


def bets_on_served(draws: int, seed: int) -> Iterator[Row]:
    """Yield bets on served texts by suspects that never read them: our other students, and strangers."""
    generator = np.random.default_rng(seed + 7)
    vocabulary = 12
    teacher = random_teacher(vocabulary, 0.4, generator)
    plain = teacher.sample([np.zeros(0, np.int64)] * 60, LENGTH, generator)
    students = {
        "student of other answers of ours": counted_student(plain, vocabulary, teacher.table, 4.0),
        "unrelated model": random_teacher(vocabulary, 0.4, generator),
    }
    for null, student in students.items():
        with np.errstate(divide="ignore"):
            ours, theirs = (np.maximum(np.log(model.table), served_choices.LEAST) for model in (teacher, student))
        gaps = np.clip(theirs - ours, -served_choices.LEAN_MOST, served_choices.LEAN_MOST)
        ratios = np.array(
            [lean * gaps - logsumexp(ours + lean * gaps, axis=2, keepdims=True) for lean in served_choices.LEANS]
        )
        wealth = draws_of_served_choices(teacher.table, ratios, draws, 20, LENGTH, seed)
        log_p = np.minimum(0.0, np.log(len(ratios)) - logsumexp(wealth, axis=1))
        texts = tuple(Text(row, np.zeros(0, np.int64)) for row in plain[:20])
        (line,) = served_choices.test(Material("s", teacher=teacher, suspect_weights=student, drawn={"": texts})).lines
        places = np.concatenate([np.zeros((20, 2), np.int64), plain[:20]], axis=1)
        ours_said = ratios[:, places[:, :-2], places[:, 1:-1], places[:, 2:]].sum(axis=(1, 2))
        if not np.isclose(line.measured["log_e"], logsumexp(ours_said) - np.log(len(ratios))):
            raise AssertionError("served_choices: the product finds another e-value")
        yield Row("served_choices", "20 unmarked answers", null, log_p)


def cohort_attribution(draws: int, seed: int) -> Iterator[Row]:
    """Yield the chance that any of 8 wrong cohorts is named."""
    keys = 8
    answers, _ = suspects(seed + 3, "gumbel_vllm", 2)["student of another key"]
    some = next(wrong_keys("gumbel_vllm", 2, 1))
    everything = pairs_of([a.tokens for a in answers], some.width, some.start)
    pairs = distinct(some, everything)
    families = tails("gumbel_vllm", 2, pairs, draws * keys).reshape(draws, keys)
    smallest = np.array([holm(row).min() for row in families])
    yield Row("cohort_attribution", "gumbel_vllm w2, 8 keys", "any wrong cohort named", smallest)


def canaries(draws: int, seed: int) -> Iterator[Row]:
    """Yield exact tails of canaries that a suspect with strong habits meets by chance."""
    generator = np.random.default_rng(seed + 4)
    options = generator.integers(2, 6, 60)
    habits = generator.integers(0, options)
    hits = (generator.integers(0, options, (draws, 60)) == habits).sum(axis=1)
    table = np.array([log_hits_tail(count, list(1 / options)) for count in range(61)])
    yield Row("canaries", "60, 2 to 5 options", "suspect with fixed habits", table[hits])


def lineage(draws: int, seed: int) -> Iterator[Row]:
    """Yield the sign test at the border of its null: the suspect agrees as often with the control."""
    generator = np.random.default_rng(seed + 5)
    differing = generator.binomial(400, 0.3, draws)
    more = generator.binomial(differing, 0.5)
    cache: dict[tuple[int, int], float] = {}
    found = np.empty(draws)
    for place, pair in enumerate(zip(more.tolist(), differing.tolist(), strict=True)):
        if pair not in cache:
            cache[pair] = log_binomial_tail(pair[0], pair[1], 0.5)
        found[place] = cache[pair]
    yield Row("lineage", "400 prompts", "agrees as often with the control", found)


def watermark_detect(draws: int, seed: int) -> Iterator[Row]:
    """Yield ``watermark detect`` on natural text, which repeats itself."""
    answers, _ = suspects(seed + 6, "gumbel_vllm", 4)["wrong keys, templated suspect"]
    some = next(wrong_keys("gumbel_vllm", 4, 1))
    everything = pairs_of([a.tokens for a in answers], some.width, some.start)
    once = everything.take(first_of_context(everything, by_text=True))
    pairs = distinct(some, once)
    yield Row("watermark detect", "gumbel_vllm w4", "templated text", tails("gumbel_vllm", 4, pairs, draws))


BENCHES: dict[str, Callable[[int, int], Iterator[Row]]] = {
    "radioactivity": radioactivity,
    "teacher_subtracted": teacher_subtracted,
    "served_weights": served_weights,
    "served_choices": bets_on_served,
    "cohort_attribution": cohort_attribution,
    "canaries": canaries,
    "lineage": lineage,
    "watermark_detect": watermark_detect,
}


def main() -> None:
    """Print one line for each test and null."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=list(BENCHES))
    chosen = parser.parse_args()
    for level in LEVELS:
        low, high = band(level, chosen.draws)
        print(f"level {level:.1%}: 99 % band of {chosen.draws:,} draws is {low:.3%} to {high:.3%}")
    print(f"seed {chosen.seed}")
    print(f"{'test':19} {'mark':22} {'null':44} {'draws':>8} " + "  ".join(f"{level:9.1%}      " for level in LEVELS))
    for name, bench in BENCHES.items():
        if chosen.only in (None, name):
            began = time.process_time()
            for row in bench(chosen.draws, chosen.seed):
                print(shown(row), flush=True)
            print(f"  {name}: {time.process_time() - began:.0f} s of processor time", flush=True)
    print("teacher_identification: exploratory, no null, no p-value")


if __name__ == "__main__":
    main()
