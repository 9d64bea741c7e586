"""Linkage by Splink's Fellegi–Sunter model on DuckDB: records in, scored pairs and clusters out."""

from __future__ import annotations

import time
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from bench.linked import Linked
from numpy.typing import NDArray
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI
from splink.internals import comparison_level_library as level
from splink.internals import comparison_library as comparison

from stillwatch.campaign.communities import communities
from stillwatch.campaign.detection import IDENTITY_WEIGHT
from stillwatch.campaign.linkage import Links

FIELDS_ALL = ("card", "addresses", "mail", "client", "sign_up", "setting")
FIELDS_IDENTITY = ("card", "addresses", "mail")  # What the project's own identity graph reads.
# Base-2 logarithms of the posterior odds, as Splink counts them; from all blocked pairs to hardly any.
WEIGHTS = (-10.0, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 2.0, 4.0, 7.0, 10.0, 16.0)
LOUVAIN = "louvain"
SHARED_BY_A_MATCH = 0.5  # Guess for the prior: share of true pairs with a card or address in common.
U_PAIRS_MOST = 1e7
THREADS = 2


def _comparisons(fields: tuple[str, ...]) -> list[Any]:
    """Return how accounts are compared: rare values weigh more wherever Splink can count them."""
    exact = {"card": "card", "mail": "mail", "client": "client", "setting": "setting"}
    made: dict[str, Any] = {
        name: comparison.ExactMatch(column).configure(term_frequency_adjustments=True) for name, column in exact.items()
    }
    made["addresses"] = comparison.CustomComparison(
        output_column_name="addresses",
        comparison_levels=[
            level.NullLevel("addresses"),
            level.ExactMatchLevel("main_address", term_frequency_adjustments=True),
            level.ArrayIntersectLevel("addresses", min_intersection=2),
            level.ArrayIntersectLevel("addresses", min_intersection=1),
            level.ElseLevel(),
        ],
    )
    made["sign_up"] = comparison.CustomComparison(
        output_column_name="sign_up_day",
        comparison_levels=[
            level.NullLevel("sign_up_day"),
            level.ExactMatchLevel("sign_up_day", term_frequency_adjustments=True),
            level.AbsoluteDifferenceLevel("sign_up_day", 2),
            level.AbsoluteDifferenceLevel("sign_up_day", 7),
            level.ElseLevel(),
        ],
    )
    return [made[name] for name in fields]


def link_by_splink(records: pa.Table, fields: tuple[str, ...], seed: int) -> Linked:
    """Train on the records alone, score the blocked pairs, cluster at each of ``WEIGHTS``, and once by Louvain.

    Blocked are pairs with a card, an address or a mail domain in common that few enough accounts hold.

    Args:
        records: As ``records_of`` makes them.
        fields: Some of ``FIELDS_ALL``.
        seed: Of the random sampling.
    """
    begun = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"set threads = {THREADS}")
    api = DuckDBAPI(connection)
    card, mail = block_on("card_key"), block_on("mail_key")
    address = block_on("address_keys", arrays_to_explode=["address_keys"])
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=_comparisons(fields),
        blocking_rules_to_generate_predictions=[card, address, mail],
        retain_matching_columns=False,
    )
    linker = Linker(api.register(records), settings, log_level=None)
    training = linker.training
    training.estimate_probability_two_random_records_match([card, address], recall=SHARED_BY_A_MATCH)
    training.estimate_u_using_random_sampling(max_pairs=U_PAIRS_MOST, seed=seed)
    # Each run learns the fields that it does not block on; Splink tells those by the columns that a rule names, so the
    # compared column stands beside its key.
    for rule in (block_on("card", "card_key"), block_on("main_address"), block_on("mail", "mail_key")):
        training.estimate_parameters_using_expectation_maximisation(rule)
    trained = time.perf_counter()
    predicted = linker.inference.predict(threshold_match_weight=min(WEIGHTS))
    scored = time.perf_counter()
    found = predicted.as_duckdbpyrelation().to_arrow_table()
    linked = Linked(
        np.asarray(found["unique_id_l"].to_numpy(), np.int64),
        np.asarray(found["unique_id_r"].to_numpy(), np.int64),
        np.asarray(found["match_weight"].to_numpy(), np.float64),
    )
    linked.seconds = {"train": trained - begun, "score": scored - trained}
    for weight in WEIGHTS:
        started = time.perf_counter()
        linked.groups[f"{weight:g}"] = _clusters(linker, predicted, weight, records.num_rows)
        linked.seconds[f"cluster at {weight:g}"] = time.perf_counter() - started
    started = time.perf_counter()
    linked.groups[LOUVAIN] = _by_louvain(linked, records.num_rows)
    linked.seconds[f"cluster by {LOUVAIN}"] = time.perf_counter() - started
    return linked


def _by_louvain(linked: Linked, accounts: int) -> NDArray[np.int64]:
    """Return the project's communities on Splink's pairs: tells the part of the clustering from that of the scores."""
    left, right = np.minimum(linked.left, linked.right), np.maximum(linked.left, linked.right)
    probability = 1 / (1 + np.exp2(-linked.weight))
    return communities(Links(left, right, probability), accounts, IDENTITY_WEIGHT)


def _clusters(linker: Any, predicted: Any, weight: float, accounts: int) -> NDArray[np.int64]:
    frame = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_weight=weight)
    found = frame.as_duckdbpyrelation().to_arrow_table()
    group = np.full(accounts, -1, np.int64)
    group[found["unique_id"].to_numpy()] = np.unique(found["cluster_id"].to_numpy(), return_inverse=True)[1]
    return group
