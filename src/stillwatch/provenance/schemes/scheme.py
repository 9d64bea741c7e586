"""What every mark offers: scores of pairs, the law of their total by chance, and weighted sums with a bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.pairs import Pairs, Start, first_rows

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SchemeCard:
    """What a mark is, for people.

    Attributes:
        id: The file's name, and the name on the command line and in the served log.
        engine: Who sets it, with the version that was read.
        function_version: Of the pseudo-random function; text marked under another cannot be read.
        checked: How it is known that the function here is the engine's, or that it is not known.
        law: What the total of distinct pairs follows where no mark is, and how its tail is computed.
    """

    id: str
    title: str
    engine: str
    engine_version: str
    function_version: str
    checked: str
    law: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What a mark's configuration holds besides its key; a scheme reads what concerns it.

    Attributes:
        width: The engine's own notion of context width (SynthID: its n-gram length less one).
        vocabulary: Tokens that the engine shuffles; needed by green lists.
        green_share: Part of the vocabulary on a green list.
        layers: SynthID's depth, where keys are derived.
        table_size: Of SynthID's coins.
        table_seed: Of SynthID's coins.
        share_b: Part of the marks that a second key sets, where there are two.
    """

    width: int = 4
    vocabulary: int = 0
    green_share: float = 0.25
    layers: int = 30
    table_size: int = 65_536
    table_seed: int = 0
    share_b: float | None = None


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """A weighted sum of scores whose mean is 0 where no mark is.

    Attributes:
        total: The sum.
        variance: A proxy: the sum is sub-Gaussian with it, over the key.
    """

    total: float
    variance: float

    @property
    def z(self) -> float:
        """The sum in units of the proxy's root; 0 where nothing was summed."""
        return self.total / self.variance**0.5 if self.variance > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """What distinct pairs add up to.

    Attributes:
        total: Of the usual scores.
        log_p: Nats: log of the chance of such a total or a larger one where no mark is, or a bound on it.
        z: The plain sum of centred scores over the root of its proxy.
    """

    total: float
    log_p: float
    z: float


class Scheme(Protocol):
    """One mark under one key, its secrets hidden from every text form."""

    @property
    def card(self) -> SchemeCard:
        """What it is."""

    @property
    def width(self) -> int:
        """How many tokens before the judged one the function truly reads, at least 1."""

    @property
    def start(self) -> Start:
        """What the engine takes for the context of a text's first tokens."""

    @property
    def marks_first_only(self) -> bool:
        """Whether the engine marks a context's first occurrence in a text only."""

    @property
    def fresh_by_context(self) -> bool:
        """Whether a context that was never met has coins that were never met."""

    @property
    def two_valued(self) -> bool:
        """Whether the score of a pair is one of two values."""

    @property
    def keeps_law(self) -> bool:
        """Whether, over the key, what follows a fresh context is drawn from the teacher's own probabilities."""

    def reads(self, contexts: Integers, tokens: Integers) -> Integers:
        """Return what the function truly reads beside the token, shape (pairs, columns).

        Pairs that agree in it and in the token have one and the same coin, and must count once.
        """

    def keyed(self, contexts: Integers) -> NDArray[np.bool_]:
        """Return which contexts have coins that depend on the key, shape (pairs,); others say nothing about it."""

    def scores(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the usual score of each pair, shape (pairs,): larger for what the mark favours."""

    def judged(self, contexts: Integers, tokens: Integers) -> Judged:
        """Return what distinct pairs add up to; distinct in what the function reads: see ``distinct``."""

    def weighted(self, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
        """Return the sum of weights times centred scores over distinct pairs.

        If the weights were fixed without knowledge of the key, the sum is sub-Gaussian over the key: it exceeds
        z roots of the proxy with chance at most exp(-z**2 / 2).
        """

    def centred(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return each pair's score less its mean over keys, shape (pairs,), as ``weighted`` sums them."""

    @property
    def proxy(self) -> float:
        """The proxy variance of one centred score."""


class ReadsContexts:
    """What most marks read: the context as it is, and every one under the key."""

    __slots__ = ()

    def reads(self, contexts: Integers, tokens: Integers) -> Integers:  # noqa: ARG002
        """Return the contexts."""
        return contexts

    def keyed(self, contexts: Integers) -> NDArray[np.bool_]:
        """Return that all are."""
        return np.ones(len(contexts), np.bool_)


@dataclass(frozen=True, slots=True)
class SchemeMaker:
    """How a scheme is made from key and settings.

    Attributes:
        card: Of the scheme.
        make: From the engine's own key numbers.
        numbers: The engine's key numbers of a cohort's key.
    """

    card: SchemeCard
    make: Callable[[tuple[int, ...], Settings], Scheme]
    numbers: Callable[[CohortKey, Settings], tuple[int, ...]]

    def of(self, key: CohortKey, settings: Settings) -> Scheme:
        """Return the scheme under a cohort's key."""
        return self.make(self.numbers(key, settings), settings)


def independent_sum(scheme: Scheme, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
    """Return the weighted sum where distinct pairs have independent scores of one proxy."""
    total = float(weights @ scheme.centred(contexts, tokens))
    return WeightedSum(total, scheme.proxy * float(weights @ weights))


def distinct(scheme: Scheme, pairs: Pairs) -> Pairs:
    """Return the first of all pairs that share one coin of the scheme, and none whose coin is the same for all keys."""
    pairs = pairs.take(scheme.keyed(pairs.contexts))
    return pairs.take(first_rows(scheme.reads(pairs.contexts, pairs.tokens), pairs.tokens))
