"""Weights of pairs, fixed without the key: what was observed, less what our unmarked teacher would have said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.provenance.pairs import Pairs, Start, pairs_of
from stillwatch.provenance.schemes.scheme import Scheme
from stillwatch.provenance.suspects.model import Scorer
from stillwatch.provenance.tokens import Text
from stillwatch.statistics.compiled import compiled

SUPPORT_MOST = (
    64  # Likeliest tokens a place; the rest weighs too little to pay for. Any choice made without the key is fair.
)
ROWS_A_MERGE = 1 << 21
_LIGHTEST = 0.25  # Of masses: all lighter pairs are one lot.
_FACTOR_MOST = 2.0  # For lots whose weights hardly depart at all.


@dataclass(frozen=True, slots=True)
class WeightedPairs:
    """Distinct pairs with the weight of each.

    Attributes:
        contexts: Shape (pairs, width).
        tokens: Shape (pairs,).
        weights: Shape (pairs,): what was seen less what was expected, summed.
        masses: Shape (pairs,): how much chance alone could move each weight, in the unit that its maker names.
    """

    contexts: NDArray[np.int64]
    tokens: NDArray[np.int64]
    weights: NDArray[np.float64]
    masses: NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.tokens)

    def tempered(self, softness: float) -> NDArray[np.float64]:
        """Return weights / (1 + masses / softness), shape (pairs,): departures, relative where much was seen.

        A student departs from its teacher for many reasons besides a mark, and by a share of each probability. Summed
        over many places such a departure outgrows all sampling noise, and a few frequent contexts would drown the
        rest. Dividing by the mass gives each coin a say that stops growing. No key enters, so the bound stands.

        Args:
            softness: In the unit of masses, above 0; the larger, the nearer to plain sums.
        """
        return np.asarray(self.weights / (1 + self.masses / softness), np.float64)

    def evened(self) -> NDArray[np.float64]:
        """Return weights over their mean square a unit of mass, taken by doublings of mass, shape (pairs,).

        Where coins have two values, a departure that is far larger than chance says no more than a large one; pairs
        of like mass are so weighed by how much they depart for whatever reason. No key enters.
        """
        doublings = np.floor(np.log2(np.maximum(self.masses, _LIGHTEST))).astype(np.int64)
        doublings -= doublings.min(initial=0)
        squares = np.bincount(doublings, self.weights**2)
        masses = np.bincount(doublings, self.masses)
        factors = np.minimum(masses / np.maximum(squares, 1e-300), _FACTOR_MOST)
        return np.asarray(self.weights * factors[doublings], np.float64)

    def by_coin(self, scheme: Scheme) -> WeightedPairs:
        """Return the pairs with those added up that share one coin of the scheme."""
        reads = np.ascontiguousarray(scheme.reads(self.contexts, self.tokens))
        first, summed, heavy = _merge(reads, self.tokens, self.weights, self.masses)
        return WeightedPairs(self.contexts[first], self.tokens[first], summed, heavy)


@compiled
def _merge(
    contexts: NDArray[np.int64],
    tokens: NDArray[np.int64],
    weights: NDArray[np.float64],
    masses: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    count, width = contexts.shape
    size = 16
    while size < 2 * count:
        size *= 2
    slots = np.full(size, np.int64(-1), np.int64)
    last = np.uint64(size - 1)
    first = np.empty(count, np.int64)
    summed = np.empty(count, np.float64)
    heavy = np.empty(count, np.float64)
    used = 0
    for row in range(count):
        state = np.uint64(tokens[row])
        for column in range(width):
            state = (state ^ np.uint64(contexts[row, column])) * np.uint64(0x9E37_79B9_7F4A_7C15)
            state = state ^ (state >> np.uint64(29))
        state = state * np.uint64(0xBF58_476D_1CE4_E5B9)
        slot = (state ^ (state >> np.uint64(32))) & last
        while True:
            held = slots[slot]
            if held < 0:
                slots[slot] = used
                first[used], summed[used], heavy[used] = row, weights[row], masses[row]
                used += 1
                break
            same = tokens[first[held]] == tokens[row]
            if same:
                for column in range(width):
                    if contexts[first[held], column] != contexts[row, column]:
                        same = False
                        break
            if same:
                summed[held] += weights[row]
                heavy[held] += masses[row]
                break
            slot = (slot + np.uint64(1)) & last
    return first[:used].copy(), summed[:used].copy(), heavy[:used].copy()


def merged(
    contexts: NDArray[np.int64],
    tokens: NDArray[np.int64],
    weights: NDArray[np.float64],
    masses: NDArray[np.float64],
) -> WeightedPairs:
    """Return each distinct pair once, with its summed weight and mass."""
    contexts = np.ascontiguousarray(contexts, np.int64)
    tokens = np.ascontiguousarray(tokens, np.int64)
    first, summed, heavy = _merge(
        contexts, tokens, np.ascontiguousarray(weights, np.float64), np.ascontiguousarray(masses, np.float64)
    )
    return WeightedPairs(contexts[first], tokens[first], summed, heavy)


def joined(parts: Iterable[WeightedPairs], width: int) -> WeightedPairs:
    """Return several lots as one, pairs merged; memory stays bounded by distinct pairs and one lot."""
    held: list[WeightedPairs] = []
    rows = 0
    for part in parts:
        held.append(part)
        rows += len(part)
        if rows > ROWS_A_MERGE:
            held = [_concatenated(held, width)]
            rows = 0
    return _concatenated(held, width)


def _concatenated(parts: Sequence[WeightedPairs], width: int) -> WeightedPairs:
    if not parts:
        return WeightedPairs(np.zeros((0, width), np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    return merged(
        np.concatenate([part.contexts for part in parts]),
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.masses for part in parts]),
    )


def _support(amounts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the columns of the largest amounts in each row, shape (rows, at most SUPPORT_MOST)."""
    if amounts.shape[1] <= SUPPORT_MOST:
        return np.broadcast_to(np.arange(amounts.shape[1]), amounts.shape)
    return np.argpartition(amounts, -SUPPORT_MOST, axis=1)[:, -SUPPORT_MOST:]


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a suspect's probabilities are above our unmarked teacher's, at each place of one text.

    Attributes:
        pairs: The places.
        tokens: Shape (places, tokens): where the gap is widest.
        gaps: The same shape.
        masses: The same shape: the mean of both probabilities.
    """

    pairs: Pairs
    tokens: NDArray[np.int64]
    gaps: NDArray[np.float64]
    masses: NDArray[np.float64]

    def at(self, rows: NDArray[np.int64]) -> WeightedPairs:
        """Return some places as pairs; contexts must be distinct."""
        return WeightedPairs(
            np.repeat(self.pairs.contexts[rows], self.tokens.shape[1], axis=0),
            self.tokens[rows].ravel(),
            self.gaps[rows].ravel(),
            self.masses[rows].ravel(),
        )


def answers_less_teacher(answers: Sequence[Text], teacher: Scorer, width: int, start: Start) -> WeightedPairs:
    """Return, for each pair, how often the suspect said it less how often our unmarked teacher would have.

    At every place of an answer, the token that was said weighs 1, and every likely token less its probability under
    the teacher after the same words. Repeated pairs add up. Masses are the variance of a weight if the suspect drew
    from the teacher's own probabilities. No key enters.

    Args:
        answers: The suspect's.
        teacher: Read on the suspect's own words.
        width: Of the mark's context.
        start: Of the mark.
    """
    return joined(_residuals(answers, teacher, width, start), width)


def _residuals(answers: Sequence[Text], teacher: Scorer, width: int, start: Start) -> Iterator[WeightedPairs]:
    for answer in answers:
        pairs = pairs_of([answer.tokens], width, start, [answer.prompt])
        if not len(pairs):
            continue
        chances = np.exp(teacher.log_probabilities(answer.prompt, answer.tokens)[pairs.places])
        columns = _support(chances)
        expected = np.take_along_axis(chances, columns, axis=1).ravel()
        contexts = np.repeat(pairs.contexts, columns.shape[1], axis=0)
        yield WeightedPairs(pairs.contexts, pairs.tokens, np.ones(len(pairs)), np.zeros(len(pairs)))
        yield WeightedPairs(contexts, columns.ravel(), -expected, expected * (1 - expected))


def differences(texts: Sequence[Text], suspect: Scorer, teacher: Scorer, width: int, start: Start) -> Iterator[Gaps]:
    """Yield, text by text, what the suspect's probabilities are above our unmarked teacher's."""
    for text in texts:
        pairs = pairs_of([text.tokens], width, start, [text.prompt])
        if not len(pairs):
            continue
        ours = np.exp(teacher.log_probabilities(text.prompt, text.tokens)[pairs.places])
        theirs = np.exp(suspect.log_probabilities(text.prompt, text.tokens)[pairs.places])
        shared = min(ours.shape[1], theirs.shape[1])  # Padded vocabularies differ by tokens that nobody says.
        ours, theirs = ours[:, :shared], theirs[:, :shared]
        columns = _support(np.abs(theirs - ours))
        ours, theirs = np.take_along_axis(ours, columns, axis=1), np.take_along_axis(theirs, columns, axis=1)
        yield Gaps(pairs, columns, theirs - ours, 0.5 * (theirs + ours))


def texts_difference(
    texts: Sequence[Text], suspect: Scorer, teacher: Scorer, width: int, start: Start
) -> WeightedPairs:
    """Return the summed differences of each pair over all places of ``texts``, which were written without the key."""
    found = differences(texts, suspect, teacher, width, start)
    return joined((each.at(np.arange(len(each.pairs))) for each in found), width)
