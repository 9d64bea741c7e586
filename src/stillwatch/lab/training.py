"""Training a model on an objective, on one core; the same from a checkpoint as without a stop."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.objectives.objective import Objective
from stillwatch.store.atomic import atomic_file

_WARM_UP = 0.08  # Of all steps; then the rate falls along a straight line.
_LAST_RATE = 0.05  # Of the highest rate.
_DECAY = 0.1  # Of weights, a step at rate 1.
_NORM_MOST = 1.0  # Longest gradient.

OnStep = Callable[[int, int], None]  # Steps done, steps in all.


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    Raises:
        ValueError: If a number is out of range.
    """

    steps: int = 350
    batch: int = 32
    rate: float = 5e-3  # AdamW's.
    matrix_rate: float = 0.04  # Muon's, for the inner matrices of a built-in model.
    passes_most: int = 100  # Through the examples: small sets end sooner, for they are known by heart.

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.steps, self.batch, self.passes_most) < 1 or min(self.rate, self.matrix_rate) <= 0:
            raise ValueError(f"steps, batch, passes and rates must be positive: {self}")

    def steps_for(self, examples: int) -> int:
        """Return how many steps so many examples get."""
        return min(self.steps, math.ceil(self.passes_most * examples / min(self.batch, examples)))


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training has cost and how its loss fell."""

    losses: tuple[float, ...]  # One a step.
    seconds: float  # Of the clock that was given, over all sittings.


class Checkpoint:
    """A file that a training goes on from: weights, optimiser, randomness and what has been done.

    ``name`` stands for all that the training depends on; a checkpoint under another name is refused.
    """

    def __init__(self, path: Path, name: str, every: int = 100) -> None:
        """Keep state in ``path`` after each ``every`` steps."""
        self.path, self.name, self.every = path, name, every

    def write(self, state: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        held = io.BytesIO()
        torch.save(state | {"name": self.name}, held)
        with atomic_file(self.path) as stream:
            stream.write(held.getbuffer())

    def read(self) -> dict[str, Any] | None:
        """Return the state, or None if there is none yet.

        Raises:
            ValueError: If the file is no checkpoint, or belongs to another training.
        """
        if not self.path.exists():
            return None
        try:
            state = torch.load(self.path, weights_only=True)
        except Exception as error:  # torch raises what unpickling happens to meet.
            raise ValueError(f"{self.path} is no checkpoint; remove it to begin anew") from error
        if not isinstance(state, dict) or state.get("name") != self.name:
            raise ValueError(f"{self.path} belongs to another configuration; remove it, or name another folder")
        return state


def train(
    model: LanguageModel,
    objective: Objective,
    schedule: Schedule,
    seed: int,
    clock: Callable[[], float],
    *,
    checkpoint: Checkpoint | None = None,
    on_step: OnStep | None = None,
) -> Trained:
    """Train ``model`` in place, and return what it took.

    Equal arguments give equal weights on one machine, however often the training was stopped and taken up again.

    Args:
        model: Its weights change.
        objective: Examples and loss.
        schedule: How long and how fast.
        seed: Which examples come when, and what an objective draws.
        clock: Seconds; only differences count.
        checkpoint: Where to keep the state; None keeps none.
        on_step: Told of each step; what it raises stops the training.

    Raises:
        ValueError: If a checkpoint is there and not this training's.
    """
    weights, optimisers = model.parameters(), _optimisers(model, schedule)
    generator = torch.Generator().manual_seed(seed)
    steps, losses, spent, begun = schedule.steps_for(objective.examples), [], 0.0, clock()
    state = checkpoint.read() if checkpoint else None
    if state is not None:
        with torch.no_grad():
            for weight, kept in zip(weights, state["weights"], strict=True):
                weight.copy_(kept)
        for optimiser, held in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(held)
        generator.set_state(state["generator"])
        losses, spent = list(state["losses"]), float(state["seconds"])
    for step in range(len(losses), steps):
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["rate"] * _share_of_rate(step, steps)
        rows = torch.randint(objective.examples, (min(schedule.batch, objective.examples),), generator=generator)
        loss = objective.loss(model, rows, generator)
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights, _NORM_MOST)
        for optimiser in optimisers:
            optimiser.step()
        losses.append(float(loss.detach()))
        if checkpoint and ((step + 1) % checkpoint.every == 0 or step + 1 == steps):
            checkpoint.write(
                {
                    "weights": [weight.detach() for weight in weights],
                    "optimisers": [optimiser.state_dict() for optimiser in optimisers],
                    "generator": generator.get_state(),
                    "losses": losses,
                    "seconds": spent + clock() - begun,
                }
            )
        if on_step:
            on_step(step + 1, steps)
    return Trained(tuple(losses), spent + clock() - begun)


def _optimisers(model: LanguageModel, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """Return Muon for the inner matrices and AdamW for the rest: half the steps that AdamW alone needs here.

    A pretrained folder has no inner matrices to name: it goes on under AdamW, as it was made.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    matrices = model.matrices()
    inner = {id(weight) for weight in matrices}
    others = [weight for weight in model.parameters() if id(weight) not in inner]
    groups = [
        {"params": [weight for weight in others if weight.ndim > 1], "weight_decay": _DECAY, "rate": schedule.rate},
        # Norms and biases keep their size.
        {"params": [weight for weight in others if weight.ndim <= 1], "weight_decay": 0.0, "rate": schedule.rate},
    ]
    told: list[torch.optim.Optimizer] = [
        torch.optim.AdamW([group for group in groups if group["params"]], lr=schedule.rate, betas=(0.9, 0.98))
    ]
    if matrices:
        group = {"params": matrices, "rate": schedule.matrix_rate}
        told.append(torch.optim.Muon([group], lr=schedule.matrix_rate, weight_decay=_DECAY, momentum=0.95))
    return told


def _share_of_rate(step: int, steps: int) -> float:
    warm = max(1, round(_WARM_UP * steps))
    return min((step + 1) / warm, max(_LAST_RATE, 1.0 - step / steps))
