"""Hugging Face's green-list mark (KGW): a quarter of the vocabulary, drawn anew after each context, is favoured."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.functions import green_list
from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.pairs import Start, summed_squares
from stillwatch.provenance.schemes.scheme import (
    Floats,
    Integers,
    Judged,
    Scheme,
    SchemeCard,
    SchemeMaker,
    Settings,
    WeightedSum,
)
from stillwatch.provenance.tails import bernoulli_proxy, log_binomial_tail

_CHECKED = (
    "Green lists equal those of the library's own processor on a processor (CPU), entry by entry. On a GPU torch draws "
    "other lists from the same key: such marks cannot be read here."
)
_LAW = (
    "Green tokens among distinct pairs follow Binomial(pairs, length of a list / vocabulary): exact tail if lists were "
    "drawn token by token. They are drawn without putting back, so tokens of one context are a trifle negatively "
    "dependent (correlation -1 / (vocabulary - 1))."
)
LEFT = SchemeCard(
    id="kgw_left_hugging_face",
    title="green lists of Hugging Face, seeded by the last token",
    engine="transformers",
    engine_version="5.23.0",
    function_version=f"{green_list.VERSION}-lefthash",
    checked=_CHECKED,
    law=_LAW,
)
OWN = SchemeCard(
    id="kgw_self_hugging_face",
    title="green lists of Hugging Face, seeded by the window that ends with the token itself",
    engine="transformers",
    engine_version="5.23.0",
    function_version=f"{green_list.VERSION}-selfhash",
    checked=_CHECKED,
    law=_LAW,
)

_START = Start(reads_prompt=True, filler=None)


@dataclass(frozen=True, slots=True)
class GreenList:
    """A green-list mark under one key.

    Attributes:
        width: 1 for ``lefthash``, whatever width is configured: the processor seeds with the last token alone.
        rate: Part of the vocabulary on a list, as the processor rounds it.
    """

    card: SchemeCard
    width: int
    vocabulary: int
    favoured: int
    key: int = field(repr=False)
    start: Start = _START
    marks_first_only: bool = False
    keeps_law: bool = False
    two_valued: bool = True

    @property
    def rate(self) -> float:
        """The chance that a token is green where no mark is."""
        return self.favoured / self.vocabulary

    @property
    def proxy(self) -> float:
        """The proxy variance of a coin of that rate."""
        return bernoulli_proxy(self.rate)

    @property
    def fresh_by_context(self) -> bool:
        """False for ``selfhash``: whenever the least product is the token's own, the context does not matter."""
        return self.card.id == LEFT.id

    def _seeds(self, contexts: Integers, tokens: Integers) -> NDArray[np.uint64]:
        if self.card.id == OWN.id:
            return green_list.own_token_seeds(self.key, np.column_stack([contexts, tokens]))
        return green_list.last_token_seeds(self.key, contexts)

    def reads(self, contexts: Integers, tokens: Integers) -> Integers:
        """Return the lower 32 bits of the seeds, shape (pairs, 1): torch keeps no more, and windows share seeds."""
        return (self._seeds(contexts, tokens) & np.uint64(0xFFFF_FFFF)).astype(np.int64)[:, None]

    def keyed(self, contexts: Integers) -> NDArray[np.bool_]:
        """Return False where the seed is 0 whatever the key: after token 0 under ``lefthash``, seeds being products."""
        if self.card.id == OWN.id:
            return np.ones(len(contexts), np.bool_)
        return np.asarray(contexts[:, -1] != 0, np.bool_)

    def scores(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return 1 for green tokens, else 0."""
        seeds = self._seeds(contexts, tokens)
        return green_list.is_green(seeds, tokens, self.vocabulary, self.favoured).astype(np.float64)

    def judged(self, contexts: Integers, tokens: Integers) -> Judged:
        """Return the number of green tokens with its binomial tail."""
        total = float(self.scores(contexts, tokens).sum())
        spread = max(len(tokens) * self.proxy, 1e-300) ** 0.5
        log_p = log_binomial_tail(round(total), len(tokens), self.rate)
        return Judged(total, log_p, (total - len(tokens) * self.rate) / spread if len(tokens) else 0.0)

    def centred(self, contexts: Integers, tokens: Integers) -> Floats:
        """Return the scores less the rate."""
        return self.scores(contexts, tokens) - self.rate

    def weighted(self, contexts: Integers, tokens: Integers, weights: Floats) -> WeightedSum:
        """Return the weighted sum of centred scores; its proxy counts repeated coins as one."""
        weights = np.where(self.keyed(contexts), weights, 0.0)
        total = float(weights @ self.centred(contexts, tokens))
        return WeightedSum(total, self.proxy * summed_squares(self.reads(contexts, tokens), tokens, weights))


def _checked_settings(numbers: tuple[int, ...], settings: Settings) -> tuple[int, int]:
    if len(numbers) != 1 or not 0 < numbers[0] < 2**63:
        raise ValueError("this mark has one key, a whole number from 1 to 2**63 - 1")
    if settings.vocabulary < 2 or not 0 < settings.green_share < 1:
        raise ValueError("green lists need the vocabulary's size and a share between 0 and 1")
    favoured = int(settings.vocabulary * settings.green_share)
    if favoured < 1:
        raise ValueError("no token would be green: the vocabulary or the share is too small")
    return numbers[0], favoured


def _left(numbers: tuple[int, ...], settings: Settings) -> Scheme:
    key, favoured = _checked_settings(numbers, settings)
    return GreenList(LEFT, 1, settings.vocabulary, favoured, key)


def _own(numbers: tuple[int, ...], settings: Settings) -> Scheme:
    key, favoured = _checked_settings(numbers, settings)
    if settings.width < 2:
        raise ValueError(
            "selfhash of width 1 is one list for all contexts, which no test here reads: use width 2 or more"
        )
    return GreenList(OWN, settings.width - 1, settings.vocabulary, favoured, key)


def _numbers(key: CohortKey, settings: Settings) -> tuple[int, ...]:  # noqa: ARG001
    return (key.number("kgw_hugging_face", 62) | 1,)  # Odd: even keys lose the seed's lowest bits.


left_maker = SchemeMaker(LEFT, _left, _numbers)
own_maker = SchemeMaker(OWN, _own, _numbers)
