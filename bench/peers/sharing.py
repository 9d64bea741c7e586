"""Shared cards and shared addresses: what a look-up by identifier sees."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.labelled import Labelled
from bench.peers.peer import Verdict, account_ids, exchanges
from numpy.typing import NDArray

SOURCE = "duplicate-account checks by card and address"

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]  # Account and value of each place, no pair twice.


def judge(labelled: Labelled, seed: int) -> list[Verdict]:
    """Count the accounts on an account's card and on its addresses, and add up what is rare of it."""
    del seed
    accounts = len(account_ids(labelled))
    cards, addresses = cards_of(labelled), addresses_of(labelled)
    on_card, on_address = most_holders(cards, accounts), most_holders(addresses, accounts)
    both = rarity(cards, accounts) + rarity(addresses, accounts)
    none = "no threshold of its own"
    return [
        Verdict("shared card", "accounts on the same card; flagged from 2 on", on_card, on_card >= 2),
        Verdict("shared address", f"accounts on the most shared address; {none}", on_address),
        Verdict("rare cards and addresses", f"sum of log(accounts / holders) over shared ones; {none}", both),
    ]


def cards_of(labelled: Labelled) -> Pairs:
    """Return who holds which card."""
    cards = pq.ParquetFile(labelled.accounts).read(columns=["payment_fingerprint"])["payment_fingerprint"]
    codes = cards.combine_chunks().dictionary_encode().indices
    held = np.flatnonzero(codes.is_valid().to_numpy(zero_copy_only=False))
    return held, codes.drop_null().to_numpy().astype(np.int64)


def addresses_of(labelled: Labelled) -> Pairs:
    """Return who came from which address, each once."""
    seen = [
        pa.table({"account": owner, "address": table["client_address"]}).group_by(["account", "address"]).aggregate([])
        for owner, table in exchanges(labelled, ["client_address"])
    ]
    places = pa.concat_tables(seen).group_by(["account", "address"]).aggregate([])
    places = places.filter(pc.is_valid(places["address"]))
    codes = places["address"].combine_chunks().dictionary_encode().indices.to_numpy()
    return places["account"].to_numpy().astype(np.int64), codes.astype(np.int64)


def most_holders(pairs: Pairs, accounts: int) -> NDArray[np.float64]:
    """Return the most accounts that hold one of an account's values; 0 for an account without values."""
    account, value = pairs
    out = np.zeros(accounts)
    np.maximum.at(out, account, np.bincount(value)[value])
    return out


def rarity(pairs: Pairs, accounts: int) -> NDArray[np.float64]:
    """Return the sum of log(accounts / holders) over the values that an account shares with others."""
    account, value = pairs
    holders = np.bincount(value)[value]
    worth = np.where(holders > 1, np.log(accounts / holders), 0.0)
    return np.bincount(account, weights=worth, minlength=accounts).astype(np.float64)
