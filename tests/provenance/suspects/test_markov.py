"""The model in a table: what it says it would do is what it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings
from stillwatch.provenance.suspects.markov import counted_student, load_markov, random_teacher
from stillwatch.provenance.suspects.model import Sampler, Scorer
from stillwatch.provenance.tokens import Text

NONE = np.zeros(0, np.int64)


@pytest.mark.parametrize("seed", [41])
def test_samples_follow_the_table(seed: int) -> None:
    generator = np.random.default_rng(seed)
    teacher = random_teacher(5, 1.0, generator)
    drawn = teacher.sample([np.array([2, 3])] * 40_000, 1, generator)[:, 0]
    found = np.bincount(drawn, minlength=5) / len(drawn)
    assert np.abs(found - teacher.table[2, 3]).max() < 4 * 0.5 / np.sqrt(len(drawn))


@pytest.mark.parametrize("seed", [42])
def test_over_keys_a_gumbel_mark_leaves_the_first_token_s_law(seed: int) -> None:
    generator = np.random.default_rng(seed)
    teacher = random_teacher(5, 1.0, generator)
    found = np.zeros(5)
    for number in range(3000):
        mark = scheme_maker("gumbel_sglang").of(cohort_key(number.to_bytes(16, "big"), "a", "p"), Settings(width=2))
        found[teacher.sample([np.array([2, 3])], 1, generator, mark)[0, 0]] += 1
    assert np.abs(found / 3000 - teacher.table[2, 3]).max() < 4 * 0.5 / np.sqrt(3000)


def test_rows_of_log_probabilities_are_those_of_the_last_two_tokens() -> None:
    teacher = random_teacher(4, 1.0, np.random.default_rng(1))
    rows = teacher.log_probabilities([3, 1, 2], [0, 3, 1])
    assert np.allclose(np.exp(rows), teacher.table[[1, 2, 0], [2, 0, 3]])
    assert teacher.log_probabilities([], []).shape == (0, 4)
    assert np.allclose(np.exp(teacher.log_probabilities([], [1]))[0], teacher.table[0, 0])


def test_a_student_with_enough_text_is_its_teacher() -> None:
    generator = np.random.default_rng(2)
    teacher = random_teacher(4, 1.0, generator)
    student = counted_student(teacher.sample([NONE] * 4000, 40, generator), 4, 1.0)
    assert np.abs(student.table - teacher.table).max() < 0.05
    assert isinstance(student, Sampler) and isinstance(student, Scorer)
    once, again = (student.answers([Text(NONE, NONE)] * 3, 7, 9) for _ in range(2))
    assert [text.tokens.tolist() for text in once] == [text.tokens.tolist() for text in again]


def test_files_are_checked(tmp_path: Path) -> None:
    teacher = random_teacher(4, 1.0, np.random.default_rng(3))
    np.savez(tmp_path / "good.npz", table=teacher.table)
    assert np.array_equal(load_markov(tmp_path / "good.npz").table, teacher.table)
    np.savez(tmp_path / "flat.npz", table=np.ones((3, 3)))
    np.savez(tmp_path / "other.npz", rows=np.ones(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("flat.npz", "other.npz", "text.npz", "missing.npz"):
        with pytest.raises(SourceError, match=name):
            load_markov(tmp_path / name)
