"""Arithmetic: three operations modulo ten, from left to right, with every intermediate result written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillwatch.lab.answer import FINAL, LINE
from stillwatch.lab.tasks import wording
from stillwatch.lab.tasks.task import Layout, Problem, Task

_STEPS = 3
_SIGNS = ("+", "-", "*")


def _apply(value: int, sign: str, operand: int) -> int:
    if sign == "+":
        return (value + operand) % 10
    return (value - operand if sign == "-" else value * operand) % 10


def _parted(prompt: str) -> tuple[str, list[str]]:
    words = prompt.split(" ")
    return words[0], [f"{sign} {operand}" for sign, operand in zip(words[1::2], words[2::2], strict=True)]


def _results(prompt: str) -> list[str]:
    begun, stages = _parted(prompt)
    value, results = int(begun), []
    for stage in stages:
        sign, operand = stage.split(" ")
        value = _apply(value, sign, int(operand))
        results.append(str(value))
    return results


def _problems(rng: np.random.Generator, count: int, steps: int = _STEPS) -> list[Problem]:
    digits = rng.integers(10, size=(count, steps + 1)).tolist()
    signs = rng.integers(len(_SIGNS), size=(count, steps)).tolist()
    problems = []
    for row, chosen in zip(digits, signs, strict=True):
        tail = " ".join(f"{_SIGNS[sign]} {digit}" for sign, digit in zip(chosen, row[1:], strict=True))
        prompt = f"{row[0]} {tail}"
        problems.append(Problem(prompt, _results(prompt)[-1]))
    return problems


def _worked(rng: np.random.Generator, problems: Sequence[Problem]) -> list[str]:
    return wording.written(rng, [(_parted(problem.prompt)[1], _results(problem.prompt)) for problem in problems])


def _guess() -> float:
    """Return the chance of the commonest final answer, exactly: 0, which a last product favours."""
    odds = np.full(10, 0.1)
    for _ in range(_STEPS):
        after = np.zeros(10)
        for value in range(10):
            for sign in _SIGNS:
                for operand in range(10):
                    after[_apply(value, sign, operand)] += odds[value] / 30
        odds = after
    return float(odds.max())


task = Task(
    name="arithmetic",
    what="three operations modulo ten from left to right; what is learnt are three hundred small sums",
    words=(LINE, FINAL, *"0123456789", *_SIGNS, *wording.WORDS),
    problems=_problems,
    single=lambda rng, count: _problems(rng, count, 1),
    worked=_worked,
    layout=Layout(_parted, wording.read, wording.written, wording.restyled),
    guess=_guess(),
)
