"""How strongly each provenance test speaks where the suspect was taught by marked text, and what weakens it.

    python -m bench.provenance_power [--seeds 5] [--seed 1]

Teacher and students are small tables of 32 tokens that know the last two (``stillwatch.provenance.suspects.markov``):
no neural network. Each line: the median over seeds (each with its own key, teacher and student) of z and of log10 p,
and the share of seeds with p < 1e-6. These figures rank tests and settings; they do not carry over to real models.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.origin import radioactivity, served_weights, teacher_subtracted
from stillwatch.provenance.origin.question import Finding, Material
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Scheme, Settings
from stillwatch.provenance.suspects.markov import MarkovModel, counted_student, random_teacher
from stillwatch.provenance.tokens import Text

VOCABULARY = 32
LENGTH = 32
TRAINING = 2000
SERVED = 300
TESTS = (radioactivity.test, teacher_subtracted.test, served_weights.test)


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table.

    Attributes:
        share: Of the student's texts, marked.
        queries: Answers of the suspect that tests may read.
        change: What is done to the student's training texts: an adversary's defence.
        clean: Unmarked texts of another teacher that are added to training, as a share of all.
    """

    name: str
    scheme: str
    width: int
    share: float
    queries: int
    change: str = ""
    clean: float = 0.0


SETTINGS = (
    Setting("all marked", "kgw_left_hugging_face", 1, 1.0, 10),
    Setting("all marked", "gumbel_vllm", 2, 1.0, 10),
    Setting("all marked", "gumbel_sglang", 2, 1.0, 10),
    Setting("all marked", "synthid_hugging_face", 2, 1.0, 10),
    Setting("20 % marked", "kgw_left_hugging_face", 1, 0.2, 300),
    Setting("20 % marked", "gumbel_vllm", 2, 0.2, 300),
    Setting("20 % marked", "kgw_self_hugging_face", 3, 0.2, 300),
    Setting("20 % marked", "synthid_hugging_face", 2, 0.2, 300),
    Setting("5 % marked", "gumbel_vllm", 2, 0.05, 1000),
    Setting("20 % marked, width 4", "gumbel_vllm", 4, 0.2, 300),
    Setting("not marked at all", "gumbel_vllm", 2, 0.0, 300),
    Setting("half the tokens reworded", "gumbel_vllm", 2, 1.0, 300, "paraphrase"),
    Setting("all tokens reworded", "gumbel_vllm", 2, 1.0, 300, "neutralise"),
    Setting("half from another provider", "gumbel_vllm", 2, 1.0, 300, "", 0.5),
    Setting("then as much clean tuning", "gumbel_vllm", 2, 1.0, 300, "tuning"),
)


def answers_of(
    model: MarkovModel, generator: np.random.Generator, count: int, mark: Scheme | None = None
) -> tuple[Text, ...]:
    """Return answers to random prompts."""
    prompts = [generator.integers(1, VOCABULARY, 4) for _ in range(count)]
    drawn = model.sample(prompts, LENGTH, generator, mark, 3.0)
    return tuple(Text(row, prompt) for row, prompt in zip(drawn, prompts, strict=True))


def rows(texts: tuple[Text, ...]) -> NDArray[np.int64]:
    """Return texts with the end of their prompts, shape (texts, tokens)."""
    return np.array([np.concatenate([text.prompt[-2:], text.tokens]) for text in texts])


def reworded(
    texts: tuple[Text, ...], teacher: MarkovModel, share: float, generator: np.random.Generator
) -> tuple[Text, ...]:
    """Return texts of which a share of the tokens was drawn anew by an unmarked model of the teacher's quality."""
    found = []
    for text in texts:
        chances = np.exp(teacher.log_probabilities(text.prompt, text.tokens))
        drawn = (chances.cumsum(axis=1) < generator.random((len(chances), 1))).sum(axis=1).clip(max=VOCABULARY - 1)
        found.append(replace(text, tokens=np.where(generator.random(len(drawn)) < share, drawn, text.tokens)))
    return tuple(found)


def trial(setting: Setting, seed: int) -> tuple[Finding, ...]:
    """Return what each test finds for one teacher, key and student."""
    generator = np.random.default_rng(seed)
    teacher = random_teacher(VOCABULARY, 0.3, generator)
    key = cohort_key(seed.to_bytes(16, "big"), "flagged", "p")
    mark = scheme_maker(setting.scheme).of(key, Settings(width=setting.width, vocabulary=VOCABULARY))
    other = round(TRAINING * setting.clean)
    marked_count = round((TRAINING - other) * setting.share)
    marked = answers_of(teacher, generator, marked_count, mark)
    taught = marked
    if setting.change in ("paraphrase", "neutralise"):
        taught = reworded(marked, teacher, 0.5 if setting.change == "paraphrase" else 1.0, generator)
    plain = answers_of(teacher, generator, TRAINING - other - marked_count)
    elsewhere = answers_of(random_teacher(VOCABULARY, 0.3, generator), generator, other)
    tuning = answers_of(teacher, generator, TRAINING) if setting.change == "tuning" else ()
    learned = rows(taught + plain + elsewhere + tuning)
    student = counted_student(learned, VOCABULARY, 1.0)
    material = Material(
        suspect="student",
        answers=answers_of(student, generator, setting.queries),
        schemes={key.id: mark},
        teacher=teacher,
        suspect_weights=student,
        served={key.id: marked[:SERVED] or answers_of(teacher, generator, SERVED, mark)},
    )
    return tuple(test(material) for test in TESTS)


def line(setting: Setting, seeds: range, of: Callable[[Setting, int], tuple[Finding, ...]] = trial) -> str:
    """Return one line of the table."""
    found = [of(setting, seed) for seed in seeds]
    parts = []
    for place in range(len(TESTS)):
        z = [float(np.median([line.z for line in each[place].lines])) for each in found]
        log_p = np.array([each[place].log_p for each in found]) / np.log(10)
        parts.append(f"{np.median(z):6.1f} {np.median(log_p):8.1f} {float((log_p < -6).mean()):5.0%}")
    return f"{setting.name:27} {setting.scheme:22} w{setting.width} {setting.queries:5} " + "  |".join(parts)


def main() -> None:
    """Print one line a setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.seeds)
    print(f"seeds {seeds.start} to {seeds.stop - 1}; {TRAINING} training texts, {SERVED} served ones, {LENGTH} tokens")
    heads = "  |".join(f"{test.card.id:>21}" for test in TESTS)
    print(f"{'what taught it':27} {'mark':25} {'asked':>5} {heads}")
    print(f"{'':59} " + "  |".join(f"{'z':>6} {'log10 p':>8} {'<1e-6':>5}" for _ in TESTS))
    began = time.process_time()
    for setting in SETTINGS:
        print(line(setting, seeds), flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
