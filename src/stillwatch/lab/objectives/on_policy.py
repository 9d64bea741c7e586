"""On policy: the student answers, and learns what the teacher would have said at each place of that answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.language_model import LanguageModel
from stillwatch.lab.models.opening import check_same_tokens
from stillwatch.lab.objectives.packed import packed
from stillwatch.lab.sampling import sample


class OnPolicy:
    """Divergence from teacher to student on the student's own answers; on some steps on the teacher's.

    The student sees the states that it gets itself into, and not those of the teacher alone. While it still says
    nothing sensible the teacher's answers carry it: a share of the steps is taken on them.

    Source: generalised knowledge distillation (Agarwal et al., arXiv:2306.13649), with forward divergence.
    """

    def __init__(
        self,
        student: LanguageModel,
        teacher: LanguageModel,
        exchanges: Sequence[Exchange],
        own_share: float = 0.5,
        tokens_most: int = 64,
    ) -> None:
        """Keep teacher and exchanges; of the steps, ``own_share`` are taken on the student's answers.

        Raises:
            ValueError: If the vocabularies differ, the share lies outside [0, 1], or there is no exchange.
        """
        check_same_tokens(student, teacher)
        if not 0 <= own_share <= 1:
            raise ValueError(f"the share of own answers must lie in [0, 1], not {own_share}")
        packed(student, exchanges[:1])  # An empty list is refused here and not in the middle of the training.
        self._teacher, self._exchanges = teacher, tuple(exchanges)
        self._own_share, self._tokens_most = own_share, tokens_most

    @property
    def examples(self) -> int:
        """Number of exchanges."""
        return len(self._exchanges)

    def loss(self, student: LanguageModel, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the mean divergence in nats a place."""
        chosen = [self._exchanges[row] for row in rows.tolist()]
        if float(torch.rand((), generator=generator)) < self._own_share:
            prompts = [exchange.prompt for exchange in chosen]
            told = sample(student, prompts, generator=generator, tokens_most=self._tokens_most)
            chosen = [Exchange(prompt, student.decode(tokens)) for prompt, tokens in zip(prompts, told, strict=True)]
        batch = packed(student, chosen)
        own = torch.log_softmax(student.logits(batch.tokens[:, :-1]), dim=-1)[batch.learnt]
        with torch.no_grad():
            theirs = torch.log_softmax(self._teacher.logits(batch.tokens[:, :-1]), dim=-1)[batch.learnt]
        return (theirs.exp() * (theirs - own)).sum(dim=-1).mean()
