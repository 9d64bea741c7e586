"""A policy over logged exchanges: who would have been touched, had it been enforced when they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stillwatch.response.ladder import Rung
from stillwatch.response.policy import LimitRule, Plan, Policy
from stillwatch.response.request import Request
from stillwatch.response.standing import Standing
from stillwatch.response.traffic import Traffic
from stillwatch.statistics.compiled import compiled

DAY_US = 86_400_000_000
PASSED, REFUSED, LIMITED = 0, 1, 2
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Flag:
    """What a scan said of an account.

    Attributes:
        flagged_us: When the scan could have said so, in the traffic's own time.
    """

    campaign_id: str
    flagged_us: int
    evidence_nats: float
    membership_nats: float


@dataclass(frozen=True, slots=True)
class Profile:
    """What the accounts file says of an account; empty and -1 for unknown."""

    plan: str = ""
    verification: str = ""
    created_us: int = -1
    billing_country: str = ""
    owner_country: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of each exchange; arrays of shape (exchanges,), in the order of the traffic.

    Attributes:
        outcome: ``PASSED``, ``REFUSED`` (verify or suspend) or ``LIMITED`` (429).
        rung: Where the account stood.
        plan: Place in ``plans``.
        limit: Place of the blocking limit in its plan's ``limits``, or -1.
        in_campaign: The account is in a campaign of the scan, whenever it was flagged.
        flagged: It had been flagged by then.
        situations: How many different ones were judged.
    """

    outcome: NDArray[np.int8]
    rung: NDArray[np.int8]
    plan: NDArray[np.int32]
    limit: NDArray[np.int8]
    in_campaign: NDArray[np.bool_]
    flagged: NDArray[np.bool_]
    plans: tuple[Plan, ...]
    situations: int
    tokens: NDArray[np.float64] = field(repr=False)


def replay(
    policy: Policy,
    traffic: Traffic,
    flags: Mapping[str, Flag],
    profiles: Mapping[str, Profile],
    *,
    rung: Rung = Rung.OBSERVE,
    hindsight: bool = False,
) -> Replayed:
    """Judge and charge every exchange in order of time.

    Conditions are evaluated once for each different situation: account, flagged or not, and the values of whatever
    else the policy uses. Limits are charged row by row in compiled code, by the same rule as the counters. Tokens are
    charged as logged; where a log has none, as the policy estimates.

    Args:
        policy: As it is to act: see ``Policy.as_enforced``.
        traffic: Exchanges in order of time.
        flags: By account id.
        profiles: By account id.
        rung: Of the standings of flagged accounts.
        hindsight: Let flags hold from the beginning, instead of from when the scan could have said so.
    """
    accounts = traffic.names["account"]
    flagged_us = np.array(
        [_NEVER if (flag := flags.get(name)) is None else (0 if hindsight else flag.flagged_us) for name in accounts],
        np.int64,
    )
    created_us = np.array([profiles[name].created_us if name in profiles else -1 for name in accounts], np.int64)
    owner = traffic.codes["account"]
    flagged = traffic.at_us >= flagged_us[owner]
    keys = [owner, flagged.astype(np.int64), *_keys(policy, traffic, created_us[owner], flagged_us[owner], flagged)]
    situation, first = _situations(keys)
    actors = {campaign: 1 << 40 | place for place, campaign in enumerate({flag.campaign_id for flag in flags.values()})}
    members = {campaign: sum(flag.campaign_id == campaign for flag in flags.values()) for campaign in actors}
    judged = _Judged(policy)
    for row in first.tolist():
        name = accounts[owner[row]]
        request = _request(traffic, row)
        standing = None
        flag = flags.get(name) if flagged[row] else None
        profile = profiles.get(name)
        if flag is not None or profile is not None:
            standing = _standing(request, flag, profile, rung, 0 if hindsight else int(flagged_us[owner[row]]))
            if flag is not None:
                standing = standing._replace(actor=actors[flag.campaign_id], actor_accounts=members[flag.campaign_id])
        judged.add(request, standing)
    tokens = _tokens(policy, traffic)
    outcome, limit = judged.charge(situation, traffic.at_us, tokens)
    plan = np.array(judged.plan_of, np.int32)[situation]
    rungs = np.array([each.rung for each in judged.plans], np.int8)
    return Replayed(
        outcome=outcome,
        rung=rungs[plan],
        plan=plan,
        limit=limit,
        in_campaign=(flagged_us != _NEVER)[owner],
        flagged=flagged,
        plans=tuple(judged.plans),
        situations=len(first),
        tokens=tokens,
    )


