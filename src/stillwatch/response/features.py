"""Features: the variables that a policy's conditions may use, each with a type and a default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from stillwatch.response.ladder import Rung
from stillwatch.response.request import Request
from stillwatch.response.standing import Standing

Value = bool | int | float | str
DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday, the fourth day of the week.


class Facts(NamedTuple):  # Made at every request.
    """All that is known when a request is judged; features are read from it.

    Attributes:
        request: What the door knows.
        standing: What the table knows; an empty one for an account that is not in it.
        known: Whether the account is in it.
        now_us: The present.
        asn_class: The class of the request's network, by the policy's own lists; empty for none.
    """

    request: Request
    standing: Standing
    known: bool
    now_us: int
    asn_class: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One variable of conditions.

    Attributes:
        name: As conditions write it.
        default: What it is where nothing is known; its type is the feature's.
        meaning: In words.
        of: Reads it.
        of_request: It can differ between two requests of one account that arrive together, other than by the place
            where they come from. A policy that uses such a feature has no decision cached.
    """

    name: str
    default: Value
    meaning: str
    of: Callable[[Facts], Value]
    of_request: bool = False

    @property
    def kind(self) -> str:
        """The type's name in CEL."""
        return {bool: "bool", int: "int", float: "double", str: "string"}[type(self.default)]


def _age_days(facts: Facts) -> int:
    if facts.request.account_age_s >= 0:
        return facts.request.account_age_s // 86_400
    created_us = facts.standing.created_us
    return max(0, facts.now_us - created_us) // DAY_US if created_us >= 0 else -1


def _standing_days(facts: Facts) -> int:
    since_us = facts.standing.since_us
    return max(0, facts.now_us - since_us) // DAY_US if since_us else -1


# Ages are whole days, so that a decision changes at most daily by them and a replay can judge an account once a day.
FEATURES: tuple[Feature, ...] = (
    Feature("known", False, "the account is in the table of standings", lambda facts: facts.known),
    Feature("rung", 0, "where a scan or an analyst put the account", lambda facts: int(facts.standing.rung)),
    Feature("evidence_nats", 0.0, "evidence for its campaign", lambda facts: float(facts.standing.evidence_nats)),
    Feature(
        "membership_nats",
        0.0,
        "evidence that the account belongs to the campaign",
        lambda facts: float(facts.standing.membership_nats),
    ),
    Feature("in_campaign", False, "the account is in a campaign", lambda facts: facts.standing.campaign_id != ""),
    Feature("campaign_id", "", "which one", lambda facts: facts.standing.campaign_id),
    Feature(
        "actor_accounts", 1, "accounts that the actor is known to run", lambda facts: facts.standing.actor_accounts
    ),
    Feature("standing_age_days", -1, "days since the account was flagged; -1 for never", _standing_days),
    Feature("verified", False, "the holder has proven who they are", lambda facts: facts.standing.verified),
    Feature("restored", False, "somebody took back what stood against it", lambda facts: facts.standing.restored),
    Feature("plan", "", "free, pro, api, …", lambda facts: facts.request.plan or facts.standing.plan),
    Feature(
        "verification",
        "",
        "none, phone, id, …; empty for unknown",
        lambda facts: facts.request.verification or facts.standing.verification,
    ),
    Feature("account_age_days", -1, "whole days since it was opened; -1 for unknown", _age_days),
    Feature(
        "country", "", "ISO 3166 code of where the request comes from", lambda facts: facts.request.country.upper()
    ),
    Feature("billing_country", "", "ISO 3166 code of the payer", lambda facts: facts.standing.billing_country),
    Feature(
        "owner_country",
        "",
        "ISO 3166 code of whoever owns the account in the end",
        lambda facts: facts.request.owner_country or facts.standing.owner_country,
    ),
    Feature("asn", 0, "autonomous system of the client; 0 for unknown", lambda facts: facts.request.asn),
    Feature("asn_class", "", "its class, by the policy's `networks`", lambda facts: facts.asn_class),
    Feature("hour_utc", 0, "hour of the day, 0 to 23", lambda facts: facts.now_us % DAY_US // _HOUR_US),
    Feature(
        "weekday", 1, "1 for Monday to 7 for Sunday", lambda facts: (facts.now_us // DAY_US + _EPOCH_WEEKDAY) % 7 + 1
    ),
    Feature("model", "", "the model asked for", lambda facts: facts.request.model, of_request=True),
    Feature("input_tokens", 0, "tokens sent, an estimate", lambda facts: facts.request.input_tokens, of_request=True),
    Feature(
        "max_output_tokens",
        0,
        "the client's own bound on the answer; 0 for none",
        lambda facts: facts.request.max_output_tokens,
        of_request=True,
    ),
    Feature("stream", False, "the answer is to be streamed", lambda facts: facts.request.stream, of_request=True),
    Feature(
        "wants_reasoning", False, "reasoning is asked for", lambda facts: facts.request.wants_reasoning, of_request=True
    ),
    Feature(
        "wants_logprobs",
        False,
        "log-probabilities are asked for",
        lambda facts: facts.request.wants_logprobs,
        of_request=True,
    ),
    Feature("temperature", -1.0, "-1 for unset", lambda facts: float(facts.request.temperature), of_request=True),
)
BY_NAME: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}
RUNG_NAMES: Mapping[str, int] = {rung.name: int(rung) for rung in Rung}  # `rung >= CAP` in conditions.


def checked(name: str, value: object) -> Value:
    """Return ``value`` as feature ``name`` takes it; a rung may be given by its word.

    Raises:
        KeyError: If there is no such feature.
        ValueError: If the value is of another type.
    """
    feature = BY_NAME[name]
    if name == "rung" and isinstance(value, str):
        if value.upper() not in RUNG_NAMES:
            raise ValueError(f"{value!r} is not a rung; there are {', '.join(rung.word for rung in Rung)}")
        return RUNG_NAMES[value.upper()]
    if isinstance(feature.default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(feature.default):
        raise ValueError(f"{name} is {feature.kind}, not {value!r}")
    return value
