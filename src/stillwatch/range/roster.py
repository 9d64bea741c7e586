"""The roster: who the accounts are and how they behave, one row an account, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Keys = NDArray[np.uint64]
Numbers = NDArray[np.float64]

PLANS = ("free", "pro", "api")
VERIFICATION = ("none", "phone", "id")
CHOICES = 3  # Programs and topics an account uses.
EXITS = 12  # Addresses that an operator hands to one account, at most.
HOME, MOBILE, SITE, TUNNEL = range(4)  # Places from which an account comes.
NEVER_US = np.iinfo(np.int64).max
MODELS = ("harrier-3", "harrier-3-swift", "harrier-3-deep", "harrier-4")
RELEASED = 3  # The model that comes out during the window.


@dataclass(frozen=True, slots=True)
class Roster:
    """Accounts as arrays; the first axis is the account.

    Keys stand for identities: equal keys are the same card, home, site, instruction. Zero is none where a null makes
    sense. Two-dimensional fields have shape (accounts, CHOICES) unless said.
    """

    key: Keys  # The account itself.
    kind: Integers  # Index of the benign kind, or -1.
    campaign: Integers  # Index of the campaign, or -1.
    group: Keys  # What a group's members have in common; the account's own key for one alone.
    country: Integers
    created_us: Integers
    active_from_us: Integers
    active_to_us: Integers
    shut_us: Integers  # When the provider shuts the account; NEVER_US.
    plan: Integers
    mail: Integers
    card: Keys
    organization: Keys
    billing: Integers
    verification: Integers
    places: Numbers  # Shape (accounts, 4): how often each place is used.
    home: Keys
    leases: Integers  # How many addresses the home's network hands out over the window.
    site: Keys
    site_class: Integers
    site_width: Integers  # Addresses behind which the site comes out.
    exits: Integers  # Shape (accounts, EXITS): address codes that replace the places; -1 unused.
    clients: Integers
    client_share: Numbers
    systems: Keys  # What each of the clients sends as system prompt.
    topics: Integers
    topic_share: Numbers
    style: Integers
    instruction: Keys
    instruction_share: Numbers
    elicitation_share: Numbers  # Shape (accounts, 4): of the account's own prompts, by kind.
    pool: Keys  # A set of prompts that several accounts draw from.
    pool_size: Integers
    pool_share: Numbers
    passage_share: Numbers
    reasoning: Numbers  # Share of conversations that ask for a reasoning trace.
    temperature: Numbers
    max_tokens: Integers
    choice_count: Integers
    settings_share: Numbers  # Share of conversations that set temperature and limit.
    model: Integers
    adopts_us: Integers  # When the account goes over to the new release.
    refusal: Numbers  # Share of exchanges answered 429.
    output_median: Numbers  # Tokens.
    rhythm: Integers
    exchanges: Numbers  # Mean number over the window, of the account's own traffic.
    turns_mean: Numbers
    gap_s: Numbers
    event_share: Numbers

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.key)


def joined(rosters: Sequence[Roster]) -> Roster:
    """Return the accounts of all rosters, one after the other.

    Raises:
        ValueError: If there is none.
    """
    if not rosters:
        raise ValueError("there must be at least one roster to join")
    return Roster(**{f.name: np.concatenate([getattr(roster, f.name) for roster in rosters]) for f in fields(Roster)})
