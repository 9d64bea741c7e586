"""How much hiding of steps hides: what a thief infers from beginnings and final answers alone, by exchanges read.

    stillwatch lab curve --defence "answer only" --seeds 5 --out lab
    python -m bench.lab_hidden lab

Reads the harvests of a curve's folder and trains nothing. For each size: the share of test problems whose final answer
follows from the inferred steps, mean and range over seeds. Chance is the best constant answer, printed beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from stillwatch.lab.adaptation import layout_of
from stillwatch.lab.answer import parsed
from stillwatch.lab.curve import Plan, harvest_file
from stillwatch.lab.exchange import Exchange, read_exchanges
from stillwatch.lab.harvest import problem_sets
from stillwatch.lab.reconstruction import inferred
from stillwatch.lab.tasks.registry import TASKS
from stillwatch.lab.tasks.task import Problem, Task

_PROBLEMS = Plan().base.test_problems


def solved(task: Task, read: list[Exchange], test: list[Problem], seed: int) -> float:
    """Return the share of test problems that inferred steps solve; a step that was never met solves none."""
    layout = layout_of(task)
    ends = [(exchange.prompt, answer.final) for exchange in read if (answer := parsed(exchange.answer))]
    steps = inferred(layout, ends, np.random.default_rng([seed, 5]))
    right = 0
    for problem in test:
        state: str | None
        state, stages = layout.parted(problem.prompt)
        for stage in stages:
            state = None if state is None else steps.get((stage, state))
        right += state == problem.final
    return right / len(test)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 500, 700, 1000, 2000, 4000])
    parser.add_argument("--harvest", type=int, default=4000, help="size of the curve's harvests")
    asked = parser.parse_args()
    print("task        exchanges  seeds  solved    least    most  chance")
    for task in TASKS:
        files = {seed: harvest_file(asked.folder, task.name, seed, asked.harvest, False) for seed in range(1, 100)}
        held = {seed: read_exchanges(path) for seed, path in files.items() if path.exists()}
        for size in asked.sizes:
            shares = []
            for seed, read in held.items():
                _, test = problem_sets(task, seed, 1, _PROBLEMS)
                shares.append(solved(task, read[:size], test, seed))
            if shares:
                told = f"{np.mean(shares):>6.1%}  {min(shares):>7.1%} {max(shares):>7.1%}  {task.guess:>6.1%}"
                print(f"{task.name:10}  {size:>9,}  {len(shares):>5}  {told}", flush=True)


if __name__ == "__main__":
    main()
