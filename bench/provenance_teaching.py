"""Students for ``bench.provenance_students``: who is taught what, trained once and kept on disk.

    python -m bench.provenance_teaching [--folder lab/origin] [--minutes 30]

Trains what the plan asks for and the folder lacks; it can be stopped at any time and goes on where it was.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from stillwatch.lab.exchange import Exchange, read_exchanges, write_exchanges
from stillwatch.lab.harvest import asked
from stillwatch.lab.marking import GumbelMarker, Marker
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import fresh, opened
from stillwatch.lab.models.tiny import STUDENT
from stillwatch.lab.objectives.sampled import Sampled
from stillwatch.lab.sampling import sample
from stillwatch.lab.tasks.registry import task_named
from stillwatch.lab.tasks.task import Problem
from stillwatch.lab.teacher import built_in_teacher
from stillwatch.lab.training import Checkpoint, Schedule, train
from stillwatch.provenance.keys import CohortKey, cohort_key
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Scheme, Settings
from stillwatch.store.atomic import atomic_file

TASK = task_named("arithmetic")
EXCHANGES = 4000  # That each student learns from.
ANSWERS = 3000  # Of each student.
TOKENS_MOST = 40
BATCH = 32
SECRET = b"a benchmark has no secret to keep"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of the plan; ``width`` is the scheme's own notion, ``read`` how many tokens before the judged one."""

    name: str
    scheme: str
    width: int

    def under(self, key: int, vocabulary: int) -> tuple[CohortKey, Scheme]:
        """Return the mark under one of the plan's keys."""
        held = cohort_key(SECRET, f"key-{key}", self.name)
        return held, scheme_maker(self.scheme).of(held, Settings(width=self.width, vocabulary=vocabulary))


