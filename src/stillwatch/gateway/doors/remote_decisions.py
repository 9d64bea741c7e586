"""Commands from the decision service, over HTTP on the same host: for a process that should carry nothing of ours."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson

from stillwatch.gateway.doors.decisions import DECIDER_AWAY, command_of, question_document
from stillwatch.response.command import Command, Refusal
from stillwatch.response.request import Request

_LOG = logging.getLogger(__name__)
_HELD_MOST = 100_000
_ANSWER_BYTES_MAX = 1 << 16
_CONNECTIONS_MOST = 64
_QUIET_S = 10.0  # Between two lines of log about a service that stays away.


class RemoteDecisions:
    """Asks the decision service, and remembers its answer for as long as the policy allows.

    Args:
        address: The service's, as ``http://127.0.0.1:8090``.
        wait_s: How long to wait for an answer.
        open_when_away: Let requests pass when nobody can be asked; else refuse them for the moment.
        clock_s: A clock that only goes forward, for how long answers hold.
    """

    def __init__(
        self,
        address: str,
        wait_s: float = 0.25,
        *,
        open_when_away: bool = True,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wait with connecting until a loop runs."""
        self._address = address.rstrip("/") + "/decide"
        self._wait = aiohttp.ClientTimeout(total=wait_s)
        self._open = open_when_away
        self._clock_s = clock_s
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held: OrderedDict[tuple[str, str, int], tuple[float, Command]] = OrderedDict()
        self._silent_until_s = 0.0

    async def decide(self, account_id: str, request: Request) -> Command:
        """Return the service's command; never raises for a service that is away or answers nonsense."""
        place = (account_id, request.country, request.asn)  # For these, and no others, a command may be kept.
        now_s = self._clock_s()
        held = self._held.get(place)
        if held is not None and held[0] > now_s:
            return held[1]
        try:
            command = await self._asked(question_document(account_id, request))
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, TypeError, ValueError) as error:
            return self._away(error, now_s)
        if command.cache_s > 0:
            self._held[place] = (now_s + command.cache_s, command)
            self._held.move_to_end(place)
            if len(self._held) > _HELD_MOST:
                self._held.popitem(last=False)
        return command

    async def settle(self, command: Command, tokens: int) -> None:
        """Do nothing: the service keeps its estimate, since what was charged there is not told to doors."""

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _asked(self, document: dict[str, Any]) -> Command:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:  # A session belongs to the loop that it was made in.
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MOST)
            self._session, self._loop = aiohttp.ClientSession(timeout=self._wait, connector=connector), loop
        headers = {"content-type": "application/json"}
        async with self._session.post(self._address, data=orjson.dumps(document), headers=headers) as answer:
            raw = await answer.content.read(_ANSWER_BYTES_MAX) if answer.content_length else b""
            if answer.status != 200:
                raise ValueError(f"status {answer.status}")
        return command_of(orjson.loads(raw))

    def _away(self, error: Exception, now_s: float) -> Command:
        if now_s >= self._silent_until_s:
            self._silent_until_s = now_s + _QUIET_S
            _LOG.error("the decision service gives no answer (%s); requests %s", type(error).__name__, self._fallback)
        if self._open:
            return Command(fired=(DECIDER_AWAY,))
        refusal = Refusal(
            503,
            "urn:stillwatch:problem:temporarily-unavailable",
            "Temporarily unavailable",
            "The request cannot be admitted at the moment. Try again after the time in Retry-After.",
            retry_after_s=1.0,
        )
        return Command(refusal=refusal, fired=(DECIDER_AWAY,))

    @property
    def _fallback(self) -> str:
        return "pass" if self._open else "are refused"
