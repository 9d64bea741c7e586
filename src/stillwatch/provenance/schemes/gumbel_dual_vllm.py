"""vLLM's dual-key Gumbel mark: a coin nobody can repeat picks one of two derived keys for each token."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from stillwatch.provenance.functions import philox
from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.pairs import Start
from stillwatch.provenance.schemes.scheme import (
    Floats,
    Integers,
    Judged,
    ReadsContexts,
    Scheme,
    SchemeCard,
    SchemeMaker,
    Settings,
    WeightedSum,
    independent_sum,
)

SHARE_B = 0.1  # The engine's default.
CARD = SchemeCard(
    id="gumbel_dual_vllm",
    title="dual-key Gumbel mark of vLLM",
    engine="vllm",
    engine_version="0.33.0",
    function_version=philox.VERSION,
    checked="Derived keys and detector totals equal those of the engine's own Python code. Its GPU sampling kernel was "
    "not run.",
    law="Both keys' scores, weighted by how often each marks, are summed over distinct contexts. The tail is the "
    "Chernoff bound of that sum of exponentials; the engine itself fits a Gamma law to it, which is not exact.",
)


def derived(key: int, which: bytes) -> int:
    """Return one of the two keys that vLLM derives from its configured one, ``which`` being b"key_a" or b"key_b"."""
    return int.from_bytes(hashlib.sha256(which + key.to_bytes(8, "big")).digest()[:8], "big")


def log_two_gammas_tail(total: float, pairs: int, share_b: float) -> float:
    """Return a bound on the log of the chance that (1 - b) G + b G' reaches ``total``, G and G' being Gamma(pairs)."""
    if pairs == 0 or total <= pairs:
        return 0.0
    weights = (1 - share_b, share_b)

    def exponent(tilt: float) -> float:
        return -tilt * total - pairs * sum(math.log1p(-tilt * weight) for weight in weights if weight > 0)

    found = minimize_scalar(exponent, bounds=(0.0, (1 - 1e-9) / max(weights)), method="bounded")
    return min(0.0, float(found.fun))


@dataclass(frozen=True, slots=True)
class DualGumbel(ReadsContexts):
    """A Gumbel mark under two keys at once."""

    card: SchemeCard
    width: int
    start: Start
    share_b: float
    keys: tuple[int, int] = field(repr=False)
    proxy: float = 1.0
    marks_first_only: bool = True
    fresh_by_context: bool = True
    keeps_law: bool = True
    two_valued: bool = False

    def _both(self, contexts: Integers, tokens: Integers) -> tuple[Floats, Floats]:
        first, second = (philox.uniforms(key, contexts, tokens) for key in self.keys)
        return first, second

    def scores(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the weighted -log(1 - uniform) of each pair under both keys."""
        first, second = self._both(contexts, tokens)
        return np.asarray(-(1 - self.share_b) * np.log1p(-first) - self.share_b * np.log1p(-second), np.float64)

    def judged(self, contexts: Integers, tokens: Integers) -> Judged:
        """Return the sum of scores with a bound on its tail."""
        total = float(self.scores(contexts, tokens).sum())
        z = float(self.centred(contexts, tokens).sum()) / max(len(tokens), 1) ** 0.5
        return Judged(total, log_two_gammas_tail(total, len(tokens), self.share_b), z)

    def centred(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the standard normal mix of both keys' normal scores."""
        first, second = self._both(contexts, tokens)
        length = math.hypot(1 - self.share_b, self.share_b)
        return np.asarray(((1 - self.share_b) * ndtri(first) + self.share_b * ndtri(second)) / length, np.float64)

    def weighted(self, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
        """Return the weighted sum of normal scores."""
        return independent_sum(self, contexts, tokens, weights)


def _make(numbers: tuple[int, ...], settings: Settings) -> Scheme:
    if len(numbers) != 1 or not 0 <= numbers[0] < 2**64:
        raise ValueError("this mark has one configured key, a whole number from 0 to 2**64 - 1")
    share_b = SHARE_B if settings.share_b is None else settings.share_b
    if not 0 <= share_b <= 1:
        raise ValueError("the second key's share lies between 0 and 1")
    keys = (derived(numbers[0], b"key_a"), derived(numbers[0], b"key_b"))
    return DualGumbel(CARD, settings.width, Start(reads_prompt=False, filler=-1), share_b, keys)


def _numbers(key: CohortKey, settings: Settings) -> tuple[int, ...]:  # noqa: ARG001
    return (key.number(CARD.id),)


maker = SchemeMaker(CARD, _make, _numbers)
