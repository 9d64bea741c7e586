from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.range.campaign import Campaign
from stillwatch.range.countries import UTC_OFFSET_H
from stillwatch.range.draft import Draft
from stillwatch.range.operation import _taking_turns, operated, span
from stillwatch.range.presets import DEMO, PRESETS, preset
from stillwatch.range.rhythm import DAY_US, HOUR_US
from stillwatch.range.roster import NEVER_US, RELEASED, Roster
from stillwatch.range.simulation import START, window_of

SEED = 13
WINDOW = window_of(START, 28)
SMALL = Campaign(
    name="small",
    source="a test",
    disclosed="",
    assumed="",
    accounts=60,
    exchanges=12_000,
    days=14,
    starts_day=4.0,
)


def ran(campaign: Campaign) -> tuple[Roster, Draft, Draft]:
    print(f"seed {SEED}")  # noqa: T201
    roster, (extraction, cover) = operated(np.random.default_rng(SEED), campaign, 0, 1.0, WINDOW)
    return roster, extraction, cover


@pytest.mark.parametrize("campaign", PRESETS, ids=lambda campaign: campaign.name)
def test_presets_keep_the_disclosed_numbers(campaign: Campaign) -> None:
    accounts, reserve, exchanges = campaign.size(0.01, 90)
    assert accounts == max(4, round(campaign.accounts * 0.01))
    assert exchanges == max(4 * accounts, round(campaign.exchanges * 0.01))
    assert campaign.source and campaign.disclosed and campaign.assumed
    assert reserve >= 0


def test_presets_match_the_sources_to_the_digit() -> None:
    """The figures of docs/range.md's sources, typed a second time."""
    rate = {c.name: c.exchanges / c.accounts / c.days for c in PRESETS}
    assert rate["anthropic-2026-09-300k"] == pytest.approx(5.6, abs=0.05)
    assert rate["anthropic-2026-09-3.4m"] == pytest.approx(733, abs=0.6)
    assert rate["anthropic-2026-09-replay"] == pytest.approx(13.3, abs=0.05)
    busy = preset("anthropic-2026-09-151m")
    assert busy.accounts == 3500 and busy.exchanges == 151_000_000
    assert busy.accounts * busy.standby_share == pytest.approx(5000, rel=0.05)
    february = [c for c in PRESETS if c.name.startswith("anthropic-2026-02") and c.name != "anthropic-2026-02-proxy"]
    assert sum(c.exchanges for c in february) == pytest.approx(16e6, rel=0.05)
    assert preset("anthropic-2026-02-13m").pivot_share == 0.5
    assert preset("gtig-2026-02-coercion").exchanges == 100_000
    assert len(DEMO) == 3


def test_unknown_presets_and_bad_habits_are_refused() -> None:
    with pytest.raises(ValueError, match="there are anthropic"):
        preset("nobody")
    with pytest.raises(ValueError, match="aged_share"):
        replace(SMALL, aged_share=1.5)
    with pytest.raises(ValueError, match="positive"):
        SMALL.size(0, 28)


def test_the_prompt_set_is_dealt_out_with_few_repeats() -> None:
    _, extraction, _ = ran(replace(SMALL, repeats=0.05))
    items = extraction.plan.item
    assert 0.92 < len(np.unique(items)) / len(items) < 0.98
    _, dealt_once, _ = ran(replace(SMALL, repeats=0.0))
    assert len(np.unique(dealt_once.plan.item)) == len(dealt_once)


