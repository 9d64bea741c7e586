"""Monoculture: own mixes as from a Dirichlet law, and one template in every prompt."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.evidence.monoculture import detector
from stillwatch.footprint.footprints import SETTINGS, TEMPLATES, Footprints, blank

TEMPLATE_COLLISION, SETTING_COLLISION = 0.1, 0.5


def accounts(templates: np.ndarray, settings: np.ndarray, plan: list[str] | None = None) -> Footprints:
    footprints = blank(pa.array([f"a{i}" for i in range(len(templates))]), 0)
    footprints.arrays["templates"][:] = templates
    footprints.arrays["settings"][:] = settings
    footprints.arrays["prompts"][:] = footprints.arrays["exchanges"][:] = templates.sum(axis=1)
    if plan is not None:
        footprints.profile = pa.table({"plan": plan})
    return footprints


def mixes(generator: np.random.Generator, size: int, buckets: int, collision: float, exchanges: int) -> np.ndarray:
    alpha = (1 - collision) / (buckets * collision - 1)
    share = generator.gamma(alpha, 1.0, (size, buckets)) + 1e-300
    return generator.multinomial(exchanges, share / share.sum(axis=1, keepdims=True))


def benign(generator: np.random.Generator, size: int) -> Footprints:
    return accounts(
        mixes(generator, size, TEMPLATES, TEMPLATE_COLLISION, 12),
        mixes(generator, size, SETTINGS, SETTING_COLLISION, 12),
    )


def adversary(generator: np.random.Generator, size: int) -> Footprints:
    return accounts(
        mixes(generator, size, TEMPLATES, 0.95, 100), mixes(generator, size, SETTINGS, SETTING_COLLISION, 100)
    )


def test_an_application_among_applications_is_no_surprise() -> None:
    generator = np.random.default_rng(5)
    chat = mixes(generator, 60, TEMPLATES, 0.05, 100)
    applications = np.zeros((61, TEMPLATES), np.int64)
    applications[np.arange(61), generator.integers(TEMPLATES, size=61)] = 100
    templates = np.concatenate([chat, applications])
    settings = np.zeros((121, SETTINGS), np.int64)
    by_kind = detector(accounts(templates, settings, ["pro"] * 60 + ["api"] * 61)).log_e
    mixed_up = detector(accounts(templates, settings)).log_e
    assert (by_kind[60:] < 5).all() and (mixed_up[60:] > 15).all()
    # One such account among chats stands out even by kind.
    odd = detector(accounts(templates[:61], settings[:61], ["pro"] * 61)).log_e
    assert odd[60] > 15 > odd[:60].max()


def test_settings_alone_are_data_too() -> None:
    footprints = accounts(np.zeros((1, TEMPLATES)), np.full((1, SETTINGS), 3))
    assert np.isfinite(detector(footprints).log_e).all()
