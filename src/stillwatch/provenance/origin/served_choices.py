"""(h) Weights and served log, no key: does the suspect prefer what we said to what we might as well have said?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from stillwatch.provenance.origin.question import Card, Finding, Line, Material, OriginTest, no_data
from stillwatch.provenance.pairs import pairs_of, unseen
from stillwatch.provenance.tokens import Text
from stillwatch.provenance.wording import chance, strength

LEANS = tuple(2.0**-power for power in range(7))  # Mixed evenly, so that none must be guessed: costs 1.9 nats.
LEAN_MOST = 1.0  # Nats: cut, because a student errs widely where its teacher finds a word unlikely.
LEAST = -30.0  # Nats: below, a probability is as good as none.
LAW_MOST = 5.0  # Standard deviations by which served tokens may miss the teacher's own probabilities.
CARD = Card(
    id="served_choices",
    title="Does the suspect prefer what we served to what our teacher might as well have said?",
    null="The suspect's weights were made without these answers, direct or through others. It may have been taught by "
    "any other answers of our teacher, marked or not.",
    assumptions="Every token of these answers was drawn, by a generator that nobody outside could foresee, from the "
    "teacher's probabilities at temperature 1, without a cut to the likeliest tokens; the teacher here computes those "
    "same probabilities, from whole prompts. Of marked answers only Gumbel marks are read, and of these each context's "
    "first visit: there the token follows the teacher's own probabilities over the key.",
    needs=(("suspect_weights", "teacher", "drawn"),),
    guarantee="The suspect's probabilities over the teacher's, cut at one nat and in seven degrees of trust, make a "
    "mixture of likelihood ratios whose mean over our draws is at most 1: p is one over it (Ville), at every size.",
    does_not_show="That a mark was learned, who fetched the answers, nor that they were not published elsewhere and "
    "learned from there. A large p-value does not clear the suspect: other answers may have taught it.",
    source="Own: a test of membership whose randomness is our sampler's. Likelihood ratios as e-values: Wasserman, "
    "Ramdas & Balakrishnan 2020; Gumbel marks keep the law of the next token: Aaronson 2022.",
)


def fresh_draws(material: Material) -> Iterator[tuple[Text, NDArray[np.int64]]]:
    """Yield answers with the places of those tokens that were drawn anew from the teacher's probabilities."""
    for key_id, texts in material.drawn.items():
        scheme = material.schemes.get(key_id)
        if key_id and (scheme is None or not scheme.keeps_law):
            continue
        seen: set[bytes] = set()
        for text in texts:
            if scheme is None:
                yield text, np.arange(len(text.tokens))
            else:
                pairs = pairs_of([text.tokens], scheme.width, scheme.start, [text.prompt])
                yield text, pairs.places[unseen(pairs.contexts, seen)]


class ServedChoices:
    """Bets on served tokens by the suspect's probabilities, at the odds that our teacher gives."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the evidence of all answers together."""
        suspect, teacher = material.suspect_weights, material.teacher
        assert suspect is not None and teacher is not None
        log_e, leans = np.zeros(len(LEANS)), np.array(LEANS)[:, None, None]
        law, law_variance, lean, lean_variance, tokens = 0.0, 0.0, 0.0, 0.0, 0
        for text, places in fresh_draws(material):
            if not len(places):
                continue
            said = text.tokens[places]
            ours, theirs = (
                np.maximum(model.log_probabilities(text.prompt, text.tokens)[places], LEAST)
                for model in (teacher, suspect)
            )
            shared = min(ours.shape[1], theirs.shape[1])  # Padded vocabularies differ by tokens that nobody says.
            ours, theirs = ours[:, :shared], theirs[:, :shared]
            gaps = np.clip(theirs - ours, -LEAN_MOST, LEAN_MOST)
            tilts = logsumexp(ours + leans * gaps, axis=2)
            log_e += (leans[:, :, 0] * gaps[np.arange(len(said)), said] - tilts).sum(axis=1)
            law_total, law_more = _beyond(ours, ours, said)
            lean_total, lean_more = _beyond(gaps, ours, said)
            law, law_variance = law + law_total, law_variance + law_more
            lean, lean_variance = lean + lean_total, lean_variance + lean_more
            tokens += len(said)
        if not tokens:
            return no_data(CARD, "No answer was served unmarked, or under a Gumbel mark, at temperature 1.")
        z_law = law / law_variance**0.5 if law_variance else 0.0
        if abs(z_law) > LAW_MOST:
            return no_data(
                CARD,
                f"The served tokens do not follow the teacher's probabilities ({z_law:.1f} standard deviations off): "
                "another temperature, a cut to the likeliest tokens, prompts cut short, or another teacher.",
            )
        mixed = float(logsumexp(log_e)) - math.log(len(LEANS))
        log_p = min(0.0, -mixed)
        z = lean / lean_variance**0.5 if lean_variance else 0.0
        found = (
            f"{strength(log_p).capitalize()}: p = {chance(log_p)}; over {tokens:,} drawn tokens that we served, its "
            f"preference for what we said is {z:.1f} standard deviations from what chance would leave."
        )
        line = Line("served answers", z, log_p, log_p, tokens, {"log_e": mixed, "z_law": z_law})
        return Finding(CARD, "tested", log_p, found, (line,))


def _beyond(heights: NDArray[np.float64], ours: NDArray[np.float64], said: NDArray[np.int64]) -> tuple[float, float]:
    """Return by how much the heights of what was said exceed their mean under our teacher, and the variance of that."""
    chances = np.exp(ours)
    means = (chances * heights).sum(axis=1)
    spread = (chances * (heights - means[:, None]) ** 2).sum()
    return float((heights[np.arange(len(said)), said] - means).sum()), float(spread)


test: OriginTest = ServedChoices()
