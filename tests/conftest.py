"""What all tests share: Hypothesis without deadlines, under a seed that the first lines name, and built populations."""

from __future__ import annotations

import importlib.util
import secrets
import sys
from pathlib import Path
from types import ModuleType

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


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """The population builder of the campaign tests; tests are no package here, so it is loaded by its path."""
    name = "campaign_population_builder"
    if name not in sys.modules:
        path = Path(__file__).parent / "campaign" / "population_builder.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)  # Dataclasses look their module up.
        spec.loader.exec_module(module)
    return sys.modules[name]
