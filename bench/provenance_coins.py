"""An ideal mark whose coins are drawn from a generator: for draws that need fresh marked texts each time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.pairs import Start
from stillwatch.provenance.schemes.registry import SCHEMES
from stillwatch.provenance.schemes.scheme import Judged, SchemeCard, WeightedSum, independent_sum
from stillwatch.statistics.compiled import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
BIAS = 3.0


@compiled
def _seed(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002


@compiled
def _coins(gumbel: bool, vocabulary: int, coins: NDArray[np.float64]) -> None:
    for context in range(vocabulary):
        for token in range(vocabulary):
            if gumbel:
                coins[context, token] = np.random.normal()  # noqa: NPY002
            else:
                coins[context, token] = 0.5 if np.random.random() < 0.5 else -0.5  # noqa: NPY002


@compiled
def _text(
    gumbel: bool, table: NDArray[np.float64], coins: NDArray[np.float64], ranks: NDArray[np.float64], text: Integers
) -> None:
    vocabulary = len(table)
    second, last = np.int64(0), np.int64(np.random.random() * vocabulary)  # noqa: NPY002
    for place in range(len(text)):
        best, chosen = -1e300, 0
        for token in range(vocabulary):
            chance = table[second, last, token]
            if gumbel:
                # The token with the largest uniform ** (1 / chance); the coin is the uniform's normal score.
                height = np.log(ranks[last, token]) / chance if chance > 0 else -1e299
            else:
                noise = -np.log(-np.log(np.random.random()))  # noqa: NPY002
                height = np.log(max(chance, 1e-300)) + BIAS * coins[last, token] + noise
            if height > best:
                best, chosen = height, token
        text[place] = chosen
        second, last = last, np.int64(chosen)


@compiled
def _normal_law(coins: NDArray[np.float64], ranks: NDArray[np.float64]) -> None:
    for context in range(len(coins)):
        for token in range(len(coins)):
            ranks[context, token] = 0.5 * (1.0 + _erf(coins[context, token] / np.sqrt(2.0)))


@compiled
def _erf(x: float) -> float:
    # Abramowitz & Stegun 7.1.26: error below 1.5e-7, far below what a test here could see.
    t = 1.0 / (1.0 + 0.3275911 * abs(x))
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    found = min(max(1.0 - series * np.exp(-x * x), -1 + 1e-12), 1 - 1e-12)
    return float(found) if x >= 0 else -float(found)


@compiled
def draws_of_served_weights(
    gumbel: bool,
    teacher: NDArray[np.float64],
    student: NDArray[np.float64],
    draws: int,
    texts: int,
    length: int,
    softness: float,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return total and variance of first visits, and z of every visit, shape (draws,) each: fresh coins and texts."""
    vocabulary = len(teacher)
    coins, ranks = np.empty((vocabulary, vocabulary)), np.empty((vocabulary, vocabulary))
    text = np.empty(length, np.int64)
    total, variance, everywhere = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    summed, heavy = np.empty((vocabulary, vocabulary)), np.empty((vocabulary, vocabulary))
    proxy = 1.0 if gumbel else 0.25
    for draw in range(draws):
        _seed(seed * 1_000_003 + draw)
        _coins(gumbel, vocabulary, coins)
        _normal_law(coins, ranks)
        seen = np.zeros(vocabulary, np.bool_)
        summed[:] = 0
        heavy[:] = 0
        for _ in range(texts):
            _text(gumbel, teacher, coins, ranks, text)
            for place in range(1, length):
                last = text[place - 1]
                second = text[place - 2] if place > 1 else 0
                for token in range(vocabulary):
                    ours, theirs = teacher[second, last, token], student[second, last, token]
                    gap, mass = theirs - ours, 0.5 * (theirs + ours)
                    summed[last, token] += gap
                    heavy[last, token] += mass
                    if not seen[last]:
                        weight = gap / (1 + mass / softness)
                        total[draw] += weight * coins[last, token]
                        variance[draw] += proxy * weight * weight
                seen[last] = True
        weights = summed / (1 + heavy / softness)
        everywhere[draw] = (weights * coins).sum() / np.sqrt(proxy * (weights * weights).sum())
    return total, variance, everywhere


