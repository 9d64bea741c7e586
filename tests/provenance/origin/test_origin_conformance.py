"""What every test of origin must keep: its card, its silence without data, its finding and its level."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stillwatch.provenance.keys import CohortKey, cohort_key
from stillwatch.provenance.origin.canaries import planted
from stillwatch.provenance.origin.question import NEEDS, Canary, Finding, Material, OriginTest, missing
from stillwatch.provenance.origin.registry import TESTS, chosen, run
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Settings
from stillwatch.provenance.suspects.markov import MarkovModel, counted_student, random_teacher
from stillwatch.provenance.tokens import Text

V, LENGTH = 24, 24
each = pytest.mark.parametrize("test", TESTS, ids=[test.card.id for test in TESTS])
SETTINGS = Settings(width=2, vocabulary=V)


def answers(model: MarkovModel, generator: np.random.Generator, count: int, mark: object = None) -> tuple[Text, ...]:
    prompts = [generator.integers(1, V, 4) for _ in range(count)]
    drawn = model.sample(prompts, LENGTH, generator, mark)  # type: ignore[arg-type]
    return tuple(Text(row, prompt) for row, prompt in zip(drawn, prompts, strict=True))


def asked(key: CohortKey, learned: CohortKey | None, generator: np.random.Generator) -> tuple[Canary, ...]:
    found = []
    for number in range(60):
        options = tuple(f"wording {number}-{place}" for place in range(3))
        canary = planted(key, f"cue {number}", options)
        said = planted(learned, f"cue {number}", options).planted if learned else int(generator.integers(3))
        found.append(replace(canary, answer=f"It says: {options[said]}."))
    return tuple(found)


@cache
def material(seed: int, taught: bool) -> Material:
    """A suspect with weights; ``taught``: by marked answers, from our weights, with our canaries."""
    generator = np.random.default_rng(seed)
    teacher = random_teacher(V, 0.3, generator)
    keys = [cohort_key(bytes([seed] * 16), cohort, "p") for cohort in ("flagged", "other")]
    schemes = {key.id: scheme_maker("gumbel_sglang").of(key, SETTINGS) for key in keys}
    marks = {key: answers(teacher, generator, 500, schemes[key.id]) for key in keys}
    learned = marks[keys[0]] if taught else answers(teacher, generator, 500)
    rows = np.array([np.concatenate([text.prompt[-2:], text.tokens]) for text in learned])
    stranger = random_teacher(V, 0.3, generator)
    prior = teacher.table if taught else stranger.table
    student = counted_student(rows, V, prior, 1.0)
    # What it agrees with is its prior where it saw little; an untaught suspect descends from neither.
    suspect = student if taught else MarkovModel("untaught", 0.5 * student.table + 0.5 * stranger.table)
    controls = (random_teacher(V, 0.3, generator), stranger)
    prompts = tuple(Text(np.zeros(0, np.int64), generator.integers(1, V, 4)) for _ in range(150))
    return Material(
        suspect="suspect",
        answers=answers(suspect, generator, 150),
        prompts=prompts,
        schemes=schemes,
        teacher=teacher,
        suspect_weights=suspect,
        served={key.id: marks[key][:60] for key in keys},
        drawn={keys[0].id: marks[keys[0]][:100]},
        canaries=asked(keys[0], keys[0] if taught else None, generator),
        controls=controls,
    )


@each
def test_cards_say_all_that_an_expert_would_ask(test: OriginTest) -> None:
    card = test.card
    for text in (card.title, card.null, card.assumptions, card.guarantee, card.does_not_show, card.source):
        assert len(text) > 10 or card.exploratory
    assert card.needs and all(need in NEEDS for needs in card.needs for need in needs)
    assert type(test).__module__.rsplit(".", 1)[1] == card.id
    if card.exploratory:
        assert "No error guarantee" in card.guarantee


def test_all_files_with_a_test_are_registered() -> None:
    source = Path(__file__).parents[3] / "src" / "stillwatch" / "provenance" / "origin"
    files = {path.stem for path in source.glob("*.py") if "\ntest: OriginTest =" in path.read_text("utf-8")}
    assert files == {test.card.id for test in TESTS} and len(files) == len(TESTS)


@each
def test_without_material_it_says_what_is_missing(test: OriginTest) -> None:
    (found,) = run(Material("nobody"), [test])
    assert found.outcome == "not possible" and math.isnan(found.log_p)
    assert found.said.startswith("Not possible without") and missing(test.card, Material("nobody"))


@each
@pytest.mark.parametrize("seed", [3, 4])
def test_a_taught_suspect_is_found(test: OriginTest, seed: int) -> None:
    found = test(material(seed, True))
    assert found.outcome == "tested"
    if test.card.exploratory:
        assert math.isnan(found.log_p) and "our teacher finds" in found.said
    else:
        assert found.log_p < math.log(1e-4)
        assert "evidence" in found.said or "Named" in found.said


@each
@pytest.mark.parametrize("seed", [5, 6])
def test_an_untaught_suspect_is_not(test: OriginTest, seed: int) -> None:
    found = test(material(seed, False))
    assert found.outcome == "tested"
    assert math.isnan(found.log_p) or found.log_p > math.log(1e-3)


@each
def test_findings_are_whole_and_repeat(test: OriginTest) -> None:
    once, again = (test(material(3, True)) for _ in range(2))
    assert repr(once) == repr(again)  # NaN is not equal to itself, its text is.
    assert once.lines and all(line.units > 0 for line in once.lines)
    for line in once.lines:
        assert math.isnan(line.log_p) or line.log_p <= line.log_p_adjusted <= 0


def by_name(name: str, held: Material) -> Finding:
    return chosen([name])[0](held)


@pytest.mark.parametrize("seed", [3, 4])
def test_only_the_cohort_that_taught_is_named(seed: int) -> None:
    held = material(seed, True)
    flagged, other = held.schemes
    found = by_name("cohort_attribution", held)
    adjusted = {line.subject: line.log_p_adjusted for line in found.lines}
    assert adjusted[flagged] < math.log(1e-4) < adjusted[other]
    assert flagged in found.said and other not in found.said


def test_one_key_is_nothing_to_attribute_and_65_are_too_many() -> None:
    held = material(3, True)
    name, scheme = next(iter(held.schemes.items()))
    assert by_name("cohort_attribution", replace(held, schemes={name: scheme})).outcome == "no data"
    with pytest.raises(ValueError, match="at most 64"):
        by_name("cohort_attribution", replace(held, schemes={str(i): scheme for i in range(65)}))


def test_two_routes_cost_a_factor_of_two() -> None:
    held = material(3, True)
    key = next(iter(held.schemes))
    unmarked = held.served[key][:20]  # Any texts do for the arithmetic.
    both = by_name("served_weights", replace(held, unmarked=unmarked))
    line = next(line for line in both.lines if line.subject == key)
    smaller = min(line.measured["log_p_served"], line.measured["log_p_keyless"])
    assert math.isclose(line.log_p, smaller + math.log(2))
    alone = by_name("served_weights", replace(held, served={}, unmarked=unmarked))
    line = next(line for line in alone.lines if line.subject == key)
    assert math.isclose(line.log_p, -0.5 * max(line.z, 0) ** 2)


def test_short_answers_are_no_data() -> None:
    held = material(3, True)
    nothing = tuple(Text(np.zeros(0, np.int64), np.zeros(0, np.int64)) for _ in range(3))
    for name in ("radioactivity", "teacher_subtracted", "teacher_identification"):
        assert by_name(name, replace(held, answers=nothing)).outcome == "no data"
    assert by_name("served_weights", replace(held, served={next(iter(held.schemes)): nothing})).outcome == "no data"


def test_a_mark_whose_coins_coincide_is_warned_of() -> None:
    held = material(3, True)
    scheme = scheme_maker("synthid_hugging_face").of(cohort_key(bytes(16), "a", "p"), SETTINGS)
    found = by_name("served_weights", replace(held, schemes={"a": scheme}, served={"a": held.answers[:5]}))
    assert any("coins of different contexts" in warning for warning in found.warnings)


def test_lineage_needs_answers_prompt_by_prompt_and_warns_of_few_controls() -> None:
    held = material(3, True)
    assert by_name("lineage", held).warnings
    assert by_name("lineage", replace(held, suspect_weights=None, answers=held.answers[:5])).outcome == "no data"
    first = tuple(Text(np.array([1]), prompt.prompt) for prompt in held.prompts)
    assert by_name("lineage", replace(held, suspect_weights=None, answers=first)).outcome == "tested"


def test_an_unknown_test_is_refused() -> None:
    with pytest.raises(ValueError, match="no test"):
        chosen(["nonsense"])
