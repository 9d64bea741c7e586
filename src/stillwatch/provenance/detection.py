"""Whether texts bear one mark: distinct pairs, a total, its tail by chance, and words for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from stillwatch.provenance.pairs import first_of_context, pairs_of
from stillwatch.provenance.schemes.scheme import Scheme, SchemeCard, distinct
from stillwatch.provenance.tails import log_sub_gaussian_tail


@dataclass(frozen=True, slots=True)
class Detection:
    """What one key's mark says about some texts together.

    Attributes:
        card: Of the scheme.
        key_id: Public id of the key; empty for a key given by its number.
        tokens: In all texts.
        pairs: Distinct pairs that were judged.
        repeats: Pairs left out because they said nothing new.
        total: The scheme's own statistic.
        log_p: Nats. Under "these texts were written without knowledge of the key", the chance of such a total or
            a larger one is at most exp(log_p), given an ideal keyed function.
        z: Total of centred scores over the root of its proxy variance.
        log_p_bound: Nats: -z**2 / 2, a second, independent way to a bound; usually the larger one.
    """

    card: SchemeCard
    key_id: str
    tokens: int
    pairs: int
    repeats: int
    total: float
    log_p: float
    z: float
    log_p_bound: float

    @property
    def p(self) -> float:
        """The p-value; 0 where it is below the smallest number of the machine."""
        return math.exp(self.log_p)


def detect(
    scheme: Scheme,
    texts: Iterable[ArrayLike],
    prompts: Iterable[ArrayLike] | None = None,
    key_id: str = "",
) -> Detection:
    """Return what the scheme's mark says about ``texts`` together.

    A keyed function returns the same for the same pair, so each distinct pair is judged once, over all texts; where
    the engine marks only the first occurrence of a context in a text, later ones are left out too. Without this the
    error is far above what a p-value says: see ``bench/provenance_error.py``.

    Args:
        texts: Token ids of what was generated, one array a text, without the prompt.
        prompts: Token ids of each text's prompt, for engines that read it.

    Assumes:
        The null is about the key: texts written without knowledge of it. The keyed function behaves like independent
        coins for distinct pairs.
    """
    bodies = [np.asarray(text, np.int64).ravel() for text in texts]
    everything = pairs_of(bodies, scheme.width, scheme.start, prompts)
    judged = everything.take(first_of_context(everything, by_text=True)) if scheme.marks_first_only else everything
    judged = distinct(scheme, judged)
    found = scheme.judged(judged.contexts, judged.tokens)
    return Detection(
        card=scheme.card,
        key_id=key_id,
        tokens=sum(map(len, bodies)),
        pairs=len(judged),
        repeats=len(everything) - len(judged),
        total=found.total,
        log_p=found.log_p,
        z=found.z,
        log_p_bound=float(log_sub_gaussian_tail(found.z)),
    )
