"""What a test may ask of a model: answers, or probabilities of the next token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from numpy import float64
from numpy.typing import ArrayLike, NDArray

from stillwatch.provenance.tokens import Text


@runtime_checkable
class Sampler(Protocol):
    """A model that answers: all that an interface gives."""

    @property
    def name(self) -> str:
        """For reports; it holds no secret."""

    def answers(self, prompts: Sequence[Text], tokens_most: int, seed: int) -> list[Text]:
        """Return one answer a prompt, sampled at temperature 1, in the teacher's token ids.

        Args:
            prompts: Of each, ``prompt`` holds the ids, ``words`` the text where known.
            tokens_most: Of an answer.
            seed: The same seed gives the same answers where the model lets one choose it.
        """


@runtime_checkable
class Scorer(Protocol):
    """A model whose probabilities can be read: our own, or one with open weights."""

    @property
    def name(self) -> str:
        """For reports."""

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""

    def log_probabilities(self, prompt: ArrayLike, tokens: ArrayLike) -> NDArray[float64]:
        """Return the log-probabilities of the next token at each place of ``tokens``, without any mark.

        Returns:
            Shape (tokens, vocabulary): row i is what may follow prompt and tokens[:i].
        """
