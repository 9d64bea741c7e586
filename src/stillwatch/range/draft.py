"""Conversations unfolded into exchanges: all columns as numbers, no text yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from stillwatch.range.countries import COUNTRIES
from stillwatch.range.draws import chosen, mixed, ranks, running_sums, unit, weighted
from stillwatch.range.networks import BROADBAND, MOBILE, VPN, network_in, own_address, shared_exit
from stillwatch.range.rhythm import DAY_US, HOUR_US, Window
from stillwatch.range.roster import HOME, RELEASED, SITE, TUNNEL, Integers, Keys, Numbers, Roster
from stillwatch.range.texts.prompts import PASSAGE_MAX, PromptPlan
from stillwatch.range.texts.topics import TOPIC

_TURNS_MAX = 60
_LANGUAGE = np.array([TOPIC.get(country.language, -1) for country in COUNTRIES])


@dataclass(frozen=True, slots=True)
class Conversations:
    """Conversations before they unfold; every array has shape (conversations,)."""

    account: Integers  # Row of the roster.
    start_us: Integers
    turns: Integers
    event: Integers  # The appointment at which it is held, or -1.

    def __len__(self) -> int:
        """Return the number of conversations."""
        return len(self.account)


@dataclass(frozen=True, slots=True)
class Draft:
    """Exchanges as numbers; every array has shape (exchanges,)."""

    time_us: Integers
    account: Integers
    conversation: Keys
    turn: Integers
    model: Integers
    system: Keys
    client: Integers
    address: Integers
    temperature: Numbers  # NaN: not set.
    max_tokens: Integers  # 0: not set.
    choice_count: Integers
    reasoning: NDArray[np.bool_]
    status: Integers
    output_tokens: Integers
    extraction: NDArray[np.bool_]
    plan: PromptPlan

    def __len__(self) -> int:
        """Return the number of exchanges."""
        return len(self.time_us)

    def take(self, rows: Integers) -> Draft:
        """Return the exchanges of ``rows``, in that order."""
        plan = PromptPlan(*(getattr(self.plan, f.name)[rows] for f in fields(PromptPlan)))
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(Draft) if f.name != "plan"}
        return Draft(**arrays, plan=plan)


def joined_drafts(drafts: Sequence[Draft]) -> Draft:
    """Return the exchanges of all drafts, which speak of the same roster."""
    plan = PromptPlan(*(np.concatenate([getattr(d.plan, f.name) for d in drafts]) for f in fields(PromptPlan)))
    names = [f.name for f in fields(Draft) if f.name != "plan"]
    return Draft(**{name: np.concatenate([getattr(d, name) for d in drafts]) for name in names}, plan=plan)


def turns_drawn(rng: np.random.Generator, mean: Numbers) -> Integers:
    """Return how many turns conversations of these means have: geometric, at least one, at most 60."""
    return np.minimum(rng.geometric(1.0 / np.maximum(mean, 1.0)), _TURNS_MAX).astype(np.int64)


def addresses(rng: np.random.Generator, roster: Roster, talks: Conversations, window: Window) -> Integers:
    """Return the address code from which each conversation is held."""
    account = talks.account
    key = roster.key[account]
    country = roster.country[account]
    place = weighted(rng, roster.places, account)
    ipv6 = (unit(roster.home[account], 311) < 0.22) & (place == HOME)
    passed = (talks.start_us - window.start_us) / (window.days * DAY_US)
    lease = np.floor(np.clip(passed, 0, 0.999999) * roster.leases[account]).astype(np.uint64)
    home = own_address(
        network_in(BROADBAND, country, roster.home[account]), mixed(roster.home[account] + lease, 312), ipv6
    )
    fresh = rng.integers(0, 2**62, len(talks), dtype=np.uint64)
    mobile = shared_exit(network_in(MOBILE, country, key), fresh)
    # Somebody who pays for a tunnel keeps to a few of its exits.
    tunnel = shared_exit(network_in(VPN, country, key), key + fresh % np.uint64(4))
    site_key = roster.site[account]
    door = (fresh % roster.site_width[account].astype(np.uint64)) + site_key
    site = np.zeros(len(talks), np.int64)
    for network_class in np.unique(roster.site_class[account]).tolist():
        rows = np.flatnonzero(roster.site_class[account] == network_class)
        network = network_in(int(network_class), country[rows], site_key[rows])
        site[rows] = own_address(network, mixed(door[rows], 313), np.zeros(len(rows), np.bool_))
    by_place = np.select([place == HOME, place == SITE, place == TUNNEL], [home, site, tunnel], mobile)
    exits = roster.exits[account]
    have = (exits >= 0).sum(axis=1)
    # Some accounts keep to one exit for most of the time, others turn them over evenly.
    skew = 1.0 + 4.0 * unit(key, 314)
    handed = exits[np.arange(len(talks)), np.floor(have * unit(fresh, 315) ** skew).astype(np.int64)]
    return np.where(have > 0, handed, by_place)


def organic_plan(
    rng: np.random.Generator, roster: Roster, talks: Conversations, lengths: Integers, turn: Integers
) -> PromptPlan:
    """Return what the accounts write of their own accord."""
    count = int(lengths.sum())
    account = np.repeat(talks.account, lengths)
    topic_talk = roster.topics[talks.account, weighted(rng, roster.topic_share, talks.account)]
    native = _LANGUAGE[roster.country[talks.account]]
    speaks = (native >= 0) & (unit(roster.key[talks.account], 321) < 0.7) & (rng.random(len(talks)) < 0.5)
    topic = np.repeat(np.where(speaks, native, topic_talk), lengths)
    follow_up = (turn > 0) & (rng.random(count) < 0.75)
    item = rng.integers(0, 2**63, count, dtype=np.uint64)
    owner = roster.key[account].copy()
    own_pool = roster.pool[account] + (np.repeat(talks.event, lengths) + 1).astype(np.uint64)
    pooled = (roster.pool[account] > 0) & ~follow_up & (rng.random(count) < roster.pool_share[account])
    number = item % np.maximum(roster.pool_size[account], 1).astype(np.uint64)
    item = np.where(pooled, mixed(own_pool + number * np.uint64(1 << 20), 322), item)
    owner = np.where(pooled, roster.pool[account], owner)
    topic = np.where(pooled, roster.topics[account, chosen(item, 323, 2)], topic)
    pastes = (unit(item, 324) < roster.passage_share[account]) & (~follow_up | (unit(item, 325) < 0.2))
    length = 1 + np.floor(-3.5 * np.log(1.0 - unit(item, 326))).astype(np.int64)
    styled = (turn == 0) & (rng.random(count) < roster.instruction_share[account])
    ladder = np.cumsum(roster.elicitation_share, axis=1)[account]
    rung = (rng.random(count)[:, None] >= ladder).sum(axis=1)
    return PromptPlan(
        topic=topic,
        follow_up=follow_up,
        item=item,
        owner=owner,
        passage=np.where(pastes, np.minimum(length, PASSAGE_MAX), 0),
        style=np.where(styled, roster.style[account], 0),
        instruction=roster.instruction[account],
        elicitation=np.where((rung < 4) & ~follow_up, rung, -1),
        phrasing=mixed(roster.group[account] + item % np.uint64(3), 327),
    )


def turn_times(rng: np.random.Generator, talks: Conversations, gap_s: Numbers) -> tuple[Integers, Integers]:
    """Return time and place of every turn of the conversations, one after the other."""
    turn = ranks(talks.turns)
    pause = np.repeat(np.log(gap_s), talks.turns) + 0.9 * rng.standard_normal(len(turn))
    waited = running_sums(np.where(turn == 0, 0.0, np.exp(pause)), talks.turns)
    return np.repeat(talks.start_us, talks.turns) + (waited * 1e6).astype(np.int64), turn


def unfolded(
    rng: np.random.Generator,
    roster: Roster,
    talks: Conversations,
    window: Window,
    plan: PromptPlan | None = None,
    times: tuple[Integers, Integers] | None = None,
) -> Draft:
    """Return the exchanges of conversations that accounts hold with their own clients, models and settings.

    Exchanges after the window's end, or more than an hour after their account was shut, are dropped.

    Args:
        rng: Source of randomness.
        roster: The accounts.
        talks: The conversations.
        window: The time that is simulated.
        plan: What is written, one entry an exchange; None: what the accounts would write of their own accord.
        times: Time and turn of each exchange, from ``turn_times``; None: drawn here.
    """
    time_us, turn = turn_times(rng, talks, roster.gap_s[talks.account]) if times is None else times
    lengths = talks.turns
    if plan is None:
        plan = organic_plan(rng, roster, talks, lengths, turn)
        extraction = np.zeros(len(turn), np.bool_)
    else:
        extraction = np.ones(len(turn), np.bool_)
    per_talk = talks.account
    account = np.repeat(per_talk, lengths)
    pick = weighted(rng, roster.client_share, per_talk)
    other = rng.random(len(talks)) < 0.12
    model = np.where(other, rng.integers(0, RELEASED, len(talks)), roster.model[per_talk])
    newest = (talks.start_us >= roster.adopts_us[per_talk]) & (rng.random(len(talks)) < 0.85)
    model = np.where(newest, RELEASED, model)
    sets = rng.random(len(talks)) < roster.settings_share[per_talk]
    warmth = np.where(sets, roster.temperature[per_talk], np.nan)
    limit = np.where(sets, roster.max_tokens[per_talk], 0)
    reasons = rng.random(len(talks)) < roster.reasoning[per_talk]
    # Choices are asked for by the exchange: few programs ask for several, and not always.
    many = (rng.random(len(turn)) < 0.5) & (roster.choice_count[account] > 1)
    refused = rng.random(len(turn)) < roster.refusal[account]
    status = np.where(time_us >= roster.shut_us[account], 403, np.where(refused, 429, 200))
    written = np.exp(np.log(roster.output_median[account]) + 0.8 * rng.standard_normal(len(turn)))
    written *= np.where(plan.elicitation >= 0, 1.5, 1.0)
    cap = np.where(np.repeat(limit, lengths) > 0, np.repeat(limit, lengths), 16_000)
    draft = Draft(
        time_us=time_us,
        account=account,
        conversation=np.repeat(rng.integers(1, 2**63, len(talks), dtype=np.uint64), lengths),
        turn=turn,
        model=np.repeat(model, lengths),
        system=np.repeat(roster.systems[per_talk, pick], lengths),
        client=np.repeat(roster.clients[per_talk, pick], lengths),
        address=np.repeat(addresses(rng, roster, talks, window), lengths),
        temperature=np.repeat(warmth, lengths),
        max_tokens=np.repeat(limit, lengths),
        choice_count=np.where(many, roster.choice_count[account], 1),
        reasoning=np.repeat(reasons, lengths),
        status=status,
        output_tokens=np.where(status == 200, np.minimum(np.maximum(written, 3), cap), 0).astype(np.int64),
        extraction=extraction,
        plan=plan,
    )
    late = (time_us >= window.end_us) | (time_us - HOUR_US >= roster.shut_us[account])
    return draft if not late.any() else draft.take(np.flatnonzero(~late))
