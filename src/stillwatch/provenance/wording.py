"""Chances in words and figures that cannot be misread."""

from __future__ import annotations

import math

CERTAIN = math.log(1e-6)
STRONG = math.log(1e-3)
SOME = math.log(0.05)


def chance(log_p: float) -> str:
    """Return a chance: ``0.32``, ``0.0041``, ``3.1e-07``, ``10^-412``."""
    p = math.exp(log_p)
    if log_p < math.log(1e-300):
        return f"10^{log_p / math.log(10):.0f}"
    return f"{p:.2g}" if p >= 1e-4 else f"{p:.1e}"


def strength(log_p: float) -> str:
    """Return how strong the evidence is, in the words that all reports use."""
    if log_p <= CERTAIN:
        return "very strong evidence"
    if log_p <= STRONG:
        return "strong evidence"
    if log_p <= SOME:
        return "weak evidence, which alone should settle nothing"
    return "no evidence"
