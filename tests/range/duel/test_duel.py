from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from stillwatch.range.cells import Cells
from stillwatch.range.duel import duel as module
from stillwatch.range.duel.concessions import EXTREMES, LADDER, Purchase, Step
from stillwatch.range.duel.duel import Arena, Bout, Duel, Round, Rules, fight
from stillwatch.range.duel.picture import picture
from stillwatch.range.duel.prices import load_prices
from stillwatch.range.duel.table import HEADINGS, dollars, duel_page, duel_table
from stillwatch.range.trial import Trial

RULES = Rules(load_prices(), budget_usd=60.0, benign=40, days=4, seeds=(4,))
TRIAL = Trial(
    accounts=10,
    flagged=4,
    extracted=1000,
    leaked=600,
    sent=1500,
    sent_before=900,
    first_flag_day=1.5,
    benign=100,
    benign_flagged=0,
    recall_at_rate=0.5,
    views=(("payment", 8.0),),
)
PURCHASE = Purchase(
    accounts=10, exchanges=1000, fixed_usd=50.0, exchange_usd=0.01, rewriting_usd=0.001, supply_bound=False
)


@pytest.fixture(scope="module")
def fought(tmp_path_factory: pytest.TempPathFactory) -> tuple[Duel, Path]:
    print(f"seeds {RULES.seeds}")  # noqa: T201
    kept = tmp_path_factory.mktemp("duel") / "kept"
    return fight(RULES, Cells(kept), lambda *_: None), kept


def test_every_step_and_both_extremes_are_played(fought: tuple[Duel, Path]) -> None:
    duel, kept = fought
    assert [each.step.name for each in duel.rounds] == [step.name for step in (*LADDER, *EXTREMES)]
    assert len(list(kept.iterdir())) == len(duel.rounds)
    for each in duel.rounds:
        bout = each.bouts[0]
        assert bout.trial.accounts <= bout.purchase.accounts
        assert 0 < bout.trial.leaked <= bout.trial.extracted <= bout.purchase.exchanges * 1.3
        assert bout.spent_usd < 1.35 * RULES.budget_usd  # Turns and cover are drawn about their means.
    said = orjson.loads(orjson.dumps(duel.as_json()))
    assert said["rules"]["seeds"] == [4] and said["rules"]["prices"]["sources"]["card"]
    assert said["steps"][0]["bouts"][0]["trial"]["extracted"] > 0


def test_an_interrupted_duel_goes_on_where_it_stopped(
    fought: tuple[Duel, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    duel, kept = fought

    def forbidden(*_: object) -> None:
        raise AssertionError("this was played already")

    monkeypatch.setattr(module, "tried", forbidden)
    monkeypatch.setattr(module, "crowd", forbidden)
    assert fight(RULES, Cells(kept), lambda *_: None) == duel
    with pytest.raises(AssertionError, match="already"):
        fight(replace(RULES, seeds=(5,)), Cells(kept), lambda *_: None)
    monkeypatch.setattr(module, "code_digest", lambda: "other code")
    with pytest.raises(AssertionError, match="already"):
        fight(RULES, Cells(kept), lambda *_: None)


def test_an_adaptive_operator_takes_what_pays_and_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scans are replaced by a rule: without own identity all leak 100, with it 500, and slowness halves that."""
    tried_steps: list[tuple[str, ...]] = []

    def played(_arena: Arena, steps: Sequence[Step]) -> Round:
        names = tuple(step.name for step in steps)
        tried_steps.append(names)
        leaked = 500 if "own identity" in names else 100
        trial = replace(TRIAL, leaked=leaked // 2 if "low and slow" in names else leaked, sent_before=100)
        return Round(steps[-1], (Bout(1, PURCHASE, trial),))

    monkeypatch.setattr(Arena, "play", played)
    duel = fight(replace(RULES, adaptive=True), Cells(tmp_path), lambda *_: None)
    assert [each.step.name for each in duel.rounds] == ["careless", "own identity", *(step.name for step in EXTREMES)]
    assert len(tried_steps) == 1 + 7 + 6 + 2
    assert all(names[0] == "careless" for names in tried_steps[:-2])


def test_money_is_counted_to_the_flag() -> None:
    bout = Bout(1, PURCHASE, TRIAL)
    assert bout.flagged_share == 0.4
    assert bout.spent_usd == pytest.approx(50 + 900 * 0.01 + 600 * 0.001)
    assert bout.usd_each == pytest.approx(59.6 / 600)
    nothing = Bout(1, PURCHASE, replace(TRIAL, leaked=0, sent_before=0))
    assert nothing.usd_each is None and nothing.spent_usd == 50
    # Over several bouts money and exchanges are added up before they are divided.
    both, none = Round(LADDER[0], (bout, nothing)), Round(LADDER[1], (nothing,))
    assert both.usd_each == pytest.approx((59.6 + 50) / 600)
    assert none.usd_each is None
    dearer = Round(LADDER[2], (Bout(1, replace(PURCHASE, fixed_usd=500.0), TRIAL),))
    assert Duel(RULES, (none, dearer, both)).cheapest == ("careless", both.usd_each)
    assert Duel(RULES, (none,)).cheapest is None


def test_table_and_page_have_a_row_a_step(fought: tuple[Duel, Path]) -> None:
    duel, _ = fought
    assert duel_table(duel).row_count == len(duel.rounds)
    lines = duel_page(duel).splitlines()
    assert len(lines) == len(duel.rounds) + 2
    assert all(line.count("|") == len(HEADINGS) + 1 for line in lines)


def test_the_picture_names_every_step_and_stands_alone(fought: tuple[Duel, Path]) -> None:
    drawn = picture(fought[0])
    root = ET.fromstring(drawn)
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert set(words) >= {step.name for step in (*LADDER, *EXTREMES)}
    assert "href" not in drawn and "url(" not in drawn


def test_amounts_keep_two_figures() -> None:
    assert [dollars(value) for value in (600, 12.345, 0.321, 0.0998, 0.00594, 0.00001)] == [
        "$600",
        "$12.35",
        "$0.32",
        "$0.10",
        "$0.0059",
        "$1.0e-05",
    ]


@pytest.mark.parametrize(
    ("given", "word"),
    [({"budget_usd": 0.0}, "budget"), ({"days": 2}, "days"), ({"seeds": ()}, "seeds"), ({"seeds": (1, 1)}, "once")],
)
def test_impossible_rules_are_refused(given: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        replace(RULES, **given)  # type: ignore[arg-type]
