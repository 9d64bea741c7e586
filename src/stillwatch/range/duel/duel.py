"""The duel as a whole: each step bought, simulated within honest traffic, scanned and priced."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stillwatch import __version__
from stillwatch.range.campaign import Campaign
from stillwatch.range.cells import Cells, code_digest
from stillwatch.range.duel.concessions import EXTREMES, LADDER, Purchase, Step, assembled, bought
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
        adaptive: Whether the operator chooses what to give up next by what it gains, instead of by the ladder.

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
    adaptive: bool = False

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
        """What was spent until each account was flagged; accounts and cards are paid in full whenever that was."""
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

    @property
    def usd_each(self) -> float | None:
        """Dollars for each exchange that got away, all bouts together; None where none did."""
        leaked = sum(bout.trial.leaked for bout in self.bouts)
        return sum(bout.spent_usd for bout in self.bouts) / leaked if leaked else None


@dataclass(frozen=True, slots=True)
class Duel:
    """What came of it."""

    rules: Rules
    rounds: tuple[Round, ...]

    @property
    def cheapest(self) -> tuple[str, float] | None:
        """The step that pays least for an exchange that gets away, over all its bouts; None where none got away."""
        prices = [(each.step.name, each.usd_each) for each in self.rounds]
        known = [(name, price) for name, price in prices if price is not None]
        return min(known, key=lambda pair: pair[1], default=None)

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain values, prices with their sources among them."""
        prices = asdict(self.rules.prices) | {"sources": dict(self.rules.prices.sources)}
        return {
            "stillwatch_version": __version__,
            "rules": asdict(self.rules) | {"prices": prices},
            "cheapest": None if self.cheapest is None else {"step": self.cheapest[0], "usd_each": self.cheapest[1]},
            "steps": [
                {
                    "name": each.step.name,
                    "gives_up": each.step.gives_up,
                    "apart": each.step.apart,
                    "usd_each": each.usd_each,
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
    with tempfile.TemporaryDirectory(prefix="stillwatch-duel-") as scratch:
        arena = Arena(rules, cells, Path(scratch), progress)
        rounds = _adaptive(arena) if rules.adaptive else _in_order(arena)
        rounds += [arena.play((step,)) for step in EXTREMES]
    progress("done", arena.bouts, arena.bouts)
    return Duel(rules, tuple(rounds))


@dataclass
class Arena:
    """Where bouts are fought: the honest traffic of each seed, and what was played already."""

    rules: Rules
    cells: Cells
    scratch: Path
    progress: Progress

    def __post_init__(self) -> None:
        """Prepare what all bouts share."""
        self.benign, self.code, self.bouts = round(self.rules.benign * self.rules.scale), code_digest(), 0
        self._crowds: dict[int, Crowd] = {}
        steps = len(LADDER) + len(EXTREMES)
        if self.rules.adaptive:
            steps = 1 + (len(LADDER) - 1) * len(LADDER) // 2 + len(EXTREMES)
        self._most = steps * len(self.rules.seeds)

    def play(self, steps: Sequence[Step]) -> Round:
        """Play the last of ``steps`` on top of the others, under every seed."""
        rules = self.rules
        habits, rate = assembled(steps, rules.days - REST_DAYS, REST_DAYS)
        most = max(1, int(SUPPLY_SHARE * self.benign))
        purchase = bought(steps[-1], habits, rate, rules.prices, rules.budget_usd * rules.scale, most)
        campaign = replace(habits, accounts=purchase.accounts, exchanges=purchase.exchanges)
        return Round(steps[-1], tuple(Bout(seed, purchase, self._trial(campaign, seed)) for seed in rules.seeds))

    def _trial(self, campaign: Campaign, seed: int) -> Trial:
        self.progress(f"seed {seed}: {campaign.name}", self.bouts, self._most)
        self.bouts += 1
        specification = _specification(self.rules, self.benign, seed, campaign, self.code)
        held = self.cells.kept(specification)
        if held is None:
            if seed not in self._crowds:
                self._crowds[seed] = crowd(self.scratch / f"crowd-{seed}", self.benign, self.rules.days, seed)
            held = asdict(tried(self._crowds[seed], campaign, self.scratch, self.rules.level)[0])
            self.cells.keep(specification, held)
        return _trial(held)


def _in_order(arena: Arena) -> list[Round]:
    """Give up one signal after another in the order of the ladder."""
    return [arena.play(LADDER[: place + 1]) for place in range(len(LADDER))]


def _adaptive(arena: Arena) -> list[Round]:
    """Give up whatever makes the next exchange cheapest, and stop where nothing does any more.

    The operator is given what no operator has: it may try each concession against the detector, under every seed.
    """
    taken = [LADDER[0]]
    rounds = [arena.play(taken)]
    left = list(LADDER[1:])
    while left:
        found = [arena.play([*taken, step]) for step in left]
        best = min(found, key=_price)
        if _price(best) >= _price(rounds[-1]):
            break
        rounds.append(best)
        taken.append(best.step)
        left.remove(best.step)
    return rounds


def _price(each: Round) -> float:
    return math.inf if each.usd_each is None else each.usd_each


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