def test_volume_of_the_pool_is_steadier_than_independent_accounts() -> None:
    _, extraction, _ = ran(replace(SMALL, turns_mean=1.0, unsteadiness=0.0))
    begin, end = span(SMALL, WINDOW)
    hours = np.bincount((extraction.time_us - begin) // HOUR_US, minlength=(end - begin) // HOUR_US)
    assert np.var(hours) / np.mean(hours) == pytest.approx(1.0, abs=0.35)  # Poisson about a level that never moves.
    one = extraction.time_us[extraction.account == np.bincount(extraction.account).argmax()]
    own = np.bincount((one - begin) // HOUR_US, minlength=(end - begin) // HOUR_US)
    assert np.var(own) / np.mean(own) > 1.5  # While each account comes and goes with its shifts.


def dispersion(times_us: np.ndarray, begin_us: int, end_us: int) -> float:
    """Variance over mean of the hourly counts: 1 for Poisson arrivals of a constant rate."""
    hours = np.bincount((times_us - begin_us) // HOUR_US, minlength=(end_us - begin_us) // HOUR_US)
    return float(np.var(hours) / np.mean(hours))


def test_a_paced_dispatcher_drains_its_queue_more_steadily_than_its_parts_explain() -> None:
    paced = replace(SMALL, dispatch="paced", unsteadiness=0.0, turns_mean=3.0)
    begin, end = span(SMALL, WINDOW)
    _, extraction, _ = ran(paced)
    assert dispersion(extraction.time_us, begin, end) < 0.3
    _, loose, _ = ran(replace(paced, dispatch="poisson"))
    assert dispersion(loose.time_us, begin, end) > 3.0  # Conversations of several turns arrive by themselves.
    assert len(extraction) == len(loose)


def test_accounts_of_a_paced_dispatcher_come_in_gaps_more_equal_than_chance() -> None:
    def spread(dispatch: str) -> float:
        habits = replace(SMALL, dispatch=dispatch, unsteadiness=0.0, turns_mean=1.0, on_duty_share=1.0)
        _, extraction, _ = ran(habits)
        found = []
        for account in range(60):
            gaps = np.diff(np.sort(extraction.time_us[extraction.account == account]))
            found.append(np.std(gaps) / np.mean(gaps))
        return float(np.median(found))

    assert spread("poisson") == pytest.approx(1.0, abs=0.15)
    assert spread("paced") < 0.5


def test_a_paced_dispatcher_deals_by_weight() -> None:
    share = np.array([0.5, 0.3, 0.15, 0.05])
    places = _taking_turns(np.random.default_rng(SEED), share, 200)
    assert np.bincount(places).tolist() == pytest.approx([100, 60, 30, 10], abs=1)
    # In no run of twenty is anybody more than two from his due.
    for low in range(0, 180, 7):
        counted = np.bincount(places[low : low + 20], minlength=4)
        assert np.abs(counted - 20 * share).max() <= 2


def test_load_balancing_is_paced_where_it_was_disclosed() -> None:
    paced = {campaign.name for campaign in PRESETS if campaign.dispatch == "paced"}
    assert paced == {"anthropic-2026-02-150k", "anthropic-2026-09-151m"}
    with pytest.raises(ValueError, match="dispatch"):
        replace(SMALL, dispatch="at random")


def test_accounts_with_hours_of_their_own_sleep() -> None:
    roster, extraction, _ = ran(replace(SMALL, dispatch="own hours", cover_share=0.0))
    assert len(extraction) == pytest.approx(12_000, rel=0.05)
    local = (extraction.time_us / HOUR_US + UTC_OFFSET_H[roster.country[extraction.account]]) % 24
    night = (local > 3.5) & (local < 5.5)
    assert night.mean() < 0.03  # A twelfth of the day; the round-the-clock dispatcher fills it.
    begin, end = span(SMALL, WINDOW)
    assert extraction.time_us.min() >= begin and extraction.time_us.max() < end + HOUR_US
    _, dealt, _ = ran(SMALL)
    local = (dealt.time_us / HOUR_US + UTC_OFFSET_H[roster.country[dealt.account]]) % 24
    assert ((local > 3.5) & (local < 5.5)).mean() > 0.06


def test_a_campaign_can_be_one_account_or_one_exchange_an_account() -> None:
    _, extraction, _ = ran(replace(SMALL, accounts=1, exchanges=900, turns_mean=1.0))
    assert len(extraction) == 900 and not extraction.account.any()
    lone = replace(
        SMALL, exchanges=60, turns_mean=1.0, dispatch="paced", on_duty_share=1.0, shift_h=999.0, volume_spread=0.0
    )
    _, extraction, _ = ran(lone)
    assert len(extraction) == 60 and len(np.unique(extraction.account)) >= 55


def test_a_ban_is_answered_by_the_reserve() -> None:
    roster, extraction, _ = ran(replace(SMALL, bans=1, ban_share=0.7, standby_share=1.0))
    shut = roster.shut_us[roster.shut_us < NEVER_US]
    wave = shut.min()
    assert len(shut) == round(0.7 * 60)
    before = extraction.account[extraction.time_us < wave - HOUR_US]
    after = extraction.account[extraction.time_us > wave + 2 * HOUR_US]
    assert before.max() < 60
    fresh = np.unique(after[after >= 60])
    assert len(fresh) > 20
    # Volume is back within a day.
    day = [(extraction.time_us >= wave + k * DAY_US) & (extraction.time_us < wave + (k + 1) * DAY_US) for k in (-1, 1)]
    assert day[1].sum() == pytest.approx(day[0].sum(), rel=0.15)
    assert (extraction.status[extraction.time_us >= roster.shut_us[extraction.account]] == 403).all()


def test_half_of_the_traffic_can_move_within_a_day_of_a_release() -> None:
    _, extraction, _ = ran(replace(SMALL, accounts=300, days=28, starts_day=0, pivot_share=0.5, exchanges=30_000))
    moved = extraction.model == RELEASED
    assert not moved[extraction.time_us < WINDOW.release_us].any()
    second = (extraction.time_us > WINDOW.release_us + DAY_US) & (extraction.time_us < WINDOW.release_us + 2 * DAY_US)
    assert moved[second].mean() == pytest.approx(0.5, abs=0.12)


def test_a_night_pause_is_kept() -> None:
    _, extraction, _ = ran(replace(SMALL, night_pause_h=6.0))
    hours = np.sort(np.bincount(extraction.time_us // HOUR_US % 24, minlength=24))
    assert hours[:6].sum() < 0.03 * hours.sum()


def test_elicitation_and_instruction_follow_the_habits() -> None:
    habits = replace(SMALL, elicitation_share=0.6, elicitation=(("rubric grading", 1.0),), instructions=2, phrasings=2)
    _, extraction, cover = ran(habits)
    opens = ~extraction.plan.follow_up
    assert (extraction.plan.elicitation[opens] == 2).mean() == pytest.approx(0.6, abs=0.03)
    assert len(np.unique(extraction.plan.phrasing)) == 2
    assert len(np.unique(extraction.plan.instruction[extraction.plan.style > 0])) == 2
    assert extraction.extraction.all() and not cover.extraction.any()
    assert len(cover) > 0


def test_cards_and_exits_are_shared_in_part() -> None:
    roster, _, _ = ran(replace(SMALL, accounts=400))
    cards, used = np.unique(roster.card[roster.card > 0], return_counts=True)
    assert (used > 1).sum() > 20 and (used == 1).sum() > 20
    exits, used = np.unique(roster.exits[roster.exits >= 0], return_counts=True)
    assert (used > 1).sum() > 50 and (used == 1).sum() > 50
    assert len(cards) and len(exits)


def test_a_campaign_fits_into_a_short_window() -> None:
    short = window_of(START, 5)
    begin, end = span(SMALL, short)
    assert begin == short.start_us and end == short.end_us
    roster, drafts = operated(np.random.default_rng(SEED), SMALL, 0, 0.2, short)
    assert max(draft.time_us.max() for draft in drafts) < short.end_us and len(roster) == 12
