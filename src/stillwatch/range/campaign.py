"""A campaign: what its operator is after and the habits that give it away, each within what honest accounts do."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

Dispatch = Literal["paced", "poisson", "own hours"]
Mix = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Accounts run by one operator to harvest answers, at the size that was disclosed.

    Numbers of accounts and exchanges are those at scale 1. Shares lie in [0, 1].

    Raises:
        ValueError: If a share, a count or a duration is out of range.
    """

    name: str
    source: str  # Who disclosed it, and when.
    disclosed: str  # What the source says.
    assumed: str  # What it does not say and is made up here.
    accounts: int  # At work at once.
    exchanges: int  # That extract; cover traffic comes on top.
    days: float
    starts_day: float = 3.0  # Into the window, where there is room.

    # Accounts: how they are come by.
    standby_share: float = 0.0  # Accounts kept in reserve, for each one at work.
    bans: int = 0  # Waves in which the provider shuts accounts.
    ban_share: float = 0.0  # Of the accounts at work, shut in each wave.
    failover_min: float = 30.0  # Until the reserve takes over.
    aged_share: float = 0.3  # Bought accounts that are as old as anybody's.
    signup_bursts: int = 6  # Mornings on which the others were opened.
    signup_days: float = 30.0  # Over which these mornings are spread, before the start.
    plans: Mix = (("free", 2.0), ("pro", 3.0), ("api", 5.0))
    accounts_per_card: float = 4.0
    card_shared: float = 0.5  # Share of paying accounts whose card pays for others too.
    mail_public: float = 0.75
    mail_disposable: float = 0.1  # The rest has one of the operator's own domains.
    mail_domains: int = 6  # Of the operator's own.

    # Network.
    networks: Mix = (("broadband", 6.0), ("vpn", 2.0), ("mobile", 1.0), ("cloud", 2.0))
    exits_per_account: int = 4  # On average.
    accounts_per_exit: float = 2.0
    own_exit_share: float = 0.4  # Share of accounts with exits that no other account uses.

    # Clients and settings.
    families: Mix = (("python kit", 3.0), ("browser", 3.0), ("node kit", 2.0), ("plain http", 2.0), ("harness", 1.5))
    settings: int = 3  # Pairs of temperature and token limit in use.
    settings_share: float = 0.6
    choice_count: int = 1
    reasoning_share: float = 0.5
    pivot_share: float = 0.2  # Of the traffic, moved to a new release within a day.

    # What is asked.
    topics: Mix = (("maths", 3.0), ("coding", 3.0), ("science", 2.0), ("law", 1.0), ("medicine", 1.0), ("data", 1.0))
    elicitation: Mix = (("worked reasoning", 1.0),)
    elicitation_share: float = 0.5
    phrasings: int = 5  # Wordings of each kind of elicitation.
    instruction_share: float = 0.4  # Of extraction prompts that carry one of the campaign's fixed instructions.
    instructions: int = 3
    repeats: float = 0.02  # Share of prompts that another account sends again; the rest is dealt out once.
    passage_share: float = 0.35
    turns_mean: float = 1.6
    gap_s: float = 20.0
    replay: bool = False  # Whether prompts are sessions of the operator's own users, with their rhythm.
    cover_share: float = 0.25  # Exchanges of everyday use for each one that extracts.

    # Pace.
    # Paced: one queue is drained at a steady rate and dealt to whoever is due. Own hours: there is no dispatcher; each
    # account works when a person of its country would.
    dispatch: Dispatch = "poisson"
    shift_h: float = 4.0  # How long an account is on duty before the dispatcher turns to others.
    on_duty_share: float = 0.4
    night_pause_h: float = 0.0
    unsteadiness: float = 0.08  # Sigma of the pool's hourly rate: a dispatcher keeps it low.
    volume_spread: float = 0.5  # Sigma of the accounts' shares of the work.

    def __post_init__(self) -> None:
        """Check the ranges."""
        for field in fields(self):
            value = getattr(self, field.name)
            if (
                field.name.endswith("_share")
                and field.name not in ("standby_share", "cover_share")
                and not 0 <= value <= 1
            ):
                raise ValueError(f"{self.name}: {field.name} must lie in [0, 1], not {value}")
        if self.dispatch not in get_args(Dispatch):
            raise ValueError(
                f"{self.name}: dispatch must be one of {', '.join(get_args(Dispatch))}, not {self.dispatch!r}"
            )
        if self.accounts < 1 or self.exchanges < 1 or self.days <= 0:
            raise ValueError(f"{self.name}: accounts, exchanges and days must be positive")
        if not 0 <= self.night_pause_h < 24 or self.shift_h <= 0:
            raise ValueError(f"{self.name}: the night pause must be shorter than a day and shifts longer than nothing")

    def size(self, scale: float, days: float) -> tuple[int, int, int]:
        """Return accounts at work, accounts in reserve and extraction exchanges at ``scale`` in a window of ``days``.

        A campaign that is longer than the window sends the part of its traffic that falls into it.

        Raises:
            ValueError: If scale or days is not positive.
        """
        if scale <= 0 or days <= 0:
            raise ValueError(f"scale and days must be positive, not {scale} and {days}")
        accounts = max(min(4, self.accounts), round(self.accounts * scale))
        reserve = round(accounts * self.standby_share)
        part = min(1.0, days / self.days)
        return accounts, reserve, max(min(4 * accounts, self.exchanges), round(self.exchanges * scale * part))
