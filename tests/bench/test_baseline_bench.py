"""The baseline's bench: honest accounts and campaign accounts are counted apart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from bench.baseline import LEVELS, Traffic, reliabilities

from stillwatch.evidence.baseline import weigh
from stillwatch.footprint.footprints import blank
from stillwatch.statistics.reliability import reliability


def test_truth_decides_which_column_an_account_is_in() -> None:
    footprints = blank(pa.array([f"account {k}" for k in range(40)], pa.large_string()), 0)
    arrays = footprints.arrays
    arrays["exchanges"][:] = arrays["prompts"][:] = 400
    arrays["coercion"][:10] = arrays["eliciting"][:10] = 400
    hostile = np.arange(40) < 10
    table = reliabilities(Traffic(footprints, hostile), {"shipped": ()})
    names = list(table.columns[0].cells)
    row = names.index("elicitation")
    log_e = weigh(footprints)[row].log_e
    assert (log_e[:10] > np.log(100)).all() and (log_e[10:] < 0).all()
    assert [list(column.cells)[row] for column in table.columns[2 : 2 + len(LEVELS)]] == ["0.0000"] * len(LEVELS)
    assert list(table.columns[-1].cells)[row] == f"{reliability(log_e[:10], (0.01,))[0].share:.3f}" == "1.000"
