"""Bets on what was served: fair over our own draws, exactly; refused where the log is not what it says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.origin import served_choices
from stillwatch.provenance.origin.question import Material
from stillwatch.provenance.origin.served_choices import fresh_draws
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings
from stillwatch.provenance.suspects.markov import MarkovModel, random_teacher
from stillwatch.provenance.tokens import Text

NONE = np.zeros(0, np.int64)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("evenness", [0.2, 2.0])
def test_over_all_texts_that_we_might_have_served_the_bet_returns_its_stake(seed: int, evenness: float) -> None:
    generator = np.random.default_rng(seed)
    teacher, suspect = (random_teacher(3, evenness, generator) for _ in range(2))
    mean = 0.0
    for tokens in product(range(3), repeat=4):
        text = Text(np.array(tokens), NONE)
        chance = float(np.exp(teacher.log_probabilities(NONE, tokens)[np.arange(4), tokens].sum()))
        material = Material("s", teacher=teacher, suspect_weights=suspect, drawn={"": (text,)})
        (line,) = served_choices.test(material).lines or (None,)
        if line is None:  # So unlikely under the teacher that the log is not believed; it then wins nothing.
            continue
        assert line.log_p <= 0
        mean += chance * float(np.exp(line.measured["log_e"]))
    assert 0.9 < mean < 1 + 1e-9


def test_tokens_of_another_law_are_refused() -> None:
    generator = np.random.default_rng(4)
    teacher, other = (random_teacher(12, 0.5, generator) for _ in range(2))
    for source, outcome in ((teacher, "tested"), (other, "no data")):
        drawn = tuple(Text(row, NONE) for row in source.sample([NONE] * 40, 20, generator))
        found = served_choices.test(Material("s", teacher=teacher, suspect_weights=other, drawn={"": drawn}))
        assert found.outcome == outcome
    sharp = MarkovModel("cold", teacher.table**2 / (teacher.table**2).sum(axis=2, keepdims=True))
    drawn = tuple(Text(row, NONE) for row in sharp.sample([NONE] * 40, 20, generator))
    found = served_choices.test(Material("s", teacher=teacher, suspect_weights=other, drawn={"": drawn}))
    assert found.outcome == "no data" and "another temperature" in found.said


def test_of_marked_answers_first_visits_count_and_only_where_the_mark_keeps_the_law() -> None:
    settings = Settings(width=1, vocabulary=12)
    key = cohort_key(bytes(16), "a", "p")
    texts = (Text(np.array([1, 2, 1, 2, 3]), np.array([5, 1])), Text(np.array([4]), np.array([7, 3])))
    for name, expected in (("gumbel_sglang", [[0, 2], [0]]), ("kgw_left_hugging_face", [])):
        scheme = scheme_maker(name).of(key, settings)
        material = Material("s", schemes={"a": scheme}, drawn={"a": texts, "unknown key": texts})
        assert [places.tolist() for _, places in fresh_draws(material)] == expected
    (plain, _) = fresh_draws(Material("s", drawn={"": texts}))
    assert plain[1].tolist() == [0, 1, 2, 3, 4]
    model = random_teacher(12, 1.0, np.random.default_rng(2))
    foreign = Material("s", teacher=model, suspect_weights=model, drawn={"unknown key": texts})
    assert served_choices.test(foreign).outcome == "no data"
