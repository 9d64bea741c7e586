"""What a student is trained on, as one number that falls."""

from __future__ import annotations

from typing import Protocol

import torch

from stillwatch.lab.models.language_model import LanguageModel


class Objective(Protocol):
    """A set of examples and the loss of a student on some of them."""

    @property
    def examples(self) -> int:
        """How many examples there are, at least one."""

    def loss(self, student: LanguageModel, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the mean loss over the answers' tokens in the examples ``rows``, with its gradient."""
