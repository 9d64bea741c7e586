"""Sampled answers: what an API gives. The student learns to say what the teacher said."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.objectives.packed import packed


class Sampled:
    """Cross-entropy on the tokens of the answers.

    Source: sequence-level knowledge distillation (Kim & Rush, arXiv:1606.07947).
    """

    def __init__(self, student: LanguageModel, exchanges: Sequence[Exchange]) -> None:
        """Take the exchanges as the student's own tokens.

        Raises:
            ValueError: If there is no exchange, or a prompt leaves no room for an answer.
        """
        self._packed = packed(student, exchanges)

    @property
    def examples(self) -> int:
        """Number of exchanges."""
        return len(self._packed.tokens)

    def loss(self, student: LanguageModel, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the mean cross-entropy in nats a token."""
        del generator
        chosen = self._packed.taken(rows)
        logits = student.logits(chosen.tokens[:, :-1])[chosen.learnt]
        return functional.cross_entropy(logits, chosen.tokens[:, 1:][chosen.learnt])

    def each(self, student: LanguageModel, batch: int = 256) -> torch.Tensor:
        """Return each exchange's mean loss in nats a token, without gradients, shape (exchanges,)."""
        told = []
        with torch.inference_mode():
            for rows in torch.split(torch.arange(self.examples), batch):
                chosen = self._packed.taken(rows)
                logits = student.logits(chosen.tokens[:, :-1])
                nats = functional.cross_entropy(logits.transpose(1, 2), chosen.tokens[:, 1:], reduction="none")
                told.append((nats * chosen.learnt).sum(dim=1) / chosen.learnt.sum(dim=1))
        return torch.cat(told)
