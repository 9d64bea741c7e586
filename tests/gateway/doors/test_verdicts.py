from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.verdicts import Member, read_members, verdicts_of
from stillwatch.response.ladder import Rung
from stillwatch.response.policy_file import load_policy, parse_policy
from stillwatch.response.standing import Standings

PSEUDONYMS = Pseudonyms(b"a key of the tests, no secret")
POLICY = """
version: 1
name: test
enforce: true
ladder:
  slow: {limits: [{name: slow, rate: 30 requests a minute, burst: 6}]}
  cap: {limits: [{name: pool, per: actor, rate: 100 requests a minute, burst: 10}, {name: words, per: actor, rate: 6000 tokens a minute, burst: 10}]}
rules:
  - {id: standing, when: rung >= OBSERVE, then: {rung: standing}, reason: set, tests: [{given: {rung: slow}, fires: true}]}
"""  # noqa: E501


def pseudonym(name: str) -> int:
    return PSEUDONYMS.hash_one("account_id", name)


def standings(rungs: dict[str, Rung], pool: tuple[str, ...] = ()) -> Standings:
    rows = sorted(
        (pseudonym(name), int(rung), 77 if name in pool else 0, int(name in pool)) for name, rung in rungs.items()
    )
    account, rung, actor, campaign = np.array(rows, np.uint64).reshape(-1, 4).T
    columns = {
        "account": account,
        "rung": rung.astype(np.uint8),
        "actor": actor,
        "campaign": campaign.astype(np.uint32),
    }
    return Standings(columns, {"campaign": ("", "c-1")})


def test_an_actors_budget_is_divided_by_its_accounts() -> None:
    pool = ("p1", "p2", "p3", "p4")
    held = standings(
        {**dict.fromkeys(pool, Rung.CAP), "slow": Rung.SLOW, "gone": Rung.SUSPEND, "seen": Rung.OBSERVE}, pool
    )
    members = [Member(name, name) for name in (*pool, "slow", "gone", "seen", "stranger")]
    policy = parse_policy(POLICY, "test", Path())
    found = verdicts_of(members, policy, held, pseudonym, 0)
    assert [(each.member.account_id, each.rung, each.requests_a_minute, each.tokens_a_minute) for each in found] == [
        *[(name, Rung.CAP, 25, 1500) for name in pool],
        ("slow", Rung.SLOW, 30, None),
        ("gone", Rung.SUSPEND, None, None),
    ]
    assert [each.refuses for each in found] == [False] * 5 + [True]


def test_the_policy_that_comes_with_the_program_pushes_nothing() -> None:
    held = standings({"gone": Rung.SUSPEND})
    assert verdicts_of([Member("gone", "gone")], load_policy(), held, pseudonym, 0) == []


def written(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"members.{kind}"
    if kind == "parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        path.write_text(
            "account_id,credential\n" + "".join(f"{row['account_id']},{row['credential']}\n" for row in rows)
        )
    elif kind == "jsonl":
        path.write_text(
            "".join(f'{{"account_id":"{row["account_id"]}","credential":"{row["credential"]}"}}\n' for row in rows)
        )
    else:
        path.write_text("".join(f"{row['account_id']}\n" for row in rows))
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "txt"])
def test_members_are_read_from_every_kind_of_file(tmp_path: Path, kind: str) -> None:
    rows = [{"account_id": "ann", "credential": "k1"}, {"account_id": "bob", "credential": ""}]
    found = read_members(written(tmp_path, kind, [*rows, rows[0]]))
    assert found == [Member("ann", "ann" if kind == "txt" else "k1"), Member("bob", "bob")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "{"),
        ("a.jsonl", "[]"),
        ("a.jsonl", "{}"),
        ("a.csv", "x\n1\n"),
        ("a.parquet", "x"),
        ("a.xlsx", ""),
        ("no", ""),
    ],
)
def test_files_that_cannot_be_read_say_so(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    if name != "no":
        path.write_text(content)
    with pytest.raises(SourceError, match=str(path)):
        read_members(path)


@given(st.integers(1, 400), st.integers(1, 10_000))
def test_divided_bounds_never_exceed_the_budget_unless_everybody_gets_one(accounts: int, per_minute: int) -> None:
    pool = tuple(f"p{place}" for place in range(accounts))
    policy = parse_policy(POLICY.replace("rate: 100 requests", f"rate: {per_minute} requests"), "test", Path())
    found = verdicts_of([Member(pool[0], "x")], policy, standings(dict.fromkeys(pool, Rung.CAP), pool), pseudonym, 0)
    [each] = found
    assert each.requests_a_minute is not None
    slow = 30  # The account's own bound, from the rung below.
    assert each.requests_a_minute == max(1, min(slow, per_minute // accounts))
