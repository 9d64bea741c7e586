from __future__ import annotations

import numpy as np
import pytest

from stillwatch.range.benign import benign, roster_of
from stillwatch.range.draft import Draft, joined_drafts
from stillwatch.range.kinds import KIND, KINDS
from stillwatch.range.rhythm import DAY_US, HOUR_US
from stillwatch.range.roster import NEVER_US, PLANS, Roster
from stillwatch.range.simulation import START, window_of

SEED = 11
WINDOW = window_of(START, 28)


@pytest.fixture(scope="module")
def traffic() -> tuple[Roster, Draft]:
    print(f"seed {SEED}")  # noqa: T201
    roster, drafts = benign(np.random.default_rng(SEED), 1600, WINDOW)
    return roster, joined_drafts(drafts)


def rows_of(traffic: tuple[Roster, Draft], kind: str) -> np.ndarray:
    roster, draft = traffic
    return np.flatnonzero(roster.kind[draft.account] == KIND[kind])


def test_shares_of_the_kinds_add_up() -> None:
    assert sum(kind.share for kind in KINDS) == pytest.approx(1.0, abs=0.02)
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        assert sum(kind.places) == pytest.approx(1.0)
        assert sum(kind.elicitation) < 1


def test_every_kind_is_there_and_sends_something(traffic: tuple[Roster, Draft]) -> None:
    roster, draft = traffic
    assert len(roster) == 1600 and (roster.campaign == -1).all() and not draft.extraction.any()
    assert (np.bincount(roster.kind[draft.account], minlength=len(KINDS)) > 0).all()
    assert set(np.unique(draft.status)) <= {200, 403, 429}


def test_nobody_acts_before_the_account_is_opened_or_outside_the_window(traffic: tuple[Roster, Draft]) -> None:
    roster, draft = traffic
    assert draft.time_us.min() >= WINDOW.start_us and draft.time_us.max() < WINDOW.end_us
    assert (draft.time_us >= roster.created_us[draft.account]).all()
    shut = roster.shut_us[draft.account]
    assert (draft.time_us[shut < NEVER_US] <= shut[shut < NEVER_US] + HOUR_US).all()
    assert (roster.created_us > WINDOW.start_us).sum() > 50  # Some open while we look,
    assert (roster.active_to_us < WINDOW.end_us).sum() > 100  # and some leave.


def test_volumes_are_heavy_tailed(traffic: tuple[Roster, Draft]) -> None:
    roster, draft = traffic
    volume = np.sort(np.bincount(draft.account, minlength=len(roster)))
    assert volume[-len(volume) // 100 :].sum() > 0.15 * volume.sum()
    assert np.median(volume) < 0.5 * volume.mean()


def test_people_sleep_and_machines_do_not(traffic: tuple[Roster, Draft]) -> None:
    roster, draft = traffic
    quiet = {}
    for kind in ("office", "fleet of agents"):
        rows = rows_of(traffic, kind)
        group = roster.group[draft.account[rows]]
        largest = np.unique(group, return_counts=True)
        rows = rows[group == largest[0][largest[1].argmax()]]  # One place, one clock.
        hours = np.bincount(draft.time_us[rows] // HOUR_US % 24, minlength=24)
        quiet[kind] = np.sort(hours)[:6].sum() / hours.sum()
    assert quiet["office"] < 0.03 < quiet["fleet of agents"]


def test_offices_rest_at_weekends(traffic: tuple[Roster, Draft]) -> None:
    _, draft = traffic
    day = (draft.time_us[rows_of(traffic, "office")] // DAY_US + 3) % 7
    assert (day >= 5).mean() < 0.15


def test_a_course_does_the_same_exercises_in_the_same_hour(traffic: tuple[Roster, Draft]) -> None:
    _, draft = traffic
    rows = rows_of(traffic, "course")
    pairs = np.stack([draft.plan.item[rows], draft.plan.topic[rows].astype(np.uint64)], axis=1)
    item, place, used = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    assert used.max() >= 5
    often = rows[used[place.ravel()] >= 4]
    assert len(np.unique(draft.account[often])) > 10
    assert len(item) < len(rows)


def test_groups_have_in_common_what_their_kind_says() -> None:
    rng = np.random.default_rng(SEED)
    agency, number = roster_of(rng, KINDS[KIND["agency"]], 60, WINDOW)
    for group in np.unique(number):
        cards = agency.card[(number == group) & (agency.card > 0)]
        assert len(np.unique(cards)) == 1
    hackathon, number = roster_of(rng, KINDS[KIND["hackathon"]], 70, WINDOW)
    opened = hackathon.created_us[number == 0]
    assert opened.max() - opened.min() < 7 * HOUR_US
    assert (hackathon.card > 0).mean() < 0.3
    chat, _ = roster_of(rng, KINDS[KIND["chat user"]], 300, WINDOW)
    cards = chat.card[chat.card > 0]
    assert len(np.unique(cards)) == len(cards)
    assert (chat.card[chat.plan == PLANS.index("free")] == 0).all()


def test_too_few_accounts_are_refused() -> None:
    with pytest.raises(ValueError, match="kinds"):
        benign(np.random.default_rng(1), 3, WINDOW)
