"""What the operator gives up, step by step, and what its budget then buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillwatch.range.campaign import Campaign
from stillwatch.range.duel.prices import Prices

TOPICS = (("maths", 3.0), ("coding", 3.0), ("science", 2.0), ("law", 1.0), ("medicine", 1.0), ("data", 1.0))
EVERYDAY_TOPICS = (("coding", 4.0), ("writing", 3.0), ("business", 2.0), ("data", 2.0), ("translation", 1.0))

CARELESS: Mapping[str, Any] = {
    "dispatch": "paced",
    "unsteadiness": 0.02,
    "aged_share": 0.0,
    "signup_bursts": 3,
    "signup_days": 10.0,
    "plans": (("api", 1.0),),
    "accounts_per_card": 5.0,
    "card_shared": 0.9,
    "networks": (("cloud", 2.0), ("vpn", 1.0)),
    "exits_per_account": 3,
    "accounts_per_exit": 3.0,
    "own_exit_share": 0.0,
    "topics": TOPICS,
    "elicitation": (("reasoning coercion", 1.0), ("rubric grading", 1.0), ("training-style answers", 1.0)),
    "elicitation_share": 0.6,
    "phrasings": 2,
    "instruction_share": 0.9,
    "instructions": 1,
    "cover_share": 0.0,
    "pivot_share": 0.0,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the duel: habits on top of those before it.

    Attributes:
        name: In the fewest words.
        gives_up: What it gives up, in plain words.
        habits: Fields of ``Campaign``.
        rate: Extracting exchanges an account a day; None: as before.
        apart: Whether it stands for itself: nothing of it is taken over by the next.
    """

    name: str
    gives_up: str
    habits: Mapping[str, Any] = field(default_factory=dict)
    rate: float | None = None
    apart: bool = False


LADDER: tuple[Step, ...] = (
    Step("careless", "nothing: one template, shared cards and exits, one steady queue", CARELESS, rate=60.0),
    Step(
        "paraphrase",
        "the template: every prompt and every elicitation in words of its own",
        {"instruction_share": 0.0, "phrasings": 100_000},
    ),
    Step(
        "own identity",
        "shared cards, addresses and mail: a card and homes for each account",
        {
            "card_shared": 0.0,
            "own_exit_share": 1.0,
            "networks": (("broadband", 1.0),),
            "mail_public": 1.0,
            "mail_disposable": 0.0,
        },
    ),
    Step("aged accounts", "mornings of sign-up: accounts that others opened long ago", {"aged_share": 1.0}),
    Step("low and slow", "speed: eight exchanges an account a day", rate=8.0),
    Step("human hours", "the dispatcher: each account keeps a person's hours", {"dispatch": "own hours"}),
    Step("cover traffic", "half of what it sends: one everyday exchange for each that extracts", {"cover_share": 1.0}),
    Step(
        "replay",
        "its choice of prompts: sessions of its own users, who are their own cover",
        {
            "replay": True,
            "elicitation_share": 0.0,
            "topics": EVERYDAY_TOPICS,
            "turns_mean": 3.5,
            "gap_s": 45.0,
            "cover_share": 0.0,
            "families": (("browser", 4.0), ("python kit", 3.0), ("harness", 3.0), ("gateway", 1.0)),
        },
    ),
)

