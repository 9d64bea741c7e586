"""False discoveries: which of many hypotheses may be rejected, with a bound on the share of wrong ones among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def e_benjamini_hochberg(log_e: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Return which hypotheses to reject by e-values: the false-discovery rate is at most ``level``.

    The k largest are rejected for the largest k whose every e-value reaches hypotheses / (level * k). The bound holds
    however the e-values depend on each other, which matters where accounts share prompts, hours and addresses.

    Args:
        log_e: Shape (hypotheses,), nats. NaN: not tested; neither rejected nor counted.
        level: In (0, 1).

    Returns:
        Shape (hypotheses,), True where rejected.

    Raises:
        ValueError: If the level or the shape is wrong.

    Source:
        Wang & Ramdas, "False discovery rate control with e-values", arXiv:2009.02824, section 4.
    """
    values = _one_axis(log_e, level)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(-values[tested], kind="stable")]
    need = np.log(max(len(tested), 1) / level) - np.log(np.arange(1, len(tested) + 1))
    return _first(order, values[order] >= need, len(values))


def benjamini_hochberg(p: ArrayLike, level: float) -> NDArray[np.bool_]:
    """Return which hypotheses to reject by p-values: the false-discovery rate is at most ``level``.

    The bound holds for independent p-values and for positively dependent ones, conformal p-values among them; for
    any others take e-values.

    Args:
        p: Shape (hypotheses,), in [0, 1]. NaN: not tested; neither rejected nor counted.
        level: In (0, 1).

    Returns:
        Shape (hypotheses,), True where rejected.

    Raises:
        ValueError: If the level, the shape or a p-value is wrong.

    Source:
        Benjamini & Hochberg 1995; Benjamini & Yekutieli 2001 for positive dependence.
    """
    values = _one_axis(p, level)
    if np.any((values < 0) | (values > 1)):
        raise ValueError("p-values lie between 0 and 1")
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    allowed = level * np.arange(1, len(tested) + 1) / max(len(tested), 1)
    return _first(order, values[order] <= allowed, len(values))


def conformal_p(scores: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """Return each score's share of itself and the reference scores that are at least as high.

    A score that is exchangeable with the reference has P(p <= a) <= a for every a, whatever the law of the scores.

    Args:
        scores: Any shape; higher is stranger. NaN stays NaN.
        reference: Shape (reference accounts,): scores of accounts held to be benign. No NaN.

    Returns:
        ``scores``' shape, in [1 / (reference + 1), 1].

    Raises:
        ValueError: If the reference is not one axis of numbers.

    Source:
        Bates, Candès, Lei, Romano & Sesia, "Testing for outliers with conformal p-values", Annals of Statistics 2023.
    """
    values = np.asarray(scores, np.float64)
    ordered = np.sort(np.asarray(reference, np.float64))
    if ordered.ndim != 1 or np.isnan(ordered).any():
        raise ValueError("the reference must be one axis of numbers without NaN")
    above = len(ordered) - np.searchsorted(ordered, values, side="left")
    return np.where(np.isnan(values), np.nan, (1.0 + above) / (len(ordered) + 1.0))


def _one_axis(values: ArrayLike, level: float) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise ValueError(f"one value a hypothesis is wanted, not shape {array.shape}")
    if not 0 < level < 1:
        raise ValueError(f"the level must lie between 0 and 1, not {level}")
    return array


def _first(order: NDArray[np.int64], passes: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Mark all up to the last that passes, for the step-up rule looks for the largest k."""
    rejected = np.zeros(size, np.bool_)
    hits = np.flatnonzero(passes)
    if len(hits):
        rejected[order[: hits[-1] + 1]] = True
    return rejected
