"""The curve: what students learn from so many exchanges, with and without each defence, passive and adaptive.

Every student is one cell. A cell is kept in a file of its own as soon as it is done, so that a curve that was stopped
goes on, and one that is asked for more sizes or seeds trains only what is new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson

from stillwatch.lab.configuration import ADAPTIVE, BUILT_IN, IN_PARTS, INFERRING, MODES, PASSIVE, Distillation
from stillwatch.lab.defences.registry import DEFENCES, defence_named
from stillwatch.lab.distillation import (
    Progress,
    digest,
    harvested,
    learnt,
    summed_up,
    teacher_of,
    tested,
)
from stillwatch.lab.exchange import Exchange, read_exchanges, write_exchanges
from stillwatch.lab.harvest import problem_sets
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.tasks.registry import task_named
from stillwatch.lab.tasks.task import Problem, Task, accuracy
from stillwatch.store.atomic import atomic_file

ORIGINS = ("none", *(defence.name for defence in DEFENCES if defence.marked))


@dataclass(frozen=True, slots=True)
class Plan:
    """Which students to train.

    ``sizes`` and ``held_out`` are numbers of exchanges without a defence; the curve is fitted on the former and judged
    on the latter. Every defence is met by every kind of student at ``defence_size``. At ``logprob_sizes`` students also
    learn from log-probabilities.

    Raises:
        ValueError: If a number is out of range, a name is unknown, or a held-out size is not held out.
    """

    tasks: tuple[str, ...] = ("arithmetic", "look-up")
    sizes: tuple[int, ...] = (125, 250, 500, 1000, 4000)
    held_out: tuple[int, ...] = (350, 2000)
    defences: tuple[str, ...] = tuple(defence.name for defence in DEFENCES)
    defence_size: int = 4000
    logprob_sizes: tuple[int, ...] = (250,)
    seeds: int = 5
    base: Distillation = field(default_factory=Distillation)

    def __post_init__(self) -> None:
        """Check the ranges."""
        sizes = (*self.sizes, *self.held_out, *self.logprob_sizes, self.defence_size)
        if not self.tasks or len(set(self.sizes)) < 2 or min(sizes) < 1 or self.seeds < 1:
            raise ValueError("a curve needs a task, two sizes or more, positive sizes and at least one seed")
        if set(self.sizes) & set(self.held_out):
            raise ValueError("held-out sizes must not be among the sizes that the curve is fitted on")
        for name in self.defences:
            defence_named(name)

    @property
    def most(self) -> int:
        """Exchanges of the largest harvest."""
        return max(*self.sizes, *self.held_out, *self.logprob_sizes, self.defence_size)

    def cells(self) -> Iterator[Distillation]:
        """Yield every student to train, seed by seed, each once."""
        seen = set()
        for seed in range(1, self.seeds + 1):
            for task in self.tasks:
                for cell in self._cells(replace(self.base, task=task, seed=seed)):
                    if digest(cell) not in seen:
                        seen.add(digest(cell))
                        yield cell

    def _cells(self, base: Distillation) -> Iterator[Distillation]:
        for size in sorted({*self.sizes, *self.held_out}):
            yield replace(base, exchanges=size)
        for size in self.logprob_sizes:
            yield replace(base, exchanges=size)
            yield replace(base, exchanges=size, mode=MODES[1])
        for name in self.defences:
            if name == "logprobs off":
                continue  # The text is that of no defence: it is the students without log-probabilities above.
            kinds = (PASSIVE, ADAPTIVE, *((INFERRING, IN_PARTS) if defence_named(name).hides_steps else ()))
            for kind in kinds if task_named(base.task).layout else (PASSIVE,):
                yield replace(base, exchanges=self.defence_size, defence=name, student_kind=kind)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one student came to. Accuracies in [0, 1]; ``answers_right`` is the teacher's after the defence."""

    task: str
    exchanges: int
    seed: int
    mode: str
    defence: str
    student: str
    accuracy: float
    answers_right: float
    guess: float
    problems: int
    learnt_from: int
    seconds: float
    usd: float
    usd_per_point: float | None


