"""Benign explanations of a group: what each would excuse, and how badly each fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from stillwatch.campaign.population import Incidence, Population
from stillwatch.campaign.sharing import Shared, hubs, shared
from stillwatch.campaign.view import PLACE_SHARE, Groups
from stillwatch.campaign.views import coercion

MISFIT_NATS_MOST = 30.0
SLEEPLESS_NATS_MOST = 8.0
RESTLESS_SHARE = 0.5  # A place of people is awake in at most half of its quietest six hours.
PLACE_DAYS = 3  # An event of two days can go through the nights.


@dataclass(frozen=True, slots=True)
class Explanation:
    """One honest reason why accounts would form a group.

    Attributes:
        name: As in reports.
        claim: The explanation in words that an analyst can dispute.
        excuses: Names of the views whose evidence it explains away.
        lacks: What it needs, each with the most that its absence may say in nats, and a function that returns each
            group's evidence, at least 0, that it is absent.
    """

    name: str
    claim: str
    excuses: frozenset[str]
    lacks: tuple[tuple[float, Callable[[Groups], NDArray[np.float64]]], ...] = ()

    def misfit(self, groups: Groups) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each group's evidence in nats that the explanation lacks what it needs: capped, and uncapped."""
        capped, uncapped = np.zeros(len(groups)), np.zeros(len(groups))
        for most, lack in self.lacks:
            nats = lack(groups)
            capped += np.minimum(nats, most)
            uncapped += nats
        return capped, uncapped


def _lacking(holders: NDArray[np.int64], sizes: NDArray[np.int64], needed: float) -> NDArray[np.float64]:
    """Return the evidence that fewer than a share ``needed`` of the members hold the hub, against any lesser share."""
    holders = np.maximum(holders, 1)  # A value that one member holds is not shared, and a hub of one all the same.
    ways = gammaln(sizes + 1) - gammaln(holders + 1) - gammaln(sizes - holders + 1)
    fits = ways + holders * np.log(needed) + (sizes - holders) * np.log1p(-needed)
    log_e = -np.log(sizes + 1.0) - fits
    return np.where(holders >= needed * sizes, 0.0, np.maximum(log_e, 0.0))


def _on_hub(groups: Groups, rows: Shared) -> NDArray[np.int64]:
    return hubs(rows, len(groups))[1]


def _organisation(groups: Groups) -> NDArray[np.float64]:
    """Return what one firm lacks. Where the logs name no firm, one harness, by its instructions, may be a firm's."""
    population = groups.population
    on_file = shared(population.organization, groups.partition)
    ways = [groups.payment, groups.firm_mail, on_file]
    if population.payment.empty and population.mail.empty and population.organization.empty:
        ways.append(shared(population.system, groups.partition))
    hub = np.max([_on_hub(groups, rows) for rows in ways], axis=0)
    return _lacking(hub, groups.sizes, 0.9)


def _place(groups: Groups) -> NDArray[np.float64]:
    """A place is where most members send most from; nobody knows it of logs without addresses."""
    if groups.population.network.empty:
        return np.zeros(len(groups))
    rows = shared(groups.population.once(_main_addresses), groups.partition)
    return _lacking(_on_hub(groups, rows), groups.sizes, PLACE_SHARE)


def _main_addresses(population: Population) -> Incidence:
    network = population.network
    order = np.lexsort((network.weight, network.account))
    return network.take(order[np.append(network.account[order][1:] != network.account[order][:-1], True)])


def _sleepless(groups: Groups) -> NDArray[np.float64]:
    """Return the evidence that a group rests in no six hours of the day; its hours, not its exchanges, are counted.

    A place is where people sleep, or are for two days at most.
    """
    hours = (groups.hours > 0).reshape(len(groups), groups.hours.shape[1] // 24, 24)
    days = (hours.any(axis=2)).sum(axis=1)
    by_hour = hours.sum(axis=1)
    rest = np.stack([np.roll(by_hour, -k, axis=1)[:, :6].sum(axis=1) for k in range(24)]).min(axis=0)
    log_e = rest * np.log(0.9 / RESTLESS_SHARE) + (6 * days - rest) * np.log(0.1 / (1 - RESTLESS_SHARE))
    return np.where(days >= PLACE_DAYS, np.maximum(log_e, 0.0), 0.0)


def _application(groups: Groups) -> NDArray[np.float64]:
    return _lacking(_on_hub(groups, shared(groups.population.system, groups.partition)), groups.sizes, 0.9)


def _apart(groups: Groups) -> NDArray[np.float64]:
    """Return what is left unsaid where a group is hardly more than one unit.

    Nearly all members of such a group are colleagues or a class, and count once. Who says that they are strangers has
    to count each by itself. Where a unit is but a part of the group, the members in it may be colleagues all the same.
    """
    one = groups.one_unit
    if not one.any() or coercion.view.name in groups.population.without:
        return np.zeros(len(groups))
    more = np.nan_to_num(coercion.weigh_apart(groups) - coercion.weigh(groups), nan=0.0)
    return np.where(one, np.maximum(more, 0.0), 0.0)


EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "strangers",
        "The accounts have nothing to do with each other; what they share they share by chance.",
        frozenset(),
        ((coercion.view.cap_nats, _apart),),
    ),
    Explanation(
        "one prompt set",
        "Independent people use one public test set, course or list of prompts.",
        frozenset({"elicitation", "topic"}),
        ((coercion.view.cap_nats, _apart),),
    ),
    Explanation(
        "one organisation",
        "One firm, agency or household: a card, an organisation or a mail domain of its own covers nine in ten; where "
        "the logs name none of these at all, one harness's instructions.",
        frozenset(
            {
                "network",
                "timing",
                "round_the_clock",
                "sign_up",
                "client",
                "template",
                "failover",
                "pivot",
                "topic",
                "complementarity",
            }
        ),
        ((MISFIT_NATS_MOST, _organisation),),
    ),
    Explanation(
        "one place",
        "A class, an office, an event: eight in ten sent most from one address, and slept.",
        frozenset({"timing", "round_the_clock", "sign_up", "client", "template", "pivot", "topic", "complementarity"}),
        ((MISFIT_NATS_MOST, _place), (SLEEPLESS_NATS_MOST, _sleepless)),
    ),
    Explanation(
        "one application",
        "Users of one application: nine in ten carry its system instructions.",
        frozenset({"round_the_clock", "client", "template", "pivot", "topic", "complementarity"}),
        ((MISFIT_NATS_MOST, _application), (coercion.view.cap_nats, _apart)),
    ),
)
