"""Power of the tests of origin on neural students of the lab, and what washing a mark out leaves of it.

    python -m bench.provenance_teaching --minutes 60     # train the students, about 20 s of a core each; resumes
    python -m bench.provenance_students                  # test them; students that are not there are passed over

A draw is one student, of its own key and seed, tested once: with so many of its answers, or on so many served traces. A
row says how many draws had a p-value below its limit, the median of log10 p and of z, and the worst p. p is
exp(-z**2 / 2) for tests a and b, one over an e-value for tests on served traces.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from bench.agreement import clopper_pearson
from bench.provenance_teaching import (
    ANSWERS,
    ASKED,
    EXCHANGES,
    LESSONS,
    MARKS,
    TASK,
    TOKENS_MOST,
    UNMARKED,
    WASHED,
    Lesson,
    School,
)

from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.origin import Scored, as_texts
from stillwatch.lab.sampling import sample
from stillwatch.lab.tasks.task import accuracy
from stillwatch.provenance.origin import radioactivity, served_choices, served_weights, teacher_subtracted
from stillwatch.provenance.origin.question import Material, OriginTest
from stillwatch.provenance.tokens import Text

Reader = Callable[["Suspect", int], Material]


class Suspect:
    """One student as the tests meet it.

    Attributes:
        mark: Under whose key it is tested; its own lesson's, but for unmarked students.
    """

    def __init__(self, school: School, lesson: Lesson, key: int, seed: int, mark: str) -> None:
        """Open what the school holds of it."""
        self.lesson, self.key, self.seed, self.mark, self._school = lesson, key, seed, mark, school
        self.teacher = Scored(school.teacher, "teacher")
        self.key_id, self.scheme = MARKS[mark].under(key, school.teacher.vocabulary)

    @property
    def blank(self) -> Material:
        """The material without answers and traces."""
        return Material("student", schemes={self.key_id.id: self.scheme}, teacher=self.teacher)

    def answers(self, count: int) -> tuple[Text, ...]:
        """Return so many of its answers."""
        prompts, told = self._school.answers(self.lesson, self.key, self.seed, ANSWERS)
        encode = self._school.teacher.encode_prompt
        pairs = zip(prompts[:count], told, strict=False)
        return tuple(Text(np.array(each, np.int64), np.array(encode(prompt), np.int64)) for prompt, each in pairs)

    def traces(self, count: int) -> tuple[tuple[Text, ...], tuple[Text, ...]]:
        """Return so many exchanges that it read, marked ones first: marked, unmarked. Others' for an untaught one."""
        marked = round(self.lesson.share * EXCHANGES)
        key = self.key if marked else self.key % 3 + 1
        ours = self._school.harvest(self.mark, self.key)[: min(count, marked or count)]
        plain = self._school.harvest("none", key)[marked:][: count - len(ours) if marked else count]
        return as_texts(self._school.teacher, ours), as_texts(self._school.teacher, plain)

    def weights(self) -> LanguageModel:
        """Return the student itself."""
        return self._school.student(self.lesson, self.key, self.seed)


def by_answers(suspect: Suspect, count: int) -> Material:
    """Return the material of samples alone."""
    answers = suspect.answers(count)
    suspect.teacher.read(answers)
    return replace(suspect.blank, answers=answers)


def by_traces(suspect: Suspect, count: int) -> Material:
    """Return the material of weights and the served log."""
    marked, plain = suspect.traces(count)
    suspect.teacher.read((*marked, *plain))
    weights = Scored(suspect.weights(), "student").read((*marked, *plain))
    key = suspect.key_id.id
    served = {"served": {key: marked}, "unmarked": plain, "drawn": {key: marked, "": plain}}
    return replace(suspect.blank, suspect_weights=weights, **served)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Question:
    """A test with what it may read, and the limit of its p-value."""

    test: OriginTest
    read: Reader
    count: int
    limit: float


SAMPLES = (radioactivity.test, teacher_subtracted.test)
WEIGHTS = (served_weights.test, served_choices.test)


def questions(lesson: Lesson) -> Iterator[Question]:
    """Yield what is asked about a lesson's students."""
    if lesson.share == 1 or lesson is UNMARKED:
        yield from (Question(test, by_answers, 10, 1e-6) for test in SAMPLES)
    yield from (Question(test, by_answers, ANSWERS, 1e-6) for test in SAMPLES)
    if lesson.share == 0.05:
        yield from (Question(test, by_traces, 1000, 1e-4) for test in WEIGHTS)
    else:
        yield from (Question(test, by_traces, 300, 1e-6) for test in WEIGHTS)


def tested(suspect: Suspect, question: Question) -> tuple[float, float]:
    """Return z and log p of one draw; (NaN, 0) where the test has no data."""
    found = question.test(question.read(suspect, question.count))
    if found.outcome != "tested":
        return math.nan, 0.0
    (line,) = found.lines
    return line.z, line.measured["log_p_bound"] if question.test is radioactivity.test else found.log_p


def row(lesson: Lesson, mark: str, question: Question, found: list[tuple[float, float]]) -> str:
    """Return one line of the table."""
    z, log_p = np.array(found).T
    logs = log_p / math.log(10)
    hits = int((log_p < math.log(question.limit)).sum())
    low, high = clopper_pearson(hits, len(found), 0.95)
    what = f"{question.count:,} {'answers' if question.read is by_answers else 'traces'}"
    return (
        f"{lesson.name:22} {mark:9} {question.test.card.id:19} {what:14} {question.limit:7.0e} "
        f"{hits:3} of {len(found):<3} [{low:4.0%}, {high:4.0%}]  {np.median(logs):8.1f} {logs.max():8.1f} "
        f"{np.median(z):6.1f}"
    )


