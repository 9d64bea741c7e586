"""Exchanges as one rectangle of tokens, with the places at which an answer's next token is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from stillwatch.lab.exchange import Exchange
from stillwatch.lab.models.language_model import LanguageModel


@dataclass(frozen=True, slots=True)
class Packed:
    """Tokens of shape (exchanges, longest), and where what follows belongs to an answer, one place fewer."""

    tokens: torch.Tensor
    learnt: torch.Tensor  # Boolean, shape (exchanges, longest - 1).

    def taken(self, rows: torch.Tensor) -> Packed:
        """Return some exchanges, cut to the longest of them."""
        tokens, learnt = self.tokens[rows], self.learnt[rows]
        places = int(learnt.any(dim=0).nonzero()[-1]) + 1
        return Packed(tokens[:, : places + 1], learnt[:, :places])


def packed(model: LanguageModel, exchanges: Sequence[Exchange]) -> Packed:
    """Return exchanges as tokens; answers that outgrow the model's context are cut there, as a trainer would.

    Raises:
        ValueError: If there is no exchange, or a prompt leaves no room for an answer.
    """
    if not exchanges:
        raise ValueError("there is no exchange to learn from")
    rows, begun = [], []
    for number, exchange in enumerate(exchanges, 1):
        prompt = model.encode_prompt(exchange.prompt)
        if len(prompt) >= model.context:
            raise ValueError(f"exchange {number}: its prompt has {len(prompt)} tokens, the context is {model.context}")
        rows.append([*prompt, *model.encode_answer(exchange.answer)][: model.context])
        begun.append(len(prompt))
    longest = max(map(len, rows))
    tokens = torch.tensor([[*row, *[model.end] * (longest - len(row))] for row in rows])
    place = torch.arange(longest - 1)
    learnt = (place >= torch.tensor(begun)[:, None] - 1) & (place < torch.tensor([*map(len, rows)])[:, None] - 1)
    return Packed(tokens, learnt)
