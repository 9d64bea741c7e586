"""What a replay comes to: who was touched, by kind and rung, what was stopped, and what it would have cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stillwatch.response.ladder import Rung
from stillwatch.response.replay import LIMITED, PASSED, REFUSED, Profile, Replayed
from stillwatch.response.traffic import Traffic

EXAMPLES = 10
_Name = TypeVar("_Name", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost the customer, in one currency."""

    input_per_million: float
    output_per_million: float


@dataclass(frozen=True, slots=True)
class Touched:
    """Exchanges and accounts of one kind.

    Attributes:
        accounts: All of the kind.
        accounts_touched: Those with an exchange that was refused, limited or had something taken out.
        refused: Exchanges that ``verify`` or ``suspend`` refused.
        limited: Exchanges above a limit.
        hidden: Exchanges that passed without reasoning and log-probabilities.
        revenue_lost: Of refused and limited ones, at the prices given.
    """

    accounts: int
    accounts_touched: int
    exchanges: int
    refused: int
    limited: int
    hidden: int
    revenue_lost: float


@dataclass(frozen=True, slots=True)
class CampaignOutcome:
    """What became of a campaign's exchanges.

    Attributes:
        before_flag: Made before a scan could have flagged the account.
    """

    campaign_id: str
    before_flag: int
    touched: Touched


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """How often a rule fired and counted, for accounts in campaigns and for all others."""

    rule: str
    campaign_exchanges: int
    campaign_accounts: int
    honest_exchanges: int
    honest_accounts: int


@dataclass(frozen=True, slots=True)
class Example:
    """An account in no campaign that was touched most."""

    account_id: str
    plan: str
    verification: str
    rung: str
    exchanges: int
    stopped: int


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """All that a replay found.

    Attributes:
        honest: Accounts in no campaign of the scan; what the scan missed is among them.
        by_kind: Of ``honest``, by (plan, verification); empty texts are unknown.
        by_rung: Of ``honest``, by the highest rung that the account reached.
        by_limit: Exchanges that each limit stopped: (name, in campaigns, of others).
    """

    exchanges: int
    situations: int
    campaigns: tuple[CampaignOutcome, ...]
    honest: Touched
    by_kind: tuple[tuple[tuple[str, str], Touched], ...]
    by_rung: tuple[tuple[str, Touched], ...]
    rules: tuple[RuleOutcome, ...]
    by_limit: tuple[tuple[str, int, int], ...]
    examples: tuple[Example, ...]


def report(
    replayed: Replayed,
    traffic: Traffic,
    campaign_of: Mapping[str, str],
    profiles: Mapping[str, Profile],
    prices: Prices,
    rules: Sequence[str],
) -> ReplayReport:
    """Return what a replay comes to.

    Args:
        replayed: Of ``traffic``.
        traffic: The exchanges.
        campaign_of: Campaign by account id; no campaign for those absent.
        profiles: By account id.
        prices: For what is lost.
        rules: Ids in the policy's order.
    """
    names = traffic.names["account"]
    owner = traffic.codes["account"]
    counting = _Counting(replayed, traffic, prices)
    campaign_names, campaign = _coded([campaign_of.get(name, "") for name in names])
    kind = [(profiles[name].plan, profiles[name].verification) if name in profiles else ("", "") for name in names]
    kind_names, kinds = _coded(kind)
    honest_account = np.array([name not in campaign_of for name in names], np.bool_)
    highest = np.zeros(len(names), np.int8)
    np.maximum.at(highest, owner, replayed.rung)
    unflagged = np.bincount(owner, weights=~replayed.flagged, minlength=len(names))
    return ReplayReport(
        exchanges=len(traffic),
        situations=replayed.situations,
        campaigns=tuple(
            CampaignOutcome(name, int(unflagged[campaign == place].sum()), counting.touched(campaign == place))
            for place, name in enumerate(campaign_names)
            if name
        ),
        honest=counting.touched(honest_account),
        by_kind=tuple(
            (name, counting.touched(honest_account & (kinds == place)))
            for place, name in enumerate(kind_names)
            if np.any(honest_account & (kinds == place))
        ),
        by_rung=tuple(
            (Rung(place).word, counting.touched(honest_account & (highest == place)))
            for place in sorted(set(highest[honest_account].tolist()))
        ),
        rules=tuple(_rules(replayed, owner, rules)),
        by_limit=tuple(_limits(replayed)),
        examples=tuple(
            Example(names[row], *kind[row], Rung(int(highest[row])).word, int(counting.rows[row]), int(stopped))
            for row, stopped in counting.most_stopped(honest_account)
        ),
    )


