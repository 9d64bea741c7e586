"""What all tests share: Hypothesis without deadlines, and one seed for it that the session's first lines name."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import settings

# No deadline: a shared machine's slow moment, or the first compilation, is no failure.
settings.register_profile("stillwatch", deadline=None, print_blob=True)
settings.load_profile("stillwatch")


@pytest.hookimpl(tryfirst=True)  # Before Hypothesis' own plugin reads the option.
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> str:
    return f"hypothesis seed: repeat with --hypothesis-seed={config.getoption('--hypothesis-seed')}"
