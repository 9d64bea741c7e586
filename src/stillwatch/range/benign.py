"""Honest accounts: the roster that the table of kinds describes, and the traffic that they send."""

from __future__ import annotations

from typing import Any

import numpy as np

from stillwatch.range.clients import FAMILY, client_of
from stillwatch.range.draft import Conversations, Draft, turns_drawn, unfolded
from stillwatch.range.draws import chosen, mixed, split, unit
from stillwatch.range.kinds import KINDS, Kind, Mix
from stillwatch.range.mail import disposable_mail, own_mail, public_mail
from stillwatch.range.networks import drawn_countries
from stillwatch.range.rhythm import DAY_US, HOUR_US, RHYTHM, Appointments, Window, starts
from stillwatch.range.roster import (
    CHOICES,
    EXITS,
    NEVER_US,
    PLANS,
    RELEASED,
    Integers,
    Keys,
    Numbers,
    Roster,
    joined,
)
from stillwatch.range.texts.instructions import CHATTERDOCK, EDITOR, EDITOR_AGENT, MANYMINDS, PHONE, TERMINAL, WEB
from stillwatch.range.texts.topics import TOPIC

_LIMITS = np.array([256, 512, 1024, 1024, 2048, 4096, 4096, 8192])
_WARMTH = np.array([0.0, 0.0, 0.2, 0.3, 0.5, 0.7, 0.7, 0.7, 0.8, 1.0, 1.0, 1.0])
_MODEL_SHARES = (0.5, 0.33, 0.17)


def keys(rng: np.random.Generator, count: int) -> Keys:
    """Return as many identities."""
    return rng.integers(1 << 8, 1 << 62, count, dtype=np.uint64)


def drawn(rng: np.random.Generator, mix: Mix, index: dict[str, int], count: int) -> Integers:
    """Return indices of names drawn by their weights."""
    names = np.array([index[name] for name, _ in mix], np.int64)
    weights = np.array([weight for _, weight in mix])
    return names[rng.choice(len(names), size=count, p=weights / weights.sum())]


def systems_of(families: Integers, own: Keys) -> Keys:
    """Return the system prompt that programs of each family send: their own fixed one, or the account's (0: none)."""
    fixed = np.zeros(len(FAMILY), np.uint64)
    second = np.zeros(len(FAMILY), np.uint64)
    fixed[[FAMILY["browser"], FAMILY["phone app"], FAMILY["harness"], FAMILY["editor"], FAMILY["desk app"]]] = (
        WEB, PHONE, TERMINAL, EDITOR, CHATTERDOCK,
    )  # fmt: skip
    second[[FAMILY["harness"], FAMILY["desk app"]]] = EDITOR_AGENT, MANYMINDS
    other = (second[families] > 0) & (chosen(own + families.astype(np.uint64), 401, 3) == 0)
    known = np.where(other, second[families], fixed[families])
    return np.where(known > 0, known, own)


def _groups(rng: np.random.Generator, kind: Kind, count: int) -> tuple[Keys, Integers]:
    """Return the key and the number of each account's group."""
    if kind.group[1] == 1:
        return keys(rng, count), np.arange(count)
    low, high = kind.group
    sizes = rng.integers(low, high + 1, count)
    number = np.repeat(np.arange(count), sizes)[:count]
    return keys(rng, count)[number], number


def _opened(rng: np.random.Generator, kind: Kind, group: Keys, window: Window) -> Integers:
    """Return when each account was opened."""
    count = len(group)
    together = "signup" in kind.in_common
    source = group if together else keys(rng, count)
    long_ago = -230.0 * np.log(1.0 - unit(source, 411)) * DAY_US
    lately = (60.0 - (60.0 + 0.8 * window.days) * unit(source, 412)) * DAY_US
    age = np.where(unit(source, 413) < kind.recent, lately, long_ago)
    if "credit" in kind.in_common:
        # The event takes place within the window, and its accounts are opened that morning.
        age = -0.75 * window.days * DAY_US * unit(group, 414)
    jitter = rng.random(count) ** 2 * (6 if together else 24) * HOUR_US
    return (window.start_us - age + jitter).astype(np.int64)


