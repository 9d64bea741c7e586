"""What every mark must keep, whatever the engine."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from stillwatch.provenance.keys import cohort_key
from stillwatch.provenance.pairs import Pairs
from stillwatch.provenance.schemes.gumbel_dual_vllm import log_two_gammas_tail
from stillwatch.provenance.schemes.registry import SCHEMES, scheme_maker
from stillwatch.provenance.schemes.scheme import SchemeMaker, Settings, distinct
from stillwatch.provenance.schemes.synthid import falling_weights
from stillwatch.provenance.tails import log_gamma_tail

SETTINGS = Settings(width=2, vocabulary=50, green_share=0.3, layers=7, table_size=4096)
each = pytest.mark.parametrize("maker", SCHEMES, ids=[maker.card.id for maker in SCHEMES])


def pairs(seed: int, count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.array(list(product(range(50), repeat=2)))
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    contexts = np.column_stack([rows[chosen, :1]] * width)
    return contexts, rows[chosen, 1]


@each
def test_cards_are_complete_and_names_unique(maker: SchemeMaker) -> None:
    card = maker.card
    assert all(len(text) > 3 for text in (card.id, card.title, card.engine, card.engine_version, card.function_version))
    assert len(card.checked) > 30 and len(card.law) > 30
    assert scheme_maker(card.id) is maker
    assert sum(other.card.id == card.id for other in SCHEMES) == 1


@each
def test_no_secret_shows(maker: SchemeMaker) -> None:
    key = cohort_key(b"\x07" * 16, "c", "p")
    shown = repr(maker.of(key, SETTINGS)) + str(maker.of(key, SETTINGS))
    for number in maker.numbers(key, SETTINGS):
        assert str(number) not in shown and f"{number:x}" not in shown


@each
@pytest.mark.parametrize("seed", [1, 2])
def test_over_keys_centred_scores_have_mean_zero_and_at_most_the_proxy_s_variance(
    maker: SchemeMaker, seed: int
) -> None:
    scores = []
    for number in range(20 if maker.card.id == "kgw_self_hugging_face" else 60):
        scheme = maker.of(cohort_key(bytes([seed, number]) * 8, "c", "p"), SETTINGS)
        contexts, tokens = pairs(seed, 300, scheme.width)
        scores.append(scheme.centred(contexts, tokens))
    found = np.array(scores)
    error = np.sqrt(scheme.proxy / found.size)
    assert abs(found.mean()) < 5 * error
    assert found.var() < scheme.proxy * 1.03
    assert found.var() > scheme.proxy * 0.5


@each
def test_weighted_sums_are_linear_and_their_proxy_quadratic(maker: SchemeMaker) -> None:
    scheme = maker.of(cohort_key(b"\x01" * 16, "c", "p"), SETTINGS)
    contexts, tokens = pairs(3, 200, scheme.width)
    weights = np.random.default_rng(3).normal(size=200)
    once, thrice = (scheme.weighted(contexts, tokens, factor * weights) for factor in (1.0, 3.0))
    assert np.isclose(thrice.total, 3 * once.total) and np.isclose(thrice.variance, 9 * once.variance)
    assert np.isclose(once.total, (weights * scheme.keyed(contexts)) @ scheme.centred(contexts, tokens))
    even = distinct(scheme, Pairs(contexts, tokens, tokens, tokens))
    plain = scheme.weighted(even.contexts, even.tokens, np.ones(len(even)))
    assert np.isclose(scheme.judged(even.contexts, even.tokens).z, plain.z)
    assert np.isclose(thrice.z, once.z)
    assert scheme.weighted(contexts[:0], tokens[:0], weights[:0]).z == 0


@each
@pytest.mark.parametrize("seed", [6])
def test_bounds_hold_over_keys(maker: SchemeMaker, seed: int) -> None:
    # Wrong keys; a law that keeps its level exactly exceeds these counts with chance 1e-3. selfhash shuffles a million
    # numbers a key, so it gets fewer.
    keys = 50 if maker.card.id == "kgw_self_hugging_face" else 200
    below_tail = below_bound = 0
    for number in range(keys):
        scheme = maker.of(cohort_key(number.to_bytes(16, "big"), "c", "p"), SETTINGS)
        contexts, tokens = pairs(seed, 150, scheme.width)
        weights = np.random.default_rng(seed).exponential(size=150)
        once = distinct(scheme, Pairs(contexts, tokens, tokens, tokens))
        log_p = scheme.judged(once.contexts, once.tokens).log_p
        below_tail += log_p <= np.log(0.05)
        below_bound += -0.5 * max(scheme.weighted(contexts, tokens, weights).z, 0) ** 2 <= np.log(0.05)
    assert below_tail <= binom.isf(1e-3, keys, 0.05) and below_bound <= binom.isf(1e-3, keys, 0.02)


def test_wrong_numbers_and_settings_are_refused() -> None:
    for name, numbers, settings in [
        ("gumbel_vllm", (2**64,), SETTINGS),
        ("gumbel_vllm", (1, 2), SETTINGS),
        ("gumbel_dual_vllm", (-1,), SETTINGS),
        ("gumbel_dual_vllm", (1,), Settings(share_b=2.0)),
        ("gumbel_sglang", (1, 2, 3), SETTINGS),
        ("gumbel_sglang", (1,), Settings(width=65)),
        ("kgw_left_hugging_face", (0,), SETTINGS),
        ("kgw_left_hugging_face", (1,), Settings(vocabulary=1)),
        ("kgw_left_hugging_face", (1,), Settings(vocabulary=50, green_share=0.001)),
        ("kgw_self_hugging_face", (1,), Settings(vocabulary=50, width=1)),
        ("synthid_hugging_face", (), SETTINGS),
        ("synthid_hugging_face", (1,), Settings(table_size=1)),
    ]:
        with pytest.raises(ValueError):
            scheme_maker(name).make(numbers, settings)
    with pytest.raises(ValueError, match="no scheme"):
        scheme_maker("nonsense")


def test_two_gammas_are_bounded_and_one_alone_is_nearly_exact() -> None:
    generator = np.random.default_rng(12)
    drawn = 0.9 * generator.gamma(40, size=200_000) + 0.1 * generator.gamma(40, size=200_000)
    for total in (45.0, 50.0, 60.0):
        bound = np.exp(log_two_gammas_tail(total, 40, 0.1))
        assert (drawn >= total).mean() <= bound
    assert log_two_gammas_tail(90.0, 40, 0.0) >= log_gamma_tail(90.0, 40)
    assert log_two_gammas_tail(90.0, 40, 0.0) < log_gamma_tail(90.0, 40) + 4
    assert log_two_gammas_tail(39.0, 40, 0.1) == 0.0


def test_layers_weigh_less_towards_the_end() -> None:
    weights = falling_weights(30)
    assert np.isclose(weights.mean(), 1) and np.all(np.diff(weights) < 0)
    assert np.isclose(weights[0] / weights[-1], 10)


def test_windows_that_share_a_table_s_entry_count_as_one_coin() -> None:
    scheme = scheme_maker("synthid_hugging_face").make((5, 9), Settings(width=1, table_size=65_536))
    contexts, tokens = np.array([[3], [3]]), np.array([1, 1 + 65_536])  # Equal in the lower 16 bits, so everywhere.
    both, one = (scheme.weighted(contexts[:n], tokens[:n], np.ones(n)) for n in (2, 1))
    assert np.isclose(both.total, 2 * one.total) and np.isclose(both.variance, 4 * one.variance)
