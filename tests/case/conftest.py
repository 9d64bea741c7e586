from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from stillwatch.case.campaign_case import Scan

# Tests are no package here, so the fiction is run rather than imported.
FICTION: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("fiction.py")))


@pytest.fixture(scope="session")
def fictional_scan() -> Scan:
    scan: Scan = FICTION["fictional_scan"]()
    return scan


@pytest.fixture(scope="session")
def empty_scan() -> Scan:
    scan: Scan = FICTION["empty_scan"]()
    return scan


@pytest.fixture(scope="session")
def hostile() -> tuple[str, str]:
    return FICTION["HOSTILE"], FICTION["REORDERING"]
