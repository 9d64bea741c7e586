"""How many tokens of context a mark should use, and why: what can be traced later hangs on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecommendedWidth:
    """A context width with the reason for it, in words that go into a policy.

    Attributes:
        width: Tokens of context that the engine's function reads.
        reason: Why this width.
        cost: What is given up by it.
    """

    width: int
    reason: str
    cost: str


TRACEABLE_FROM_SAMPLES = 2
TRACEABLE_FROM_LOG = 4


def recommended_width(served_log_is_kept: bool, suspect_weights_expected: bool = False) -> RecommendedWidth:
    """Return the width that keeps a later provenance test possible.

    A student learns what its teacher's marked text does after a context only where that context came back often
    enough while it was trained. There are vocabulary**width contexts: with one or two tokens most of a suspect's text
    runs through contexts that its training met many times; with four, hardly any of what it says by itself does.

    Args:
        served_log_is_kept: Whether token ids of what was served stay available (``served_log``).
        suspect_weights_expected: Whether suspects will be open models, whose probabilities on our text can be read.
    """
    if served_log_is_kept and suspect_weights_expected:
        return RecommendedWidth(
            TRACEABLE_FROM_LOG,
            "A suspect whose weights are open is read on the very texts it was taught, token by token, so that even "
            "contexts met once or twice can be tested; a wide context is harder to learn and to forge.",
            "Samples alone will show next to nothing, so a suspect behind an interface cannot be tested; the served "
            "log must be kept for as long as claims may be raised, and a lost log cannot be made up for.",
        )
    return RecommendedWidth(
        TRACEABLE_FROM_SAMPLES,
        "What a student learns after one or two tokens shows in anything it writes: the suspect's answers alone, "
        "with our unmarked teacher beside them, are enough to test it. Width 4 can only be traced with the served log.",
        "A narrow context repeats often. Texts lose a little variety, whoever studies many of them can learn part of "
        "the mark, and engines leave repeated contexts unmarked, which thins the mark out in long answers.",
    )
