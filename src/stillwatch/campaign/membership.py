"""Membership: which accounts belong to a group, judged by what its members hold and others do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.chance import effective_addresses
from stillwatch.campaign.population import Incidence, Population, incidence
from stillwatch.statistics.compiled import compiled

NONE = np.uint64(1)  # The value of an account that has no value, where others have one.


@dataclass(frozen=True, slots=True)
class Tie:
    """One view's part in membership.

    Attributes:
        name: The view as in reports.
        most: The most that it adds, in nats.
        least: The most that it takes away, in nats.
    """

    name: str
    most: float
    least: float


TIES: tuple[Tie, ...] = (
    Tie("payment", 6.0, 3.0),
    Tie("network", 7.0, 2.0),
    Tie("template", 6.0, 3.0),
    Tie("sign_up", 3.0, 3.0),
    Tie("first_use", 3.0, 3.0),
    Tie("mail", 3.0, 1.0),
    Tie("client", 2.0, 2.0),
    Tie("system", 2.0, 2.0),
    Tie("settings", 2.0, 2.0),
)
IDENTITY_TIES = ("payment", "network")  # Mail providers' domains say too little of one account.
ROUNDS = 6
LOG_ODDS_LEAST = 1.0
TIE_NATS_LEAST = 1.0


@dataclass(frozen=True, slots=True)
class Membership:
    """How far each account belongs to one group.

    Attributes:
        log_odds: Shape (accounts,), nats, the prior counted in.
        by_tie: Shape (ties, accounts), nats in the order of ``TIES``.
        member: Shape (accounts,).
    """

    log_odds: NDArray[np.float64]
    by_tie: NDArray[np.float64]
    member: NDArray[np.bool_]


def holdings(population: Population) -> dict[str, Incidence]:
    """Return who holds what, by the name of the tie."""
    return {
        "payment": population.payment,
        "network": population.network,
        "template": population.template,
        "sign_up": population.openings,  # Where they are not known, first use is, and no fact counts twice.
        "first_use": population.cohorts[1],
        "mail": population.mail,
        "client": population.client,
        "system": population.system,
        "settings": population.settings,
    }


class Ties:
    """The incidences that membership reads, made once a population."""

    def __init__(self, population: Population) -> None:
        """Gather them; where some accounts hold no card, holding none is a value too."""
        self.population = population
        self.incidences = holdings(population)
        for name in ("payment", "system"):
            self.incidences[name] = _completed(self.incidences[name], len(population))
        strangers = np.full(len(population), -1, np.int64)
        network = population.network
        self.addresses = np.zeros(0) if network.empty else effective_addresses(network, strangers)


def grow(ties: Ties, core: NDArray[np.bool_]) -> Membership:
    """Return who belongs to the group that ``core`` begins.

    In each round the group's habits are read off its members and every account is judged by them, its own values
    left out: naive Bayes over the views, each capped, the prior being the group's share of all accounts. The rounds
    end when nobody joins or leaves.

    Args:
        ties: The population's incidences.
        core: Shape (accounts,). At least two accounts.
    """
    member = core.copy()
    result = _judge(ties, member)
    for _ in range(ROUNDS):
        if np.array_equal(result.member, member) or result.member.sum() < 2:
            break
        member = result.member
        result = _judge(ties, member)
    return result


def as_drawn(core: NDArray[np.bool_]) -> Membership:
    """Return the membership of a group that is not grown: its core, each account as sure as the least sure member."""
    return Membership(np.where(core, LOG_ODDS_LEAST, -LOG_ODDS_LEAST), np.zeros((len(TIES), len(core))), core)


def _judge(ties: Ties, member: NDArray[np.bool_]) -> Membership:
    accounts, inside = len(member), int(member.sum())
    by_tie = np.zeros((len(TIES), accounts))
    for k, tie in enumerate(TIES):
        view = ties.incidences[tie.name]
        if not view.empty:
            room = ties.addresses if tie.name == "network" else None
            by_tie[k] = np.clip(_log_ratio(view, member, room), -tie.least, tie.most)
    prior = np.log(inside / max(accounts - inside, 1))
    log_odds = prior + by_tie.sum(axis=0)
    enough = (by_tie >= TIE_NATS_LEAST).sum(axis=0) >= 2
    return Membership(log_odds, by_tie, (log_odds >= LOG_ODDS_LEAST) & enough)


def _log_ratio(view: Incidence, member: NDArray[np.bool_], room: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return each account's log-likelihood ratio, group against everyone else, for one view."""
    out = np.zeros(len(member))
    if room is None:
        _add_ratios(out, view.account, view.value, view.frequency, member, np.zeros(0, np.int64), np.zeros(0))
    else:
        _add_ratios(out, view.account, view.value, view.frequency, member, view.network, room)
    return out


@compiled
def _add_ratios(
    out: NDArray[np.float64],
    account: NDArray[np.int64],
    value: NDArray[np.int64],
    frequency: NDArray[np.int64],
    member: NDArray[np.bool_],
    network: NDArray[np.int64],
    room: NDArray[np.float64],
) -> None:
    in_group = np.zeros(len(frequency), np.int64)
    elsewhere = np.zeros(len(room), np.int64)  # Rows of others in each network.
    rows_in = 0
    for row in range(len(account)):
        if member[account[row]]:
            in_group[value[row]] += 1
            rows_in += 1
        elif len(room) > 0:
            elsewhere[network[row]] += 1
    kept = 0  # Members' rows whose value another member holds too.
    for row in range(len(account)):
        if member[account[row]] and in_group[value[row]] >= 2:
            kept += 1
    share = min(max((kept + 0.5) / (rows_in + 1.0), 0.02), 0.98)
    rows_out = max(len(account) - rows_in, 1)
    alone = np.log1p(-share)
    for row in range(len(account)):
        mine = 1 if member[account[row]] else 0
        others = in_group[value[row]] - mine  # Members that hold the value, the account itself left out.
        if others == 0:
            out[account[row]] += alone
            continue
        outside = float(frequency[value[row]] - in_group[value[row]])
        if len(room) > 0:  # An address is at least as common as its network's addresses are on average.
            outside = max(outside, elsewhere[network[row]] / room[network[row]])
        chance = (outside + 0.5) / (rows_out + 1.0)
        out[account[row]] += np.log1p(share * (others / max(rows_in - mine, 1) / chance - 1.0))


def _completed(view: Incidence, accounts: int) -> Incidence:
    """Return the view with a value for the accounts that hold none; empty where nobody holds any."""
    if view.empty:
        return view
    without = np.setdiff1d(np.arange(accounts), view.account)
    account = np.concatenate([view.account, without])
    label = np.concatenate([view.label[view.value], np.full(len(without), NONE)])
    order = np.argsort(account, kind="stable")
    return incidence(account[order], label[order])
