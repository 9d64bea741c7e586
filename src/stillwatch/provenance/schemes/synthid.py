"""Hugging Face's SynthID mark: a tournament of layers, each with a coin for every window and token.

The coins lie in one table (65,536 unless configured), found by the lower bits of a linear congruential hash. Windows
that agree in those bits share all their coins, and layers read one table at shifted places. So coins repeat in long
texts, and a binomial tail over all of them says too much. Here every entry of the table counts as one coin, weighted by
how often it was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.functions import g_values
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
)
from stillwatch.provenance.tails import log_sub_gaussian_tail

LAYERS_MOST = 1000
CARD = SchemeCard(
    id="synthid_hugging_face",
    title="SynthID mark of Hugging Face",
    engine="transformers",
    engine_version="5.23.0",
    function_version=g_values.VERSION,
    checked="Coins equal those of the library's own processor, one by one; its table must have been drawn on a "
    "processor (CPU). Marks of Google's own products use another hash and cannot be read here.",
    law="The weighted mean of coins, each entry of the table counted as one coin however often it is read: bound "
    "exp(-z**2 / 2) by Hoeffding's lemma.",
)


def falling_weights(layers: int) -> Floats:
    """Return the layers' weights of the weighted mean, from 10 down to 1 in even steps, with mean 1.

    Source:
        Dathathri et al. 2024, supplement: the first layers of the tournament carry most.
    """
    weights = np.linspace(10, 1, layers)
    return np.asarray(weights / weights.mean(), np.float64)


_START = Start(reads_prompt=False, filler=None)


@dataclass(frozen=True, slots=True)
class SynthId(ReadsContexts):
    """A SynthID mark under one list of layer keys."""

    card: SchemeCard
    width: int
    coins: NDArray[np.uint8] = field(repr=False)
    layer_weights: Floats = field(repr=False)
    keys: tuple[int, ...] = field(repr=False)
    start: Start = _START
    marks_first_only: bool = True
    fresh_by_context: bool = False
    keeps_law: bool = False
    two_valued: bool = False

    @property
    def rate(self) -> float:
        """The share of ones in the table."""
        return float(self.coins.mean())

    @property
    def proxy(self) -> float:
        """The proxy variance of one pair's mean of layers, if no coin repeats: Hoeffding's lemma."""
        return float(self.layer_weights @ self.layer_weights) / (4 * len(self.keys) ** 2)

    def scores(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the weighted mean of each pair's coins, in [0, 1] for equal weights."""
        drawn = g_values.g_values(self.keys, contexts, tokens, self.coins)
        return np.asarray(drawn @ self.layer_weights / len(self.keys), np.float64)

    def centred(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the scores less their mean over keys."""
        return self.scores(contexts, tokens) - self.rate * float(self.layer_weights.mean())

    def weighted(self, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
        """Return the weighted sum of centred scores; its proxy counts repeated coins as one."""
        read = g_values.entry_weights(self.keys, contexts, tokens, weights, self.layer_weights, len(self.coins))
        total = float(read @ (self.coins - self.rate))
        return WeightedSum(total, float(read @ read) / 4)

    def judged(self, contexts: Integers, tokens: Integers) -> Judged:
        """Return the mean score of the pairs with a bound on its tail."""
        if len(tokens) == 0:
            return Judged(0.0, 0.0, 0.0)
        summed = self.weighted(contexts, tokens, np.ones(len(tokens)))
        mean = summed.total / len(tokens) + self.rate * float(self.layer_weights.mean())
        return Judged(mean, float(log_sub_gaussian_tail(summed.z)), summed.z)


def _make(numbers: tuple[int, ...], settings: Settings) -> Scheme:
    if not 1 <= len(numbers) <= LAYERS_MOST or not all(0 <= number < 2**63 for number in numbers):
        raise ValueError(f"this mark has 1 to {LAYERS_MOST} layer keys, whole numbers from 0 to 2**63 - 1")
    if settings.table_size < 2:
        raise ValueError("a table has at least two coins")
    coins = g_values.table(settings.table_seed, settings.table_size)
    return SynthId(CARD, settings.width, coins, falling_weights(len(numbers)), numbers)


def _numbers(key: CohortKey, settings: Settings) -> tuple[int, ...]:
    return key.numbers(CARD.id, settings.layers, 31)


maker = SchemeMaker(CARD, _make, _numbers)
