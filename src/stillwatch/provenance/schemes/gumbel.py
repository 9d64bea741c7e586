"""What the Gumbel marks of two engines share: exponential scores by chance, normal ones where weights are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from stillwatch.provenance.pairs import Start
from stillwatch.provenance.schemes.scheme import (
    Floats,
    Integers,
    Judged,
    ReadsContexts,
    SchemeCard,
    WeightedSum,
    independent_sum,
)
from stillwatch.provenance.tails import log_gamma_tail

_LEAST = 2.0**-33  # Below any uniform that an engine hands out, so that no score is infinite.


@dataclass(frozen=True, slots=True)
class Gumbel(ReadsContexts):
    """A Gumbel mark: of all tokens, the engine takes the one whose uniform is largest once raised to 1 / probability.

    Where no mark is, -log(1 - uniform) of distinct pairs are independent exponentials of mean 1, whatever the text.
    The normal score of the uniform is, over the key, exactly standard normal; weighted sums use it, because no bound
    is then lost.
    """

    card: SchemeCard
    width: int
    start: Start
    uniforms: Callable[[Integers, Integers], Floats] = field(repr=False)
    proxy: float = 1.0
    marks_first_only: bool = True
    fresh_by_context: bool = True
    keeps_law: bool = True
    two_valued: bool = False

    def scores(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return -log(1 - uniform) of each pair."""
        return np.asarray(-np.log1p(-self.uniforms(contexts, tokens)), np.float64)

    def judged(self, contexts: Integers, tokens: Integers) -> Judged:
        """Return the sum of scores with its exact Gamma tail."""
        drawn = self.uniforms(contexts, tokens)
        total = float(-np.log1p(-drawn).sum())
        z = float(ndtri(np.clip(drawn, _LEAST, 1 - _LEAST)).sum()) / max(len(tokens), 1) ** 0.5
        return Judged(total, log_gamma_tail(total, len(tokens)), z)

    def centred(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the normal score of each pair's uniform."""
        return np.asarray(ndtri(np.clip(self.uniforms(contexts, tokens), _LEAST, 1 - _LEAST)), np.float64)

    def weighted(self, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
        """Return the weighted sum of normal scores."""
        return independent_sum(self, contexts, tokens, weights)
