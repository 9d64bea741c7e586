"""Benign explanations of a group: what each would excuse, and how badly each fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from stillwatch.campaign.population import Incidence
from stillwatch.campaign.sharing import hubs, shared
from stillwatch.campaign.view import Groups

MISFIT_NATS_MOST = 30.0
POPULAR_SHARE = 0.01  # A mail domain that more accounts than this use is a mail provider's, not a firm's.
POPULAR_LEAST = 40


@dataclass(frozen=True, slots=True)
class Explanation:
    """One honest reason why accounts would form a group.

    Attributes:
        name: As in reports.
        claim: The explanation in words that an analyst can dispute.
        excuses: Names of the views whose evidence it explains away.
        misfit: Returns each group's evidence in nats, at least 0, that the explanation lacks what it needs.
    """

    name: str
    claim: str
    excuses: frozenset[str]
    misfit: Callable[[Groups], NDArray[np.float64]]


def _lacking(holders: NDArray[np.int64], sizes: NDArray[np.int64], needed: float) -> NDArray[np.float64]:
    """Return the evidence that fewer than a share ``needed`` of the members hold the hub, against any lesser share."""
    log_e = -np.log(sizes + 1.0) - binom.logpmf(holders, sizes, needed)
    return np.where(holders >= needed * sizes, 0.0, np.clip(log_e, 0.0, MISFIT_NATS_MOST))


def _on_hub(groups: Groups, view: Incidence, most: int | None = None) -> NDArray[np.int64]:
    rows = shared(view, groups.partition)
    if most is not None:
        rows = rows.keep(view.frequency[rows.value] <= most)
    return hubs(rows, len(groups))[1]


def _nothing(groups: Groups) -> NDArray[np.float64]:
    return np.zeros(len(groups))


def _organisation(groups: Groups) -> NDArray[np.float64]:
    population = groups.population
    popular = max(POPULAR_LEAST, int(POPULAR_SHARE * len(population)))
    hub = np.maximum(_on_hub(groups, population.payment), _on_hub(groups, population.organization))
    return _lacking(np.maximum(hub, _on_hub(groups, population.mail, popular)), groups.sizes, 0.9)


def _place(groups: Groups) -> NDArray[np.float64]:
    return _lacking(_on_hub(groups, groups.population.network), groups.sizes, 0.6)


def _application(groups: Groups) -> NDArray[np.float64]:
    return _lacking(_on_hub(groups, groups.population.system), groups.sizes, 0.9)


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "strangers",
        "The accounts have nothing to do with each other; what they share they share by chance.",
        frozenset(),
        _nothing,
    ),
    Explanation(
        "one prompt set",
        "Independent people use one public test set, course or list of prompts.",
        frozenset({"template", "topic", "complementarity", "elicitation"}),
        _nothing,
    ),
    Explanation(
        "one organisation",
        "One firm, agency or household: a card, an organisation or a mail domain of its own covers nine in ten.",
        frozenset({"network", "timing", "sign_up", "client", "template", "topic", "failover", "pivot"}),
        _organisation,
    ),
    Explanation(
        "one place",
        "A class, an office, an event: six in ten were at one address, and did there what one does there.",
        frozenset({"timing", "sign_up", "client", "template", "topic", "pivot", "complementarity"}),
        _place,
    ),
    Explanation(
        "one application",
        "Users of one application: nine in ten carry its system instructions.",
        frozenset({"client", "template", "topic", "pivot"}),
        _application,
    ),
)
