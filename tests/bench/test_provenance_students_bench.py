# ruff: noqa: E402 - what needs torch is imported once it is known to be there.
"""The school of the provenance benches: who is taught what, what is kept, how draws become a row; hardly trained."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the lab's framework is not installed: pip install 'stillwatch[lab]'")

from bench.provenance_students import Question, Suspect, by_answers, by_traces, costs, neutralised, questions, row, rows
from bench.provenance_teaching import ASKED, LESSONS, MARKS, UNMARKED, WASHED, Lesson, School, plan, reworded

from bench import provenance_students as students
from bench import provenance_teaching as teaching
from stillwatch.lab import teacher
from stillwatch.lab.exchange import Exchange
from stillwatch.lab.training import Schedule
from stillwatch.provenance.origin import radioactivity, teacher_subtracted

MARKED = Lesson("gumbel-2", 1.0)
SOME = Lesson("gumbel-2", 0.2)


@pytest.fixture(scope="module")
def small() -> pytest.MonkeyPatch:
    """Everything so small that a student takes a fraction of a second."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(teacher, "_SCHEDULE", Schedule(steps=2, batch=8))
        patch.setattr(teacher, "_EXAMPLES", 32)
        patch.setattr(teaching, "Schedule", lambda *_, **__: Schedule(steps=2, batch=8))
        for module in (teaching, students):
            patch.setattr(module, "EXCHANGES", 20)
            patch.setattr(module, "ANSWERS", 12)
            patch.setattr(module, "TOKENS_MOST", 12)
        yield patch


