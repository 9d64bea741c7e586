"""Marking a teacher's answers with the schemes that provenance can read, as a serving engine would.

It is written for the lab's small vocabularies: the scores of all tokens are computed once a context and kept.
"""

from __future__ import annotations

import numpy as np
import torch

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.schemes.registry import scheme_maker
from stillwatch.provenance.schemes.scheme import Scheme, Settings

GREEN_LIST = "kgw_self_hugging_face"
_STRENGTH = 2.0  # Nats added to favoured tokens: the usual delta of green lists.


def lab_scheme(vocabulary: int, secret: bytes, cohort: str = "lab", width: int = 3) -> tuple[str, Scheme]:
    """Return a green-list scheme for a vocabulary, and its key's public id.

    Args:
        vocabulary: Tokens of the marked model.
        secret: Master of the lab's keys, at least 16 bytes.
        cohort: Whose key; names differ, keys differ.
        width: Tokens that decide whether the last of them is green; the scheme reads one fewer before it.
    """
    key = cohort_key(secret, cohort, "lab")
    settings = Settings(width=width, vocabulary=vocabulary, green_share=0.25)
    return key.id, scheme_maker(GREEN_LIST).of(key, settings)


class _Scores:
    """The scores of all tokens after each context that was met."""

    def __init__(self, scheme: Scheme, vocabulary: int) -> None:
        self._scheme, self._vocabulary = scheme, vocabulary
        self._places: dict[tuple[int, ...], int] = {}
        self._table = torch.zeros(0, vocabulary)

    def after(self, told: torch.Tensor) -> torch.Tensor:
        """Return the scores of what may follow ``told``, shape (sequences, vocabulary)."""
        keys = [tuple(row) for row in told[:, -self._scheme.width :].tolist()]
        unknown = sorted(set(keys) - set(self._places))
        if unknown:
            rows = np.repeat(np.array(unknown, np.int64), self._vocabulary, axis=0)
            tokens = np.tile(np.arange(self._vocabulary, dtype=np.int64), len(unknown))
            scores = self._scheme.scores(rows, tokens).reshape(len(unknown), self._vocabulary)
            for row in unknown:
                self._places[row] = len(self._places)
            self._table = torch.cat([self._table, torch.from_numpy(scores).float()])
        return self._table[torch.tensor([self._places[row] for row in keys])]


class Marker:
    """Adds a constant to the logits of what the key favours after each context."""

    def __init__(self, scheme: Scheme, vocabulary: int, strength: float = _STRENGTH) -> None:
        """Begin with no context known."""
        self._scores, self._strength = _Scores(scheme, vocabulary), strength

    def __call__(self, told: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the logits of shape (sequences, vocabulary), biased by the last tokens of ``told``."""
        return logits + self._strength * self._scores.after(told)


class GumbelMarker:
    """Leaves one token only, that of the largest uniform ** (1 / probability): a Gumbel mark at temperature 1.

    A context that came before in the same answer is left to chance, as engines leave it.
    """

    def __init__(self, scheme: Scheme, vocabulary: int, prompt_tokens: int) -> None:
        """Begin with no context known.

        Args:
            scheme: A Gumbel mark that reads the prompt's end.
            vocabulary: Tokens of the marked model.
            prompt_tokens: Length of every prompt, at least the scheme's width.

        Raises:
            ValueError: If the scheme reads other contexts, or prompts are too short.
        """
        if not scheme.start.reads_prompt or prompt_tokens < scheme.width:
            raise ValueError("this marker needs a scheme that reads the prompt, and prompts as long as its width")
        self._scores, self._width, self._first = _Scores(scheme, vocabulary), scheme.width, prompt_tokens

    def __call__(self, told: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return logits of shape (sequences, vocabulary) that allow one token after each fresh context."""
        contexts = told[:, self._first - self._width :].unfold(1, self._width, 1)
        met = (contexts[:, :-1] == contexts[:, -1:]).all(dim=2).any(dim=1)
        waits = -torch.log1p(-torch.exp(-self._scores.after(told).double()))  # -log of the uniforms.
        best = (torch.log_softmax(logits.double(), dim=-1) - torch.log(waits)).argmax(dim=-1, keepdim=True)
        only = torch.full_like(logits, -torch.inf).scatter_(1, best, 0.0)
        return torch.where(met[:, None], logits, only)
