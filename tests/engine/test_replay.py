"""Looks see what was there by then and nothing else, and never take a flag back."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stillwatch.engine import replay
from stillwatch.engine.periods import Period, Running
from stillwatch.engine.replay import NEVER, Looks, with_profile
from stillwatch.footprint.footprints import DAY_US, Footprints, blank

ACCOUNTS = 24
SEEDS = [151, 152]


def days_of(builder: ModuleType, accounts: list[Any]) -> list[Period]:
    """The accounts' traffic day by day; only who was active is in a day."""
    days = []
    for number in range(builder.DAYS):
        today = np.arange(builder.DAYS * 24) // 24 == number
        active = [k for k, account in enumerate(accounts) if account.hours[today].any()]
        whole = builder.footprints_of([replace(accounts[k], hours=accounts[k].hours * today) for k in active])
        arrays = {**whole.arrays, "hours": whole.hours[:, number * 24 : (number + 1) * 24]}
        ids = pa.array([f"account {k}" for k in active], pa.large_string())
        origin = builder.ORIGIN_US + number * DAY_US
        days.append(Period(origin, Footprints(arrays, ids, origin)))
    return days


def profile_of(builder: ModuleType, accounts: list[Any]) -> pa.Table:
    whole = builder.footprints_of(accounts)
    assert whole.profile is not None
    return whole.profile.append_column("account_id", whole.account_id)


def looked(days: list[Period], profile: pa.Table) -> tuple[dict[str, int], list[dict[str, int]]]:
    """When each account was flagged, in the end and after each look."""
    running, looks, history = Running(), Looks(0.05), []
    for day in days:
        running.add(day)
        footprints = running.footprints()
        looks.look(with_profile(footprints, profile), day.begin_us + DAY_US)
        history.append(dict(zip(footprints.account_id.to_pylist(), looks.flagged_at_us.tolist(), strict=True)))
    return history[-1], history


def traffic(builder: ModuleType, seed: int) -> list[Any]:
    draw = builder.Builder(seed)
    begun = np.arange(builder.DAYS * 24) // 24 >= 5
    late = [replace(account, hours=account.hours * begun) for account in draw.campaign(40)]
    return [*draw.strangers(200), *draw.office(), *draw.fleet(20), *draw.school_class(), *late]


def other_future(builder: ModuleType, accounts: list[Any], from_day: int) -> list[Any]:
    """The same accounts, who do something else after ``from_day``."""
    draw = builder.Builder(999)
    later = np.arange(builder.DAYS * 24) // 24 >= from_day
    return [replace(a, hours=np.where(later, draw.rhythm(30.0), a.hours)) for a in accounts]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_later_changes_no_earlier_flag(builder: ModuleType, seed: int) -> None:
    accounts = traffic(builder, seed)
    campaign = {f"account {k}" for k in range(len(accounts) - 40, len(accounts))}
    profile = profile_of(builder, accounts)
    days = days_of(builder, accounts)
    finally_, history = looked(days, profile)
    flagged = {account: at for account, at in finally_.items() if at != NEVER}
    assert len(campaign & set(flagged)) > 20
    first = min(flagged.values()) // DAY_US - builder.ORIGIN_US // DAY_US  # Days that had been seen by then.
    assert 1 < first < builder.DAYS
    for seen in (first - 1, first, min(first + 2, builder.DAYS)):
        until = builder.ORIGIN_US + seen * DAY_US
        alone, _ = looked(days[:seen], profile)
        assert alone == history[seen - 1]
        assert {a for a, at in alone.items() if at != NEVER} == {a for a, at in flagged.items() if at <= until}
        assert all(at == flagged[a] for a, at in alone.items() if at != NEVER)
    changed = other_future(builder, accounts, first)
    _, otherwise = looked(days_of(builder, changed)[: first + 2], profile)
    assert otherwise[:first] == history[:first]


@pytest.mark.parametrize("seed", SEEDS)
def test_flags_stay_and_are_dated_by_the_look_that_set_them(builder: ModuleType, seed: int) -> None:
    accounts = traffic(builder, seed)
    days = days_of(builder, accounts)
    _, history = looked(days, profile_of(builder, accounts))
    for day, before, after in zip(days[1:], history, history[1:], strict=False):
        for account, at in after.items():
            if at != before.get(account, NEVER):
                assert before.get(account, NEVER) == NEVER and at == day.begin_us + DAY_US


def nothing_done(accounts: int) -> Footprints:
    return blank(pa.array([str(k) for k in range(accounts)], pa.large_string()), 0)


