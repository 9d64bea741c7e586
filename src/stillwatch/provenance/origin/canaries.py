"""(e) Canaries and behaviour marks: does the suspect prefer the wordings that a key chose for flagged traffic?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stillwatch.provenance.keys import CohortKey
from stillwatch.provenance.origin.question import Canary, Card, Finding, Line, Material, OriginTest, no_data
from stillwatch.provenance.wording import chance, strength

CARD = Card(
    id="canaries",
    title="Does the suspect prefer the wordings that a key chose?",
    null="The suspect's preference between equally good answers is unrelated to which one the key chose.",
    assumptions="The key chose evenly and independently for each canary, before anything was served. Canaries were "
    "served to flagged traffic only, and published nowhere. Cues do not hint at the chosen option.",
    needs=(("canaries",),),
    guarantee="Exact: whatever the suspect prefers, it meets the key's choice of one canary with chance 1 / options, "
    "independently over canaries. Ties and answers with none of the options count as misses.",
    does_not_show="That the suspect learned anything but these canaries; who gave them to it.",
    source="Own; exposure of canaries: Carlini et al., arXiv:1802.08232.",
)


def planted(key: CohortKey, cue: str, options: Sequence[str]) -> Canary:
    """Return the canary that ``key`` plants at ``cue``.

    All options must be true and equally good: they are what a user reads.

    Raises:
        ValueError: If there are fewer than two options, or one is named twice.
    """
    if len(options) < 2 or len(set(options)) != len(options):
        raise ValueError("a canary has at least two options, each once")
    # 128 bits, so that the remainder favours no option by more than 2**-100.
    return Canary(cue, tuple(options), key.number(f"canary\0{cue}\0{len(options)}", 128) % len(options))


def preferred(canary: Canary) -> int | None:
    """Return the option that the suspect prefers: by probability where known, else the one that it said first.

    None where options tie or none was said.
    """
    if canary.scores:
        best = max(canary.scores)
        found = [place for place, score in enumerate(canary.scores) if score == best]
        return found[0] if len(found) == 1 else None
    said = canary.answer.casefold()
    places = [(said.find(option.casefold()), -len(option), place) for place, option in enumerate(canary.options)]
    met = sorted(each for each in places if each[0] >= 0)
    return met[0][2] if met else None


def log_hits_tail(hits: int, chances: Sequence[float]) -> float:
    """Return the log of the chance of at least ``hits`` among independent trials of different chances, exactly."""
    law = np.ones(1)
    for each in chances:
        law = np.convolve(law, [1 - each, each])
    tail = float(law[hits:].sum())
    if tail > 1e-290:
        return min(0.0, math.log(tail))
    return min(0.0, sum(sorted(map(math.log, chances), reverse=True)[:hits]) + hits * math.log(len(chances)))


class Canaries:
    """Counts canaries whose planted option the suspect prefers."""

    card = CARD

    def __call__(self, material: Material) -> Finding:
        """Return the exact tail of the number of hits."""
        asked = [canary for canary in material.canaries if canary.scores or canary.answer]
        if not asked:
            return no_data(CARD, "The suspect was asked no canary.")
        hits = sum(preferred(canary) == canary.planted for canary in asked)
        chances = [1 / len(canary.options) for canary in asked]
        expected = sum(chances)
        log_p = log_hits_tail(hits, chances)
        spread = math.sqrt(sum(each * (1 - each) for each in chances))
        line = Line(
            "canaries", (hits - expected) / spread, log_p, log_p, len(asked), {"hits": hits, "expected": expected}
        )
        said = (
            f"{strength(log_p).capitalize()}: p = {chance(log_p)}; {hits} of {len(asked)} canaries met, "
            f"{expected:.1f} expected by chance."
        )
        return Finding(CARD, "tested", log_p, said, (line,))


test: OriginTest = Canaries()
