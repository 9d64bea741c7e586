"""Fits of most accounts: they find the law that was drawn from, and a few others cannot bend them far."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from stillwatch.statistics.central_fit import CENSORED_SHARE, ShareLaw, fit_freedom, fit_shares

seeds = pytest.mark.parametrize("seed", [71, 72, 73])
SHARE_MOVES_MOST = 0.025  # By 2 % of other accounts, whatever they do.


def drawn(law: ShareLaw, accounts: int, generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    share = generator.beta(law.mean * law.concentration, (1 - law.mean) * law.concentration, accounts)
    trials = generator.integers(1, 400, accounts)
    return generator.binomial(trials, share), trials


@seeds
@pytest.mark.parametrize("law", [ShareLaw(0.3, 4.0), ShareLaw(0.85, 8.0), ShareLaw(0.05, 3.0), ShareLaw(0.5, 1.0)])
def test_the_law_is_found_again(seed: int, law: ShareLaw) -> None:
    found = fit_shares(*drawn(law, 6000, np.random.default_rng(seed)), ShareLaw(0.2, 2.0))
    assert found.mean == pytest.approx(law.mean, abs=0.02)
    assert found.concentration == pytest.approx(law.concentration, rel=0.2)


@seeds
@pytest.mark.parametrize("law", [ShareLaw(0.3, 4.0), ShareLaw(0.85, 8.0), ShareLaw(0.05, 3.0), ShareLaw(0.004, 6.0)])
@pytest.mark.parametrize("other", [0.0, 0.5, 1.0])
def test_two_in_a_hundred_move_the_mean_by_little(seed: int, law: ShareLaw, other: float) -> None:
    generator = np.random.default_rng(seed)
    k, n = drawn(law, 6000, generator)
    clean = fit_shares(k, n, law)
    bent_k, bent_n = k.copy(), n.copy()
    bent_n[:120] = 100_000
    bent_k[:120] = int(100_000 * other)
    bent = fit_shares(bent_k, bent_n, law)
    assert abs(bent.mean - clean.mean) < SHARE_MOVES_MOST
    assert abs(math.log(bent.concentration / clean.concentration)) < math.log(2)


def test_beyond_the_decile_only_that_it_is_beyond_counts() -> None:
    """Where the censored accounts stand exactly changes nothing at all."""
    generator = np.random.default_rng(74)
    k, n = drawn(ShareLaw(0.2, 5.0), 3000, generator)
    n[:] = 30
    k = generator.binomial(30, generator.beta(1.0, 4.0, 3000))
    far = np.argsort(k / n)[-int(CENSORED_SHARE * 3000) + 1 :]
    start = ShareLaw(0.1, 2.0)
    decile = np.quantile(k / n, 0.9, method="higher")
    assert (k[far] / n[far] >= decile).all()
    strictly = far[k[far] / n[far] > decile]
    further = k.copy()
    further[strictly] = 30
    assert fit_shares(further, n, start) == fit_shares(k, n, start)


def test_without_accounts_the_start_stands() -> None:
    start = ShareLaw(0.1, 2.0)
    assert fit_shares([], [], start) == start
    assert fit_shares([3, 1], [7, 2], start) == start
    near = fit_shares([0, 0, 0], [9, 9, 9], start)
    assert 0.02 < near.mean < 0.1


@pytest.mark.parametrize(("k", "n"), [([1], [0]), ([-1], [9]), ([1, 2], [9])])
def test_misuse_is_refused(k: list[int], n: list[int]) -> None:
    with pytest.raises(ValueError, match="successes"):
        fit_shares(k, n, ShareLaw(0.1, 2.0))


@seeds
@pytest.mark.parametrize("freedom", [1.5, 2.0, 4.0])
def test_the_freedom_is_found_again_and_stays_under_contamination(seed: int, freedom: float) -> None:
    generator = np.random.default_rng(seed)
    values = generator.standard_t(freedom, 40_000)
    found = fit_freedom(values)
    assert math.log(found / freedom) == pytest.approx(0, abs=0.35)
    values[: len(values) // 50] = 1e6
    assert math.log(fit_freedom(values) / found) == pytest.approx(0, abs=0.6)


def test_a_heap_at_one_value_is_no_tail() -> None:
    assert fit_freedom(np.zeros(50)) == 1.0
    assert fit_freedom([math.nan]) == 30.0
