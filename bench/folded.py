"""A folder of labelled traffic as footprints, and as the one record an account that record linkage reads."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.labelled import Labelled
from numpy.typing import NDArray

from stillwatch.campaign.linkage import ACCOUNTS_MOST
from stillwatch.campaign.population import Incidence, Population
from stillwatch.engine.profiles import profiles
from stillwatch.exchange.accounts import read_accounts
from stillwatch.exchange.pseudonym import Pseudonyms, address_prefix
from stillwatch.footprint.fold import Folding, fold_footprints
from stillwatch.footprint.footprints import DAY_US, HOUR_US, Footprints
from stillwatch.footprint.merge import Gathered

KEY = b"a bench has no secret to keep"


def footprints_of(labelled: Labelled) -> Footprints:
    """Fold all exchanges of a folder, a row group at a time, and put the accounts file beside them."""
    pseudonyms = Pseudonyms(KEY)
    files = [pq.ParquetFile(path) for path in labelled.files()]
    first_us = min(int(pc.min(file.read(columns=["timestamp"])["timestamp"]).value) for file in files)
    folding = Folding(
        lambda field, values: pseudonyms.hashes(field, values)[0], address_prefix, first_us // HOUR_US * HOUR_US
    )
    gathered = Gathered(folding.origin_us)
    for file in files:
        for number in range(file.num_row_groups):
            gathered.add(fold_footprints(file.read_row_group(number), folding))
    bare = gathered.footprints()
    known = profiles(read_accounts(labelled.accounts), pseudonyms)
    place = pc.index_in(bare.account_id, value_set=known["account_id"].combine_chunks())
    profile = known.drop_columns(["account_id"]).take(place).combine_chunks()
    return Footprints(bare.arrays, bare.account_id, bare.origin_us, profile)


def records_of(population: Population) -> pa.Table:
    """Return one record an account for a record-linkage library, every identifier as text.

    Returns:
        ``unique_id`` (the account's row), ``card``, ``mail``, ``addresses`` (list), ``main_address``, ``client``,
        ``setting``, ``sign_up_day``, and as keys for blocking ``card_key``, ``mail_key`` and ``address_keys``: the
        same values, but for those that more accounts hold than the project's own linkage follows.
    """
    accounts = len(population)
    card, mail, network = population.payment, population.mail, population.network
    return pa.table(
        {
            "unique_id": pa.array(np.arange(accounts)),
            "card": _one(card, accounts),
            "mail": _one(mail, accounts),
            "addresses": _several(network, accounts),
            "main_address": _one(network, accounts),
            "client": _one(population.client, accounts),
            "setting": _one(population.settings, accounts),
            "sign_up_day": pa.array(population.birth_us // DAY_US),
            "card_key": _one(_followed(card), accounts),
            "mail_key": _one(_followed(mail), accounts),
            "address_keys": _several(_followed(network), accounts),
        }
    )


def _followed(view: Incidence) -> Incidence:
    if view.empty:
        return view
    return view.take(np.flatnonzero(view.frequency[view.value] <= ACCOUNTS_MOST))


def _text(labels: NDArray[np.uint64]) -> pa.Array:
    return pa.array(labels).cast(pa.string())


def _one(view: Incidence, accounts: int) -> pa.Array:
    """Return the value that each account used most, null for none."""
    if view.empty:
        return pa.nulls(accounts, pa.string())
    order = np.lexsort((view.weight, view.account))
    last = order[np.append(view.account[order][1:] != view.account[order][:-1], True)]
    value = np.full(accounts, -1, np.int64)
    value[view.account[last]] = view.value[last]
    return _text(view.label).take(pa.array(value, mask=value < 0))


def _several(view: Incidence, accounts: int) -> pa.Array:
    """Return the values of each account as a list, null for none."""
    offsets = np.concatenate([[0], np.cumsum(np.bincount(view.account, minlength=accounts))]).astype(np.int32)
    values = _text(view.label[view.value]) if not view.empty else pa.array([], pa.string())
    lists = pa.ListArray.from_arrays(pa.array(offsets), values)
    none = pa.array(np.diff(offsets) == 0)
    return pc.if_else(none, pa.scalar(None, lists.type), lists)
