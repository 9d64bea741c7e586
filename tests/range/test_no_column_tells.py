"""No single column of the range separates campaigns from honest accounts: measured for every column of both tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from scipy.stats import rankdata

from stillwatch.exchange.schema import ACCOUNT_SCHEMA, EXCHANGE_SCHEMA
from stillwatch.range.simulation import Simulation, simulate

FOLDS = 5
SEED = 7
BOUND = 0.95


def auc(score: Any, hostile: Any) -> float:
    """Return the area under the curve, or what the score reaches when it is turned round, whichever is greater."""
    score = np.where(np.isfinite(score), score, np.nan)
    score = np.where(np.isnan(score), np.nanmedian(score) if np.isfinite(score).any() else 0.0, score)
    positive = int(hostile.sum())
    ranks = rankdata(score)[hostile].sum()
    area = (ranks - positive * (positive + 1) / 2) / (positive * (len(hostile) - positive))
    return float(max(area, 1 - area))


def codes_of(column: Any) -> Any:
    """Return a whole number for each distinct value; nulls are a value of their own."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.dictionary_encode(null_encoding="encode").indices.to_numpy(zero_copy_only=False).astype(np.int64)


def of_values(account: Any, code: Any, hostile: Any, fold: Any) -> dict[str, Any]:
    """Return per account what the values it uses tell, learnt on the accounts of the other folds."""
    accounts, values = len(hostile), int(code.max()) + 1
    pair, used = np.unique(account * values + code, return_counts=True)
    owner, value = pair // values, pair % values
    total = np.bincount(owner, weights=used, minlength=accounts)
    users = np.bincount(value, minlength=values)
    weight = np.zeros(len(pair))
    for k in range(FOLDS):
        learnt = fold[owner] != k
        bad = np.bincount(value[learnt & hostile[owner]], minlength=values)
        good = np.bincount(value[learnt & ~hostile[owner]], minlength=values)
        ratio = np.log((bad + 0.5) / (hostile[fold != k].sum() + 1)) - np.log(
            (good + 0.5) / ((~hostile)[fold != k].sum() + 1)
        )
        ratio[(bad == 0) & (good == 0)] = 0.0  # Never seen: says nothing.
        weight[fold[owner] == k] = ratio[value[fold[owner] == k]]
    out = {}
    for name, entry in (("out-of-fold odds", weight), ("accounts with it", np.log(users[value]))):
        out[f"mean {name}"] = np.bincount(owner, weights=entry * used, minlength=accounts) / np.maximum(total, 1)
        top = np.full(accounts, -np.inf)
        np.maximum.at(top, owner, entry)
        out[f"greatest {name}"] = top
    out["distinct values"] = np.bincount(owner, minlength=accounts).astype(float)
    out["distinct share"] = out["distinct values"] / np.maximum(total, 1)
    most = np.zeros(accounts)
    np.maximum.at(most, owner, used)
    out["most common share"] = most / np.maximum(total, 1)
    return out


def of_numbers(account: Any, value: Any, accounts: int) -> dict[str, Any]:
    """Return mean, variance, extremes and missing share of a column by account."""
    known = np.isfinite(value)
    count = np.bincount(account[known], minlength=accounts)
    total = np.bincount(account, minlength=accounts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(account[known], weights=value[known], minlength=accounts) / count
        spread = np.bincount(account[known], weights=(value[known] - mean[account[known]]) ** 2, minlength=accounts)
        out = {"mean": mean, "variance": spread / count, "missing share": 1 - count / np.maximum(total, 1)}
    for name, ufunc, start in (("least", np.minimum, np.inf), ("greatest", np.maximum, -np.inf)):
        extreme = np.full(accounts, start)
        ufunc.at(extreme, account[known], value[known])
        out[name] = extreme
    return out


def numbers_of(name: str, column: Any) -> dict[str, Any]:
    """Return the columns of numbers in which a column can be read."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_timestamp(column.type):
        micro = column.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(float)
        hour = micro / 3.6e9 % 24
        return {name: micro, f"{name} (hour)": hour, f"{name} (weekday)": micro // 8.64e10 % 7}
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_large_string(column.type):
        return {f"{name} (length)": pc.utf8_length(column).cast(pa.float64()).to_numpy(zero_copy_only=False)}
    if pa.types.is_string(column.type):
        return {}
    return {name: column.cast(pa.float64()).to_numpy(zero_copy_only=False)}


def table_of_areas(folder: Path) -> list[tuple[float, str, str]]:
    """Return (area, column, aggregate) for every column of a simulation, the strongest first."""
    exchanges = pq.read_table(folder / "exchanges")
    accounts = pq.read_table(folder / "accounts.parquet")
    truth = pq.read_table(folder / "truth" / "accounts.parquet")
    assert accounts["account_id"].equals(truth["account_id"])
    active = pc.is_in(accounts["account_id"], value_set=pc.unique(exchanges["account_id"]))
    accounts, truth = accounts.filter(active), truth.filter(active)
    hostile = np.array([name is not None for name in truth["campaign"].to_pylist()])
    fold = np.random.default_rng(SEED).permutation(len(hostile)) % FOLDS
    account = pc.index_in(exchanges["account_id"], value_set=accounts["account_id"].combine_chunks())
    account = account.to_numpy().astype(np.int64)
    areas = [(auc(np.bincount(account).astype(float), hostile), "account_id", "exchanges")]
    for table, owner in ((exchanges, account), (accounts, np.arange(len(hostile)))):
        for name in table.schema.names:
            if name != "account_id":
                aggregates = of_values(owner, codes_of(table[name]), hostile, fold)
                areas += [(auc(score, hostile), name, what) for what, score in aggregates.items()]
            for shown, value in numbers_of(name, table[name]).items():
                aggregates = of_numbers(owner, value, len(hostile))
                areas += [(auc(score, hostile), shown, what) for what, score in aggregates.items()]
    return sorted(areas, reverse=True)


@pytest.fixture(scope="module")
def areas(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[float, str, str]]:
    folder = tmp_path_factory.mktemp("range") / "traffic"
    print(f"seed {SEED}")  # noqa: T201
    simulate(Simulation(benign=1500, scale=0.03, seed=SEED), folder)
    return table_of_areas(folder)


def test_every_column_is_measured(areas: list[tuple[float, str, str]]) -> None:
    measured = {name.split(" (")[0] for _, name, _ in areas}
    assert measured >= set(EXCHANGE_SCHEMA.names) | set(ACCOUNT_SCHEMA.names)


def test_no_column_separates(areas: list[tuple[float, str, str]]) -> None:
    lines = [f"{area:.3f}  {name}: {what}" for area, name, what in areas]
    print("\n".join(lines))  # noqa: T201
    assert areas[0][0] < BOUND, lines[:5]


def test_a_telling_column_would_be_found() -> None:
    """The measure itself works: a value that only hostile accounts use is found out of fold, and noise is not."""
    rng = np.random.default_rng(SEED)
    hostile = np.arange(400) < 100
    account = np.repeat(np.arange(400), 5)
    fold = rng.permutation(400) % FOLDS
    telling = np.where(hostile[account], 1, rng.integers(2, 9, len(account)))
    noise = rng.integers(0, 9, len(account))
    assert auc(of_values(account, telling, hostile, fold)["mean out-of-fold odds"], hostile) > 0.999
    assert auc(of_values(account, noise, hostile, fold)["mean out-of-fold odds"], hostile) < 0.65
