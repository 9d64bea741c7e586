"""How fast the lab trains: forward and backward of its own GPT-2 against transformers' with the same weights.

    python -m bench.lab_speed [--runs 5] [--steps 10]

One core. Prints median tokens a second of both over alternating runs, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from stillwatch.lab.models.folder import FolderModel
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import fresh
from stillwatch.lab.models.tiny import STUDENT
from stillwatch.lab.tasks.registry import task_named

_BATCH, _PLACES = 32, 36  # As in training on arithmetic.


def tokens_a_second(model: LanguageModel, steps: int) -> float:
    """Return tokens a second of processor time through logits, a mean and its gradients."""
    tokens = torch.randint(3, model.vocabulary, (_BATCH, _PLACES), generator=torch.Generator().manual_seed(1))
    begun = 0.0
    for step in range(steps + 2):
        if step == 2:  # The first two warm up.
            begun = time.process_time()
        torch.autograd.backward(model.logits(tokens).logsumexp(dim=-1).mean())
    return steps * _BATCH * _PLACES / (time.process_time() - begun)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    ours = fresh(STUDENT, task_named("arithmetic"), 1)
    with tempfile.TemporaryDirectory() as folder:
        ours.save(Path(folder) / "model")
        theirs = FolderModel(Path(folder) / "model")
    told: dict[str, list[float]] = {"stillwatch": [], "transformers": []}
    for _ in range(asked.runs):
        told["stillwatch"].append(tokens_a_second(ours, asked.steps))
        told["transformers"].append(tokens_a_second(theirs, asked.steps))
    medians = {name: statistics.median(values) for name, values in told.items()}
    for name, median in medians.items():
        print(f"{name}: {median:,.0f} tokens a second of one core (median of {asked.runs} runs)")
    print(f"ratio: {medians['stillwatch'] / medians['transformers']:.2f}")


if __name__ == "__main__":
    main()
