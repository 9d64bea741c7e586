"""Look-up: three steps over a map that only the teacher knows, popular places more often than rare ones.

Where arithmetic has three hundred facts of equal odds, the map's facts are asked as unevenly as knowledge is, so that
a student goes on learning rare ones long after the common ones are known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stillwatch.lab.answer import FINAL, LINE
from stillwatch.lab.tasks import wording
from stillwatch.lab.tasks.task import Layout, Problem, Task

_STEPS = 3
_PLACES = wording.listed(
    "Arno Birk Cole Dorn Elst Fenn Gard Holm Inver Jura Kells Lund Marn Nore Osby Perth Quay Rask "
    "Sund Tarn Ulm Vane Wick Xant Yarm Zell Aber Brae Clun Dale Esk Ford"
)
_ROADS = wording.listed("north east south west river forest coast ridge")
_POPULARITY = 1.0 / (np.arange(len(_PLACES)) + 2.0)
_POPULARITY /= _POPULARITY.sum()
# The map is a fact of the task, not of a run: drawn once, with a seed of its own.
_MAP = np.random.default_rng(20261123).choice(len(_PLACES), (len(_PLACES), len(_ROADS)), p=_POPULARITY)
_AFTER = {
    (place, road): _PLACES[_MAP[row, column]] for row, place in enumerate(_PLACES) for column, road in enumerate(_ROADS)
}


def _parted(prompt: str) -> tuple[str, list[str]]:
    place, *roads = prompt.split(" ")
    return place, roads


def _results(prompt: str) -> list[str]:
    place, roads = _parted(prompt)
    visited = []
    for road in roads:
        place = _AFTER[place, road]
        visited.append(place)
    return visited


def _problems(rng: np.random.Generator, count: int, steps: int = _STEPS) -> list[Problem]:
    starts = rng.choice(len(_PLACES), count, p=_POPULARITY).tolist()
    roads = rng.integers(len(_ROADS), size=(count, steps)).tolist()
    prompts = [
        " ".join([_PLACES[start], *(_ROADS[road] for road in row)]) for start, row in zip(starts, roads, strict=True)
    ]
    return [Problem(prompt, _results(prompt)[-1]) for prompt in prompts]


def _worked(rng: np.random.Generator, problems: Sequence[Problem]) -> list[str]:
    return wording.written(rng, [(_parted(problem.prompt)[1], _results(problem.prompt)) for problem in problems])


def _guess() -> float:
    """Return the chance of the commonest final place, exactly."""
    odds: NDArray[np.float64] = _POPULARITY.astype(np.float64)
    for _ in range(_STEPS):
        odds = np.bincount(_MAP.ravel(), np.repeat(odds / len(_ROADS), len(_ROADS)), len(_PLACES)).astype(np.float64)
    return float(odds.max())


task = Task(
    name="look-up",
    what="three steps over a map of 32 places and 8 roads; what is learnt are 256 facts, popular ones sooner",
    words=(LINE, FINAL, *_PLACES, *_ROADS, *wording.WORDS),
    problems=_problems,
    single=lambda rng, count: _problems(rng, count, 1),
    worked=_worked,
    layout=Layout(_parted, wording.read, wording.written, wording.restyled),
    guess=_guess(),
)