def _coded(values: Sequence[_Name]) -> tuple[list[_Name], NDArray[np.int64]]:
    """Return the different values in order, and the place of each value among them."""
    names = sorted(set(values))
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[value] for value in values], np.int64)


class _Counting:
    """Sums by account, from which every group's are made."""

    def __init__(self, replayed: Replayed, traffic: Traffic, prices: Prices) -> None:
        owner = traffic.codes["account"]
        accounts = len(traffic.names["account"])

        def summed(values: NDArray[np.generic]) -> NDArray[np.float64]:
            return np.asarray(np.bincount(owner, values.astype(np.float64), accounts), np.float64)

        stopped = replayed.outcome != PASSED
        read = np.maximum(traffic.numbers["input_tokens"], 0)
        worth = (read * prices.input_per_million + (replayed.tokens - read) * prices.output_per_million) / 1e6
        self.rows = summed(np.ones(len(owner)))
        self.refused = summed(replayed.outcome == REFUSED)
        self.limited = summed(replayed.outcome == LIMITED)
        self.hidden = summed(~stopped & (replayed.rung >= Rung.HIDE))
        self.lost = summed(np.where(stopped, worth, 0.0))

    def touched(self, chosen: NDArray[np.bool_]) -> Touched:
        any_ = (self.refused + self.limited + self.hidden) > 0
        return Touched(
            accounts=int((chosen & (self.rows > 0)).sum()),
            accounts_touched=int((chosen & any_).sum()),
            exchanges=int(self.rows[chosen].sum()),
            refused=int(self.refused[chosen].sum()),
            limited=int(self.limited[chosen].sum()),
            hidden=int(self.hidden[chosen].sum()),
            revenue_lost=round(float(self.lost[chosen].sum()), 2),
        )

    def most_stopped(self, chosen: NDArray[np.bool_]) -> list[tuple[int, float]]:
        stopped = np.where(chosen, self.refused + self.limited, 0.0)
        order = np.argsort(-stopped, kind="stable")[:EXAMPLES]
        return [(int(row), float(stopped[row])) for row in order if stopped[row] > 0]


def _rules(replayed: Replayed, owner: NDArray[np.int64], rules: Sequence[str]) -> list[RuleOutcome]:
    plans = len(replayed.plans)
    exchanges = np.bincount(replayed.plan * 2 + replayed.in_campaign, minlength=2 * plans).reshape(plans, 2)
    # Each account once a plan: few, however many exchanges there are.
    pairs = np.unique(np.stack([replayed.plan.astype(np.int64), owner, replayed.in_campaign.astype(np.int64)]), axis=1)
    found = []
    for rule in rules:
        fired = np.array([rule in plan.fired for plan in replayed.plans], np.bool_)
        inside = fired[pairs[0]]
        accounts = [len(np.unique(pairs[1][inside & (pairs[2] == side)])) for side in (0, 1)]
        sums = exchanges[fired].sum(axis=0)
        found.append(RuleOutcome(rule, int(sums[1]), accounts[1], int(sums[0]), accounts[0]))
    return found


def _limits(replayed: Replayed) -> list[tuple[str, int, int]]:
    blocked = replayed.outcome == LIMITED
    counts: dict[str, list[int]] = {}
    wide = max((len(plan.limits) for plan in replayed.plans), default=0) + 1
    code = (replayed.plan.astype(np.int64) * wide + replayed.limit) * 2 + replayed.in_campaign
    for value, count in zip(*np.unique(code[blocked], return_counts=True), strict=True):
        place, campaign = divmod(int(value), 2)
        plan, slot = divmod(place, wide)
        counts.setdefault(replayed.plans[plan].limits[slot].name, [0, 0])[campaign] += int(count)
    return [(name, held[1], held[0]) for name, held in sorted(counts.items())]