EXTREMES: tuple[Step, ...] = (
    Step("one account", "spreading: all of it through one account", CARELESS, apart=True),
    Step(
        "one exchange each",
        "concentration: a new account without a card for every exchange",
        {
            **CARELESS,
            **LADDER[1].habits,
            **LADDER[2].habits,
            "plans": (("free", 1.0),),
            "turns_mean": 1.0,
            "volume_spread": 0.0,
            "on_duty_share": 1.0,
            "shift_h": 10_000.0,
            "signup_bursts": 60,
        },
        apart=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What the budget buys at one step.

    Attributes:
        accounts: How many.
        exchanges: That extract, over the campaign.
        fixed_usd: For accounts, cards and servers, whatever is sent.
        exchange_usd: For each exchange sent, cover included.
        rewriting_usd: For each extracting exchange on top.
        supply_bound: Whether accounts ran out before the money did.
    """

    accounts: int
    exchanges: int
    fixed_usd: float
    exchange_usd: float
    rewriting_usd: float
    supply_bound: bool

    def spent(self, sent: int, extracted: int) -> float:
        """Return what was spent once so many exchanges were sent, so many of them to extract, in dollars."""
        return self.fixed_usd + sent * self.exchange_usd + extracted * self.rewriting_usd


def assembled(steps: Sequence[Step], days: float, starts_day: float) -> tuple[Campaign, float | None]:
    """Return the habits of ``steps`` on top of each other, at a size of one account, and the rate (None: an extreme).

    Args:
        steps: At least one; the first is careless, or an extreme that stands for itself.
        days: How long the operator is at work.
        starts_day: When it begins, in the window.

    Raises:
        ValueError: If there is no step, or something is put on top of an extreme or below the first step.
    """
    if not steps or any(step.apart for step in steps[1:]) or (steps[0].apart and len(steps) > 1):
        raise ValueError("an extreme stands for itself, and a campaign needs a first step")
    habits: dict[str, Any] = {}
    for step in steps:
        habits |= step.habits
    name = "duel " + ", ".join(step.name for step in steps)
    rates = [step.rate for step in steps if step.rate is not None]
    campaign = Campaign(name, "a duel", "nothing", "everything", 1, 1, days, starts_day=starts_day, **habits)
    return campaign, rates[-1] if rates else None


def unit_costs(campaign: Campaign, prices: Prices) -> tuple[float, float, float]:
    """Return dollars an account, an exchange that is sent, and on top of it an exchange that extracts."""
    aged = campaign.aged_share
    account = aged * prices.aged_account + (1 - aged) * prices.account
    paid = sum(share for name, share in campaign.plans if name != "free") / sum(share for _, share in campaign.plans)
    cards = paid * (1 - campaign.card_shared + campaign.card_shared / campaign.accounts_per_card)
    shared = 1 - campaign.own_exit_share
    exits = shared * campaign.exits_per_account / campaign.accounts_per_exit
    sent = prices.exchange + campaign.own_exit_share * prices.residential_exchange
    rewriting = 0.0 if campaign.replay or campaign.instruction_share > 0 else prices.rewriting
    return account + cards * prices.card + exits * prices.server_exit, sent, rewriting


def bought(
    step: Step, campaign: Campaign, rate: float | None, prices: Prices, budget_usd: float, accounts_most: int
) -> Purchase:
    """Return what ``budget_usd`` buys at one step.

    Args:
        step: One of LADDER or EXTREMES.
        campaign: Its habits.
        rate: Extracting exchanges an account a day; None for the extremes.
        prices: What things cost.
        budget_usd: For the whole campaign.
        accounts_most: How many accounts can be had without being noticed as a crowd of new customers.

    Raises:
        ValueError: If the budget does not buy a single account with its traffic.
    """
    fixed, sent, rewriting = unit_costs(campaign, prices)
    each = (1 + campaign.cover_share) * sent + rewriting
    if step.name == "one account":
        exchanges = int((budget_usd - fixed) / each)
        accounts, bound = 1, False
    else:
        an_account = 1.0 if rate is None else rate * campaign.days
        afforded = int(budget_usd / (fixed + an_account * each))
        accounts, bound = min(afforded, accounts_most), afforded > accounts_most
        exchanges = round(accounts * an_account)
    if accounts < 1 or exchanges < 1:
        raise ValueError(f"{budget_usd:.2f} dollars do not pay for step {step.name!r}; raise the budget")
    return Purchase(accounts, exchanges, accounts * fixed, sent, rewriting, bound)
