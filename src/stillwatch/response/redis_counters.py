"""Counters that several gateways share: one atomic script a request, on a Redis or Valkey server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from stillwatch.response.counters import NO_LIMITS, Charge, CountersAway, Limit

# KEYS: buckets. ARGV: "charge" or "settle", then for each bucket the microseconds that the cost and the burst take to
# come back. A bucket holds the time at which it will be full again. The time is the server's, so that gateways whose
# clocks differ agree. Replies: the place of the blocking bucket or 0, the microseconds to wait, and for each bucket
# the microseconds until it is full.
SCRIPT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local held = redis.call('MGET', unpack(KEYS))
local full, wait, blocking = {}, 0, 0
for place = 1, #KEYS do
  local cost, burst = tonumber(ARGV[2 * place]), tonumber(ARGV[2 * place + 1])
  full[place] = math.max(now, tonumber(held[place] or '0') or 0)
  local over = full[place] + math.min(cost, burst) - burst - now
  if ARGV[1] == 'charge' and over > wait + 0.5 then
    wait, blocking = over, place
  end
end
local answer = {blocking, math.ceil(wait)}
for place = 1, #KEYS do
  if blocking == 0 then
    full[place] = full[place] + tonumber(ARGV[2 * place])
    if full[place] > now then
      redis.call('SET', KEYS[place], string.format('%.0f', full[place]), 'PX', math.ceil((full[place] - now) / 1000))
    elseif held[place] then
      redis.call('DEL', KEYS[place])
    end
  end
  answer[place + 2] = math.ceil(full[place] - now)
end
return answer
"""
_PREFIX = "{stillwatch}:bucket:"  # The braces keep all buckets in one slot of a cluster, as one script needs.


class _Client(Protocol):
    def register_script(self, script: str) -> Any: ...


class _Away:
    """Remembers that the server was away, so that not every request waits for it."""

    def __init__(self, retry_s: float) -> None:
        self._retry_us = int(retry_s * 1e6)
        self._until_us = 0

    def check(self, now_us: int) -> None:
        if now_us < self._until_us:
            raise CountersAway("the counters' server was away a moment ago")

    def begin(self, now_us: int) -> None:
        self._until_us = now_us + self._retry_us


class RedisCounters:
    """Charges buckets on a server that several gateways share.

    Check and charge are one script, which the server runs alone. A budget is therefore never exceeded, however many
    gateways charge it and whichever of them dies: what a dying one charged last stays charged. The bound of
    ``MemoryCounters`` holds over all of them by the server's clock; if the server loses its data, buckets are full
    again, which adds at most one burst a loss.

    Args:
        client: A ``redis.Redis`` with short timeouts (``redis_client`` makes one). Its pool serves several threads.
        prefix: Begins every key. Keys are pseudonyms; no account id reaches the server.
        retry_s: After a failure the server is not asked for so long; ``CountersAway`` is raised at once.
    """

    def __init__(self, client: _Client, prefix: str = _PREFIX, retry_s: float = 1.0) -> None:
        """Prepare the script; the server is not asked yet."""
        self._script = client.register_script(SCRIPT)
        self._prefix = prefix
        self._away = _Away(retry_s)

    def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
        """Charge all of ``limits`` or none, as ``Counters.charge``; ``now_us`` only times retries."""
        return charge_of(limits, self._run("charge", limits, now_us)) if limits else NO_LIMITS

    def settle(self, limits: Sequence[Limit], now_us: int) -> None:
        """Charge without asking for room, as ``Counters.settle``."""
        if limits:
            self._run("settle", limits, now_us)

    def _run(self, mode: str, limits: Sequence[Limit], now_us: int) -> list[int]:
        self._away.check(now_us)
        keys, arguments = _call(mode, limits, self._prefix)
        try:
            answer: list[int] = self._script(keys=keys, args=arguments)
        except Exception as error:
            if not _is_absence(error):
                raise
            self._away.begin(now_us)
            raise CountersAway(f"the counters' server is away: {type(error).__name__}") from error
        return answer


class AsyncRedisCounters:
    """As ``RedisCounters``, over a ``redis.asyncio.Redis``, for gateways that run in an event loop."""

    def __init__(self, client: _Client, prefix: str = _PREFIX, retry_s: float = 1.0) -> None:
        """Prepare the script; the server is not asked yet."""
        self._script = client.register_script(SCRIPT)
        self._prefix = prefix
        self._away = _Away(retry_s)

    async def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
        """Charge all of ``limits`` or none."""
        return charge_of(limits, await self._run("charge", limits, now_us)) if limits else NO_LIMITS

    async def settle(self, limits: Sequence[Limit], now_us: int) -> None:
        """Charge without asking for room."""
        if limits:
            await self._run("settle", limits, now_us)

    async def _run(self, mode: str, limits: Sequence[Limit], now_us: int) -> list[int]:
        self._away.check(now_us)
        keys, arguments = _call(mode, limits, self._prefix)
        try:
            answer: list[int] = await self._script(keys=keys, args=arguments)
        except Exception as error:
            if not _is_absence(error):
                raise
            self._away.begin(now_us)
            raise CountersAway(f"the counters' server is away: {type(error).__name__}") from error
        return answer


def redis_client(url: str, timeout_s: float = 0.05, *, asynchronous: bool = False) -> Any:
    """Return a client for ``url`` (``redis://host:port/0``, ``unix://path``) that gives up after ``timeout_s``.

    A call that timed out is not sent again: it may have been charged, and would be charged twice.

    Raises:
        ImportError: If the package redis is absent (``pip install stillwatch[wall]``).
        ValueError: If the URL is none.
    """
    import redis
    import redis.asyncio
    from redis.backoff import NoBackoff

    if asynchronous:
        from redis.asyncio.retry import Retry as AsyncRetry

        return redis.asyncio.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=AsyncRetry(NoBackoff(), 0)
        )
    from redis.retry import Retry

    return redis.Redis.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )


def charge_of(limits: Sequence[Limit], answer: Sequence[int]) -> Charge:
    """Return what the script's answer means."""
    blocking, wait_us = answer[0], answer[1]
    lacking_s = [lacking_us / 1e6 for lacking_us in answer[2:]]
    return Charge(
        blocking == 0,
        limits[blocking - 1] if blocking else None,
        tuple([limit.burst - lacking * limit.rate_per_s for limit, lacking in zip(limits, lacking_s, strict=True)]),
        tuple(lacking_s),
        wait_us / 1e6,
    )


def _call(mode: str, limits: Sequence[Limit], prefix: str) -> tuple[list[str], list[Any]]:
    keys = [f"{prefix}{limit.key:016x}" for limit in limits]
    arguments: list[Any] = [mode]
    for limit in limits:
        arguments += [limit.cost / limit.rate_per_s * 1e6, limit.burst / limit.rate_per_s * 1e6]
    return keys, arguments


def _is_absence(error: Exception) -> bool:
    """Tell a server that is away, loading, read-only, out of memory or refusing us from a mistake of ours."""
    import redis

    return isinstance(error, redis.exceptions.RedisError | OSError | TimeoutError)