def rows(school: School, lesson: Lesson, keys: int, students: int) -> Iterator[str]:
    """Yield the lines of one lesson; unmarked students are tested under each mark of the plan."""
    there = [
        (key, seed)
        for key in range(1, keys + 1)
        for seed in range(1, students + 1)
        if school.trained(lesson, key, seed)
    ]
    if not there:
        return
    for mark in [lesson.mark] if lesson.mark in MARKS else ["kgw-2", "gumbel-2", "gumbel-4"]:
        suspects = [Suspect(school, lesson, key, seed, mark) for key, seed in there]
        for question in questions(lesson):
            yield row(lesson, mark, question, [tested(suspect, question) for suspect in suspects])


class Neutralised(Suspect):
    """A student that takes back, while it answers, what it has learned beyond a student of reworded text.

    The thief compares both on its own harvest, by the last two tokens and the next, and subtracts the mean difference
    from its logits: an attack that needs no key.

    Source:
        Pan et al., arXiv:2502.11598 (watermark neutralisation).
    """

    def answers(self, count: int) -> tuple[Text, ...]:
        """Return answers with the learned shift subtracted."""
        read = as_texts(self._school.teacher, self._school.lessons(self.lesson, self.key)[:1000])
        plain = self._school.student(Lesson(self.mark, 1.0, redrawn=1.0), self.key, 1)
        both = [Scored(model, "student").read(read) for model in (self.weights(), plain)]
        size = plain.vocabulary
        shifts, met = np.zeros((size * size, size)), np.zeros((size * size, 1))
        for text in read:
            chain = np.concatenate([text.prompt, text.tokens])
            first = len(text.prompt)
            places = chain[first - 2 : -2] * size + chain[first - 1 : -1]
            gap = np.subtract(*(model.log_probabilities(text.prompt, text.tokens) for model in both))
            np.add.at(shifts, places, gap)
            np.add.at(met, places, 1.0)
        table = torch.from_numpy((shifts / np.maximum(met, 1)).astype(np.float32))

        def without(told: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            return logits - table[told[:, -2] * size + told[:, -1]]

        prompts = [problem.prompt for problem in self._school.problems(3, 100 * self.key + self.seed, count)]
        generator = torch.Generator().manual_seed(7000 + self.key)
        told = sample(self.weights(), prompts, generator=generator, tokens_most=TOKENS_MOST, marker=without, batch=512)
        encode = self._school.teacher.encode_prompt
        pairs = zip(prompts, told, strict=True)
        return tuple(Text(np.array(each, np.int64), np.array(encode(prompt), np.int64)) for prompt, each in pairs)


def neutralised(school: School, mark: str, keys: int) -> Iterator[str]:
    """Yield the lines of neutralised students, by samples: the weights themselves are as they were."""
    lesson, plain = Lesson(mark, 1.0), Lesson(mark, 1.0, redrawn=1.0)
    there = [key for key in range(1, keys + 1) if all(school.trained(each, key, 1) for each in (lesson, plain))]
    suspects = [Neutralised(school, lesson, key, 1, mark) for key in there]
    for test in SAMPLES if there else ():
        question = Question(test, by_answers, 1000, 1e-6)
        shown = row(lesson, mark, question, [tested(suspect, question) for suspect in suspects])
        yield shown.replace(f"{lesson.name:22}", f"{lesson.name + '-neutral':22}")


def costs(school: School, keys: int) -> Iterator[str]:
    """Yield how many points of its answers' accuracy a mark costs the teacher, over all harvests that are kept."""
    for mark in MARKS:
        marked: list[float] = []
        plain: list[float] = []
        for key in range(1, keys + 1):
            if school.harvested(mark, key) and school.harvested("none", key):
                for mine, name in ((marked, mark), (plain, "none")):
                    texts = [exchange.answer for exchange in school.harvest(name, key)]
                    mine.append(accuracy(school.problems(1, key, len(texts)), texts))
        if marked:
            lost = 100 * (np.mean(plain) - np.mean(marked))
            yield (
                f"{mark:9} {len(marked)} keys: answers right {np.mean(marked):.2%}, unmarked {np.mean(plain):.2%}: "
                f"{lost:+.2f} points lost"
            )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("lab/origin"))
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--students", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    school = School(chosen.folder)
    print(f"{EXCHANGES:,} exchanges of {TASK.name} a student; keys 1 to {chosen.keys}, seeds of students as trained")
    print(
        f"{'taught':22} {'key of':9} {'test':19} {'reads':14} {'limit':>7} {'below':>9} {'95 %':13}  "
        f"{'log10 p':>8} {'worst':>8} {'z':>6}"
    )
    for lesson in (UNMARKED, *ASKED, *(each for each in LESSONS if each not in ASKED)):
        for line in rows(school, lesson, chosen.keys, chosen.students):
            print(line, flush=True)
    for mark in sorted({lesson.mark for lesson in WASHED}):
        for line in neutralised(school, mark, chosen.keys):
            print(line, flush=True)
    for line in costs(school, chosen.keys):
        print(line, flush=True)


if __name__ == "__main__":
    main()
