from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from stillwatch.__main__ import application
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import Entry
from stillwatch.response.redis_counters import redis_client
from stillwatch.response.redis_standings import RedisStandings, publish_entries, publish_standings
from stillwatch.response.standing import Standings, write_snapshot

SECOND_US = 1_000_000


def table(rung: Rung) -> Standings:
    return Standings(
        {
            "account": np.arange(1, 5, dtype=np.uint64),
            "rung": np.full(4, rung, np.uint8),
            "campaign": np.ones(4, np.int64),
        },
        {"campaign": ["", "c"]},
    )


def rungs(source: RedisStandings) -> list[int]:
    return [standing.rung if (standing := source.of(account)) else -1 for account in range(1, 5)]


def test_every_gateway_takes_over_what_is_published(redis_server: Any) -> None:
    client = redis_server.client()
    gateways = [RedisStandings(client, in_background=False) for _ in range(2)]
    assert rungs(gateways[0]) == [-1, -1, -1, -1]
    publish_standings(client, table(Rung.CAP))
    for gateway in gateways:
        gateway.poll(SECOND_US)
        assert rungs(gateway) == [3, 3, 3, 3]
    publish_entries(client, {2: Entry(restored=True), 3: Entry(rung=Rung.SUSPEND), 9: Entry(verification="id")})
    for gateway in gateways:
        gateway.poll(SECOND_US + 1)
        assert rungs(gateway) == [3, 3, 3, 3]  # Not time to look yet.
        gateway.poll(2 * SECOND_US)
        assert rungs(gateway) == [3, 0, 7, 3]
        new = gateway.of(9)
        assert new is not None
        assert new.verified
    publish_standings(client, table(Rung.HIDE))
    gateways[0].poll(3 * SECOND_US)
    assert rungs(gateways[0]) == [4, 0, 7, 4]
    later = RedisStandings(client)
    assert rungs(later) == [4, 0, 7, 4]
    tables = client.keys("{stillwatch}:standings:table:*")
    assert sorted(client.ttl(key) > 0 for key in tables) == [False, True]  # The replaced one goes.
    client.close()


def test_a_server_that_is_away_leaves_the_table(redis_server: Any) -> None:
    client = redis_client(redis_server.url, timeout_s=1)
    publish_standings(client, table(Rung.SLOW))
    gateway = RedisStandings(client, in_background=False)
    redis_server.stop()
    gateway.poll(SECOND_US)
    assert rungs(gateway) == [2, 2, 2, 2]
    assert "not renewed" in gateway.error
    redis_server.start()
    gateway.poll(2 * SECOND_US)
    assert gateway.error == ""
    assert rungs(gateway) == [2, 2, 2, 2]  # The server came back empty, which is no order to forget.
    client.close()


def test_a_damaged_table_is_told_and_not_used(redis_server: Any) -> None:
    client = redis_server.client()
    version = publish_standings(client, table(Rung.SLOW))
    gateway = RedisStandings(client, in_background=False)
    raw = client.get("{stillwatch}:standings:table:" + version)
    client.set("{stillwatch}:standings:table:bad", raw[:-1])
    client.set("{stillwatch}:standings:version", "bad")
    gateway.poll(SECOND_US)
    assert "damaged" in gateway.error
    client.set("{stillwatch}:standings:version", "gone")
    gateway.poll(2 * SECOND_US)
    assert "no longer holds" in gateway.error
    assert rungs(gateway) == [2, 2, 2, 2]
    client.close()


@pytest.mark.parametrize("background", [True, False])
def test_starts_without_a_server(tmp_path: Path, background: bool) -> None:
    pytest.importorskip("redis", reason="the package redis is absent")
    client = redis_client(f"unix://{tmp_path}/none.sock", timeout_s=1)
    gateway = RedisStandings(client, in_background=background)
    assert gateway.error
    assert gateway.of(1) is None
    client.close()


def test_the_command_changes_the_shared_overlay_too(redis_server: Any, tmp_path: Path) -> None:
    client = redis_server.client()
    publish_standings(client, table(Rung.CAP))
    gateway = RedisStandings(client, in_background=False)
    write_snapshot(tmp_path / "standings", table(Rung.CAP))
    for word, account in (("restore", "0x2"), ("revoke", "0x3")):
        arguments = ["standings", word, str(tmp_path / "standings"), account, "--redis", redis_server.url]
        assert CliRunner().invoke(application, arguments).exit_code == 0
    gateway.poll(SECOND_US)
    assert rungs(gateway) == [3, 0, 7, 3]
    client.close()
