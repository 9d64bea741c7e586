"""A policy in memory: rules read from top to bottom, what each rung does, and the judgement of one request."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from stillwatch.response.counters import Limit
from stillwatch.response.expression import ConditionError, Conditions
from stillwatch.response.features import BY_NAME, FEATURES, RUNG_NAMES, Facts, Value
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import FileMark
from stillwatch.response.request import Request
from stillwatch.response.standing import Standing

_SPREAD = 0x9E37_79B9_7F4A_7C15  # Odd, so that multiplying by it never brings two subjects together.
_MASK = 0xFFFF_FFFF_FFFF_FFFF
_PLANS_MOST = 8_192  # Kept plans, some 500 bytes each.
SUBJECTS: Mapping[str, Callable[[Request, Standing], int]] = {
    "account": lambda request, _: request.account,
    "actor": lambda _, standing: standing.actor,
    "country": lambda request, _: int.from_bytes(request.country.upper().encode("utf-8", "replace")[:8], "big"),
    "network": lambda request, _: request.asn,
    "everyone": lambda _request, _standing: 0,
}


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A limit before it is known whose it is.

    Attributes:
        name: Two limits of one name and one ``per`` draw on one budget; of several that apply, the last counts.
        per: Whose budget: a key of ``SUBJECTS``.
        in_tokens: Counted in tokens, else in requests.
        salt: 64 bits that tell this name and ``per`` from others.
    """

    name: str
    per: str
    in_tokens: bool
    rate_per_s: float
    burst: float
    disclosed: bool
    salt: int

    def limit(self, request: Request, standing: Standing, tokens: float) -> Limit:
        """Return the limit of this request's subject."""
        key = (SUBJECTS[self.per](request, standing) * _SPREAD + self.salt) & _MASK
        cost = tokens if self.in_tokens else 1.0
        return Limit(key, self.name, self.rate_per_s, self.burst, cost, self.in_tokens, self.disclosed)


@dataclass(frozen=True, slots=True)
class Example:
    """A rule's own test: under these features it fires, or does not."""

    given: Mapping[str, Value]
    fires: bool
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        when: The condition, in CEL.
        reason: For the record: why, in words; never shown to the client.
        shadow: Judged and logged, not enforced.
        fires_on_error: Whether a condition that fails counts as true.
        rung: Raises the account to at least this; None raises nothing.
        follows_standing: Raises it to where its standing is.
        most: Lowers what the rules above have reached to at most this; None lowers nothing.
    """

    id: str
    when: str
    reason: str
    shadow: bool
    fires_on_error: bool
    rung: Rung | None
    follows_standing: bool
    most: Rung | None
    limits: tuple[LimitRule, ...]
    examples: tuple[Example, ...]
    line: int

    def reach(self, rung: Rung, standing: Standing) -> Rung:
        """Return the rung after this rule, fired at an account that the rules above put on ``rung``."""
        if self.rung is not None and self.rung > rung:
            rung = self.rung
        if self.follows_standing and standing.rung > rung:
            rung = standing.rung
        return rung if self.most is None or rung <= self.most else self.most


@dataclass(frozen=True, slots=True)
class Ladder:
    """What the rungs do.

    Attributes:
        slow: Limits from SLOW on.
        cap: Limits from CAP on.
        hides_reasoning: From HIDE on.
        hides_logprobs: From HIDE on.
        answer_only: From HIDE on.
        mark_key: Id of the watermark's key from MARK on; ``{campaign}`` in it stands for the campaign's id.
        details: What a refused client is told, by rung.
        links: Where it may turn to, by rung.
        closed_when_away: Rungs on which requests are refused while the counters cannot be reached; on others they pass.
    """

    slow: tuple[LimitRule, ...] = ()
    cap: tuple[LimitRule, ...] = ()
    hides_reasoning: bool = True
    hides_logprobs: bool = True
    answer_only: bool = False
    mark_key: str | None = None
    details: Mapping[Rung, str] = field(default_factory=dict)
    links: Mapping[Rung, str] = field(default_factory=dict)
    closed_when_away: frozenset[Rung] = frozenset()

    def limits(self, rung: Rung) -> Iterator[LimitRule]:
        """Yield what bounds an account on ``rung``; nothing where it is refused anyway."""
        if Rung.SLOW <= rung < Rung.VERIFY:
            yield from self.slow
            if rung >= Rung.CAP:
                yield from self.cap


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules come to, before it is known whose the limits are. Attributes as of ``Judgement``."""

    rung: Rung
    limits: tuple[LimitRule, ...]
    fired: tuple[str, ...]
    shadow: tuple[str, ...]
    cache_s: float
    shadow_rung: Rung
    shadow_limits: tuple[LimitRule, ...]
    failed: tuple[str, ...]


