"""A campaign at work: its accounts, the dispatcher that deals prompts out to them, bans, failover and cover."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillwatch.range.benign import drawn, held, keys, systems_of
from stillwatch.range.campaign import Campaign
from stillwatch.range.clients import FAMILY, client_of
from stillwatch.range.countries import COUNTRIES
from stillwatch.range.draft import Conversations, Draft, turn_times, turns_drawn, unfolded
from stillwatch.range.draws import chosen, mixed, ranks, unit
from stillwatch.range.kinds import EVERYDAY
from stillwatch.range.mail import disposable_mail, own_mail, public_mail
from stillwatch.range.networks import (
    BROADBAND,
    CLASSES,
    MOBILE,
    VPN,
    drawn_countries,
    network_in,
    own_address,
    shared_exit,
)
from stillwatch.range.rhythm import DAY_US, HOUR_US, RHYTHM, RHYTHMS, Window, no_appointments, starts
from stillwatch.range.roster import CHOICES, EXITS, NEVER_US, PLANS, RELEASED, Integers, Keys, Numbers, Roster
from stillwatch.range.texts.elicitation import ELICITATION
from stillwatch.range.texts.instructions import TASK
from stillwatch.range.texts.prompts import PASSAGE_MAX, PromptPlan
from stillwatch.range.texts.topics import TOPIC

_WARMTH = np.array([0.0, 0.3, 0.7, 1.0])  # Each is common among honest accounts.
_LIMITS = np.array([1024, 2048, 4096, 8192])


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a campaign runs, and when each of its accounts is in its service."""

    begin_us: int
    end_us: int
    from_us: Integers  # Shape (accounts,). NEVER_US: never called out of the reserve.
    shut_us: Integers  # Shape (accounts,). NEVER_US: never shut.
    waves_us: tuple[int, ...]  # When the provider shuts accounts.


def span(campaign: Campaign, window: Window) -> tuple[int, int]:
    """Return when the campaign begins and ends: earlier than its habit where the window is short."""
    room = max(0.0, window.days - campaign.days)
    begin = window.start_us + int(min(campaign.starts_day, room) * DAY_US)
    return begin, min(begin + int(campaign.days * DAY_US), window.end_us)


