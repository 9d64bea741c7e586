"""Learning what honest accounts do: unlabelled history, some of it of campaigns, moves the limits little."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from stillwatch.engine.profiles import profiles
from stillwatch.engine.replay import with_profile
from stillwatch.evidence.baseline import (
    KIND_ACCOUNTS_LEAST,
    LEARN_ACCOUNTS_LEAST,
    UNKNOWN,
    Habits,
    learn,
    rows_by_kind,
    weigh,
    with_limits,
)
from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.registry import DETECTORS, detectors_with
from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.footprint.fold import Folding, fold_footprints
from stillwatch.footprint.footprints import Footprints, blank
from stillwatch.range.presets import preset
from stillwatch.range.simulation import Simulation, simulate

SEED = 41
START = dt.datetime(2025, 3, 3, tzinfo=dt.UTC)
CAMPAIGN_SHARE = 0.02  # Of the exchanges.
# By so much at most the 2 % of campaigns may move what is learnt.
SHARE_MOVES_MOST = 0.02
TIMES_MOVES_MOST = 2.0


@dataclasses.dataclass(frozen=True)
class History:
    """Footprints of simulated history, and which accounts are of campaigns."""

    footprints: Footprints
    hostile: NDArray[np.bool_]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    sys.stdout.write(f"seed {SEED}\n")
    folder = tmp_path_factory.mktemp("simulated") / "traffic"
    pools = tuple(
        replace(preset(name), name=f"pool {k}", accounts=9, exchanges=400, days=6, starts_day=1.0, cover_share=0.1)
        for k, name in enumerate(("anthropic-2026-02-150k", "anthropic-2026-02-3.4m"))
    )
    simulate(Simulation(900, 1.0, 9, SEED, START, pools), folder)
    pseudonyms = Pseudonyms(b"0123456789abcdef")
    folding = Folding(
        lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, int(START.timestamp()) * 1_000_000
    )
    bare = fold_footprints(pq.read_table(folder / "exchanges"), folding)
    footprints = with_profile(bare, profiles(read_accounts(folder / "accounts.parquet"), pseudonyms))
    truth = pq.read_table(folder / "truth" / "accounts.parquet")
    hostile = truth.filter(pc.is_valid(truth["campaign"]))["account_id"].cast(pa.large_string())
    is_hostile = pc.is_in(footprints.account_id, value_set=hostile.combine_chunks()).to_numpy(zero_copy_only=False)
    return History(footprints, is_hostile)


def test_campaigns_of_two_in_a_hundred_exchanges_move_the_limits_little(history: History) -> None:
    footprints, hostile = history.footprints, history.hostile
    exchanges = footprints.integers("exchanges")
    share = exchanges[hostile].sum() / exchanges.sum()
    assert 0.8 * CAMPAIGN_SHARE < share < 1.3 * CAMPAIGN_SHARE, share
    bent = learn(footprints)[0].benign
    clean = learn(footprints.take(np.flatnonzero(~hostile)))[0].benign
    for field in dataclasses.fields(Benign):
        before, after = getattr(clean, field.name), getattr(bent, field.name)
        if field.name.endswith(("_concentration", "_freedom")):
            assert abs(math.log(after / before)) < math.log(TIMES_MOVES_MOST), field.name
        else:
            assert abs(after - before) < SHARE_MOVES_MOST, field.name


@pytest.mark.parametrize("trait", ["coercion", "reasoning", "grading", "training"])
def test_the_worst_that_two_in_a_hundred_accounts_can_do_is_bounded(history: History, trait: str) -> None:
    """Every prompt of these accounts elicits: no account could be further from the honest ones."""
    whole = history.footprints.take(np.flatnonzero(~history.hostile))
    clean = getattr(learn(whole)[0].benign, f"{trait}_share")
    arrays = {name: array.copy() for name, array in whole.arrays.items()}
    rows = np.random.default_rng(SEED).choice(len(whole), round(0.02 * len(whole)), replace=False)
    arrays["prompts"][rows] = arrays["prompts"][rows] + 1_000
    arrays[trait][rows] = arrays["prompts"][rows]
    bent = learn(Footprints(arrays, whole.account_id, whole.origin_us, whole.profile))[0].benign
    assert clean <= getattr(bent, f"{trait}_share") < clean + 0.03


def test_a_law_is_never_taken_to_end_sooner_than_the_shipped_one(history: History) -> None:
    for habits in learn(history.footprints):
        for field in dataclasses.fields(Benign):
            if field.name.endswith(("_concentration", "_freedom")):
                assert getattr(habits.benign, field.name) <= getattr(BENIGN, field.name)


def test_kinds_with_enough_accounts_have_limits_of_their_own(history: History) -> None:
    found = learn(history.footprints)
    rows = rows_by_kind(history.footprints)
    assert found[0].kind is None and found[0].accounts == len(history.footprints)
    assert {each.kind for each in found[1:]} == {k for k, of in rows.items() if len(of) >= KIND_ACCOUNTS_LEAST}
    assert len(found) >= 2
    assert all(each.accounts == len(rows[each.kind]) for each in found[1:] if each.kind is not None)
    assert any(each.benign != found[0].benign for each in found[1:])


def test_too_little_history_changes_nothing(history: History) -> None:
    few = history.footprints.take(np.arange(LEARN_ACCOUNTS_LEAST - 1))
    (everyone,) = learn(few)
    assert everyone.benign == BENIGN and everyone.learnt_from == ()
    assert learn(blank(pa.array([], pa.large_string()), 0))[0].benign == BENIGN


def test_without_habits_the_weights_are_those_of_the_shipped_detectors(history: History) -> None:
    for found, detector in zip(weigh(history.footprints), DETECTORS, strict=True):
        alone = detector(history.footprints)
        assert found.claim == alone.claim
        for name in ("log_e", "exchanges", "measured"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name))


def test_each_kind_is_held_to_its_own_limits_and_others_to_everyones(history: History) -> None:
    footprints = history.footprints
    rows = rows_by_kind(footprints)
    own = next(iter(rows))
    strict = with_limits(BENIGN, {"opening_share": 0.05, "night_share": 0.01})
    lenient = with_limits(BENIGN, {"opening_share": 0.9, "night_share": 0.2})
    found = weigh(footprints, (Habits(None, 1, lenient, ()), Habits(own, 1, strict, ())))
    for place, evidence in enumerate(found):
        for kind, of in rows.items():
            alone = detectors_with(strict if kind == own else lenient)[place](footprints)
            np.testing.assert_allclose(evidence.log_e[of], alone.log_e[of])


def test_only_who_is_asked_for_is_weighed(history: History) -> None:
    asked = np.array([3, 50, 400])
    whole = weigh(history.footprints)
    for few, all_of_them in zip(weigh(history.footprints, asked=asked), whole, strict=True):
        np.testing.assert_array_equal(few.log_e[asked], all_of_them.log_e[asked])
        assert np.isnan(np.delete(few.log_e, asked)).all()


def test_kinds_that_nobody_knows_are_one(history: History) -> None:
    bare = Footprints(history.footprints.arrays, history.footprints.account_id, history.footprints.origin_us)
    assert list(rows_by_kind(bare)) == [(UNKNOWN, UNKNOWN)]


def test_a_limit_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError):
        with_limits(BENIGN, {"charm": 0.5})
