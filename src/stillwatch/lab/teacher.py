"""The built-in teacher: trained from scratch on worked answers that are right, once a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import fresh
from stillwatch.lab.models.tiny import TEACHER, TinyModel
from stillwatch.lab.objectives.sampled import Sampled
from stillwatch.lab.tasks.task import Task
from stillwatch.lab.training import Checkpoint, OnStep, Schedule, train

_EXAMPLES = 20_000
_SINGLE = 0.2  # Of the examples: a teacher that knows whole answers also knows their parts, when it is asked for one.
_SCHEDULE = Schedule(steps=700)


def built_in_teacher(
    task: Task, folder: Path, seed: int, clock: Callable[[], float], on_step: OnStep | None = None
) -> LanguageModel:
    """Return the teacher of a built-in task, from ``folder`` if it is there, else trained and kept there.

    Raises:
        ValueError: If the task is not built in, or the folder holds something else.
    """
    if task.worked is None or task.single is None:
        raise ValueError(f"the task {task.name} has no worked answers to make a teacher from: name a model's folder")
    if (folder / "config.json").exists():
        return TinyModel.load(folder)
    rng = np.random.default_rng([seed, 1])
    parts = round(_SINGLE * _EXAMPLES)
    problems = [*task.problems(rng, _EXAMPLES - parts), *task.single(rng, parts)]
    answers = task.worked(rng, problems)
    model = fresh(TEACHER, task, seed)
    objective = Sampled(
        model, [Exchange(problem.prompt, answer) for problem, answer in zip(problems, answers, strict=True)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(folder / "checkpoint.pt", f"teacher of {task.name}, seed {seed}, {_SCHEDULE}, {TEACHER}")
    train(model, objective, _SCHEDULE, seed, clock, checkpoint=checkpoint, on_step=on_step)
    model.save(folder)
    checkpoint.path.unlink()
    return model
