"""The tasks that are built in, registered once."""

from __future__ import annotations

from pathlib import Path

from stillwatch.lab.tasks import arithmetic, look_up
from stillwatch.lab.tasks.from_file import task_from_file
from stillwatch.lab.tasks.task import Task

TASKS: tuple[Task, ...] = (arithmetic.task, look_up.task)


def task_named(name: str) -> Task:
    """Return the built-in task of that name, or the task of a JSON-lines file that ``name`` is the path of.

    Raises:
        ValueError: If there is neither, or the file is not as ``task_from_file`` wants it.
    """
    for task in TASKS:
        if task.name == name:
            return task
    if Path(name).is_file():
        return task_from_file(Path(name))
    known = ", ".join(task.name for task in TASKS)
    raise ValueError(f"no task {name!r}: name one of {known}, or a file of JSON lines with prompt and final")
