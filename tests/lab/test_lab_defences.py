from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.lab.answer import Answer, parsed
from stillwatch.lab.defences.answer_only import answer_only
from stillwatch.lab.defences.defence import Defence
from stillwatch.lab.defences.poisoned import poisoned
from stillwatch.lab.defences.registry import DEFENCES, defence_named, defended
from stillwatch.lab.defences.reordered import reordered
from stillwatch.lab.defences.summarised import summarised

ANSWER = Answer(("first take + 3 gives 7", "then take * 2 makes 4", "last take - 1 leaves 3"), "3")


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_only_the_labs_baseline_says_what_is_false(defence: Defence) -> None:
    finals = {defence.transform(generator(seed), ANSWER).final for seed in range(50)}
    assert (finals != {"3"}) == defence.false_statements
    assert defence.false_statements == (defence.name == "half poisoned")


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda defence: defence.name)
def test_equal_seeds_give_equal_answers_and_odd_text_passes(defence: Defence) -> None:
    texts = [ANSWER.text] * 20
    assert defended(defence, generator(4), texts) == defended(defence, generator(4), texts)
    assert defended(defence, generator(), ["no final answer"]) == ["no final answer"]
    assert parsed(defended(defence, generator(), ["#### 5"])[0]) == Answer((), "5")


def test_answer_only_and_summarised_hide_results() -> None:
    assert answer_only(generator(), ANSWER) == Answer((), "3")
    told = summarised(generator(), ANSWER)
    assert told.steps == ("first take + 3", "then take * 2", "last take - 1") and told.final == "3"
    assert summarised(generator(), Answer(("so 4 + 4 = 8", "done"), "8")).steps == ("so 4 + 4",)


@given(st.integers(0, 2**32))
def test_reordering_loses_no_step(seed: int) -> None:
    told = reordered(generator(seed), ANSWER)
    assert sorted(told.steps) == sorted(ANSWER.steps) and told.final == ANSWER.final


def test_each_order_is_as_likely() -> None:
    counts: dict[tuple[str, ...], int] = {}
    rng = generator(9)
    for _ in range(6000):
        steps = reordered(rng, ANSWER).steps
        counts[steps] = counts.get(steps, 0) + 1
    assert len(counts) == 6
    assert all(abs(count - 1000) < 150 for count in counts.values())  # Five standard deviations.


def test_half_of_the_poisoned_answers_are_false_throughout() -> None:
    rng, false = generator(2), 0
    for _ in range(2000):
        told = poisoned(rng, ANSWER)
        if told == ANSWER:
            continue
        false += 1
        words = [(step.split(), was.split()) for step, was in zip(told.steps, ANSWER.steps, strict=True)]
        assert all(now[:-1] == was[:-1] and now[-1] != was[-1] for now, was in words)
        assert told.final == told.steps[-1].split()[-1]
    assert 880 < false < 1120


def test_an_unknown_defence_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="answer only"):
        defence_named("moat")