def finds(monkeypatch: pytest.MonkeyPatch, partition: NDArray[np.int64]) -> object:
    """Have the next look flag the groups of ``partition``."""
    found = SimpleNamespace(partition=partition, flagged=np.ones(int(partition.max()) + 1, bool))
    monkeypatch.setattr(replay, "detect", lambda *_: found)
    return found


def scripted(monkeypatch: pytest.MonkeyPatch, looks: list[list[set[int]]], accounts: int = ACCOUNTS) -> list[Looks]:
    """The state after each of some looks that flag the given groups."""
    state, states = Looks(0.05), []
    for number, groups in enumerate(looks):
        partition = np.full(accounts, -1)
        for k, group in enumerate(groups):
            partition[sorted(group)] = k
        found = finds(monkeypatch, partition)
        assert cast(object, state.look(nothing_done(accounts), number + 1)) is found
        states.append(copied(state))
    return states


def copied(state: Looks) -> Looks:
    found = [replay.Found(one.first_flagged_us, one.evidence) for one in state.found]
    return replace(state, campaign=state.campaign.copy(), flagged_at_us=state.flagged_at_us.copy(), found=found)


def groups_of(campaign: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(campaign == k).tolist()) for k in set(campaign.tolist()) - {-1}}


def test_a_campaign_that_grows_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, last = scripted(monkeypatch, [[set(range(5))], [set(range(8))], [set(range(2, 8))]])
    assert groups_of(last.campaign) == {frozenset(range(8))} and len(last.found) == 1
    assert last.flagged_at_us[:9].tolist() == [1] * 5 + [2] * 3 + [NEVER]
    assert last.found[0].first_flagged_us == 1 and last.found[0].evidence[0] is last.last


def test_a_look_that_finds_nothing_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = scripted(monkeypatch, [[set(range(5))], []])
    assert np.array_equal(first.campaign, second.campaign)
    assert np.array_equal(first.flagged_at_us, second.flagged_at_us)


def test_two_campaigns_that_turn_out_to_be_one_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = set(range(6)), set(range(10, 15))
    first, second, last = scripted(monkeypatch, [[left], [left, right], [left | right | {20}]])
    assert groups_of(first.campaign) == {frozenset(left)}
    assert groups_of(second.campaign) == {frozenset(left), frozenset(right)}
    assert groups_of(last.campaign) == {frozenset(left | right | {20})}
    number = int(last.campaign[0])
    assert last.found[number].first_flagged_us == 1
    assert last.flagged_at_us[[0, 10, 20]].tolist() == [1, 2, 3]


def test_accounts_that_come_later_are_added_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, np.array([0, 0, 0, 0]))
    looks = Looks(0.05)
    looks.look(nothing_done(4), 1)
    finds(monkeypatch, np.array([0, 0, 0, 0, -1, 0]))
    looks.look(nothing_done(6), 2)
    assert looks.campaign.tolist() == [0, 0, 0, 0, -1, 0]
    assert looks.flagged_at_us.tolist() == [1, 1, 1, 1, NEVER, 2]


GROUPS = st.lists(st.integers(-1, 2), min_size=ACCOUNTS, max_size=ACCOUNTS)


@settings(max_examples=60)
@given(st.lists(GROUPS, min_size=1, max_size=5))
def test_whatever_looks_flag_the_books_agree(partitions: list[list[int]]) -> None:
    scripts = [[{k for k, of in enumerate(p) if of == group} for group in sorted(set(p) - {-1})] for p in partitions]
    with pytest.MonkeyPatch.context() as patch:
        states = scripted(patch, scripts)
    ever: dict[int, int] = {}
    for number, (groups, state) in enumerate(zip(scripts, states, strict=True)):
        for account in set().union(*groups) if groups else set():
            ever.setdefault(account, number + 1)
        assert state.flagged_at_us.tolist() == [ever.get(k, NEVER) for k in range(ACCOUNTS)]
        assert [of >= 0 for of in state.campaign.tolist()] == [k in ever for k in range(ACCOUNTS)]
        assert state.campaign.max() < len(state.found)
        assert all(1 <= found.first_flagged_us <= number + 1 for found in state.found)


def test_profiles_are_joined_by_name_and_missing_ones_are_null() -> None:
    footprints = nothing_done(4)
    profile = pa.table({"card": pa.array([7, 8], pa.uint64()), "account_id": ["3", "1"]})
    joined = with_profile(footprints, profile)
    assert joined.profile is not None
    assert joined.profile["card"].to_pylist() == [None, 8, None, 7]
    assert "account_id" not in joined.profile.column_names and joined.arrays is footprints.arrays
    assert with_profile(footprints, None) is footprints
    nobody = with_profile(nothing_done(0), profile)
    assert nobody.profile is not None and nobody.profile.num_rows == 0
