"""One decision: from a request to a command. Every door calls this and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from stillwatch.response.command import Command, Refusal
from stillwatch.response.counters import NO_LIMITS, AsyncCounters, Charge, Counters, CountersAway, Limit
from stillwatch.response.ladder import Rung
from stillwatch.response.memory_counters import MemoryCounters
from stillwatch.response.policy import Judgement, Policy
from stillwatch.response.rate_limit_fields import rate_limit_fields
from stillwatch.response.request import Request
from stillwatch.response.standing import StandingSource

COUNTERS_AWAY = "counters-away"  # Among the fired rules, where a request passed because counters were away.
_AWAY_RETRY_S = 1.0
_TITLES = {
    "rate-limited": "Too many requests",
    "verification-required": "Verification required",
    "suspended": "Account suspended",
    "temporarily-unavailable": "Temporarily unavailable",
}
_DETAILS = {
    "rate-limited": "A limit on the use of this account is reached. Try again after the time in Retry-After.",
    "verification-required": "The holder of this account has to be verified before it can be used further.",
    "suspended": "This account is suspended. Its holder can ask for a review.",
    "temporarily-unavailable": "The request cannot be admitted at the moment. Try again after the time in Retry-After.",
}


class _Force(NamedTuple):
    """A policy in force, with its refusals ready."""

    policy: Policy
    refusals: Mapping[Rung | str, Refusal]


class Decider:
    """Decides requests by a policy, a source of standings and counters; it opens no socket of its own.

    Args:
        policy: May be replaced at any time by setting ``policy``.
        standings: Where accounts stand.
        counters: Charged by ``decide``; in this process unless told.
        shadow_counters: Charged with the limits of rules in shadow, always in this process: rules that are only
            tried out must cost no journey to a shared store.
    """

    def __init__(
        self,
        policy: Policy,
        standings: StandingSource,
        counters: Counters | None = None,
        shadow_counters: Counters | None = None,
    ) -> None:
        """Keep the parts."""
        self.standings = standings
        self.counters = counters if counters is not None else MemoryCounters()
        self._shadow = shadow_counters if shadow_counters is not None else MemoryCounters()
        self.policy = policy

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._force.policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        self._force = _Force(policy, _refusals(policy))  # In one step: a thread may do so while requests are decided.

    def decide(self, request: Request, now_us: int) -> Command:
        """Return what to do with a request, and charge it to its limits.

        Never raises for any request; a counter that is away is answered as the policy says for the rung.

        Args:
            request: What the door knows.
            now_us: The present, in microseconds since 1970.
        """
        force = self._force
        judgement = self._judge(force, request, now_us)
        charge: Charge | None = NO_LIMITS
        if judgement.limits:
            try:
                charge = self.counters.charge(judgement.limits, now_us)
            except CountersAway:
                charge = None
        return self._command(force, judgement, charge, now_us)

    async def decide_async(self, request: Request, now_us: int, counters: AsyncCounters) -> Command:
        """Return what ``decide`` would, charging counters that are waited for."""
        force = self._force
        judgement = self._judge(force, request, now_us)
        charge: Charge | None = NO_LIMITS
        if judgement.limits:
            try:
                charge = await counters.charge(judgement.limits, now_us)
            except CountersAway:
                charge = None
        return self._command(force, judgement, charge, now_us)

    def settle(self, command: Command, tokens: int, now_us: int) -> None:
        """Charge what an answer took beyond the estimate, or give back what it did not take.

        Without it the estimate stands. Counters that are away keep the estimate.

        Args:
            command: As decided.
            tokens: Read and written together, as the model server counts them.
            now_us: The present.
        """
        owed = settlement(command, tokens)
        if owed:
            try:
                self.counters.settle(owed, now_us)
            except CountersAway:
                return

    def _judge(self, force: _Force, request: Request, now_us: int) -> Judgement:
        self.standings.poll(now_us)
        return force.policy.judge(request, self.standings.of(request.account), now_us)

    def _command(self, force: _Force, judgement: Judgement, charge: Charge | None, now_us: int) -> Command:
        rung, fired = judgement.rung, judgement.fired
        policy, refusals = force
        refusal: Refusal | None = None
        headers: tuple[tuple[str, str], ...] = ()
        cache_s = judgement.cache_s
        if rung >= Rung.VERIFY:
            refusal = refusals[rung]
        elif charge is None:
            cache_s = 0.0
            if rung in policy.ladder.closed_when_away:
                refusal = refusals["away"]
            else:
                fired = (*fired, COUNTERS_AWAY)
        elif judgement.limits:
            headers = rate_limit_fields(judgement.limits, charge)
            if not charge.allowed:
                step = Rung.CAP if rung >= Rung.CAP else Rung.SLOW
                refusal = replace(refusals[step], retry_after_s=charge.retry_after_s)
        hides = rung >= Rung.HIDE
        mark_key = policy.ladder.mark_key if rung >= Rung.MARK else None
        charged = refusal is None and charge is not None
        return Command(
            rung=rung,
            refusal=refusal,
            hide_reasoning=hides and (policy.ladder.hides_reasoning or policy.ladder.answer_only),
            hide_logprobs=hides and (policy.ladder.hides_logprobs or policy.ladder.answer_only),
            answer_only=hides and policy.ladder.answer_only,
            mark_key=mark_key.replace("{campaign}", judgement.campaign_id) if mark_key else None,
            headers=headers,
            fired=fired,
            shadow=judgement.shadow,
            cache_s=cache_s,
            shadow_rung=judgement.shadow_rung,
            shadow_refusal=self._supposed(refusals, judgement, now_us) if judgement.shadow else None,
            to_settle=tuple([limit for limit in judgement.limits if limit.in_tokens]) if charged else (),
            estimated_tokens=judgement.tokens,
        )

    def _supposed(self, refusals: Mapping[Rung | str, Refusal], judgement: Judgement, now_us: int) -> str | None:
        """Return the type of the refusal that there would be, were all rules enforced."""
        if judgement.shadow_rung >= Rung.VERIFY:
            return refusals[judgement.shadow_rung].type
        if judgement.shadow_limits and not self._shadow.charge(judgement.shadow_limits, now_us).allowed:
            return refusals[Rung.SLOW].type
        return None


def settlement(command: Command, tokens: int) -> list[Limit]:
    """Return what is still to be charged to each limit of an answer that took ``tokens``; empty for nothing."""
    difference = tokens - command.estimated_tokens
    return [limit._replace(cost=difference) for limit in command.to_settle] if difference else []


def _refusals(policy: Policy) -> Mapping[Rung | str, Refusal]:
    def refusal(kind: str, status: int, rung: Rung | None, retry_after_s: float | None = None) -> Refusal:
        details, links = policy.ladder.details, policy.ladder.links
        return Refusal(
            status=status,
            type=policy.problems + kind,
            title=_TITLES[kind],
            detail=details.get(rung, _DETAILS[kind]) if rung else _DETAILS[kind],
            link=links.get(rung) if rung else None,
            retry_after_s=retry_after_s,
        )

    return {
        Rung.SLOW: refusal("rate-limited", 429, Rung.SLOW),
        Rung.CAP: refusal("rate-limited", 429, Rung.CAP),
        Rung.VERIFY: refusal("verification-required", 403, Rung.VERIFY),
        Rung.SUSPEND: refusal("suspended", 403, Rung.SUSPEND),
        "away": refusal("temporarily-unavailable", 503, None, _AWAY_RETRY_S),
    }