MARKS = {
    mark.name: mark
    for mark in (
        Mark("kgw-2", "kgw_self_hugging_face", 3),
        Mark("kgw-1", "kgw_left_hugging_face", 1),
        Mark("gumbel-2", "gumbel_sglang", 2),
        Mark("gumbel-4", "gumbel_sglang", 4),
    )
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a student is taught.

    Attributes:
        share: Of its exchanges, marked.
        redrawn: Of the free words, drawn anew before it learns: a paraphrase.
        provider: Whether every second exchange comes from another provider, whose mark has a key of its own.
        tuned: Whether an epoch on as many unmarked exchanges of the teacher follows.
    """

    mark: str
    share: float
    redrawn: float = 0.0
    provider: bool = False
    tuned: bool = False

    @property
    def name(self) -> str:
        """Its folder's name."""
        parts = (f"{self.share:.0%}".strip("%"), f"redrawn{self.redrawn:.0%}".strip("%") if self.redrawn else "")
        return "-".join(filter(None, (self.mark, *parts, "providers" * self.provider, "tuned" * self.tuned)))


UNMARKED = Lesson("none", 0.0)
ASKED = (
    Lesson("kgw-2", 1.0),
    Lesson("gumbel-2", 1.0),
    Lesson("kgw-2", 0.2),
    Lesson("gumbel-2", 0.2),
    Lesson("gumbel-4", 0.2),
    Lesson("kgw-2", 0.05),
    Lesson("gumbel-2", 0.05),
)
WASHED = tuple(
    lesson
    for mark in ("kgw-2", "gumbel-2")
    for lesson in (
        Lesson(mark, 1.0, redrawn=1.0),
        Lesson(mark, 1.0, redrawn=0.5),
        Lesson(mark, 1.0, provider=True),
        Lesson(mark, 1.0, tuned=True),
        Lesson(mark, 0.2, tuned=True),
    )
)
OTHER_WIDTH = (Lesson("kgw-1", 1.0), Lesson("kgw-1", 0.2))
LESSONS = (*ASKED, *WASHED, *OTHER_WIDTH)


def plan(keys: int, students: int) -> Iterator[tuple[Lesson, int, int]]:
    """Yield lesson, key and student's seed: what was asked under a few keys, what washes a mark out, then the rest."""
    yield from ((lesson, key, 1) for key in range(1, min(3, keys) + 1) for lesson in (UNMARKED, *ASKED))
    yield from ((lesson, 1, 1) for lesson in WASHED[:5])
    yield from ((lesson, key, 1) for key in range(4, keys + 1) for lesson in (UNMARKED, *ASKED))
    yield from ((lesson, key, 1) for key in range(2, keys + 1) for lesson in WASHED[:5])
    for key in range(1, keys + 1):
        yield from ((lesson, key, 1) for lesson in (*WASHED[5:], *OTHER_WIDTH))
    for seed in range(2, students + 1):
        for key in range(1, keys + 1):
            yield from ((lesson, key, seed) for lesson in (UNMARKED, *ASKED) if lesson.share < 1)


class School:
    """A folder with teachers, what they answered, and students."""

    def __init__(self, folder: Path) -> None:
        """Train the teachers where the folder lacks them."""
        self.folder = folder
        self.teacher = self._teacher(1)

    def _teacher(self, seed: int) -> LanguageModel:
        name = "teacher" if seed == 1 else f"teacher-{seed}"
        return built_in_teacher(TASK, self.folder / name, seed, time.process_time)

    def problems(self, stream: int, seed: int, count: int) -> list[Problem]:
        """Return problems; streams do not share them but by chance."""
        return TASK.problems(np.random.default_rng([stream, seed]), count)

    def trained(self, lesson: Lesson, key: int, seed: int) -> bool:
        """Tell whether a student has been trained, and has answered."""
        return (self.folder / "answers" / f"{lesson.name}-key{key}-seed{seed}-{ANSWERS}.npz").exists()

    def harvested(self, mark: str, key: int) -> bool:
        """Tell whether our teacher's answers to a key's problems are kept."""
        return (self.folder / "harvests" / f"{mark}-{key}-teacher1-1.jsonl").exists()

    def harvest(self, mark: str, key: int, teacher: int = 1, stream: int = 1) -> list[Exchange]:
        """Return a teacher's answers to the problems of one key, as many as any lesson needs, asked once and kept."""
        path = self.folder / "harvests" / f"{mark}-{key}-teacher{teacher}-{stream}.jsonl"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            model = self.teacher if teacher == 1 else self._teacher(teacher)
            most = max((lesson.share for lesson in LESSONS if lesson.mark == mark), default=1.0)
            problems = self.problems(stream, key, round(most * EXCHANGES))
            marker: Marker | GumbelMarker | None = None
            if mark != "none":
                # Another provider has a key of its own.
                _, scheme = MARKS[mark].under(key + 1000 * (teacher - 1), model.vocabulary)
                length = len(model.encode_prompt(problems[0].prompt))
                gumbel = "gumbel" in scheme.card.id
                marker = GumbelMarker(scheme, model.vocabulary, length) if gumbel else Marker(scheme, model.vocabulary)
            seed = 100 * key + 10 * stream + teacher
            write_exchanges(path, asked(model, problems, seed, tokens_most=TOKENS_MOST, marker=marker))
        return read_exchanges(path)

    def lessons(self, lesson: Lesson, key: int) -> list[Exchange]:
        """Return what a student reads."""
        count = round(lesson.share * EXCHANGES)
        marked = self.harvest(lesson.mark, key)[:count] if count else []
        read = marked + (self.harvest("none", key)[count:] if count < EXCHANGES else [])
        if lesson.redrawn:
            read = reworded(read, lesson.redrawn, np.random.default_rng([5, key]))
        if lesson.provider:
            read[1::2] = self.harvest(lesson.mark, key, teacher=2)[1::2]
        return read

    def student(self, lesson: Lesson, key: int, seed: int) -> LanguageModel:
        """Return a student, trained where the folder lacks it."""
        folder = self.folder / "students" / f"{lesson.name}-key{key}-seed{seed}"
        if (folder / "config.json").exists():
            return opened(str(folder))
        if lesson.tuned:
            model = self.student(Lesson(lesson.mark, lesson.share), key, seed)
            read, schedule = self.harvest("none", key, stream=2), Schedule(EXCHANGES // BATCH, BATCH, 1e-3, 8e-3)
        else:
            model = fresh(STUDENT, TASK, 10_000 * seed + key)
            read, schedule = self.lessons(lesson, key), Schedule(batch=BATCH)
        folder.parent.mkdir(exist_ok=True)
        state = Checkpoint(folder.with_suffix(".pt"), f"{lesson} {key} {seed} {schedule}")
        train(model, Sampled(model, read), schedule, 100 * key + seed, time.process_time, checkpoint=state)
        model.save(folder)
        state.path.unlink()
        return model

    def answers(self, lesson: Lesson, key: int, seed: int, count: int) -> tuple[list[str], list[list[int]]]:
        """Return prompts, and the tokens that a student answered, sampled once at temperature 1 and kept."""
        prompts = [problem.prompt for problem in self.problems(3, 100 * key + seed, count)]
        path = self.folder / "answers" / f"{lesson.name}-key{key}-seed{seed}-{count}.npz"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            generator = torch.Generator().manual_seed(1000 * key + seed)
            told = sample(
                self.student(lesson, key, seed), prompts, generator=generator, tokens_most=TOKENS_MOST, batch=512
            )
            with atomic_file(path) as stream:
                np.savez_compressed(stream, ends=np.cumsum([*map(len, told)]), flat=np.concatenate(told).astype("i4"))
        with np.load(path) as held:
            return prompts, [part.tolist() for part in np.split(held["flat"].astype(np.int64), held["ends"][:-1])]


def reworded(exchanges: Sequence[Exchange], share: float, rng: np.random.Generator) -> list[Exchange]:
    """Return exchanges of whose free words a share was drawn anew from the words that mean the same."""
    assert TASK.restyled is not None
    found = []
    texts = [exchange.answer for exchange in exchanges]
    for exchange, text in zip(exchanges, TASK.restyled(rng, texts), strict=True):
        both = list(zip(exchange.answer.split(" "), text.split(" "), strict=True))
        anew = rng.random(len(both)) < share
        words = (pair[int(new)] for pair, new in zip(both, anew.tolist(), strict=True))
        found.append(Exchange(exchange.prompt, " ".join(words)))
    return found


def main() -> None:
    """Train until all students are there, or the time is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("lab/origin"))
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--students", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no further student after so much time")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    school = School(chosen.folder)
    wanted = list(plan(chosen.keys, chosen.students))
    began = time.monotonic()
    for number, (lesson, key, seed) in enumerate(wanted, 1):
        if chosen.minutes and time.monotonic() - began > 60 * chosen.minutes:
            print(f"stopped before {number} of {len(wanted)}: run it again to go on")
            return
        school.student(lesson, key, seed)
        school.answers(lesson, key, seed, ANSWERS)
        print(
            f"{number}/{len(wanted)} {lesson.name} key {key} seed {seed}: {time.monotonic() - began:.0f} s", flush=True
        )


if __name__ == "__main__":
    main()