class Judgement(NamedTuple):  # Made at every request.
    """What a policy says of one request, before any limit is charged.

    Attributes:
        rung: From the rules that are enforced.
        limits: To be charged, keys distinct.
        fired: Rules that fired and are enforced, in the policy's order.
        shadow: Rules that fired and are not.
        cache_s: As in ``Command``.
        shadow_rung: The rung, were all rules enforced.
        shadow_limits: The limits, were all rules enforced; empty where they are the same.
        failed: Rules whose condition has no outcome.
        tokens: What limits in tokens are charged: an estimate.
        campaign_id: Of the standing.
    """

    rung: Rung
    limits: tuple[Limit, ...]
    fired: tuple[str, ...]
    shadow: tuple[str, ...]
    cache_s: float
    shadow_rung: Rung
    shadow_limits: tuple[Limit, ...]
    failed: tuple[str, ...]
    tokens: float
    campaign_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one rule when a request was explained."""

    rule: Rule
    fired: bool
    enforced: bool
    error: str
    rung: Rung  # After this rule, were all rules enforced.


class Policy:
    """A checked policy.

    Args:
        name: What it is called.
        revision: The writer's own version.
        enforce: False puts every rule into shadow.
        rules: In the file's order, ids distinct.
        ladder: What rungs do.
        lists: Constants that conditions may use.
        networks: Class by autonomous system.
        assumed_output_tokens: Charged for an answer that the client does not bound.
        counted_output_tokens_most: The most that is charged before the answer is there.
        cache_s: As in ``Command``, where a decision may be cached at all.
        problems: What the ``type`` of problem documents begins with.
        files: Those that it was read from, with their ``file_mark`` just before.

    Raises:
        ConditionError: If a condition cannot be read.
    """

    def __init__(
        self,
        *,
        name: str,
        revision: str,
        enforce: bool,
        rules: Sequence[Rule],
        ladder: Ladder,
        lists: Mapping[str, Sequence[Any]] | None = None,
        networks: Mapping[int, str] | None = None,
        assumed_output_tokens: int = 500,
        counted_output_tokens_most: int = 4_000,
        cache_s: float = 0.0,
        problems: str = "urn:stillwatch:problem:",
        files: Mapping[Path, FileMark] | None = None,
    ) -> None:
        """Compile the conditions."""
        self.name, self.revision, self.enforce = name, revision, enforce
        self.rules, self.ladder = tuple(rules), ladder
        self.networks = dict(networks or {})
        self.lists = dict(lists or {})
        self.problems = problems
        self.files = dict(files or {})
        self.assumed_output_tokens = assumed_output_tokens
        self.counted_output_tokens_most = counted_output_tokens_most
        names = [feature.name for feature in FEATURES]
        constants = {**RUNG_NAMES, **{key: list(held) for key, held in self.lists.items()}}
        self._conditions = Conditions([rule.when for rule in self.rules], names, constants)
        self._features = [BY_NAME[each].of for each in self._conditions.used]
        self._plans: dict[tuple[object, ...], Plan] = {}
        self.uses_requests_facts = any(BY_NAME[each].of_request for each in self._conditions.used)
        self._cache_s = 0.0 if self.uses_requests_facts else cache_s

    def as_enforced(self, *, also_shadow: bool) -> Policy:
        """Return the policy as it would act with ``enforce: true``.

        Args:
            also_shadow: With its rules in shadow too.
        """
        other = copy.copy(self)
        other.enforce = True
        other.rules = tuple(replace(rule, shadow=rule.shadow and not also_shadow) for rule in self.rules)
        other._plans = {}
        return other

    @property
    def used_features(self) -> tuple[str, ...]:
        """Names of the features that conditions use: two requests equal in these are judged alike."""
        return self._conditions.used

    def feature_values(self, request: Request, standing: Standing | None, now_us: int) -> list[Value]:
        """Return the values of ``used_features``."""
        return self._values(request, *self._current(request, standing, now_us), now_us)

    def outcomes(self, values: Sequence[Value]) -> list[bool | ConditionError]:
        """Return the outcome of each rule's condition under values of ``used_features``."""
        return self._conditions.evaluate(values)

    def tokens(self, request: Request) -> float:
        """Return what limits in tokens are charged before the answer is there."""
        answer = request.max_output_tokens or self.assumed_output_tokens
        return float(max(0, request.input_tokens) + min(max(0, answer), self.counted_output_tokens_most))

    def judge(self, request: Request, standing: Standing | None, now_us: int) -> Judgement:
        """Return what the policy says of one request. Never raises for any request.

        Args:
            request: What the door knows.
            standing: Where the account stands; None for nothing known.
            now_us: The present.
        """
        held, known = self._current(request, standing, now_us)
        values = self._values(request, held, known, now_us)
        plan = self.plan(values, held)
        tokens = self.tokens(request)
        return Judgement(
            plan.rung,
            tuple([bound.limit(request, held, tokens) for bound in plan.limits]),
            plan.fired,
            plan.shadow,
            plan.cache_s,
            plan.shadow_rung,
            tuple([bound.limit(request, held, tokens) for bound in plan.shadow_limits]),
            plan.failed,
            tokens,
            held.campaign_id,
        )

    def plan(self, values: Sequence[Value], standing: Standing) -> Plan:
        """Return what the rules come to under ``values`` of ``used_features``.

        Plans are kept by the outcomes of the conditions, of which few combinations come about.

        Args:
            values: In the order of ``used_features``.
            standing: Only its rung is used.
        """
        outcomes = self._conditions.evaluate(values)
        key = (standing.rung, *outcomes)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._made_plan(outcomes, standing)
            if len(self._plans) >= _PLANS_MOST:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def _made_plan(self, outcomes: Sequence[bool | ConditionError], standing: Standing) -> Plan:
        rung = shadow_rung = Rung.NONE
        limits: dict[int, LimitRule] = {}
        shadow_limits: dict[int, LimitRule] = {}
        fired, shadow, failed = [], [], []
        for rule, outcome in zip(self.rules, outcomes, strict=True):
            if isinstance(outcome, ConditionError):
                failed.append(rule.id)
            if not _fires(rule, outcome):
                continue
            shadow_rung = rule.reach(shadow_rung, standing)
            shadow_limits.update({bound.salt: bound for bound in rule.limits})
            if self.enforce and not rule.shadow:
                rung = rule.reach(rung, standing)
                limits.update({bound.salt: bound for bound in rule.limits})
                fired.append(rule.id)
            else:
                shadow.append(rule.id)
        charged = self._with_ladder(limits, rung)
        supposed = self._with_ladder(shadow_limits, shadow_rung) if shadow else charged
        return Plan(
            rung=rung,
            limits=charged,
            fired=tuple(fired),
            shadow=tuple(shadow),
            cache_s=0.0 if charged or failed else self._cache_s,
            shadow_rung=shadow_rung,
            shadow_limits=() if supposed == charged else supposed,
            failed=tuple(failed),
        )

    def explain(self, request: Request, standing: Standing | None, now_us: int) -> list[Step]:
        """Return rule by rule what became of a request."""
        held, known = self._current(request, standing, now_us)
        steps = []
        rung = Rung.NONE
        for rule, outcome in zip(
            self.rules, self._conditions.evaluate(self._values(request, held, known, now_us)), strict=True
        ):
            fired = _fires(rule, outcome)
            rung = rule.reach(rung, held) if fired else rung
            error = str(outcome) if isinstance(outcome, ConditionError) else ""
            steps.append(Step(rule, fired, self.enforce and not rule.shadow, error, rung))
        return steps

    def _with_ladder(self, limits: dict[int, LimitRule], rung: Rung) -> tuple[LimitRule, ...]:
        if rung >= Rung.VERIFY:
            return ()  # The request is refused anyway.
        limits.update({bound.salt: bound for bound in self.ladder.limits(rung)})
        return tuple(limits.values())

    def _current(self, request: Request, standing: Standing | None, now_us: int) -> tuple[Standing, bool]:
        if standing is None:
            return Standing(Rung.NONE, request.account), False
        if standing.until_us and standing.until_us <= now_us:  # What stood against the account has lapsed.
            return standing._replace(
                rung=Rung.NONE,
                actor=request.account,
                evidence_nats=0.0,
                campaign_id="",
                membership_nats=0.0,
                actor_accounts=1,
                since_us=0,
            ), True
        return standing, True

    def _values(self, request: Request, standing: Standing, known: bool, now_us: int) -> list[Value]:
        facts = Facts(request, standing, known, now_us, self.networks.get(request.asn, ""))
        return [of(facts) for of in self._features]


def _fires(rule: Rule, outcome: bool | ConditionError) -> bool:
    return outcome is True or (isinstance(outcome, ConditionError) and rule.fires_on_error)
