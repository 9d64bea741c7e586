"""One exchange at the wall, whichever of our own doors it comes through: admitted or refused, treated, logged, counted.

No socket is opened here; the door reads and writes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stillwatch.exchange.formats.messages import request_columns
from stillwatch.exchange.pseudonym import Pseudonyms, load_key
from stillwatch.gateway.answers import Answer
from stillwatch.gateway.doors.decisions import Ticket, ticketed
from stillwatch.gateway.doors.local_decider import shared, standing_source
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.gateway.facts import Caller, Callers, request_of, wants_object
from stillwatch.gateway.marking import MARK_HEADER, MarkStyle, marked
from stillwatch.gateway.metrics import Metrics
from stillwatch.gateway.redaction import Hiding, hiding_of, parsed, written
from stillwatch.gateway.settings import WallSettings
from stillwatch.gateway.traces import PROPAGATED, Trace, Traces, open_traces
from stillwatch.response.command import Command
from stillwatch.response.counters import AsyncCounters
from stillwatch.response.decision import Decider, settlement
from stillwatch.response.memory_counters import MemoryCounters
from stillwatch.response.policy_file import load_policy
from stillwatch.response.policy_watch import PolicyWatch
from stillwatch.response.standing import Standings

if TYPE_CHECKING:  # The log brings the scan's numerics with it, which a gateway without one does without.
    from stillwatch.gateway.exchange_log import ExchangeLog

logger = logging.getLogger("stillwatch.gateway")

ANSWER_BYTES_MAX = 64 << 20
_NOBODY = np.zeros(0, np.uint64)
_OURS = "x-stillwatch-"  # Nobody but the wall sets such fields.


@dataclass(slots=True)
class Admission:
    """A request that was decided on, and what is needed to end it.

    Attributes:
        command: What to do.
        caller: Who asks.
        endpoint: What kind of answer is asked for; empty for none of a model's.
        body: The parsed request, empty where it is no object.
        at_us: Arrival.
        user_agent: As the client names itself.
        left_behind: Header fields that the model server may not see.
        trace: Its spans; None where they are off.
    """

    command: Command
    caller: Caller
    endpoint: str
    body: dict[str, Any]
    at_us: int
    user_agent: str = ""
    left_behind: frozenset[str] = frozenset()
    trace: Trace | None = None

    @property
    def hiding(self) -> Hiding:
        """What is to be taken out of the answer."""
        return hiding_of(self.command)

    @property
    def reads_answer(self) -> bool:
        """Whether the answer has to be readable, so that the model server must not encode it."""
        return bool(self.endpoint) or bool(self.hiding)

    def answer(self, content_type: str, content_encoding: str) -> Answer:
        """Return how an answer with such a header is treated.

        Raises:
            UncheckedError: If something is to be hidden in an answer that cannot be read.
        """
        return Answer(content_type, content_encoding, self.hiding, bool(self.endpoint), ANSWER_BYTES_MAX)


class Wall:
    """Decides on requests and keeps account of them.

    Args:
        decider: Policy, standings and counters.
        callers: Recognises callers.
        metrics: Told of everything.
        log: Where exchanges go; None for nowhere.
        style: Where the key of a mark goes in a request's body.
        policy: Watches the policy's file; None for the one that comes with stillwatch.
        counters: Where counters have to be waited for; ``decider``'s own are used without.
        counters_path: File that keeps the counters of this process over a restart.
        ticket: Makes the tickets of links to verification.
        traces: Where spans go; None for nowhere.
    """

    def __init__(
        self,
        decider: Decider,
        callers: Callers,
        metrics: Metrics,
        log: ExchangeLog | None = None,
        style: MarkStyle = MarkStyle.VLLM,
        *,
        policy: PolicyWatch | None = None,
        counters: AsyncCounters | None = None,
        counters_path: Path | None = None,
        ticket: Ticket | None = None,
        traces: Traces | None = None,
    ) -> None:
        """Keep the parts."""
        self.metrics = metrics
        self.callers = callers
        self._decider = decider
        self._log = log
        self._style = style
        self._counters = counters
        self._counters_path = counters_path
        self._policy = policy
        self._ticket = ticket
        self._traces = traces
        self._policy_failures = 0
        self._standings_error = ""
        self._prefix = secrets.token_hex(8)
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def admit(self, endpoint: str, held: Mapping[str, str], peer: str, body: bytes, now_us: int) -> Admission:
        """Decide on a request.

        Args:
            endpoint: What ``endpoint_of`` says of method and path.
            held: Header fields, names in lower case.
            peer: Address at the other end of the connection.
            body: Of a request to a model; empty for others, whose bodies nobody looks into.
            now_us: The present, in microseconds since 1970.
        """
        trace = None if self._traces is None else self._traces.begin(endpoint, held)
        asked: dict[str, Any] = {}
        if endpoint and body:
            try:
                asked = wants_object(parsed(body))
            except ValueError:
                asked = {}  # The model server will say so better than we can.
        caller = self.callers.of(held, peer)
        now_us = caller.at_us or now_us
        request = request_of(caller, asked, len(body), now_us)
        began = time.perf_counter()
        if self._counters is None:
            command = self._decider.decide(request, now_us)
        else:
            command = await self._decider.decide_async(request, now_us, self._counters)
        took_s = time.perf_counter() - began
        self.metrics.decision_s.observe(took_s)
        self._count(command)
        command = ticketed(command, caller.account, now_us, self._ticket)
        if trace is not None:
            standing = self._decider.standings.of(caller.account)
            actor = caller.account if standing is None else standing.actor
            trace.decided(command, caller.account, actor, request.model, took_s)
        left = self.callers.left_behind(held, caller.trusted)
        return Admission(command, caller, endpoint, asked, now_us, held.get("user-agent", ""), left, trace)

    def _count(self, command: Command) -> None:
        metrics = self.metrics
        metrics.count(metrics.decisions, command.rung.word, "refused" if command.refusal else "passed")
        for rule in command.fired:
            metrics.count(metrics.rules, rule, "enforced")
        for rule in command.shadow:
            metrics.count(metrics.rules, rule, "shadow")
        if command.shadow:
            metrics.count(metrics.shadow, command.shadow_rung.word, "refused" if command.shadow_refusal else "passed")

    def request_headers(self, admission: Admission, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the header fields that go to the model server, the mark's and the trace's among them."""
        left, trace = admission.left_behind, admission.trace
        passed = [pair for pair in headers if pair[0] not in left and not pair[0].startswith(_OURS)]
        if admission.command.mark_key:
            passed.append((MARK_HEADER, admission.command.mark_key))
        if trace is not None:
            passed = [pair for pair in passed if pair[0] not in PROPAGATED] + trace.asks()
        return passed

    def request_body(self, admission: Admission, body: bytes) -> bytes:
        """Return the body that goes to the model server: the client's own bytes, unless the answer is to be marked."""
        key = admission.command.mark_key
        if not key or not admission.body:
            return body
        return written(marked(admission.body, key, self._style))

    def finish(self, admission: Admission, status: int, tokens: tuple[int | None, int | None], now_us: int) -> None:
        """Take note of how an exchange ended: count it, settle what its tokens cost, and log it.

        Args:
            admission: Of the request.
            status: Of the answer; 499 where the client left before there was one.
            tokens: Read and written, as far as is known.
            now_us: The present.
        """
        now_us = admission.caller.at_us or now_us
        metrics = self.metrics
        metrics.count(metrics.exchanges, admission.endpoint or "other", str(status))
        read, wrote = tokens
        if read:
            metrics.count(metrics.tokens, "read", amount=read)
        if wrote:
            metrics.count(metrics.tokens, "written", amount=wrote)
        if admission.command.to_settle:
            if read is not None or wrote is not None:
                self._settle(admission.command, (read or 0) + (wrote or 0), now_us)
            elif status >= 500:  # Nothing was given, so nothing is owed.
                self._settle(admission.command, 0, now_us)
        if admission.trace is not None:
            admission.trace.finish(status, tokens)
        if self._log is not None and admission.endpoint:
            self._append(self._log, admission, status, tokens)

    def _settle(self, command: Command, tokens: int, now_us: int) -> None:
        if self._counters is None:
            self._decider.settle(command, tokens, now_us)
        elif owed := settlement(command, tokens):
            task = asyncio.ensure_future(_quietly(self._counters.settle(owed, now_us)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _append(
        self, log: ExchangeLog, admission: Admission, status: int, tokens: tuple[int | None, int | None]
    ) -> None:
        from stillwatch.gateway.exchange_log_rows import checked

        caller = admission.caller
        columns = request_columns(admission.body)
        columns["input_tokens"], columns["output_tokens"] = tokens
        columns["client_address"] = caller.address
        columns["client_asn"] = caller.asn or None
        columns["client_country"] = caller.country
        columns["user_agent"] = admission.user_agent
        columns["tls_ja4"] = caller.ja4
        columns["status"] = status
        self._number += 1
        exchange_id = f"{self._prefix}-{self._number:x}"
        # Rows age by the clock, not by their own times: a peer may say what time a replayed request is.
        log.append((exchange_id, admission.at_us, caller.account_id, *checked(columns)), time.time_ns() // 1000)

    def tick(self, now_us: int) -> None:
        """Do what is due: flush old rows, load a changed policy, tell the state. To be called about once a second."""
        if self._log is not None:
            self._log.tick(now_us)
            self.metrics.log_pending.set(self._log.pending)
        source = self._decider.standings
        source.poll(now_us)
        self.metrics.flush()
        table: Any = getattr(source, "standings", source)
        self.metrics.standings.set(len(table))
        if (error := getattr(source, "error", "")) != self._standings_error:
            self._standings_error = error
            if error:
                self.metrics.count(self.metrics.reload_failures, "standings")
                logger.error("standings refused, those before stay in force", extra={"reason": error})
        if self._policy is not None:
            self._policy.poll(now_us)
            if (failures := self._policy.failures) > self._policy_failures:  # It loads in a thread.
                self.metrics.count(self.metrics.reload_failures, "policy", amount=failures - self._policy_failures)
                self._policy_failures = failures

    def save(self, now_us: int) -> None:
        """Keep this process's counters in their file, if they have one; for every few seconds, in any thread."""
        counters = self._decider.counters
        if self._counters_path is None or not isinstance(counters, MemoryCounters):
            return
        try:
            counters.save(self._counters_path, now_us)
        except sqlite3.Error as error:
            logger.error("counters cannot be saved", extra={"reason": str(error)})

    def close(self, now_us: int) -> None:
        """Write what is left of the log, and the counters; blocks until that is done."""
        if self._log is not None:
            self._log.close()
        if self._traces is not None:
            self._traces.close()
        self.metrics.flush()
        self.save(now_us)


async def _quietly(settling: Any) -> None:
    try:
        await settling
    except Exception:  # Counters that are away keep the estimate.
        logger.debug("a settlement was lost")


def open_wall(settings: WallSettings, metrics: Metrics) -> Wall:
    """Return a wall as configured.

    Raises:
        SettingsError: If a setting cannot be used.
        PolicyError: If the policy cannot.
        SnapshotError: If the standings cannot be read.
        SourceError: If the key cannot be read or made.
        sqlite3.Error: If the saved counters cannot be read.
        OSError: If the folder of the log cannot be made.
    """
    sources, style = settings.sources(), settings.style()
    traces = open_traces(settings.traces)
    key = load_key(Path(settings.key_file) if settings.key_file else None)
    pseudonyms = Pseudonyms(key)
    policy_path = Path(settings.policy) if settings.policy else None
    policy = load_policy(policy_path)
    waited: AsyncCounters | None = None
    own = MemoryCounters()
    counters_path: Path | None = None
    if shared(settings.counters):
        from stillwatch.response.redis_counters import AsyncRedisCounters, redis_client

        waited = AsyncRedisCounters(redis_client(settings.counters, asynchronous=True))
    elif settings.counters:
        counters_path = Path(settings.counters)
        own.restore(counters_path, time.time_ns() // 1000)
    log = None
    if settings.log:
        from stillwatch.gateway.exchange_log import ExchangeLog, Rotation

        log = ExchangeLog(
            Path(settings.log),
            key,
            keep_text=settings.keep_text,
            footprints=settings.footprints,
            rotation=Rotation(settings.log_rows, settings.log_age_s),
            written=lambda wrote, lost: _tell(metrics, wrote, lost),
        )
    standings = standing_source(settings.standings) if settings.standings else Standings({"account": _NOBODY}, {})
    decider = Decider(policy, standings, own)
    return Wall(
        decider,
        Callers(pseudonyms, sources),
        metrics,
        log,
        style,
        policy=None if policy_path is None else PolicyWatch(policy_path, decider),
        counters=waited,
        counters_path=counters_path,
        ticket=Tickets(key).make,
        traces=traces,
    )


def _tell(metrics: Metrics, wrote: int, lost: int) -> None:
    if wrote:
        metrics.count(metrics.log_rows, "written", amount=wrote)
    if lost:
        metrics.count(metrics.log_rows, "lost", amount=lost)
