"""From a scan's result to a table of standings: what the scan found becomes what gateways look up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.response.ladder import Rung
from stillwatch.response.replay import Flag, Profile
from stillwatch.response.standing import NAMED, Standings

Hashes = Callable[[str, pa.Array], NDArray[np.uint64]]  # Of a field's values, under the operator's key.


def flags_of(accounts: pa.Table, campaigns: pa.Table) -> dict[str, Flag]:
    """Return the flagged accounts of a scan's result, by account id.

    Args:
        accounts: ``accounts.parquet`` of the result.
        campaigns: ``campaigns.parquet`` of the result.
    """
    nats = dict(zip(campaigns["campaign_id"].to_pylist(), campaigns["nats"].to_pylist(), strict=True))
    chosen = accounts.filter(accounts["flagged"])
    return {
        name: Flag(campaign, flagged_us, float(nats.get(campaign) or 0.0), float(log_odds or 0.0))
        for name, campaign, flagged_us, log_odds in zip(
            chosen["account_id"].to_pylist(),
            chosen["campaign_id"].to_pylist(),
            chosen["flagged_at"].cast("int64").to_pylist(),
            chosen["log_odds"].to_pylist(),
            strict=True,
        )
    }


def standings_of(
    flags: Mapping[str, Flag],
    profiles: Mapping[str, Profile],
    hashes: Hashes,
    *,
    rung: Rung,
    made_us: int,
    until_us: int = 0,
    before: Standings | None = None,
) -> Standings:
    """Return the table of all accounts that a scan flagged or of which there is a profile.

    All accounts of a campaign get one actor. A campaign whose accounts mostly had an actor in the table before keeps
    it, so that a new scan, which names campaigns anew, does not fill the actor's budget again.

    Args:
        flags: By account id.
        profiles: By account id.
        hashes: Makes pseudonyms.
        rung: Of flagged accounts; a policy decides what comes of it.
        made_us: The present.
        until_us: When flags lapse; 0 for never.
        before: The table that this one replaces.

    Raises:
        ValueError: If two accounts have one pseudonym.
    """
    ids = sorted({*flags, *profiles})
    account = hashes("account_id", pa.array(ids, pa.string()))
    order = np.argsort(account)
    if np.any(account[order][1:] == account[order][:-1]):
        raise ValueError("two accounts have one pseudonym under this key; use another key")
    flag = [flags.get(name) for name in ids]
    profile = [profiles.get(name) for name in ids]
    names: dict[str, list[str]] = {name: [""] for name in NAMED}
    campaign = _codes(names["campaign"], [each.campaign_id if each else "" for each in flag])
    columns: dict[str, NDArray[np.generic]] = {
        "account": account,
        "campaign": campaign,
        "rung": np.array([rung if each else Rung.NONE for each in flag], np.uint8),
        "evidence_nats": np.array([each.evidence_nats if each else 0.0 for each in flag], np.float32),
        "membership_nats": np.array([each.membership_nats if each else 0.0 for each in flag], np.float32),
        "since_us": np.array([each.flagged_us if each else 0 for each in flag], np.int64),
        "until_us": np.array([until_us if each else 0 for each in flag], np.int64),
        "created_us": np.array([each.created_us if each else -1 for each in profile], np.int64),
    }
    for name in ("plan", "verification", "billing_country", "owner_country"):
        columns[name] = _codes(names[name], [getattr(each, name) if each else "" for each in profile])
    # With the time in it, since a later scan may give the same name to another campaign.
    own = hashes("campaign", pa.array([f"{name} {made_us}" for name in names["campaign"]], pa.string()))
    actors = _kept_actors(own, campaign, account, before)
    columns["actor"] = np.where(campaign > 0, actors[campaign], account)
    return Standings({name: column[order] for name, column in columns.items()}, names, made_us)


def _codes(names: list[str], values: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each value in ``names``, which grows."""
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places.setdefault(value, len(places)) for value in values], np.int64)
    names.extend(list(places)[len(names) :])
    return codes


def _kept_actors(
    own: NDArray[np.uint64], campaign: NDArray[np.int64], account: NDArray[np.uint64], before: Standings | None
) -> NDArray[np.uint64]:
    """Return the actor of each campaign: ``own``, or the one that most of its accounts had before."""
    actors = own.copy()
    if before is None or not len(before):
        return actors
    held = before.columns["account"]
    place = np.minimum(np.searchsorted(held, account), len(held) - 1)
    known = (held[place] == account) & (before.columns["campaign"][place] > 0)
    taken: set[int] = set()
    sizes = np.bincount(campaign, minlength=len(own))
    for code in np.argsort(-sizes, kind="stable").tolist():  # The larger part of a campaign that fell apart keeps it.
        mine = known & (campaign == code)
        if code == 0 or 2 * int(mine.sum()) <= int(sizes[code]):
            continue
        found, counts = np.unique(before.columns["actor"][place[mine]], return_counts=True)
        actor = int(found[np.argmax(counts)])
        if actor not in taken:
            taken.add(actor)
            actors[code] = actor
    return actors
