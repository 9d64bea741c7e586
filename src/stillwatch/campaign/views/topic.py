"""Topic: the units ask about the same things, more so than as many others would."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.special import logsumexp

from stillwatch.campaign.population import Population
from stillwatch.campaign.view import Groups, View

UNITS_LEAST = 4
HONEST_SPREAD = 1.5  # Accounts with few prompts are scattered this much more than all are.
HONEST_OFFSET = 0.1  # Groups of one kind of people lie off the middle by this part of one account's variance.
CLOSER = (2.0, 4.0, 8.0)  # The alternatives lie off by this many times more; each is as likely beforehand.


def directions(groups: Groups) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the group and the unit vector of each unit that sent prompts.

    A content community counts as one unit of its group: that who sends the same texts has the same topics says
    nothing more, and a group that texts alone drew cannot speak for itself.

    Returns:
        Shapes (units,) and (units, TOPICS).
    """
    return _of_units(groups, *groups.population.once(_of_accounts))


def _of_units(
    groups: Groups, vectors: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rows = np.flatnonzero(known & (groups.partition >= 0))
    unit = groups.unit[rows]
    if groups.content is not None:
        kind = groups.content[rows]
        unit = np.where(kind >= 0, len(groups.unit) + int(groups.unit.max(initial=0)) + kind, unit)
    spread = int(unit.max(initial=0)) + 1
    key, of = np.unique(groups.partition[rows] * spread + unit, return_inverse=True)
    sums = _summed(of, rows, len(key), vectors)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return key // spread, sums / np.maximum(length, 1e-12)


def _summed(
    to: NDArray[np.int64], rows: NDArray[np.int64], count: int, vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sums of ``vectors[rows]`` by ``to``, shape (count, TOPICS)."""
    chosen = coo_matrix((np.ones(len(rows)), (to, rows)), (count, len(vectors)))
    return np.asarray(chosen.tocsr() @ vectors, np.float64)


def _of_accounts(population: Population) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the unit vectors of the accounts' topics, 0 where they sent no prompts, and who sent some."""
    footprints = population.footprints
    vectors = footprints.integers("topic").astype(np.float64)
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    known = (length > 0) & (footprints.integers("prompts") > 0)
    vectors *= np.where(known, 1 / np.maximum(length, 1e-12), 0.0)[:, None]
    return vectors, known


def weigh(groups: Groups) -> NDArray[np.float64]:
    """Return the evidence that a group's mean direction lies further off everyone's than independent units' would.

    For n unit vectors with sum S the mean cosine of two is (|S|^2 - n) / (n (n - 1)), so that closeness of all pairs
    is read off the sum. With everyone's mean direction m taken off, |S - n m|^2 / n is about a scaled chi-squared
    variable, whose scale and degrees of freedom follow from the covariance of all accounts' directions. Honest groups
    may have a scale of ``HONEST_SPREAD`` and an offset of their own on top; the alternatives have larger offsets.
    Groups that content alone drew have no evidence here.
    """
    everyone, known = groups.population.once(_of_accounts)
    if known.sum() < 2:
        return np.full(len(groups), np.nan)
    if groups.content is None:
        return np.zeros(len(groups))
    middle = everyone.sum(axis=0) / known.sum()
    single = everyone.astype(np.float32)  # Enough for whole degrees of freedom, at a quarter of the time.
    covariance = (single.T @ single).astype(np.float64) / known.sum() - np.outer(middle, middle)
    variance = 1.0 - float(middle @ middle)  # Of unit vectors.
    if variance < 1e-9:  # All ask for the same: nobody is closer than others.
        return np.zeros(len(groups))
    freedom = max(round(variance**2 / float(np.square(covariance).sum())), 1)
    group, vectors = _of_units(groups, everyone, known)
    units = np.bincount(group, minlength=len(groups))
    off = _summed(group, np.arange(len(group)), len(groups), vectors) - units[:, None] * middle
    scatter = np.square(off).sum(axis=1) / (np.maximum(units, 1) * variance)
    honest = HONEST_SPREAD + HONEST_OFFSET * units
    parts = []
    for closer in CLOSER:
        scale = HONEST_SPREAD + closer * HONEST_OFFSET * units
        parts.append(freedom / 2 * (np.log(honest / scale) + scatter * (1 / honest - 1 / scale)))
    log_e = logsumexp(np.stack(parts), axis=0) - np.log(len(CLOSER))
    return np.where(units >= UNITS_LEAST, log_e, 0.0)


view = View(
    name="topic",
    null="The group's firms, households and persons ask about what they please: their topics lie no closer together "
    "than those of as many others of one kind.",
    source="Traffic concentrated on few capabilities: Anthropic (Feb 2026); a quadratic form as a scaled chi-squared "
    "variable: Satterthwaite (1946). The offset of honest groups is ours.",
    needs=("prompt",),
    cap_nats=2.0,
    strong=False,
    ties=False,
    weigh=weigh,
)
