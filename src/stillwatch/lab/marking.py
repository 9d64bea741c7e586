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


class Marker:
    """Adds a constant to the logits of what the key favours after each context."""

    def __init__(self, scheme: Scheme, vocabulary: int, strength: float = _STRENGTH) -> None:
        """Begin with no context known."""
        self._scheme, self._vocabulary, self._strength = scheme, vocabulary, strength
        self._places: dict[tuple[int, ...], int] = {}
        self._table = torch.zeros(0, vocabulary)

    def __call__(self, told: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return the logits of shape (sequences, vocabulary), biased by the last tokens of ``told``."""
        contexts = told[:, -self._scheme.width :]
        keys = [tuple(row) for row in contexts.tolist()]
        unknown = sorted(set(keys) - set(self._places))
        if unknown:
            rows = np.repeat(np.array(unknown, np.int64), self._vocabulary, axis=0)
            tokens = np.tile(np.arange(self._vocabulary, dtype=np.int64), len(unknown))
            scores = self._scheme.scores(rows, tokens).reshape(len(unknown), self._vocabulary)
            for row in unknown:
                self._places[row] = len(self._places)
            self._table = torch.cat([self._table, torch.from_numpy(scores).float() * self._strength])
        return logits + self._table[torch.tensor([self._places[row] for row in keys])]
