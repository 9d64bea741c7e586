from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def builder() -> ModuleType:
    """The population builder of the campaign tests; tests are no package here, so it is loaded by its path."""
    name = "campaign_population_builder"
    if name not in sys.modules:
        path = Path(__file__).parents[1] / "campaign" / "population_builder.py"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)  # Dataclasses look their module up.
        spec.loader.exec_module(module)
    return sys.modules[name]