@pytest.fixture(scope="module")
def school(small: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> School:  # noqa: ARG001
    return School(tmp_path_factory.mktemp("school"))


@pytest.mark.parametrize(("keys", "seeds"), [(1, 1), (2, 2), (5, 2)])
def test_a_plan_names_every_student_once_and_what_was_asked_first(keys: int, seeds: int) -> None:
    wanted = list(plan(keys, seeds))
    assert len(wanted) == len(set(wanted))
    firsts = {(lesson, key) for lesson, key, seed in wanted if seed == 1}
    assert firsts == {(lesson, key) for lesson in (UNMARKED, *LESSONS) for key in range(1, keys + 1)}
    again = {lesson for lesson, _, seed in wanted if seed > 1}
    assert again == ({lesson for lesson in (UNMARKED, *ASKED) if lesson.share < 1} if seeds > 1 else set())
    assert {key for _, key, _ in wanted} == set(range(1, keys + 1))
    place = {student: number for number, student in enumerate(wanted)}
    assert max(place[lesson, 1, 1] for lesson in ASKED) < min(place[lesson, 1, 1] for lesson in WASHED)


def test_names_of_lessons_are_distinct_and_say_what_is_taught() -> None:
    assert len({lesson.name for lesson in (UNMARKED, *LESSONS)}) == 1 + len(LESSONS)
    assert Lesson("kgw-2", 0.05).name == "kgw-2-5"
    assert Lesson("kgw-2", 1.0, redrawn=0.5, tuned=True).name == "kgw-2-100-redrawn50-tuned"
    assert {lesson.mark for lesson in LESSONS} == set(MARKS)


def test_students_read_what_their_lesson_says(school: School) -> None:
    marked, plain = school.harvest("gumbel-2", 1), school.harvest("none", 1)
    assert [exchange.prompt for exchange in marked] == [exchange.prompt for exchange in plain] and marked != plain
    assert school.lessons(MARKED, 1) == marked and school.lessons(UNMARKED, 1) == plain
    assert school.lessons(SOME, 1) == [*marked[:4], *plain[4:]]
    both = school.lessons(replace(MARKED, provider=True), 1)
    assert both[::2] == marked[::2] and both[1::2] == school.harvest("gumbel-2", 1, teacher=2)[1::2] != marked[1::2]
    assert school.harvested("gumbel-2", 1) and not school.harvested("gumbel-2", 2)


def test_a_harvest_is_asked_once(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    held = school.harvest("none", 1)
    monkeypatch.setattr(teaching, "asked", lambda *_, **__: pytest.fail("asked again"))
    assert school.harvest("none", 1) == held


def test_rewording_draws_a_share_of_words_anew_and_keeps_what_is_said() -> None:
    task = teaching.TASK
    assert task.worked is not None
    rng = np.random.default_rng(1)
    problems = task.problems(rng, 200)
    worked = [Exchange(each.prompt, text) for each, text in zip(problems, task.worked(rng, problems), strict=True)]
    assert reworded(worked, 0.0, np.random.default_rng(2)) == worked

    def changed(share: float) -> float:
        anew = reworded(worked, share, np.random.default_rng(2))
        assert [each.prompt for each in anew] == [each.prompt for each in worked]
        words = [
            one != other
            for before, after in zip(worked, anew, strict=True)
            for one, other in zip(before.answer.split(), after.answer.split(), strict=True)
        ]
        return float(np.mean(words))

    assert 0 < changed(0.5) < 0.7 * changed(1.0)
    for before, after in zip(worked, reworded(worked, 1.0, np.random.default_rng(2)), strict=True):
        assert before.answer.split("####")[1] == after.answer.split("####")[1]


def test_students_and_answers_are_kept_and_do_not_change(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not school.trained(MARKED, 1, 1)
    school.student(MARKED, 1, 1)
    prompts, told = school.answers(MARKED, 1, 1, teaching.ANSWERS)
    assert len(prompts) == len(told) == 12 and school.trained(MARKED, 1, 1)
    monkeypatch.setattr(teaching, "train", lambda *_, **__: pytest.fail("trained again"))
    assert school.answers(MARKED, 1, 1, teaching.ANSWERS) == (prompts, told)
    assert not list((school.folder / "students").glob("*.pt"))
    other = school.problems(3, 102, 12)
    assert [problem.prompt for problem in other] != prompts  # Another seed is asked something else.


def test_a_tuned_student_goes_on_from_the_one_that_was_not(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    school.student(MARKED, 1, 1)
    monkeypatch.setattr(teaching, "fresh", lambda *_: pytest.fail("begun anew"))
    school.student(replace(MARKED, tuned=True), 1, 1)
    names = {folder.name for folder in (school.folder / "students").iterdir()}
    assert {"gumbel-2-100-key1-seed1", "gumbel-2-100-tuned-key1-seed1"} <= names


def test_suspects_are_read_on_what_they_were_taught(school: School) -> None:
    school.answers(SOME, 1, 1, teaching.ANSWERS)
    suspect = Suspect(school, SOME, 1, 1, "gumbel-2")
    marked, plain = suspect.traces(10)
    assert (len(marked), len(plain)) == (4, 6)  # A fifth of twenty, then unmarked ones that it read as well.
    stranger = Suspect(school, UNMARKED, 1, 1, "gumbel-2")
    theirs, others = stranger.traces(10)
    assert (len(theirs), len(others)) == (10, 10)  # Whoever was not taught is read on what it never saw.
    assert [text.tokens.tolist() for text in theirs[:4]] == [text.tokens.tolist() for text in marked]
    material = by_answers(suspect, 5)
    assert len(material.answers) == 5 and set(material.schemes) == {suspect.key_id.id}
    served = by_traces(suspect, 10)
    assert served.suspect_weights is not None and len(served.served[suspect.key_id.id]) == 4


def test_what_is_asked_depends_on_the_share() -> None:
    def counts(lesson: Lesson) -> list[tuple[str, int, float]]:
        return [(each.test.card.id, each.count, each.limit) for each in questions(lesson)]

    assert ("radioactivity", 10, 1e-6) in counts(MARKED) and ("radioactivity", 10, 1e-6) in counts(UNMARKED)
    assert not any(count == 10 for _, count, _ in counts(SOME))
    assert ("served_weights", 1000, 1e-4) in counts(Lesson("gumbel-2", 0.05))
    assert ("served_choices", 300, 1e-6) in counts(SOME)


def test_a_row_counts_draws_below_the_limit() -> None:
    question = Question(teacher_subtracted.test, by_answers, 10, 1e-6)
    found = [(9.0, -40.5), (8.0, -32.0), (1.0, -0.5), (math.nan, 0.0)]
    told = row(SOME, "gumbel-2", question, found).split()
    assert told[:7] == ["gumbel-2-20", "gumbel-2", "teacher_subtracted", "10", "answers", "1e-06", "2"]
    assert told[7:9] == ["of", "4"]
    assert float(told[-2]) == 0.0 and float(told[-3]) == pytest.approx(-16.25 / math.log(10), abs=0.05)


def test_rows_are_of_students_that_are_there(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Question(radioactivity.test, by_answers, 5, 1e-6)
    monkeypatch.setattr(students, "questions", lambda _: iter([one]))
    school.answers(SOME, 1, 1, teaching.ANSWERS)
    school.answers(UNMARKED, 1, 1, teaching.ANSWERS)
    assert [" of 1 " in line for line in rows(school, SOME, 5, 2)] == [True]
    assert len(list(rows(school, UNMARKED, 5, 2))) == 3  # Under each mark of the plan.
    assert list(rows(school, Lesson("kgw-1", 1.0), 5, 2)) == []
    assert list(neutralised(school, "kgw-2", 5)) == []


def test_costs_are_told_of_marks_whose_harvests_are_kept(school: School) -> None:
    school.harvest("gumbel-2", 1)
    school.harvest("none", 1)
    (told,) = [line for line in costs(school, 5) if line.startswith("gumbel-2 ")]
    assert "1 keys" in told and "points lost" in told
    assert not [line for line in costs(school, 5) if line.startswith("kgw-1")]


def test_commands_train_what_lacks_and_print_a_table(
    small: pytest.MonkeyPatch,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(teaching, "plan", lambda keys, _: iter([(SOME, key, 1) for key in range(1, keys + 1)]))
    monkeypatch.setattr("sys.argv", ["x", "--folder", str(tmp_path / "origin"), "--keys", "2", "--minutes", "1e-9"])
    teaching.main()
    assert "stopped before 1 of 2" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["x", "--folder", str(tmp_path / "origin"), "--keys", "1"])
    teaching.main()
    assert "1/1 gumbel-2-20 key 1 seed 1" in capsys.readouterr().out
    monkeypatch.setattr(students, "questions", lambda _: iter([Question(radioactivity.test, by_answers, 5, 1e-6)]))
    students.main()
    said = capsys.readouterr().out
    assert said.count("gumbel-2-20") == 1 and "keys 1 to 1" in said and "points lost" in said
