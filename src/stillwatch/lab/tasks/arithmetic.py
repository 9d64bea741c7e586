"""Arithmetic: three operations modulo ten, from left to right, with every intermediate result written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stillwatch.lab.answer import FINAL, LINE
from stillwatch.lab.tasks import wording
from stillwatch.lab.tasks.task import Problem, Task

_STEPS = 3
_SIGNS = ("+", "-", "*")


def _apply(value: int, sign: str, operand: int) -> int:
    if sign == "+":
        return (value + operand) % 10
    return (value - operand if sign == "-" else value * operand) % 10


def _results(prompt: str) -> list[int]:
    words = prompt.split(" ")
    value, results = int(words[0]), []
    for sign, operand in zip(words[1::2], words[2::2], strict=True):
        value = _apply(value, sign, int(operand))
        results.append(value)
    return results


def _problems(rng: np.random.Generator, count: int) -> list[Problem]:
    digits = rng.integers(10, size=(count, _STEPS + 1)).tolist()
    signs = rng.integers(len(_SIGNS), size=(count, _STEPS)).tolist()
    problems = []
    for row, chosen in zip(digits, signs, strict=True):
        tail = " ".join(f"{_SIGNS[sign]} {digit}" for sign, digit in zip(chosen, row[1:], strict=True))
        prompt = f"{row[0]} {tail}"
        problems.append(Problem(prompt, str(_results(prompt)[-1])))
    return problems


def _stages(prompt: str) -> list[str]:
    words = prompt.split(" ")
    return [f"{sign} {operand}" for sign, operand in zip(words[1::2], words[2::2], strict=True)]


def _worked(rng: np.random.Generator, problems: Sequence[Problem]) -> list[str]:
    choices = wording.draw(rng, len(problems), _STEPS)
    return [
        wording.written(chosen, _stages(problem.prompt), [str(value) for value in _results(problem.prompt)])
        for chosen, problem in zip(choices, problems, strict=True)
    ]


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
    worked=_worked,
    stages=_stages,
    quoted=wording.quoted,
    restyled=wording.restyled,
    guess=_guess(),
)