@compiled
def draws_of_served_choices(
    teacher: NDArray[np.float64], ratios: NDArray[np.float64], draws: int, texts: int, length: int, seed: int
) -> NDArray[np.float64]:
    """Return the log of each bet's wealth, shape (draws, bets): fresh unmarked texts of the teacher each time.

    Args:
        ratios: Shape (bets, vocabulary, vocabulary, vocabulary): log of what each bet pays on a token after two.
    """
    vocabulary, bets = len(teacher), len(ratios)
    wealth = np.zeros((draws, bets))
    for draw in range(draws):
        _seed(seed * 1_000_003 + draw)
        for _ in range(texts):
            second, last = 0, 0
            for _ in range(length):
                pick, token = np.random.random(), 0  # noqa: NPY002
                pick -= teacher[second, last, 0]
                while pick > 0 and token < vocabulary - 1:
                    token += 1
                    pick -= teacher[second, last, token]
                for bet in range(bets):
                    wealth[draw, bet] += ratios[bet, second, last, token]
                second, last = last, token
    return wealth


@compiled
def _one(
    gumbel: bool, teacher: NDArray[np.float64], texts: int, length: int, seed: int, draw: int
) -> tuple[Floats, Integers]:
    vocabulary = len(teacher)
    coins, ranks = np.empty((vocabulary, vocabulary)), np.empty((vocabulary, vocabulary))
    found = np.empty((texts, length), np.int64)
    _seed(seed * 1_000_003 + draw)
    _coins(gumbel, vocabulary, coins)
    _normal_law(coins, ranks)
    for row in range(texts):
        _text(gumbel, teacher, coins, ranks, found[row])
    return coins, found


@dataclass(frozen=True, slots=True)
class Coins:
    """A mark in a table, in the form that the product's tests take."""

    card: SchemeCard
    table: Floats = field(repr=False)
    gumbel: bool
    proxy: float
    width: int = 1
    start: Start = Start(reads_prompt=False, filler=None)  # noqa: RUF009
    marks_first_only: bool = False
    fresh_by_context: bool = True
    keeps_law: bool = False
    two_valued: bool = False

    @classmethod
    def drawn(cls, mark: str, vocabulary: int, seed: int, draw: int) -> Coins:
        """Return the coins of one draw of ``draws_of_served_weights``."""
        gumbel = mark == "gumbel"
        flat = np.full((vocabulary, vocabulary, vocabulary), 1 / vocabulary)
        coins, _ = _one(gumbel, flat, 0, 1, seed, draw)
        return cls(SCHEMES[0].card, coins, gumbel, 1.0 if gumbel else 0.25)

    def texts(self, table: Floats, texts: int, length: int, seed: int, draw: int) -> Integers:
        """Return the marked texts of that draw."""
        return _one(self.gumbel, table, texts, length, seed, draw)[1]

    def reads(self, contexts: Integers, tokens: Integers) -> Integers:  # noqa: ARG002
        """Return the contexts."""
        return contexts

    def keyed(self, contexts: Integers) -> NDArray[np.bool_]:
        """Return that all are."""
        return np.ones(len(contexts), np.bool_)

    def scores(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the coins."""
        return np.asarray(self.table[contexts[:, 0], tokens], np.float64)

    def centred(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the coins, whose mean is 0."""
        return self.scores(contexts, tokens)

    def judged(self, contexts: Integers, tokens: Integers) -> Judged:
        """Return the sum, and the bound on its tail."""
        summed = self.weighted(contexts, tokens, np.ones(len(tokens)))
        return Judged(summed.total, -0.5 * max(summed.z, 0.0) ** 2, summed.z)

    def weighted(self, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
        """Return the weighted sum."""
        return independent_sum(self, contexts, tokens, weights)
