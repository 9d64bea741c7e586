"""What the lab asks of a language model, be it built in or a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

Cache = Any  # What a model remembers of a sequence; only the model itself looks into it.


class LanguageModel(Protocol):
    """A causal language model with its tokeniser, whose every call is a pure function of weights and arguments."""

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""

    @property
    def context(self) -> int:
        """Longest sequence, in tokens."""

    @property
    def end(self) -> int:
        """Token that ends an answer."""

    def encode_prompt(self, text: str) -> list[int]:
        """Return the tokens of a prompt, up to where the answer begins."""

    def encode_answer(self, text: str) -> list[int]:
        """Return the tokens of an answer, the one that ends it included."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of an answer's tokens, without the one that ends it."""

    def parameters(self) -> list[torch.Tensor]:
        """Return the weights to train, the same tensors in the same order at each call."""

    def matrices(self) -> list[torch.Tensor]:
        """Return those weights that are inner matrices of a model to be trained from scratch; may be empty."""

    def logits(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return what follows each place: tokens of shape (sequences, places), logits with the vocabulary last."""

    def advance(self, tokens: torch.Tensor, cache: Cache | None) -> tuple[torch.Tensor, Cache]:
        """Take tokens (sequences, new places) onto a cache; return logits of the last place, and the new cache."""

    def save(self, folder: Path) -> None:
        """Write the model as a folder that transformers can open, whole or not at all."""