def _scheduled(rng: np.random.Generator, campaign: Campaign, working: int, reserve: int, window: Window) -> Schedule:
    begin, end = span(campaign, window)
    from_us = np.full(working + reserve, NEVER_US, np.int64)
    from_us[:working] = begin
    shut_us = np.full(working + reserve, NEVER_US, np.int64)
    waves = tuple(begin + (end - begin) * (k + 1) // (campaign.bans + 1) for k in range(campaign.bans))
    called = working
    for wave in waves:
        at_work = np.flatnonzero((from_us <= wave) & (shut_us > wave))
        shut = rng.permutation(at_work)[: round(campaign.ban_share * len(at_work))]
        shut_us[shut] = wave
        relief = slice(called, min(called + len(shut), len(from_us)))
        from_us[relief] = wave + int(campaign.failover_min * 60e6)
        called = relief.stop
    return Schedule(begin, end, from_us, shut_us, waves)


def _exits(rng: np.random.Generator, campaign: Campaign, country: Integers) -> Integers:
    """Return the addresses handed to each account, shape (accounts, EXITS), -1 where unused.

    Exits lie in the account's country where their network is national, in the same blocks as honest customers.
    """
    count, width = len(country), min(2 * campaign.exits_per_account - 1, EXITS)
    shared = rng.random(count) >= campaign.own_exit_share
    exit_key = keys(rng, count * width).reshape(count, width)
    for land in range(len(COUNTRIES)):
        members = np.flatnonzero(shared & (country == land))
        if len(members):
            pool = keys(rng, max(2, round(len(members) * width / 2 / campaign.accounts_per_exit)))
            exit_key[members] = pool[rng.integers(0, len(pool), (len(members), width))]
    classes = np.array([CLASSES.index(name) for name, _ in campaign.networks])
    shares = np.cumsum([share for _, share in campaign.networks])
    # The class belongs to the exit, so that two accounts with one exit agree on it.
    of_exit = classes[np.searchsorted(shares, unit(exit_key, 501) * shares[-1], side="right")]
    land_of = np.repeat(country[:, None], width, axis=1)
    exits = np.full((count, EXITS), -1, np.int64)
    for network_class in np.unique(of_exit).tolist():
        rows, columns = np.nonzero(of_exit == network_class)
        key = exit_key[rows, columns]
        network = network_in(int(network_class), land_of[rows, columns], key)
        if network_class in (MOBILE, VPN):
            exits[rows, columns] = shared_exit(network, key)
        else:
            ipv6 = (unit(key, 502) < 0.2) & (network_class == BROADBAND)
            exits[rows, columns] = own_address(network, key, ipv6)
    handed = rng.integers(1, width + 1, count)
    exits[np.arange(EXITS)[None, :] >= handed[:, None]] = -1
    return exits


def _opened(rng: np.random.Generator, campaign: Campaign, count: int, begin_us: int) -> Integers:
    """Return when the accounts were opened: bought ones long ago, the others on a few mornings."""
    aged = rng.random(count) < campaign.aged_share
    long_ago = -230.0 * np.log(1.0 - rng.random(count))
    bursts = campaign.signup_days * rng.random(max(1, campaign.signup_bursts))
    morning = bursts[rng.integers(0, len(bursts), count)]
    jitter_us = (rng.random(count) ** 2 * 5 * HOUR_US).astype(np.int64)
    return begin_us - (np.where(aged, long_ago, morning) * DAY_US).astype(np.int64) - jitter_us


def _identity(rng: np.random.Generator, campaign: Campaign, key: Keys, salt: int) -> dict[str, Any]:
    count = len(key)
    plan = drawn(rng, campaign.plans, {name: k for k, name in enumerate(PLANS)}, count)
    pays = (plan != PLANS.index("free")) & (rng.random(count) < 0.94)
    shares = pays & (rng.random(count) < campaign.card_shared)
    cards = keys(rng, max(1, round(int(shares.sum()) / campaign.accounts_per_card)))
    card = np.where(shares, cards[rng.integers(0, len(cards), count)], mixed(key, 428))
    habit = rng.random(count)
    mine = own_mail(mixed(np.uint64(salt) + chosen(key, 511, campaign.mail_domains).astype(np.uint64), 512))
    mail = np.where(habit < campaign.mail_public, public_mail(key), mine)
    throwaway = (habit >= campaign.mail_public) & (habit < campaign.mail_public + campaign.mail_disposable)
    country = drawn_countries(rng, count)
    return {
        "plan": plan,
        "card": np.where(pays, card, np.uint64(0)),
        "mail": np.where(throwaway, disposable_mail(key), mail),
        "country": country,
        "billing": np.where(rng.random(count) < 0.12, drawn_countries(rng, count), country),
        "organization": np.where(rng.random(count) < 0.01, mixed(key, 429), np.uint64(0)),
        "verification": (rng.random(count) < np.where(plan == PLANS.index("free"), 0.35, 0.6)).astype(np.int64),
    }


def _habits(rng: np.random.Generator, campaign: Campaign, key: Keys) -> dict[str, Any]:
    count = len(key)
    families = np.stack([drawn(rng, campaign.families, FAMILY, count) for _ in range(CHOICES)], axis=1)
    own = np.where(rng.random(count) < 0.3, mixed(key, 442) | np.uint64(1 << 40), np.uint64(0))
    setting = rng.integers(0, campaign.settings, count)
    warmth, limits = rng.permutation(_WARMTH), rng.permutation(_LIMITS)
    mean = campaign.reasoning_share
    return {
        "clients": np.stack([client_of(families[:, k], key, k) for k in range(CHOICES)], axis=1),
        "client_share": rng.dirichlet((3.0, 1.0, 0.4), count),
        "systems": np.stack([systems_of(families[:, k], own) for k in range(CHOICES)], axis=1),
        "topics": np.stack([drawn(rng, EVERYDAY, TOPIC, count) for _ in range(CHOICES)], axis=1),
        "topic_share": rng.dirichlet((2.5, 1.0, 0.5), count),
        "style": np.zeros(count, np.int64),
        "instruction": key,
        "instruction_share": np.zeros(count),
        "elicitation_share": np.tile([0.0, 0.03, 0.005, 0.005], (count, 1)),
        "pool": np.zeros(count, np.uint64),
        "pool_size": np.zeros(count, np.int64),
        "pool_share": np.zeros(count),
        "passage_share": np.full(count, 0.25),
        "reasoning": rng.beta(1.2 * mean + 0.05, 1.2 * (1 - mean) + 0.05, count),
        "temperature": warmth[setting % len(warmth)],
        "max_tokens": limits[setting % len(limits)],
        "choice_count": np.full(count, campaign.choice_count),
        "settings_share": np.where(rng.random(count) < campaign.settings_share, 0.9, 0.0),
        "output_median": 400.0 * np.exp(0.35 * rng.standard_normal(count)),
    }


def _roster(
    rng: np.random.Generator, campaign: Campaign, number: int, schedule: Schedule, extracts: int, window: Window
) -> Roster:
    count = len(schedule.from_us)
    key = keys(rng, count)
    salt = zlib.crc32(campaign.name.encode())
    opened = _opened(rng, campaign, count, schedule.begin_us)
    identity = _identity(rng, campaign, key, salt)
    low = np.maximum(opened, window.start_us)
    # Some stay on as cover after the campaign, others fall silent with it.
    quiet = schedule.end_us + (rng.random(count) * (window.end_us - schedule.end_us)).astype(np.int64)
    cover = campaign.cover_share * extracts / count * np.exp(0.9 * rng.standard_normal(count) - 0.4)
    pivots = rng.random(count) < min(1.0, campaign.pivot_share / 0.85)
    after = np.where(pivots, rng.random(count) * DAY_US * 0.9, DAY_US * (1 + rng.exponential(9.0, count)))
    return Roster(
        key=key,
        kind=np.full(count, -1),
        campaign=np.full(count, number),
        group=key,
        created_us=opened,
        active_from_us=low,
        active_to_us=np.minimum(np.maximum(quiet, low + HOUR_US), window.end_us),
        shut_us=schedule.shut_us,
        places=np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        home=key,
        leases=np.ones(count, np.int64),
        site=key,
        site_class=np.zeros(count, np.int64),
        site_width=np.ones(count, np.int64),
        exits=_exits(rng, campaign, identity["country"]),
        model=rng.choice(RELEASED, size=count, p=(0.6, 0.2, 0.2)).astype(np.int64),
        adopts_us=(window.release_us + after).astype(np.int64),
        refusal=np.where(rng.random(count) < 0.6, 0.008, 0.0),
        rhythm=np.where(rng.random(count) < 0.6, RHYTHM["leisure"], RHYTHM["developer"]),
        exchanges=cover,
        turns_mean=2.6 * np.exp(0.35 * rng.standard_normal(count)),
        gap_s=60.0 * np.exp(0.4 * rng.standard_normal(count)),
        event_share=np.zeros(count),
        **identity,
        **_habits(rng, campaign, key),
    )


def _levels(rng: np.random.Generator, campaign: Campaign, schedule: Schedule) -> Numbers:
    """Return how busy the pool as a whole is in each of its hours: steady, but for a pause at night."""
    hours = max(1, -(-(schedule.end_us - schedule.begin_us) // HOUR_US))
    level = np.exp(campaign.unsteadiness * rng.standard_normal(hours))
    clock = (schedule.begin_us // HOUR_US + np.arange(hours)) % 24
    night = int(rng.integers(0, 24))
    level *= np.where((clock - night) % 24 < campaign.night_pause_h, 0.02, 1.0)
    if campaign.replay:
        level *= np.array(RHYTHMS[RHYTHM["public"]].hours)[(clock - night) % 24]
    return np.asarray(level, np.float64)


def _pool_times(rng: np.random.Generator, campaign: Campaign, schedule: Schedule, turns: Integers) -> Integers:
    """Return when the pool as a whole begins its conversations, in order.

    A paced dispatcher drains exchanges at the rate of the hour: the next conversation begins when the turns of those
    before it are paid for, give or take its own length. Otherwise conversations begin independently of each other.
    """
    level = _levels(rng, campaign, schedule)
    count, hours = len(turns), len(level)
    reached = np.cumsum(level) / level.sum()
    if campaign.dispatch == "paced":
        paid = (np.cumsum(turns) - turns * rng.random(count)) / turns.sum()
        passed = np.interp(paid, np.append(0.0, reached), np.arange(hours + 1.0))
        time = schedule.begin_us + (passed * HOUR_US).astype(np.int64)
    else:
        hour = np.searchsorted(reached, rng.random(count), side="right")
        time = (
            schedule.begin_us + np.minimum(hour, hours - 1) * HOUR_US + (rng.random(count) * HOUR_US).astype(np.int64)
        )
    return np.sort(np.minimum(time, schedule.end_us - 1))


def _taking_turns(rng: np.random.Generator, share: Numbers, count: int) -> Integers:
    """Return who takes each of ``count`` places: each comes as often as its share says, in gaps as equal as can be.

    Everybody is due anew one over its share after its last turn, and the earliest due comes first: a weighted round
    robin, as load balancers keep it.

    Args:
        rng: Source of randomness: where in its gap each one begins.
        share: Shape (accounts,), positive, with the sum 1.
        count: Places.
    """
    each = np.ceil(share * count).astype(np.int64) + 1
    who = np.repeat(np.arange(len(share)), each)
    due = (ranks(each) + rng.random(len(share))[who]) / share[who]
    return np.asarray(who[np.argsort(due, kind="stable")[:count]], np.int64)


def _dealt(
    rng: np.random.Generator, campaign: Campaign, schedule: Schedule, opened: Integers, times: Integers
) -> Integers:
    """Return which account the dispatcher gives each conversation to: one that is on duty in that shift."""
    weight: Numbers = np.exp(campaign.volume_spread * rng.standard_normal(len(opened)))
    shift_us = int(campaign.shift_h * HOUR_US)
    relief = {wave + int(campaign.failover_min * 60e6) for wave in schedule.waves_us}
    cuts = sorted({*range(schedule.begin_us, schedule.end_us, shift_us), *schedule.waves_us, *relief})
    bounds = np.searchsorted(times, [*cuts, schedule.end_us])
    account = np.zeros(len(times), np.int64)
    for cut, low, high in zip(cuts, bounds[:-1], bounds[1:], strict=True):
        # An account that has just been shut is tried a few times more before the dispatcher drops it.
        open_until = schedule.shut_us + np.where(schedule.shut_us == NEVER_US, 0, HOUR_US // 2)
        able = np.flatnonzero((schedule.from_us <= cut) & (open_until > cut) & (opened < cut))
        if high == low or not len(able):
            continue
        on_duty = rng.permutation(able)[: max(1, round(campaign.on_duty_share * len(able)))]
        share = weight[on_duty] * np.where(schedule.shut_us[on_duty] <= cut, 0.03, 1.0)
        share /= share.sum()
        if campaign.dispatch == "paced":
            account[low:high] = on_duty[_taking_turns(rng, share, int(high - low))]
        else:
            account[low:high] = rng.choice(on_duty, size=high - low, p=share)
    return account


def _by_own_hours(
    rng: np.random.Generator, campaign: Campaign, schedule: Schedule, roster: Roster, window: Window, count: int
) -> tuple[Integers, Integers]:
    """Return account and time of conversations that nobody deals out, in order of time: each keeps a person's hours."""
    weight = np.exp(campaign.volume_spread * rng.standard_normal(len(roster)))
    weight *= (schedule.from_us < schedule.end_us) & (roster.created_us < schedule.end_us)
    account = rng.choice(len(roster), size=count, p=weight / weight.sum()).astype(np.int64)
    service = replace(
        roster,
        active_from_us=np.maximum(roster.created_us, np.minimum(schedule.from_us, schedule.end_us - HOUR_US)),
        active_to_us=np.minimum(np.minimum(schedule.shut_us, schedule.end_us), window.end_us),
    )
    times, _ = starts(rng, service, account, window, no_appointments(len(roster)))
    order = np.argsort(times, kind="stable")
    return account[order], times[order]


def _extraction_plan(
    rng: np.random.Generator, campaign: Campaign, salt: int, turn: Integers, conversation: Integers
) -> PromptPlan:
    """Return the campaign's prompts: one set, dealt out over the accounts with few repeats."""
    count = len(turn)
    serial = np.arange(count)
    again = rng.random(count) < campaign.repeats
    serial = np.where(again, (serial * rng.random(count)).astype(np.int64), serial)
    item = mixed(serial.astype(np.uint64) + np.uint64(salt << 24), 521)
    names = np.array([TOPIC[name] for name, _ in campaign.topics])
    shares = np.cumsum([share for _, share in campaign.topics])
    talk_item = mixed(conversation.astype(np.uint64) + np.uint64(salt), 522)
    by = np.where(turn > 0, talk_item, np.where(again, item, talk_item))
    topic = names[np.searchsorted(shares, unit(by, 523) * shares[-1], side="right")]
    kinds = np.array([ELICITATION[name] for name, _ in campaign.elicitation])
    parts = np.cumsum([share for _, share in campaign.elicitation])
    kind = kinds[np.searchsorted(parts, unit(item, 524) * parts[-1], side="right")]
    follow_up = (turn > 0) & (unit(item, 525) < 0.6)
    asks = (unit(item, 526) < campaign.elicitation_share) & ~follow_up
    told = (unit(item, 527) < campaign.instruction_share) & ((turn == 0) | (campaign.instruction_share >= 1))
    pastes = (unit(item, 528) < campaign.passage_share) & ~follow_up
    length = 1 + np.floor(-3.5 * np.log(1.0 - unit(item, 529))).astype(np.int64)
    wording = np.uint64(salt) + chosen(item, 530, campaign.phrasings).astype(np.uint64)
    return PromptPlan(
        topic=topic,
        follow_up=follow_up,
        item=item,
        owner=mixed(serial.astype(np.uint64) // np.uint64(16), 531),
        passage=np.where(pastes, np.minimum(length, PASSAGE_MAX), 0),
        style=np.where(told, TASK, 0),
        instruction=np.uint64(salt) + chosen(item, 532, campaign.instructions).astype(np.uint64),
        elicitation=np.where(asks, kind, -1),
        phrasing=mixed(wording, 533),
    )


def operated(
    rng: np.random.Generator, campaign: Campaign, number: int, scale: float, window: Window
) -> tuple[Roster, list[Draft]]:
    """Return a campaign's accounts and its traffic: what extracts, then what covers.

    Args:
        rng: Source of randomness.
        campaign: Its habits.
        number: What the roster's ``campaign`` says.
        scale: Factor on accounts and exchanges.
        window: The time that is simulated.

    Raises:
        ValueError: If ``scale`` is not positive.
    """
    working, reserve, extracts = campaign.size(scale, window.days)
    schedule = _scheduled(rng, campaign, working, reserve, window)
    roster = _roster(rng, campaign, number, schedule, extracts, window)
    turns = turns_drawn(rng, np.full(max(1, round(extracts / campaign.turns_mean)), campaign.turns_mean))
    if campaign.dispatch == "own hours":
        account, times_us = _by_own_hours(rng, campaign, schedule, roster, window, len(turns))
    else:
        times_us = _pool_times(rng, campaign, schedule, turns)
        account = _dealt(rng, campaign, schedule, roster.created_us, times_us)
    talks = Conversations(account, times_us, turns, np.full(len(turns), -1, np.int64))
    times = turn_times(rng, talks, np.full(len(turns), campaign.gap_s))
    talk = np.repeat(np.arange(len(turns)), turns)
    salt = int(rng.integers(1 << 8, 1 << 30))
    plan = _extraction_plan(rng, campaign, salt, times[1], talk)
    extraction = unfolded(rng, roster, talks, window, plan, times)
    cover = unfolded(rng, roster, held(rng, roster, window, no_appointments(len(roster))), window)
    return roster, [extraction, cover]
