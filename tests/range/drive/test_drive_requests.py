"""What the driver says in a request is what the simulation says of the exchange, as the gateway reads it."""

from __future__ import annotations

import asyncio
import io
import time
from typing import Any

import orjson
import pyarrow as pa
import pytest

from stillwatch.exchange.formats.messages import request_columns
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.facts import Callers
from stillwatch.gateway.settings import WallSettings
from stillwatch.range.drive.client import LOST, Pace, Sender, answer
from stillwatch.range.drive.closed_loop import Feed
from stillwatch.range.drive.drill import POOL
from stillwatch.range.drive.model_server import FAULTS, ModelServer, fault_of
from stillwatch.range.drive.tally import Tally
from stillwatch.range.drive.traffic import Traffic, composed, fact_options, wire
from stillwatch.range.simulation import Simulation

SEED = 11


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    print(f"seed {SEED}")  # noqa: T201
    return composed(Simulation(100, 0.1, 4, SEED, campaigns=(POOL,)))


def parsed(raw: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    return {name.decode(): value.decode() for name, _, value in lines}, orjson.loads(body)


def test_traffic_is_in_order_and_knows_its_truth(traffic: Traffic) -> None:
    times = traffic.exchanges["timestamp"].cast(pa.int64()).to_pylist()
    assert times == traffic.time_us.tolist() == sorted(times)
    accounts = traffic.exchanges["account_id"].to_pylist()
    assert {
        name for name, hostile in zip(accounts, traffic.hostile.tolist(), strict=True) if hostile
    } <= traffic.members
    assert not (traffic.extraction & ~traffic.hostile).any()
    assert traffic.extraction.sum() > 100


def test_a_gateway_reads_out_of_a_request_what_the_simulation_put_in(traffic: Traffic) -> None:
    words = fact_options()
    peers = tuple(words[k + 1] for k, word in enumerate(words) if word == "--trusted-peer")
    told = tuple(words[k + 1] for k, word in enumerate(words) if word == "--fact")
    callers = Callers(Pseudonyms(bytes(range(32))), WallSettings(trusted_peers=peers, fact_headers=told).sources())
    rows = traffic.exchanges.slice(0, 500).to_pylist()
    for number, (row, raw) in enumerate(zip(rows, traffic.requests(0, 500), strict=True)):
        held, body = parsed(raw)
        assert int(held["content-length"]) == len(raw.partition(b"\r\n\r\n")[2])
        caller = callers.of(held, "127.0.0.1")
        assert (caller.account_id, caller.at_us) == (row["account_id"], int(traffic.time_us[number]))
        assert caller.address == (row["client_address"] or "127.0.0.1")
        assert (caller.country, caller.ja4) == (row["client_country"] or "", row["tls_ja4"] or "")
        assert caller.asn == (row["client_asn"] or 0)
        columns = request_columns(body)
        for name in ("prompt", "system_instructions", "request_model", "temperature", "max_tokens", "reasoning"):
            assert columns[name] == row[name], name
        assert columns["turn"] == min(row["turn"], 50)
        assert (columns["choice_count"] or 1) == row["choice_count"]


def test_a_feed_gives_each_request_once_wherever_it_is_stopped(traffic: Traffic) -> None:
    feed, rows = Feed(traffic), []
    for end in (5, 5, 17, 300):
        part = feed.until(end)
        rows += [row for row, _, _ in (next(part, None) for _ in range(3)) if row is not None] if end == 17 else [
            row for row, _, _ in part
        ]  # fmt: skip
    assert rows == list(range(300))


def test_a_pace_waits_as_long_as_simulated_time_takes() -> None:
    pace = Pace()
    assert pace.wait_s(10**15) == 0
    pace.set(100.0, 5_000_000)
    assert 0.9 < pace.wait_s(105_000_000) <= 1.0
    assert pace.wait_s(5_000_000) <= 0


def test_counts_hold_each_request_once(traffic: Traffic) -> None:
    tally = Tally(traffic)
    for row, status in enumerate((200, 403, 429, LOST, 200)):
        tally.told(row, status, row == 0)
    everything = tally.count(traffic.time_us >= 0)
    scripted = traffic.exchanges["status"].slice(0, 5).to_pylist()
    granted = [status for status, was in zip((200, 403, 429, LOST, 200), scripted, strict=True) if was in (200, None)]
    assert everything.sent == len(granted)
    assert everything.through == granted.count(200)
    assert everything.refused == granted.count(403) + granted.count(429)
    assert everything.failed == granted.count(LOST)
    assert tally.lost == 1


async def served(faults: float, names: list[str], streamed: bool) -> tuple[list[tuple[int, bool]], str]:
    """What a client gets from the mock model server for requests of these names, and what the server wrote down."""
    record = io.StringIO()
    server = await asyncio.start_server(ModelServer(faults, record).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = Sender(f"http://127.0.0.1:{port}", 2, 5.0)
    got = []
    for name in names:
        body = {"stream": streamed, "metadata": {"range": {"id": name, "read": 3, "wrote": 4}}}
        got.append(await sender.one(wire(orjson.dumps(body), {})))
    await sender.close()
    server.close()
    return got, record.getvalue()


@pytest.mark.parametrize("streamed", [False, True])
def test_the_mock_fails_as_a_request_is_named_and_a_client_never_takes_half_for_whole(streamed: bool) -> None:
    names = [f"n-{k}" for k in range(60)]
    got, record = asyncio.run(served(0.5, names, streamed))
    assert record.split() == names
    want = {"": 200, "slow": 200, "error": 500, "reset": LOST, "half": LOST}
    assert [status for status, _ in got] == [want[fault_of(name, 0.5)] for name in names]
    assert {fault_of(name, 0.5) for name in names} == {"", *FAULTS}
    assert all(reasoned for status, reasoned in got if status == 200)


def test_no_name_fails_where_no_share_does() -> None:
    assert not any(fault_of(f"n-{k}", 0.0) for k in range(1000))
    assert all(fault_of(f"n-{k}", 1.0) for k in range(1000))


@pytest.mark.parametrize(
    ("raw", "want"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", (200, b"ab", True)),
        (b"HTTP/1.1 403 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", (403, b"", False)),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", (200, b"abc", True)),
        (b"HTTP/1.1 204 X\r\n\r\n", (204, b"", True)),
    ],
)
def test_answers_are_read_to_their_end(raw: bytes, want: tuple[int, bytes, bool]) -> None:
    async def read(data: bytes) -> tuple[int, bytes, bool]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await answer(reader)

    assert asyncio.run(read(raw)) == want
    if want[1]:
        with pytest.raises(asyncio.IncompleteReadError):
            asyncio.run(read(raw[:-2]))


def test_requests_are_sent_in_the_pace_of_the_simulation() -> None:
    async def run() -> float:
        server = await asyncio.start_server(ModelServer().serve, "127.0.0.1", 0)
        sender = Sender(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 4, 5.0)
        pace, seen = Pace(), list[int]()
        pace.set(10.0, 0)
        raw = wire(b"{}", {})
        begun = time.monotonic()
        await sender.send(iter([(k, k * 1_000_000, raw) for k in range(6)]), lambda row, *_: seen.append(row), pace)
        taken = time.monotonic() - begun
        await sender.close()
        server.close()
        assert sorted(seen) == list(range(6))
        return taken

    assert asyncio.run(run()) >= 0.5  # Five simulated seconds at ten times the speed: no machine is faster.