class _Judged:
    """Situations judged so far, with their limits as rows of arrays."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.plans: list[Plan] = []
        self.plan_of: list[int] = []
        self._places: dict[int, int] = {}
        self._buckets: dict[int, int] = {}
        self._bucket_rows: list[list[int]] = []

    def add(self, request: Request, standing: Standing | None) -> None:
        held = standing or Standing(Rung.NONE, request.account)
        plan = self._policy.plan(self._policy.feature_values(request, standing, request.at_us), held)
        place = self._places.get(id(plan))
        if place is None or self.plans[place] is not plan:
            place = self._places[id(plan)] = len(self.plans)
            self.plans.append(plan)  # Kept here, so that no other plan can come to have its id.
        self.plan_of.append(place)
        keys = [bound.limit(request, held, 0.0).key for bound in plan.limits]
        self._bucket_rows.append([self._buckets.setdefault(key, len(self._buckets)) for key in keys])

    def charge(
        self, situation: NDArray[np.int64], at_us: NDArray[np.int64], tokens: NDArray[np.float64]
    ) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        wide = max((len(plan.limits) for plan in self.plans), default=0)
        buckets = np.full((len(self._bucket_rows), max(1, wide)), -1, np.int64)
        for row, held in enumerate(self._bucket_rows):
            buckets[row, : len(held)] = held
        rate, burst, in_tokens = (np.zeros((len(self.plans), max(1, wide))) for _ in range(3))
        for place, plan in enumerate(self.plans):
            for slot, bound in enumerate(plan.limits):
                rate[place, slot], burst[place, slot] = bound.rate_per_s, bound.burst
                in_tokens[place, slot] = bound.in_tokens
        refuses = np.array([plan.rung >= Rung.VERIFY for plan in self.plans])
        full_us = np.zeros(max(1, len(self._buckets)))
        plan_of = np.array(self.plan_of, np.int64)
        return _charged(situation, plan_of, at_us, tokens, buckets, rate, burst, in_tokens, refuses, full_us)


@compiled
def _charged(
    situation: NDArray[np.int64],
    plan_of: NDArray[np.int64],
    at_us: NDArray[np.int64],
    tokens: NDArray[np.float64],
    buckets: NDArray[np.int64],
    rate: NDArray[np.float64],
    burst: NDArray[np.float64],
    in_tokens: NDArray[np.float64],
    refuses: NDArray[np.bool_],
    full_us: NDArray[np.float64],
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Charge rows in their order, by the rule of ``MemoryCounters.charge``."""
    outcome = np.zeros(len(situation), np.int8)
    blocking = np.full(len(situation), -1, np.int8)
    for row in range(len(situation)):
        place = situation[row]
        plan = plan_of[place]
        if refuses[plan]:
            outcome[row] = 1
            continue
        now = float(at_us[row])
        wait = 0.0
        for slot in range(buckets.shape[1]):
            bucket = buckets[place, slot]
            if bucket < 0:
                break
            cost = tokens[row] if in_tokens[plan, slot] else 1.0
            full = max(full_us[bucket], now)
            over = full + (min(cost, burst[plan, slot]) - burst[plan, slot]) / rate[plan, slot] * 1e6 - now
            if over > wait + 0.5:
                wait = over
                blocking[row] = slot
        if blocking[row] >= 0:
            outcome[row] = 2
            continue
        for slot in range(buckets.shape[1]):
            bucket = buckets[place, slot]
            if bucket < 0:
                break
            cost = tokens[row] if in_tokens[plan, slot] else 1.0
            full_us[bucket] = max(full_us[bucket], now) + cost / rate[plan, slot] * 1e6
    return outcome, blocking


