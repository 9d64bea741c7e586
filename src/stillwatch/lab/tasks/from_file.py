"""Problems from a file of one's own: JSON lines with a prompt and a final answer, for models that are real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson

from stillwatch.lab.answer import parsed
from stillwatch.lab.tasks.task import Problem, Task


def task_from_file(path: Path) -> Task:
    """Return a task whose problems are the lines of ``path``, in an order that the seed shuffles.

    Each line is an object with ``prompt`` (or ``question``) and ``final``, or an ``answer`` that holds one after
    ``####``, as the lines of GSM8K do.

    Raises:
        ValueError: If a line is not so, or the file has none; the message names file and line.
        OSError: If the file can't be read.
    """
    problems = _read(path)

    def drawn(rng: np.random.Generator, count: int) -> list[Problem]:
        if count > len(problems):
            raise ValueError(f"{path} has {len(problems)} problems, and {count} are asked for")
        return [problems[place] for place in rng.permutation(len(problems))[:count].tolist()]

    finals = [problem.final for problem in problems]
    guess = max(finals.count(final) for final in set(finals)) / len(finals)
    return Task(path.stem, f"{len(problems)} problems of {path.name}", (), drawn, None, None, None, guess)


def _read(path: Path) -> list[Problem]:
    problems = []
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            problem = _problem(line)
            if problem is None:
                raise ValueError(
                    f'{path}, line {number}: not an object with "prompt" and "final" '
                    '(or an "answer" that ends in "#### final")'
                )
            problems.append(problem)
    if not problems:
        raise ValueError(f"{path} holds no problem")
    return problems


def _problem(line: bytes) -> Problem | None:
    try:
        held = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(held, dict):
        return None
    prompt, final = held.get("prompt", held.get("question")), held.get("final")
    if final is None and isinstance(held.get("answer"), str):
        answer = parsed(held["answer"])
        final = answer.final if answer else None
    return Problem(prompt, str(final)) if isinstance(prompt, str) and final is not None else None
