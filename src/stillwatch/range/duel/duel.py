"""The duel as a whole: each step bought, simulated within honest traffic, scanned and priced."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stillwatch import __version__
from stillwatch.range.campaign import Campaign
from stillwatch.range.cells import Cells, code_digest
from stillwatch.range.duel.concessions import Purchase, Step, bought, campaigns
from stillwatch.range.duel.prices import Prices
from stillwatch.range.trial import Crowd, Trial, crowd, tried

REST_DAYS = 2.0  # Honest traffic alone before the operator begins.
SUPPLY_SHARE = 0.15  # Accounts an operator can have, against the honest ones: beyond it, it is the crowd.

Progress = Callable[[str, int, int], None]  # What is being done, steps done, steps in all.


@dataclass(frozen=True, slots=True)
class Rules:
    """What a duel is fought over.

    Attributes:
        prices: What things cost.
        budget_usd: The operator's, for the whole campaign; multiplied by ``scale``.
        benign: Honest accounts at scale 1.
        days: Length of the window.
        seeds: One repetition each.
        scale: Factor on the honest accounts and on the budget.
        level: The scan's false-discovery level.

    Raises:
        ValueError: If a number is out of range.
    """

    prices: Prices
    budget_usd: float = 600.0
    benign: int = 2000
    days: int = 12
    seeds: tuple[int, ...] = (7, 8, 9)
    scale: float = 1.0
    level: float = 0.05

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.budget_usd <= 0 or self.scale <= 0:
            raise ValueError(f"budget and scale must be positive, not {self.budget_usd} and {self.scale}")
        if self.days <= REST_DAYS:
            raise ValueError(f"the window must be longer than {REST_DAYS:g} days, not {self.days}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds must be at least one, and each may come once")


@dataclass(frozen=True, slots=True)
class Bout:
    """One step under one seed.

    Attributes:
        seed: Of the randomness.
        purchase: What the budget bought.
        trial: What the scan found of it.
    """

    seed: int
    purchase: Purchase
    trial: Trial

    @property
    def flagged_share(self) -> float:
        """Share of the operator's accounts that were flagged."""
        return self.trial.flagged / self.trial.accounts if self.trial.accounts else 0.0

    @property
    def spent_usd(self) -> float:
        """What was spent until each account was flagged; accounts and cards are lost with the first flag."""
        return self.purchase.spent(self.trial.sent_before, self.trial.leaked)

    @property
    def usd_each(self) -> float | None:
        """Dollars for each exchange that got away before its account was flagged; None where none did."""
        return self.spent_usd / self.trial.leaked if self.trial.leaked else None

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain values."""
        derived = {"flagged_share": self.flagged_share, "spent_usd": self.spent_usd, "usd_each": self.usd_each}
        return {"seed": self.seed, **derived, "purchase": asdict(self.purchase), "trial": asdict(self.trial)}


@dataclass(frozen=True, slots=True)
class Round:
    """One step over all seeds."""

    step: Step
    bouts: tuple[Bout, ...]


@dataclass(frozen=True, slots=True)
class Duel:
    """What came of it."""

    rules: Rules
    rounds: tuple[Round, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain values, prices with their sources among them."""
        prices = asdict(self.rules.prices) | {"sources": dict(self.rules.prices.sources)}
        return {
            "stillwatch_version": __version__,
            "rules": asdict(self.rules) | {"prices": prices},
            "steps": [
                {
                    "name": each.step.name,
                    "gives_up": each.step.gives_up,
                    "apart": each.step.apart,
                    "bouts": [bout.as_json() for bout in each.bouts],
                }
                for each in self.rounds
            ],
        }


def fight(rules: Rules, cells: Cells, progress: Progress) -> Duel:
    """Play every step under every seed; what ``cells`` holds already is not played again.

    Nobody is shut during a bout: what would have been lost is counted at the flag. New accounts in the place of
    flagged ones are not played either; their price is that of the accounts lost.

    Args:
        rules: What it is fought over.
        cells: Keeps results, so that an interrupted duel goes on.
        progress: Is told how it goes.

    Raises:
        ValueError: If the budget does not pay for a step.
    """
    benign, code = round(rules.benign * rules.scale), code_digest()
    plan = [
        (step, *_sized(rules, step, habits, rate, benign))
        for step, habits, rate in campaigns(rules.days - REST_DAYS, REST_DAYS)
    ]
    total, done = len(plan) * len(rules.seeds), 0
    trials: dict[tuple[str, int], Trial] = {}
    with tempfile.TemporaryDirectory(prefix="stillwatch-duel-") as scratch:
        for seed in rules.seeds:
            among: Crowd | None = None
            for step, campaign, _ in plan:
                progress(f"seed {seed}: {step.name}", done, total)
                specification = _specification(rules, benign, seed, campaign, code)
                held = cells.kept(specification)
                if held is None:
                    if among is None:
                        among = crowd(Path(scratch) / f"crowd-{seed}", benign, rules.days, seed)
                    held = asdict(tried(among, campaign, Path(scratch), rules.level)[0])
                    cells.keep(specification, held)
                trials[step.name, seed] = _trial(held)
                done += 1
    progress("done", total, total)
    return Duel(
        rules,
        tuple(
            Round(step, tuple(Bout(seed, purchase, trials[step.name, seed]) for seed in rules.seeds))
            for step, _, purchase in plan
        ),
    )


def _sized(rules: Rules, step: Step, habits: Campaign, rate: float | None, benign: int) -> tuple[Campaign, Purchase]:
    most = max(1, int(SUPPLY_SHARE * benign))
    purchase = bought(step, habits, rate, rules.prices, rules.budget_usd * rules.scale, most)
    return replace(habits, accounts=purchase.accounts, exchanges=purchase.exchanges), purchase


def _specification(rules: Rules, benign: int, seed: int, campaign: Campaign, code: str) -> dict[str, Any]:
    return {
        "what": "duel",
        "code": code,
        "benign": benign,
        "days": rules.days,
        "seed": seed,
        "level": rules.level,
        "campaign": asdict(campaign),
    }


def _trial(held: dict[str, Any]) -> Trial:
    views = tuple((str(name), float(nats)) for name, nats in held["views"])
    return Trial(**(held | {"views": views}))