def _keys(
    policy: Policy,
    traffic: Traffic,
    created_us: NDArray[np.int64],
    flagged_us: NDArray[np.int64],
    flagged: NDArray[np.bool_],
) -> list[NDArray[np.int64]]:
    """Return what tells situations apart beside the account and its flag: as few columns as the policy allows."""
    used = set(policy.used_features)
    per = {bound.per for bound in _all_limits(policy)}
    at_us, days = traffic.at_us, traffic.at_us // DAY_US
    keys = []
    if "country" in used | per:
        keys.append(traffic.codes["country"])
    if used & {"asn", "asn_class"} or "network" in per:
        keys.append(traffic.numbers["asn"])
    if "account_age_days" in used:
        keys.append(np.where(created_us >= 0, (at_us - created_us) // DAY_US, -1))
    if "standing_age_days" in used:
        keys.append(np.where(flagged & (flagged_us > 0), (at_us - np.where(flagged, flagged_us, 0)) // DAY_US, -1))
    if "hour_utc" in used:
        keys.append(at_us % DAY_US // 3_600_000_000)
    if "weekday" in used:
        keys.append(days % 7)
    if "model" in used:
        keys.append(traffic.codes["model"])
    keys += [traffic.numbers[name] for name in ("input_tokens", "max_output_tokens") if name in used]
    if "wants_reasoning" in used:
        keys.append(traffic.reasoning.astype(np.int64))
    if "temperature" in used:
        keys.append(traffic.temperature.view(np.int64))
    return keys


def _all_limits(policy: Policy) -> list[LimitRule]:
    own = [bound for rule in policy.rules for bound in rule.limits]
    return [*own, *policy.ladder.slow, *policy.ladder.cap]


def _situations(keys: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each row the place of its situation, and for each situation its first row."""
    code = np.unique(keys[0], return_inverse=True)[1].astype(np.int64)
    first = np.zeros(0, np.int64)
    for key in keys[1:]:
        values, other = np.unique(key, return_inverse=True)
        _, first, code = np.unique(code * len(values) + other, return_index=True, return_inverse=True)
        code = code.astype(np.int64)
    return code, first


def _request(traffic: Traffic, row: int) -> Request:
    return Request(
        account=int(traffic.codes["account"][row]) + 1,
        at_us=int(traffic.at_us[row]),
        model=traffic.names["model"][traffic.codes["model"][row]],
        input_tokens=max(0, int(traffic.numbers["input_tokens"][row])),
        max_output_tokens=int(traffic.numbers["max_output_tokens"][row]),
        country=traffic.names["country"][traffic.codes["country"][row]],
        asn=int(traffic.numbers["asn"][row]),
        wants_reasoning=bool(traffic.reasoning[row]),
        temperature=float(traffic.temperature[row]),
    )


def _standing(request: Request, flag: Flag | None, profile: Profile | None, rung: Rung, since_us: int) -> Standing:
    known = profile or Profile()
    return Standing(
        rung=Rung.NONE if flag is None else rung,
        actor=request.account,
        evidence_nats=0.0 if flag is None else flag.evidence_nats,
        campaign_id="" if flag is None else flag.campaign_id,
        membership_nats=0.0 if flag is None else flag.membership_nats,
        since_us=0 if flag is None else since_us,
        plan=known.plan,
        verification=known.verification,
        billing_country=known.billing_country,
        owner_country=known.owner_country,
        created_us=known.created_us,
    )


def _tokens(policy: Policy, traffic: Traffic) -> NDArray[np.float64]:
    """Return the tokens of each exchange: as logged, or where that is not known as the policy estimates."""
    read, written = traffic.numbers["input_tokens"], traffic.numbers["output_tokens"]
    bound = traffic.numbers["max_output_tokens"]
    assumed = np.where(bound > 0, bound, policy.assumed_output_tokens)
    guessed = np.minimum(assumed, policy.counted_output_tokens_most)
    return (np.maximum(read, 0) + np.where(written >= 0, written, guessed)).astype(np.float64)
