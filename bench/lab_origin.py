"""Power of the tests of origin on the lab's students: marked ones, and unmarked ones under the same key.

    stillwatch lab curve --task arithmetic --defence none --defence watermark --seeds 5 --out lab
    python -m bench.lab_origin lab --task arithmetic --seeds 5

For each number of queries: the share of seeds with p below 1e-6, and the median z, by test. Equal numbers of queries to
the suspect and of served answers are read.
"""

from __future__ import annotations

import argparse
import math
import statistics
from dataclasses import replace
from pathlib import Path

import torch

from stillwatch.lab.curve import Plan
from stillwatch.lab.origin import origins


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task", default="arithmetic")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--queries", type=int, nargs="+", default=[10, 100, 300])
    parser.add_argument("--defence-size", type=int, default=4000)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    plan = replace(Plan(), tasks=(asked.task,), defence_size=asked.defence_size)
    print("student    test                      queries  seeds  p < 1e-6  median log10 p  median z")
    for queries in asked.queries:
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for seed in range(1, asked.seeds + 1):
            for _, defence, finding in origins(plan, asked.folder, seed, queries):
                if finding.outcome == "tested" and finding.log_p == finding.log_p:
                    z = max((line.z for line in finding.lines), default=float("nan"))
                    student = "unmarked" if defence == "none" else "marked"
                    found.setdefault((student, finding.card.id), []).append((finding.log_p / math.log(10), z))
        for (student, test), told in found.items():
            logs, zs = zip(*told, strict=True)
            share = sum(value < -6 for value in logs) / len(logs)
            middle = f"{statistics.median(logs):>14.1f}  {statistics.median(zs):>8.1f}"
            print(f"{student:9}  {test:24}  {queries:>7}  {len(logs):>5}  {share:>8.0%}  {middle}")


if __name__ == "__main__":
    main()
