"""Offline logits: the student learns the teacher's log-probabilities of its likeliest tokens at each place."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import check_same_tokens
from stillwatch.lab.objectives.packed import packed


class OfflineLogits:
    """Divergence of the student from the teacher's likeliest tokens, with all others as one.

    The teacher is asked once, before training. The k likeliest tokens keep their probabilities; what remains is one
    further outcome, so that both sides are distributions and the loss is a Kullback-Leibler divergence: at least 0,
    and 0 only where they agree on these outcomes.

    Source: Hinton et al., arXiv:1503.02531; cut to k tokens, as APIs give them.
    """

    def __init__(
        self,
        student: LanguageModel,
        teacher: LanguageModel,
        exchanges: Sequence[Exchange],
        likeliest: int = 8,
        batch: int = 256,
    ) -> None:
        """Ask the teacher for its ``likeliest`` tokens at every place of every answer.

        Raises:
            ValueError: If the vocabularies differ or are smaller than ``likeliest``, or there is no exchange.
        """
        check_same_tokens(student, teacher)
        if not 0 < likeliest < teacher.vocabulary:
            raise ValueError(f"likeliest must lie in [1, {teacher.vocabulary - 1}], not {likeliest}")
        self._packed = packed(student, exchanges)
        tokens, odds = [], []
        with torch.inference_mode():
            for rows in torch.split(self._packed.tokens, batch):
                top = torch.log_softmax(teacher.logits(rows[:, :-1]), dim=-1).topk(likeliest, dim=-1)
                tokens.append(top.indices)
                odds.append(top.values)
        self._tokens, self._log_odds = torch.cat(tokens).clone(), torch.cat(odds).clone()

    @property
    def examples(self) -> int:
        """Number of exchanges."""
        return len(self._packed.tokens)

    def loss(self, student: LanguageModel, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the mean divergence in nats a place."""
        del generator
        chosen = self._packed.taken(rows)
        places = chosen.learnt.shape[1]
        own = torch.log_softmax(student.logits(chosen.tokens[:, :-1]), dim=-1)
        own = own.gather(-1, self._tokens[rows][:, :places])[chosen.learnt]
        theirs = self._log_odds[rows][:, :places][chosen.learnt]
        known = (theirs.exp() * (theirs - own)).sum(dim=-1)
        return (known + _rest(theirs) * (_rest(theirs).log() - _rest(own).log())).mean()


def _rest(log_odds: torch.Tensor) -> torch.Tensor:
    """Return the probability of all tokens that are not listed; never 0, which a rounded sum could make it."""
    return (1.0 - log_odds.exp().sum(dim=-1)).clamp_min(1e-6)
