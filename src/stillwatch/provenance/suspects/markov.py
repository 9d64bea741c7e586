"""A tiny language model in a table: exact probabilities without a neural network, for trials and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.schemes.scheme import Scheme
from stillwatch.provenance.tokens import Text

_START = 0


@dataclass(frozen=True, slots=True)
class MarkovModel:
    """A model in which the last two tokens alone decide what may follow.

    Attributes:
        name: For reports.
        table: Shape (vocabulary, vocabulary, vocabulary): probabilities of the next token after [second-last, last].
            Token 0 stands before the start of every text.
    """

    name: str
    table: NDArray[np.float64]

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return len(self.table)

    def log_probabilities(self, prompt: ArrayLike, tokens: ArrayLike) -> NDArray[np.float64]:
        """Return the log-probabilities at each place of ``tokens``, shape (tokens, vocabulary)."""
        before = np.concatenate([[_START, _START], np.asarray(prompt, np.int64), np.asarray(tokens, np.int64)])
        count = len(np.asarray(tokens))
        last = before[len(before) - count - 1 : len(before) - 1] if count else before[:0]
        second = before[len(before) - count - 2 : len(before) - 2] if count else before[:0]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.table[second, last]), np.float64)

    def answers(self, prompts: Sequence[Text], tokens_most: int, seed: int) -> list[Text]:
        """Return one answer of exactly ``tokens_most`` tokens a prompt."""
        heads = [prompt.prompt for prompt in prompts]
        drawn = self.sample(heads, tokens_most, np.random.default_rng(seed))
        return [Text(row, head) for row, head in zip(drawn, heads, strict=True)]

    def sample(
        self,
        prompts: Sequence[NDArray[np.int64]],
        length: int,
        generator: np.random.Generator,
        mark: Scheme | None = None,
        bias: float = 2.0,
    ) -> NDArray[np.int64]:
        """Return texts that follow ``prompts``, marked as an engine would mark them.

        A Gumbel mark takes the token with the least -log(uniform) / probability; it is set on the first occurrence of
        each context in a text, as the engines do. A mark with coins adds ``bias`` to the logit of every token whose
        coin is up (SynthID's tournament is stood in for by its first layers' sum, which is the same in direction).

        Args:
            prompts: Token ids before each text; may be empty ones.
            length: Tokens of each text.
            bias: Strength of a green-list mark, in nats.

        Returns:
            Shape (texts, length).
        """
        texts = len(prompts)
        width = 2 if mark is None else max(2, mark.width)
        filler = _START if mark is None or mark.start.filler is None else mark.start.filler
        chain = np.full((texts, width + length), filler, np.int64)
        seen: list[set[bytes]] = [set() for _ in range(texts)]
        known = np.zeros((texts, 2), np.int64)
        for row, prompt in enumerate(prompts):
            tail = np.asarray(prompt, np.int64)[-width:]
            if len(tail) and (mark is None or mark.start.reads_prompt):
                chain[row, width - len(tail) : width] = tail
            known[row, 2 - min(2, len(tail)) :] = tail[-2:]
        for place in range(length):
            chances = self.table[known[:, 0], known[:, 1]]
            contexts = chain[:, place + width - mark.width : place + width] if mark is not None else chain[:, :0]
            chosen = _drawn(chances, generator)
            if mark is not None:
                fresh = np.ones(texts, np.bool_)
                if mark.marks_first_only:
                    for row in range(texts):
                        context = contexts[row].tobytes()
                        fresh[row] = context not in seen[row]
                        seen[row].add(context)
                chosen = np.where(fresh, _marked(mark, contexts, chances, bias, generator), chosen)
            chain[:, place + width] = chosen
            known = np.column_stack([known[:, 1], chosen])
        return chain[:, width:]


def _drawn(chances: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    edges = chances.cumsum(axis=1)
    picks = generator.random((len(chances), 1)) * edges[:, -1:]
    return np.asarray((edges <= picks).sum(axis=1), np.int64)


def _marked(
    mark: Scheme,
    contexts: NDArray[np.int64],
    chances: NDArray[np.float64],
    bias: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    texts, vocabulary = chances.shape
    rows = np.repeat(contexts, vocabulary, axis=0)
    tokens = np.tile(np.arange(vocabulary), texts)
    if "gumbel" in mark.card.id:
        waits = -np.log1p(-np.exp(-mark.scores(rows, tokens))).reshape(texts, vocabulary)
        with np.errstate(divide="ignore"):
            return np.asarray(np.argmin(waits / np.maximum(chances, 1e-300), axis=1), np.int64)
    coins = mark.centred(rows, tokens).reshape(texts, vocabulary)
    tilted = chances * np.exp(bias * coins / max(np.ptp(coins), 1e-9))
    return _drawn(tilted, generator)


def random_teacher(vocabulary: int, evenness: float, generator: np.random.Generator) -> MarkovModel:
    """Return a model with Dirichlet rows: the smaller ``evenness``, the surer it is of what follows."""
    table = generator.dirichlet(np.full(vocabulary, evenness), (vocabulary, vocabulary))
    return MarkovModel("random table", table)


def counted_student(
    texts: NDArray[np.int64], vocabulary: int, prior: NDArray[np.float64] | float, weight: float = 1.0
) -> MarkovModel:
    """Return the model that counts what follows two tokens in ``texts``: a student taught by its teacher's answers.

    Args:
        texts: Shape (texts, length).
        prior: What it knew before, in the shape of a table, or a flat chance.
        weight: How many observations the prior counts for in each context.
    """
    counts = np.zeros((vocabulary, vocabulary, vocabulary))
    padded = np.concatenate([np.full((len(texts), 2), _START), texts], axis=1)
    np.add.at(counts, (padded[:, :-2], padded[:, 1:-1], padded[:, 2:]), 1.0)
    counts += weight * (np.asarray(prior) if not np.isscalar(prior) else 1.0 / vocabulary)
    return MarkovModel("counted student", counts / counts.sum(axis=2, keepdims=True))


def load_markov(path: Path) -> MarkovModel:
    """Return the model in an ``.npz`` file with one array, ``table``.

    Raises:
        SourceError: If the file holds no such table.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            table = np.asarray(held["table"], np.float64)
    except (OSError, KeyError, ValueError) as error:
        raise SourceError(f"{path}: no table of a Markov model", "an .npz file with one array called table") from error
    if table.ndim != 3 or len(set(table.shape)) != 1 or not np.allclose(table.sum(axis=2), 1) or (table < 0).any():
        raise SourceError(f"{path}: not a table of probabilities", "three equal axes, rows that sum to 1")
    return MarkovModel(path.stem, table)
