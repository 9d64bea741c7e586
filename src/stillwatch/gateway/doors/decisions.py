"""Where a door gets its commands: from a decider in its own process, or from the decision service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from stillwatch.response.command import Command, Refusal
from stillwatch.response.counters import AsyncCounters, CountersAway
from stillwatch.response.ladder import Rung
from stillwatch.response.request import Request

PLACEHOLDER = "{ticket}"  # In a policy's link, where the ticket goes that says who is to be verified.
DECIDER_AWAY = "decider-away"  # Among the fired rules, where a request passed because nobody could be asked.
_MOST = (1 << 53) - 1  # Beyond it, readers of JSON disagree about integers.
_RANGES = {"account_age_s": (-1, _MOST), "temperature": (-1, 100)}
Ticket = Callable[[int, float], str]  # Of a pseudonym at a time in seconds since 1970.
_FACTS = tuple(name for name in Request.__slots__ if name not in ("account", "at_us"))


class Decisions(Protocol):
    """Gives commands for requests."""

    async def decide(self, account_id: str, request: Request) -> Command:
        """Return what to do with a request of ``account_id``; its ``account`` and ``at_us`` are filled in here."""

    async def settle(self, command: Command, tokens: int) -> None:
        """Replace a command's estimate of tokens by their number, where that is possible."""


def ticketed(command: Command, account: int, now_us: int, ticket: Ticket | None) -> Command:
    """Return a command whose link, if it asks for one, holds a ticket for ``account``.

    Args:
        command: As decided.
        account: Pseudonym.
        now_us: The present.
        ticket: Makes tickets; without it links lead nowhere in particular.
    """
    refusal = command.refusal
    if refusal is None or refusal.link is None or PLACEHOLDER not in refusal.link:
        return command
    link = refusal.link.replace(PLACEHOLDER, ticket(account, now_us / 1e6) if ticket else "")
    return replace(command, refusal=replace(refusal, link=link))


class LocalDecisions:
    """Asks a decider in this process.

    Args:
        decider: ``stillwatch.response.decision.Decider``, or what does the same.
        pseudonym: Gives the pseudonym of an account id.
        clock_us: Microseconds since 1970.
        ticket: Gives the ticket of a pseudonym at a time in seconds; without it links lead nowhere in particular.
        counters: Counters that are waited for, such as a server that several gateways share; None for the decider's.
        poll: Told the present before each decision: looks after what changes on the disk.
    """

    def __init__(
        self,
        decider: Deciding,
        pseudonym: Callable[[str], int],
        clock_us: Callable[[], int],
        ticket: Ticket | None = None,
        counters: AsyncCounters | None = None,
        poll: Callable[[int], None] | None = None,
    ) -> None:
        """Keep the parts."""
        self._poll = poll
        self._decider = decider
        self._pseudonym = pseudonym
        self._clock_us = clock_us
        self._ticket = ticket
        self._counters = counters

    async def decide(self, account_id: str, request: Request) -> Command:
        """Decide; waits for nothing but shared counters."""
        now_us = self._clock_us()
        if self._poll is not None:
            self._poll(now_us)
        account = self._pseudonym(account_id)
        asked = replace(request, account=account, at_us=now_us)
        if self._counters is None:
            command = self._decider.decide(asked, now_us)
        else:
            command = await self._decider.decide_async(asked, now_us, self._counters)
        return ticketed(command, account, now_us, self._ticket)

    async def settle(self, command: Command, tokens: int) -> None:
        """Settle; where counters are away the estimate stands."""
        if not command.to_settle:
            return
        now_us = self._clock_us()
        if self._counters is None:
            self._decider.settle(command, tokens, now_us)
            return
        with contextlib.suppress(CountersAway):
            difference = tokens - command.estimated_tokens
            await self._counters.settle([each._replace(cost=difference) for each in command.to_settle], now_us)


class Deciding(Protocol):
    """What is asked of ``stillwatch.response.decision.Decider``, so that nothing heavy is imported for it."""

    def decide(self, request: Request, now_us: int) -> Command:
        """Return what to do."""

    async def decide_async(self, request: Request, now_us: int, counters: AsyncCounters) -> Command:
        """Return what to do, charging counters that are waited for."""

    def settle(self, command: Command, tokens: int, now_us: int) -> None:
        """Replace an estimate."""


def question_document(account_id: str, request: Request) -> dict[str, Any]:
    """Return the JSON object in which a door asks the decision service; unknown facts are left out."""
    nothing = Request(0, 0)
    facts = {name: getattr(request, name) for name in _FACTS}
    return {"account_id": account_id, **{name: fact for name, fact in facts.items() if fact != getattr(nothing, name)}}


def question_of(document: Mapping[str, Any]) -> tuple[str, Request]:
    """Return account id and request of ``question_document``.

    Raises:
        ValueError: If the account is missing, or a fact is unknown, of another type or out of range; the message names
            it.
    """
    account_id = document.get("account_id")
    if not isinstance(account_id, str) or not account_id:
        raise ValueError("account_id must be a text")
    nothing = Request(0, 0)
    facts: dict[str, Any] = {}
    for name, value in document.items():
        if name == "account_id":
            continue
        if name not in _FACTS:
            raise ValueError(f"{name[:40]!r} is no fact of a request")
        kind = type(getattr(nothing, name))
        if kind is float and type(value) is int:
            value = float(value)
        elif kind is int and type(value) is float and value.is_integer():
            value = int(value)  # 1.0 is an integer to JSON.
        if type(value) is not kind:
            raise ValueError(f"{name} must be of type {kind.__name__}")
        least, most = _RANGES.get(name, (0, _MOST))
        if kind in (int, float) and not least <= value <= most:
            raise ValueError(f"{name} must be between {least} and {most}")
        facts[name] = value
    return account_id, Request(account=0, at_us=0, **facts)


def command_document(command: Command) -> dict[str, Any]:
    """Return a command as a JSON object. What is to be settled stays with who decided."""
    refusal = command.refusal
    return {
        "rung": command.rung.word,
        "refusal": None
        if refusal is None
        else {name: getattr(refusal, name) for name in Refusal.__slots__ if getattr(refusal, name) is not None},
        "hide_reasoning": command.hide_reasoning,
        "hide_logprobs": command.hide_logprobs,
        "answer_only": command.answer_only,
        "mark_key": command.mark_key,
        "headers": [list(pair) for pair in command.headers],
        "fired": list(command.fired),
        "shadow": list(command.shadow),
        "cache_s": command.cache_s,
        "shadow_rung": command.shadow_rung.word,
        "shadow_refusal": command.shadow_refusal,
    }


def command_of(document: Mapping[str, Any]) -> Command:
    """Return the command of ``command_document``.

    Raises:
        KeyError, TypeError, ValueError: If it is none.
    """
    refusal = document["refusal"]
    return Command(
        rung=Rung[document["rung"].upper()],
        refusal=None if refusal is None else Refusal(**refusal),
        hide_reasoning=bool(document["hide_reasoning"]),
        hide_logprobs=bool(document["hide_logprobs"]),
        answer_only=bool(document["answer_only"]),
        mark_key=document["mark_key"],
        headers=tuple((str(name), str(value)) for name, value in document["headers"]),
        fired=tuple(document["fired"]),
        shadow=tuple(document["shadow"]),
        cache_s=float(document["cache_s"]),
        shadow_rung=Rung[document["shadow_rung"].upper()],
        shadow_refusal=document["shadow_refusal"],
    )