def _stays(rng: np.random.Generator, kind: Kind, opened: Integers, window: Window) -> tuple[Integers, Integers]:
    """Return from when to when each account is active within the window."""
    count = len(opened)
    low = np.maximum(opened, window.start_us)
    low = np.minimum(low, window.end_us - DAY_US // 4)
    visits = rng.random(count) < kind.visitors
    room = np.maximum(window.end_us - low - DAY_US, 1)
    came = low + np.where(visits & (opened < window.start_us), rng.random(count) * room, 0).astype(np.int64)
    stay = (0.2 + rng.gamma(1.2, 4.0, count)) * DAY_US
    high = np.where(visits, came + stay.astype(np.int64), window.end_us)
    leaves = (rng.random(count) < 0.07) & ~visits
    high = np.where(leaves, low + (rng.random(count) * (window.end_us - low)).astype(np.int64) + HOUR_US, high)
    return came, np.minimum(high, window.end_us)


def _identity(rng: np.random.Generator, kind: Kind, key: Keys, group: Keys, number: Integers) -> dict[str, Any]:
    """Return plan, mail, card, organisation, country and verification."""
    count = len(key)
    plan = drawn(rng, kind.plans, {name: k for k, name in enumerate(PLANS)}, count)
    who = group if "mail" in kind.in_common else key
    own = (unit(who, 421) < (0.85 if "mail" in kind.in_common else kind.mail_own)) & (rng.random(count) < 0.92)
    mail = np.where(own, own_mail(who), public_mail(key))
    mail = np.where(~own & (unit(key, 422) < 0.05), disposable_mail(key), mail)
    payer = group if "card" in kind.in_common else key
    has_card = (plan != PLANS.index("free")) & (unit(key, 423) < 0.93)
    if "credit" in kind.in_common:
        has_card &= unit(key, 424) < 0.15
    country = drawn_countries(rng, count)
    if (kind.group[1] > 1 and "site" in kind.in_common) or "home" in kind.in_common:
        country = country[number]
    abroad = np.where(unit(payer, 425) < 0.05, drawn_countries(rng, count), country)
    known = unit(group, 426) < (0.75 if "organization" in kind.in_common else 0.02)
    paid = plan != PLANS.index("free")
    level = np.where(unit(key, 427) < np.where(paid, 0.75, 0.4), 1, 0)
    return {
        "country": country,
        "plan": plan,
        "mail": mail,
        "card": np.where(has_card, mixed(payer, 428), np.uint64(0)),
        "organization": np.where(known, mixed(group, 429), np.uint64(0)),
        "billing": abroad,
        "verification": np.where((unit(key, 430) < 0.08) & paid, 2, level),
    }


def _habits(rng: np.random.Generator, kind: Kind, key: Keys, group: Keys) -> dict[str, Any]:
    """Return clients, system prompts, topics, settings and what is elicited."""
    count = len(key)
    families = np.stack([drawn(rng, kind.families, FAMILY, count) for _ in range(CHOICES)], axis=1)
    topics = np.stack([drawn(rng, kind.topics, TOPIC, count) for _ in range(CHOICES)], axis=1)
    number = np.unique(group, return_inverse=True)[1]
    if "clients" in kind.in_common:
        families = families[number]
    if "topics" in kind.in_common:
        topics = topics[number]
    who = group if "clients" in kind.in_common else key
    clients = np.stack([client_of(families[:, k], who, k) for k in range(CHOICES)], axis=1)
    fixed = group if "instruction" in kind.in_common else key
    own = np.where(unit(fixed, 441) < kind.application, mixed(fixed, 442) | np.uint64(1 << 40), np.uint64(0))
    systems = np.stack([systems_of(families[:, k], own) for k in range(CHOICES)], axis=1)
    # Every account leans its own way: shares are drawn about the kind's mean.
    lean = rng.gamma(0.8, 1 / 0.8, (count, 4)) * np.array(kind.elicitation)
    lean /= np.maximum(lean.sum(axis=1, keepdims=True) / 0.97, 1.0)
    reasoning = np.clip(rng.beta(0.6 * kind.reasoning + 0.05, 0.6 * (1 - kind.reasoning) + 0.05, count), 0, 1)
    pool = mixed(group, 443) if kind.pool_size else np.zeros(count, np.uint64)
    one = unit(key, 444) < 0.35
    return {
        "clients": clients,
        "client_share": np.where(one[:, None], np.array([1.0, 0, 0]), np.array([0.78, 0.17, 0.05])),
        "systems": systems,
        "topics": topics,
        "topic_share": rng.dirichlet((2.5, 1.0, 0.5), count),
        "style": np.full(count, kind.style),
        "instruction": mixed(fixed, 445),
        "instruction_share": np.clip(rng.normal(kind.instruction_share, 0.1, count), 0, 1) * (kind.style > 0),
        "elicitation_share": lean,
        "pool": pool,
        "pool_size": np.full(count, kind.pool_size),
        "pool_share": np.full(count, kind.pool_share),
        "passage_share": np.clip(rng.normal(kind.passage_share, 0.15, count), 0, 1),
        "reasoning": reasoning,
        "temperature": _WARMTH[chosen(key, 446, len(_WARMTH))],
        "max_tokens": _LIMITS[chosen(key, 447, len(_LIMITS))],
        "choice_count": np.where(unit(key, 448) < 0.4, kind.choice_count, 1),
        "settings_share": np.where(unit(key, 449) < kind.settings_share, 0.95, 0.0),
        "output_median": kind.output_median * np.exp(0.35 * rng.standard_normal(count)),
    }


def roster_of(rng: np.random.Generator, kind: Kind, count: int, window: Window) -> tuple[Roster, Integers]:
    """Return ``count`` accounts of a kind, and the number of each account's group."""
    key = keys(rng, count)
    group, number = _groups(rng, kind, count)
    opened = _opened(rng, kind, group, window)
    low, high = _stays(rng, kind, opened, window)
    identity = _identity(rng, kind, key, group, number)
    habits = _habits(rng, kind, key, group)
    present = np.clip((high - low) / (window.end_us - window.start_us), 0.05, 1.0)
    volume = kind.exchanges_median * np.exp(kind.spread * rng.standard_normal(count)) * present**0.8 * window.days / 28
    after = -np.log(1.0 - unit(key, 451)) * 5.0 * DAY_US
    adopts = np.where(unit(key, 452) < 0.75, window.release_us + after, float(NEVER_US // 2)).astype(np.int64)
    shut = np.where(unit(key, 453) < 0.004, low + (unit(key, 454) * (high - low)).astype(np.int64), NEVER_US)
    roster = Roster(
        key=key,
        kind=np.full(count, KINDS.index(kind)),
        campaign=np.full(count, -1),
        group=group,
        created_us=opened,
        active_from_us=low,
        active_to_us=high,
        shut_us=shut,
        places=np.tile(np.array(kind.places), (count, 1)),
        home=mixed(group if "home" in kind.in_common else key, 455),
        leases=1 + chosen(key, 456, 4),
        site=mixed(group if "site" in kind.in_common else key, 457),
        site_class=np.full(count, kind.site_class),
        site_width=np.full(count, kind.site_width),
        exits=np.full((count, EXITS), -1),
        model=rng.choice(RELEASED, size=count, p=_MODEL_SHARES).astype(np.int64),
        adopts_us=adopts,
        refusal=np.where(unit(key, 458) < 0.6, kind.refusal, 0.0),
        rhythm=np.full(count, RHYTHM[kind.rhythm]),
        exchanges=volume,
        turns_mean=np.maximum(kind.turns_mean * np.exp(0.35 * rng.standard_normal(count)), 1.0),
        gap_s=kind.gap_s * np.exp(0.4 * rng.standard_normal(count)),
        event_share=np.full(count, kind.event_share),
        **identity,
        **habits,
    )
    return roster, number


def _appointments(
    rng: np.random.Generator, kind: Kind, roster: Roster, number: Integers, window: Window
) -> Appointments:
    """Return when the groups of one kind meet: a class on fixed weekdays, a hackathon from its opening on."""
    groups = int(number.max(initial=-1)) + 1
    each = max(1, round(kind.events_weekly * window.days / 7)) if kind.events_weekly else 0
    begin: Numbers = np.zeros((groups, each))
    first = np.full(groups, window.end_us, np.int64)
    np.minimum.at(first, number, roster.active_from_us)
    if "credit" in kind.in_common:
        begin = np.repeat(first[:, None].astype(np.float64), each, axis=1)
    elif each:
        step = 7.0 / kind.events_weekly
        monday = window.start_us + rng.integers(0, 5, groups) * DAY_US + rng.integers(8, 17, groups) * HOUR_US
        begin = monday[:, None] + np.floor(np.arange(each) * step)[None, :] * DAY_US
    return Appointments(
        start_us=begin.astype(np.int64).ravel(),
        length_us=np.full(groups * each, int(kind.event_h * HOUR_US), np.int64),
        first=number * each,
        count=np.full(len(number), each, np.int64),
    )


def held(rng: np.random.Generator, roster: Roster, window: Window, appointments: Appointments) -> Conversations:
    """Return the conversations that the accounts of a roster hold of their own accord."""
    counts = rng.poisson(roster.exchanges / roster.turns_mean)
    counts = np.where(roster.exchanges > 0, np.maximum(counts, 1), 0)
    account = np.repeat(np.arange(len(roster)), counts)
    start_us, event = starts(rng, roster, account, window, appointments)
    return Conversations(account, start_us, turns_drawn(rng, roster.turns_mean[account]), event)


def benign(rng: np.random.Generator, count: int, window: Window) -> tuple[Roster, list[Draft]]:
    """Return ``count`` honest accounts and their traffic, one draft a kind.

    Args:
        rng: Source of randomness.
        count: Accounts, at least as many as there are kinds.
        window: The time that is simulated.

    Raises:
        ValueError: If there are fewer accounts than kinds.
    """
    if count < len(KINDS):
        raise ValueError(f"there are {len(KINDS)} benign kinds, so at least as many benign accounts are needed")
    rosters: list[Roster] = []
    drafts: list[Draft] = []
    before = 0
    for kind, size in zip(KINDS, split(count - len(KINDS), [kind.share for kind in KINDS]) + 1, strict=True):
        roster, number = roster_of(rng, kind, int(size), window)
        talks = held(rng, roster, window, _appointments(rng, kind, roster, number, window))
        draft = unfolded(rng, roster, talks, window)
        draft.account[:] += before
        before += len(roster)
        rosters.append(roster)
        drafts.append(draft)
    return joined(rosters), drafts
