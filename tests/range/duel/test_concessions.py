from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.range.duel.concessions import EXTREMES, LADDER, assembled, bought, unit_costs
from stillwatch.range.duel.prices import load_prices
from stillwatch.range.operation import operated
from stillwatch.range.simulation import START, window_of

PRICES = load_prices()
PLAN = [
    *((LADDER[place], *assembled(LADDER[: place + 1], 10.0, 2.0)) for place in range(len(LADDER))),
    *((step, *assembled((step,), 10.0, 2.0)) for step in EXTREMES),
]
BY_NAME = {step.name: (step, habits, rate) for step, habits, rate in PLAN}
SEED = 3


def test_each_step_keeps_what_earlier_ones_gave_up() -> None:
    order = [habits for step, habits, _ in PLAN if not step.apart]
    assert [habits.instruction_share for habits in order] == [0.9] + [0.0] * 7
    assert [habits.own_exit_share for habits in order] == [0.0] * 2 + [1.0] * 6
    assert [habits.aged_share for habits in order] == [0.0] * 3 + [1.0] * 5
    assert [rate for step, _, rate in PLAN if not step.apart] == [60.0] * 4 + [8.0] * 4
    assert [habits.dispatch for habits in order] == ["paced"] * 5 + ["own hours"] * 3
    assert order[6].cover_share == 1.0 and order[7].elicitation_share == 0.0 and order[7].replay


def test_extremes_do_not_inherit() -> None:
    _, one, _ = BY_NAME["one account"]
    assert one.instruction_share == 0.9 and one.aged_share == 0.0 and one.dispatch == "paced"


def test_an_extreme_stands_for_itself() -> None:
    for steps in ([], [LADDER[0], EXTREMES[0]], [EXTREMES[0], LADDER[1]]):
        with pytest.raises(ValueError, match="extreme"):
            assembled(steps, 10.0, 2.0)


def test_the_price_of_a_careless_account_by_hand() -> None:
    fixed, sent, rewriting = unit_costs(BY_NAME["careless"][1], PRICES)
    # A verification, a card (nine in ten share one with four others), and three exits of which each serves three.
    assert fixed == pytest.approx(0.31 + (0.1 + 0.9 / 5) * 2.0 + 1.0 * 3.0)
    assert sent == pytest.approx(0.0058) and rewriting == 0.0
    fixed, sent, rewriting = unit_costs(BY_NAME["aged accounts"][1], PRICES)
    assert fixed == pytest.approx(5.0 + 2.0)
    assert sent == pytest.approx(0.0058 + 0.0001) and rewriting == 0.0005
    assert unit_costs(BY_NAME["replay"][1], PRICES)[2] == 0.0  # Its users have written them.
    assert unit_costs(BY_NAME["one exchange each"][1], PRICES)[0] == pytest.approx(0.31)  # No card.


@given(st.sampled_from(sorted(BY_NAME)), st.floats(40.0, 1e5), st.integers(5, 5000))
def test_nobody_spends_more_than_the_budget(name: str, budget: float, most: int) -> None:
    step, habits, rate = BY_NAME[name]
    purchase = bought(step, habits, rate, PRICES, budget, most)
    sent = round(purchase.exchanges * (1 + habits.cover_share))
    # Numbers of exchanges are rounded: half of one may be over.
    assert purchase.spent(sent, purchase.exchanges) <= budget + 0.02
    assert purchase.accounts <= max(most, 1)
    if rate is not None and not purchase.supply_bound:
        more = purchase.accounts + 1
        fixed, each, rewriting = unit_costs(habits, PRICES)
        cost = more * (fixed + rate * habits.days * ((1 + habits.cover_share) * each + rewriting))
        assert cost > budget * (1 - 1e-9)


def test_the_extremes_are_what_they_say() -> None:
    step, habits, rate = BY_NAME["one account"]
    assert bought(step, habits, rate, PRICES, 600.0, 300).accounts == 1
    step, habits, rate = BY_NAME["one exchange each"]
    purchase = bought(step, habits, rate, PRICES, 600.0, 300)
    assert purchase.accounts == purchase.exchanges == 300 and purchase.supply_bound
    sized = replace(habits, accounts=300, exchanges=300)
    _, (extraction, _) = operated(np.random.default_rng(SEED), sized, 0, 1.0, window_of(START, 12))
    assert np.bincount(extraction.account, minlength=300).max() <= 2


def test_a_budget_that_pays_for_nothing_is_refused() -> None:
    step, habits, rate = BY_NAME["aged accounts"]
    with pytest.raises(ValueError, match="aged accounts"):
        bought(step, habits, rate, PRICES, 3.0, 300)
