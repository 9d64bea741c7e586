"""The duel as a table, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich import box
from rich.table import Table

from stillwatch.range.duel.duel import Bout, Duel, Round

HEADINGS = (
    "step",
    "gives up",
    "accounts",
    "flagged",
    "extracted if never shut",
    "before the flag",
    "$ each",
    "first flag, day",
    "honest flagged",
    "what spoke",
)
VIEWS_MOST = 3


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0 for nothing."""
    return sum(values) / len(values) if values else 0.0


def dollars(value: float) -> str:
    """Return an amount with two figures that count: $0.0059, $0.32, $600."""
    if value >= 100:
        return f"${value:,.0f}"
    if value >= 0.0995:
        return f"${value:.2f}"
    return f"${value:.2g}" if value >= 0.001 else f"${value:.1e}"


def _row(each: Round) -> tuple[str, ...]:
    trials = [bout.trial for bout in each.bouts]
    price = each.usd_each
    days = [trial.first_flag_day for trial in trials if trial.first_flag_day is not None]
    never = len(trials) - len(days)
    first = f"{mean(days):.1f}" + (f" ({never} of {len(trials)} never)" if never else "") if days else "never"
    return (
        each.step.name,
        each.step.gives_up,
        f"{mean([trial.accounts for trial in trials]):,.0f}",
        f"{mean([bout.flagged_share for bout in each.bouts]):.0%}",
        f"{mean([trial.extracted for trial in trials]):,.0f}",
        f"{mean([trial.leaked for trial in trials]):,.0f}",
        "–" if price is None else dollars(price),
        first,
        f"{sum(trial.benign_flagged for trial in trials)} of {sum(trial.benign for trial in trials):,}",
        ", ".join(_views(each.bouts)) or "nothing",
    )


def _views(bouts: Sequence[Bout]) -> list[str]:
    """Return the views that spoke, the one with most nats over all bouts first."""
    total: dict[str, float] = {}
    for bout in bouts:
        for view, log_e in bout.trial.views:
            total[view] = total.get(view, 0.0) + log_e
    return sorted(total, key=lambda view: -total[view])[:VIEWS_MOST]


def duel_table(duel: Duel) -> Table:
    """Return the duel for a terminal."""
    seeds = " ".join(map(str, duel.rules.seeds))
    table = Table(title=f"Means over seeds {seeds}; simulated", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if 2 <= place <= 8 else "left", overflow="fold")
    for each, following in zip_longest(duel.rounds, duel.rounds[1:]):
        table.add_row(*_row(each), end_section=following is not None and following.step.apart > each.step.apart)
    return table


def duel_page(duel: Duel) -> str:
    """Return the duel as a Markdown table."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS), *(_row(each) for each in duel.rounds)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
