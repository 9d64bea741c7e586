import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.response.counters import NO_LIMITS, CountersAway, Limit
from stillwatch.response.memory_counters import MemoryCounters
from stillwatch.response.redis_counters import AsyncRedisCounters, RedisCounters, redis_client

WORKER = """
import os, sys
from stillwatch.response.counters import Limit
from stillwatch.response.redis_counters import RedisCounters, redis_client
url, out, rate, burst = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
counters = RedisCounters(redis_client(url, timeout_s=5))
actor, own = Limit(7, "actor", rate, burst), Limit(1000 + os.getpid(), "own", 1e6, 1e6)
tally = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    if counters.charge([own, actor], 0).allowed:
        os.write(tally, b".")
"""


def limit(key: int, rate: float = 1.0, burst: float = 5.0, cost: float = 1.0) -> Limit:
    return Limit(key, f"limit-{key}", rate, burst, cost)


def micros(client: Any) -> int:
    seconds, rest = client.time()
    return int(seconds) * 1_000_000 + int(rest)


def test_an_actors_budget_holds_over_gateways_one_of_which_dies(redis_server: Any, tmp_path: Path) -> None:
    rate, burst = 200.0, 100.0
    client = redis_server.client()
    begun_us = micros(client)
    tallies = [tmp_path / f"tally-{place}" for place in range(3)]
    gateways = [
        subprocess.Popen([sys.executable, "-c", WORKER, redis_server.url, str(tally), str(rate), str(burst)])
        for tally in tallies
    ]
    try:
        deadline = time.monotonic() + 60
        while not all(tally.exists() and tally.stat().st_size > 5 for tally in tallies):
            assert time.monotonic() < deadline, "the gateways did not start"
            time.sleep(0.02)
        os.kill(gateways[0].pid, signal.SIGKILL)
        time.sleep(1)
    finally:
        for gateway in gateways:
            gateway.kill()
            gateway.wait()
    passed = sum(tally.stat().st_size for tally in tallies)
    elapsed_s = (micros(client) - begun_us) / 1e6
    client.close()
    assert passed <= burst + rate * elapsed_s
    assert passed > burst  # They did compete for it, beyond the first burst.


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["charge", "settle"]),
            st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=4, unique_by=lambda pair: pair[0]),
        ),
        max_size=25,
    )
)
def test_agrees_with_counters_in_memory(redis_server: Any, requests: list) -> None:
    """Rates so slow that the server's time does not matter, and such that no two buckets are full at one time."""
    client = redis_server.client()
    client.flushall()
    far, near = RedisCounters(client), MemoryCounters()
    for mode, asked in requests:
        limits = [
            limit(key, rate=1e-8 * (101, 137, 193, 271)[key], burst=4.0 + key, cost=float(cost)) for key, cost in asked
        ]
        if mode == "settle":
            changed = [each._replace(cost=5 - each.cost) for each in limits]
            far.settle(changed, 0)
            near.settle(changed, 1_800_000_000_000_000)
            continue
        one, other = far.charge(limits, 0), near.charge(limits, 1_800_000_000_000_000)
        assert (one.allowed, one.blocking) == (other.allowed, other.blocking)
        assert one.remaining == pytest.approx(other.remaining, abs=1e-3)
        assert one.reset_s == pytest.approx(other.reset_s, abs=60)
        assert one.retry_after_s == pytest.approx(other.retry_after_s, abs=60)
    client.close()


def test_buckets_leave_when_they_are_full(redis_server: Any) -> None:
    client = redis_server.client()
    counters = RedisCounters(client)
    assert counters.charge([limit(2**64 - 1, rate=20.0, cost=2)], 0).allowed
    assert client.dbsize() == 1
    assert 0 < client.pttl(client.keys()[0]) <= 100
    counters.settle([limit(2**64 - 1, rate=20.0, cost=-2)], 0)
    assert client.dbsize() == 0
    assert counters.charge([], 0) is NO_LIMITS
    client.close()


def test_a_server_that_goes_and_comes_back(redis_server: Any) -> None:
    client = redis_client(redis_server.url, timeout_s=1)
    counters = RedisCounters(client, retry_s=1)
    assert counters.charge([limit(1)], 0).allowed
    redis_server.stop()
    with pytest.raises(CountersAway, match="is away"):
        counters.charge([limit(1)], 10_000_000)
    with pytest.raises(CountersAway, match="a moment ago"):  # Not asked again, so that requests do not pile up.
        counters.settle([limit(1)], 10_999_999)
    redis_server.start()
    assert counters.charge([limit(1)], 11_000_000).allowed  # The script is loaded again.
    client.close()


def test_in_an_event_loop(redis_server: Any) -> None:
    async def run() -> None:
        client = redis_client(redis_server.url, timeout_s=1, asynchronous=True)
        counters = AsyncRedisCounters(client)
        charges = await asyncio.gather(*(counters.charge([limit(1, burst=6)], 0) for _ in range(10)))
        assert sum(charge.allowed for charge in charges) == 6
        await counters.settle([limit(1, burst=6, cost=-2)], 0)
        assert (await counters.charge([limit(1, burst=6)], 0)).allowed
        assert await counters.charge([], 0) is NO_LIMITS
        redis_server.stop()
        with pytest.raises(CountersAway):
            await counters.charge([limit(1)], 0)
        await client.aclose()

    asyncio.run(run())
