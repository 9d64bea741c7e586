from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.case.campaign_case import Scan
from stillwatch.store.results import result_accounts

# The fiction is that of the report's tests; tests are no package here, so it is run rather than imported.
FICTION: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[1] / "case" / "fiction.py"))


@pytest.fixture(scope="session")
def scan() -> Scan:
    """The fictional scan, with the small campaign's accounts renamed: an account is in one campaign only."""
    whole: Scan = FICTION["fictional_scan"]()
    pool, burst = whole.campaigns
    renamed = tuple(dataclasses.replace(account, account_id=f"b-{account.account_id}") for account in burst.accounts)
    return dataclasses.replace(whole, campaigns=(pool, dataclasses.replace(burst, accounts=renamed)))


@pytest.fixture(scope="session")
def empty_scan() -> Scan:
    whole: Scan = FICTION["empty_scan"]()
    return whole


@pytest.fixture(scope="session")
def accounts(scan: Scan) -> pa.Table:
    ids = [f"honest-{place}" for place in range(40)]
    ids += [account.account_id for campaign in scan.campaigns for account in campaign.accounts][::-1]
    return result_accounts(scan, pa.array(ids, pa.large_string()), np.linspace(-3.0, 30.0, len(ids)))