def run(
    plan: Plan, out: Path, clock: Callable[[], float], progress: Progress | None = None, seconds_most: float = 0.0
) -> list[Cell]:
    """Train what the plan asks for and ``out`` does not hold yet, and return all cells that are done.

    Args:
        plan: Which students.
        out: Made if absent; holds ``cells/``, ``teacher-*/`` and ``harvest-*.jsonl``.
        clock: Seconds of work.
        progress: Told of cells and steps.
        seconds_most: Begin no further student after so much work; 0 sets no limit.

    Raises:
        ValueError: If a file in ``out`` is not what it should be, or ``out`` is another pair of models' curve.
    """
    (out / "cells").mkdir(parents=True, exist_ok=True)
    _claim(out, plan.base)
    begun, done = clock(), []
    wanted = list(plan.cells())
    for number, config in enumerate(wanted):
        if progress:
            progress("students", number, len(wanted))
        path = out / "cells" / f"{_named(config)}-{digest(config)[:12]}.json"
        if path.exists():
            done.append(_read(path))
            continue
        if seconds_most and clock() - begun > seconds_most:
            continue
        cell = _cell(config, out, plan.most, clock, progress)
        with atomic_file(path) as stream:
            stream.write(orjson.dumps(asdict(cell), option=orjson.OPT_INDENT_2) + b"\n")
        done.append(cell)
    return done


def student_folder(out: Path, config: Distillation) -> Path:
    """Return where a curve keeps the students whose origin can be tested: marked ones, and unmarked as controls."""
    return out / "students" / _named(config)


def harvest_file(out: Path, task: str, seed: int, most: int, marked: bool) -> Path:
    """Return where a curve keeps what a teacher answered, before any defence."""
    return out / f"harvest-{_slug(task)}-seed{seed}-{most}{'-marked' if marked else ''}.jsonl"


def teacher_folder(out: Path, task: str) -> Path:
    """Return where a curve keeps a task's built-in teacher."""
    return out / f"teacher-{_slug(task)}"


def _claim(out: Path, base: Distillation) -> None:
    """Write down whose curve it is, or refuse another pair's: harvests are kept by task and seed alone."""
    path, models = out / "models.json", {"teacher": base.teacher, "student": base.student}
    held = orjson.loads(path.read_bytes()) if path.exists() else None
    if held not in (None, models) or (held is None and base.teacher != BUILT_IN and any((out / "cells").iterdir())):
        raise ValueError(f"{out} holds the curve of other models; name another folder with --out")
    if held is None:
        with atomic_file(path) as stream:
            stream.write(orjson.dumps(models))


def _cell(config: Distillation, out: Path, most: int, clock: Callable[[], float], progress: Progress | None) -> Cell:
    task = task_named(config.task)
    # One teacher for all seeds: seeds vary what is asked, how it is answered and the student.
    teacher = teacher_of(task, replace(config, seed=1), teacher_folder(out, task.name), clock, progress)
    problems, test = problem_sets(task, config.seed, config.exchanges, config.test_problems)
    answers = _answers(task, config, out, teacher, problems, max(most, config.exchanges))
    student, trained, read, kept = learnt(task, teacher, problems, answers, config, clock, progress=progress)
    texts = tested(student, test, config.tokens_most)
    if config.student_kind == PASSIVE and config.defence in ORIGINS:
        student.save(student_folder(out, config))
    reached = accuracy(test, texts)
    result = summed_up(task, teacher, config, problems, answers, read, kept, trained, reached)
    return Cell(
        task.name,
        config.exchanges,
        config.seed,
        config.mode,
        config.defence,
        config.student_kind,
        reached,
        result.teacher_accuracy.mean,
        task.guess,
        config.test_problems,
        len(kept),
        trained.seconds,
        result.cost.total_usd,
        result.usd_per_point,
    )


def _answers(
    task: Task, config: Distillation, out: Path, teacher: LanguageModel, problems: list[Problem], most: int
) -> list[Exchange]:
    """Return the first answers of one harvest a task, seed and mark, asked once at the largest size.

    A student that asks in parts puts questions of its own: they are asked for this student alone.
    """
    if config.student_kind == IN_PARTS:
        return harvested(task, teacher, problems, config)
    path = harvest_file(out, config.task, config.seed, most, defence_named(config.defence).marked)
    if not path.exists():
        longest, _ = problem_sets(task, config.seed, most, config.test_problems)
        write_exchanges(path, harvested(task, teacher, longest, config))
    return read_exchanges(path)[: config.exchanges]


def _read(path: Path) -> Cell:
    try:
        return Cell(**orjson.loads(path.read_bytes()))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{path} is no cell of a curve; remove it to train it again") from error


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", Path(text).stem.lower())


def _named(config: Distillation) -> str:
    parts = (config.task, config.defence, config.student_kind, config.mode, str(config.exchanges), str(config.seed))
    return "-".join(_slug(part) for part in parts)
