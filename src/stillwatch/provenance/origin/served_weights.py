"""(c) Weights and served log: on the texts that we served, do the suspect's probabilities lean to the key?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from scipy.special import logsumexp

from stillwatch.provenance.origin.question import Card, Finding, Line, Material, OriginTest, no_data
from stillwatch.provenance.origin.radioactivity import keyed_finding
from stillwatch.provenance.pairs import unseen
from stillwatch.provenance.schemes.scheme import Scheme, WeightedSum
from stillwatch.provenance.suspects.model import Scorer
from stillwatch.provenance.tails import log_e_one_sided, log_sub_gaussian_tail
from stillwatch.provenance.tokens import Text
from stillwatch.provenance.weighing import WeightedPairs, differences, joined, texts_difference

SOFTNESS = 3.0  # Places.
SCALES = tuple(4.0**power for power in range(-4, 8))  # Mixed evenly, so that none must be guessed: costs 2.5 nats.
COINCIDING = (
    "Under this mark coins of different contexts can be one coin, so that a first visit is not always fresh: on served "
    "texts the guarantee holds only nearly. Texts without the key are not touched by this."
)
CARD = Card(
    id="served_weights",
    title="On texts that we served, do the suspect's probabilities lean to our key?",
    null="The suspect's weights were made without knowledge, direct or learned, of the key. It may have been taught by "
    "our teacher, as long as no key's mark was in what it learned.",
    assumptions="The keyed function is as good as independent coins for distinct pairs. Prompts were chosen without "
    "the key. The served log is complete in its contexts: a text under this key that is missing from it, and was read "
    "before, would have shown some coins. The teacher's probabilities are those without a mark.",
    needs=(
        ("suspect_weights", "keys", "teacher", "served_log"),
        ("suspect_weights", "keys", "teacher", "unmarked_texts"),
    ),
    guarantee="Texts without the key: weights fixed beforehand, sub-Gaussian over the key. Served texts: only the "
    "first visit of each context counts, where its coins are still fresh; the sum is then a martingale. With served "
    "texts p is 1 over an e-value (Ville), without them exp(-z^2/2); where both kinds are given, twice the smaller. "
    "Several keys: Holm.",
    does_not_show="Who fetched the texts, nor that they were not published elsewhere and learned from there. A large "
    "p-value does not clear the suspect.",
    source="Own. Mixture supermartingale: Howard et al., arXiv:1810.08240; the open-model setting: Sander et al., "
    "arXiv:2402.14904, section 4.",
)


def log_p_of_martingale(summed: WeightedSum) -> float:
    """Return the log of a p-value for a martingale's end, whatever its variance came out as."""
    log_e = [float(log_e_one_sided(summed.total, summed.variance, scale)) for scale in SCALES]
    return min(0.0, math.log(len(SCALES)) - float(logsumexp(log_e)))


def first_visits(served: Sequence[Text], suspect: Scorer, teacher: Scorer, scheme: Scheme) -> Iterator[WeightedPairs]:
    """Yield, text by text, the suspect's gaps at contexts that no earlier text or place had shown.

    What was served depends on the key, but up to a context's first visit only through coins of other contexts. So
    given all before, the coins there are fresh, and the gaps do not know them.
    """
    seen: set[bytes] = set()
    for gaps in differences(served, suspect, teacher, scheme.width, scheme.start):
        fresh = unseen(gaps.pairs.contexts, seen)
        if len(fresh):
            yield gaps.at(fresh)


class ServedWeights:
    """Compares the suspect's probabilities with our unmarked teacher's, place by place."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the smallest p-value over the keys, corrected for their number."""
        suspect, teacher = material.suspect_weights, material.teacher
        assert suspect is not None and teacher is not None
        lines = []
        for key_id, scheme in material.schemes.items():
            served = material.served.get(key_id, ())
            shape = (scheme.width, scheme.start)
            routes = {
                "served": joined(first_visits(served, suspect, teacher, scheme), scheme.width),
                "keyless": texts_difference(material.unmarked, suspect, teacher, *shape),
            }
            line = _line(key_id, scheme, {name: pairs for name, pairs in routes.items() if len(pairs)})
            if line is not None:
                lines.append(line)
        if not lines:
            return no_data(
                CARD, "No served text is longer than the mark's context, and none without the key was given."
            )
        coincide = any(material.served.values()) and not all(
            each.fresh_by_context for each in material.schemes.values()
        )
        return keyed_finding(CARD, lines, "weighed pairs", (COINCIDING,) if coincide else ())


def _line(key_id: str, scheme: Scheme, routes: Mapping[str, WeightedPairs]) -> Line | None:
    """Return the better of the routes, its p-value doubled where there are two."""
    best: Line | None = None
    measured: dict[str, float] = {}
    for name, pairs in routes.items():
        summed = scheme.weighted(pairs.contexts, pairs.tokens, pairs.tempered(SOFTNESS))
        bound = float(log_sub_gaussian_tail(summed.z))
        log_p = log_p_of_martingale(summed) if name == "served" else bound
        measured |= {f"z_{name}": summed.z, f"log_p_{name}": log_p, f"pairs_{name}": float(len(pairs))}
        corrected = min(0.0, log_p + math.log(len(routes)))
        if best is None or corrected < best.log_p:
            best = Line(key_id, summed.z, corrected, corrected, len(pairs))
    return best and replace(best, measured=measured)


test: OriginTest = ServedWeights()
