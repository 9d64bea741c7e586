"""The loop of scan and wall, closed over real sockets: what a campaign still gets once a scan has seen enough of it.

    .venv/bin/python -m bench.loop
    .venv/bin/python -m bench.loop --rung 0=verify --json FILE
    .venv/bin/python -m bench.loop --traffic FOLDER --campaign hydra --live-day 4 --until-day 8

A mock model server, ``stillwatch serve`` with the policy that comes along, enforced, and simulated traffic: a preset of
the range and honest accounts. Requests say what time it is. The policy's quotas for everyone are left out, as they are
to be set by a provider's own traffic, and refuse busy firms as well as campaigns; ``--quotas`` keeps them. The gateway
logs without texts and folds footprints, the watch looks at them every twelve simulated hours and renews the standings,
and the gateway takes these over by itself.

While a look is under way, traffic goes at 20 times the speed; between looks nothing depends on the machine's clock, and
it goes as fast as answers come. What is earlier than ``--live-day`` is laid into the log as it would be there.

Counted are requests that the model server would have answered. "Through" is a whole answer with status 200, with or
without reasoning. Campaign exchanges are those that are there to take answers away; cover is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from bench.labelled import given as given_folder
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.schema import EXCHANGE_SCHEMA
from stillwatch.range.drive.closed_loop import (
    ClosedLoop,
    Folders,
    LookDone,
    LoopPlan,
    enforced,
    standings_by_rung,
)
from stillwatch.range.drive.drill import POOL
from stillwatch.range.drive.processes import gateway, model_server
from stillwatch.range.drive.tally import UNSENT, Count, Tally
from stillwatch.range.drive.traffic import Traffic, composed
from stillwatch.range.presets import preset
from stillwatch.range.rhythm import DAY_US
from stillwatch.range.simulation import Simulation
from stillwatch.response.ladder import WORDS, Rung

KEY = bytes(range(32))  # A bench's own; it hides nothing.
MAY_PASS = 0.10
MAY_BE_REFUSED = 1e-4


def _upper(found: int, of: int) -> float:
    """Return the upper end of the 95 % interval of Clopper and Pearson."""
    return 1.0 if found >= of else float(beta.ppf(0.975, found + 1, of - found))


def _rates(count: Count) -> dict[str, Any]:
    return asdict(count) | {"share_through": round(count.through / count.sent, 4) if count.sent else None}


def labelled(folder: Path, campaign: str) -> Traffic:
    """Return the traffic of a folder as ``bench.labelled`` describes it; counted is one of its campaigns.

    The others are sent, too, and are neither that campaign nor honest.
    """
    found = given_folder(folder)
    exchanges = pa.concat_tables([pq.read_table(path) for path in found.files()]).cast(EXCHANGE_SCHEMA)
    truth = pq.read_table(found.truth)
    name = truth["campaign"].to_numpy(zero_copy_only=False)
    ids = truth["account_id"].to_numpy(zero_copy_only=False)
    members = ids[name == campaign]
    if not len(members):
        raise ValueError(f"{folder}: has no campaign {campaign!r}")
    account = exchanges["account_id"]
    hostile = pc.is_in(account, value_set=truth.filter(pc.is_valid(truth["campaign"]))["account_id"].combine_chunks())
    taken = pq.read_table(found.extraction)["exchange_id"].combine_chunks()
    extraction = pc.and_(
        pc.is_in(exchanges["exchange_id"], value_set=taken), pc.is_in(account, value_set=pa.array(members))
    )
    return Traffic(
        accounts=pq.read_table(found.accounts),
        exchanges=exchanges,
        time_us=exchanges["timestamp"].cast(pa.int64()).to_numpy(),
        hostile=hostile.to_numpy(),
        extraction=extraction.to_numpy(),
        members=frozenset(members.tolist()),
    )


def without_quotas(policy: str) -> str:
    """Return a policy without the rules that only set limits.

    Raises:
        ValueError: If it has none: then it is not the one that comes along.
    """
    held = yaml.safe_load(policy)
    kept = [rule for rule in held["rules"] if set(rule["then"]) != {"limits"}]
    if len(kept) == len(held["rules"]):
        raise ValueError("the policy has no quotas")
    return str(yaml.safe_dump(held | {"rules": kept}, sort_keys=False))


def summary(traffic: Traffic, tally: Tally, looks: list[LookDone], flagged: frozenset[str]) -> dict[str, Any]:
    """Return what got through before and after the first look that flagged accounts of a campaign."""
    rows = np.arange(len(traffic))
    seen = next((look for look in looks if look.members), None)
    ids = traffic.exchanges["account_id"].to_numpy(zero_copy_only=False)
    ever = np.isin(ids, sorted(flagged))
    honest = tally.count(~traffic.hostile)
    result: dict[str, Any] = {
        "sent": int((tally.status != UNSENT).sum()),
        "lost": tally.lost,
        "looks": len(looks),
        "campaign_accounts": len(traffic.members),
        "flagged_members": len(flagged & traffic.members),
        "flagged_honest": len(flagged & frozenset(ids[~traffic.hostile].tolist())),
        "flagged_of_other_campaigns": len((flagged & frozenset(ids[traffic.hostile].tolist())) - traffic.members),
        "honest": asdict(honest) | {"refused_upper_95": _upper(honest.refused, honest.sent)},
        "first_seen": None,
    }
    if seen is None:
        return result
    extraction = traffic.extraction
    after = {"the look": rows >= seen.begin_row, "standings in force": rows >= seen.force_row}
    result["first_seen"] = {
        "at": str(np.datetime64(seen.at_us, "us").astype("datetime64[s]")),
        "members": seen.members,
        "others": seen.others,
        "seconds_until_in_force": round(seen.seconds, 1),
        "before": _rates(tally.count(extraction & (rows < seen.begin_row))),
        "after_the_look": _rates(tally.count(extraction & after["the look"])),
        "after_in_force": _rates(tally.count(extraction & after["standings in force"])),
        "after_in_force_of_flagged": _rates(tally.count(extraction & after["standings in force"] & ever)),
        "honest_after_in_force": _rates(tally.count(~traffic.hostile & after["standings in force"])),
    }
    return result


def measure(given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Run the loop once."""
    begun = time.monotonic()
    rungs = tuple((float(n), WORDS[word]) for n, _, word in (pair.partition("=") for pair in given.rung))
    if given.traffic is not None:
        traffic = labelled(given.traffic, given.campaign)
    else:
        campaign = POOL if given.preset == POOL.name else preset(given.preset)
        traffic = composed(Simulation(given.benign, given.scale, given.days, given.seed, campaigns=(campaign,)))
    start_us = int(traffic.time_us[0]) // DAY_US * DAY_US
    live_us, until_us = (start_us + int(day * DAY_US) for day in (given.live_day, given.until_day))
    plan = LoopPlan(speed=given.speed, live_us=live_us, until_us=until_us, rungs=rungs)
    policy = enforced((importlib.resources.files("stillwatch.response") / "default_policy.yaml").read_text("utf-8"))
    if not given.quotas:
        policy = without_quotas(policy)

    def tell(look: LookDone, tally: Tally) -> None:
        at = np.datetime64(look.at_us, "us").astype("datetime64[m]")
        sent = int((tally.status != UNSENT).sum())
        console.print(
            f"{at}  sent {sent:>8,}  flagged {look.members:>5} of the campaign, {look.others:>3} others"
            f"  {look.seconds:5.1f} s until in force",
            markup=False,
        )

    with tempfile.TemporaryDirectory(prefix="stillwatch-loop-") as name:
        folders = Folders(Path(name))
        folders.prepare(traffic, policy, KEY, int(np.searchsorted(traffic.time_us, live_us)))
        with (
            model_server(folders.root) as upstream,
            gateway(folders.root, upstream, folders.options()) as url,
        ):
            sent_s = time.monotonic()
            loop = ClosedLoop(traffic, plan, folders, url, Pseudonyms(KEY), tell)
            asyncio.run(loop.run())
            sent_s = time.monotonic() - sent_s
        by_rung = standings_by_rung(folders.standings)
    return {
        "traffic": given.preset if given.traffic is None else f"{given.campaign} in {given.traffic}",
        "seed": given.seed if given.traffic is None else None,
        "benign": given.benign,
        "scale": given.scale,
        "days": given.days,
        "live_days": [given.live_day, given.until_day],
        "speed": given.speed,
        "quotas": given.quotas,
        "rungs": {f"{nats:g}": rung.word for nats, rung in rungs},
        "standings": by_rung,
        "seconds": round(time.monotonic() - begun, 1),
        "requests_a_second": round(int((loop.tally.status != UNSENT).sum()) / sent_s, 1),
    } | summary(traffic, loop.tally, loop.looks, loop.flagged)


def show(result: dict[str, Any], console: Console) -> None:
    """Print what was measured, and whether it is what was asked for."""
    console.print(
        f"{result['traffic']}: {result['sent']:,} requests in {result['seconds']:.0f} s, {result['lost']} lost;"
        f" flagged {result['flagged_members']} of {result['campaign_accounts']} accounts of the campaign"
        f", {result['flagged_of_other_campaigns']} of other campaigns and {result['flagged_honest']} honest ones",
        markup=False,
    )
    table = Table("", "sent", "through", "with reasoning", "403", "429", "else", "through, %")
    seen = result["first_seen"]
    if seen is None:
        console.print("No look flagged the campaign: all of it got through.", markup=False)
    else:
        for what in ("before", "after_the_look", "after_in_force", "after_in_force_of_flagged"):
            _row(table, f"campaign, {what.replace('_', ' ')}", seen[what])
        _row(table, "honest, after in force", seen["honest_after_in_force"])
    honest = result["honest"]
    _row(table, "honest, all the time", honest | {"share_through": honest["through"] / max(1, honest["sent"])})
    console.print(table)
    if seen is not None:
        share = seen["after_the_look"]["share_through"]
        console.print(_verdict(f"{share:.1%} of the campaign's exchanges get through after the look", share, MAY_PASS))
    refused, most = honest["barred"] + honest["limited"], honest["refused_upper_95"]
    said = f"{refused:,} of {honest['sent']:,} honest requests refused (at most {most:.2g} of them at 95 %)"
    console.print(_verdict(said, refused / max(1, honest["sent"]), MAY_BE_REFUSED))
    console.print(f"of these by standing: {honest['barred']:,}; over a limit: {honest['limited']:,}", markup=False)


def _row(table: Table, name: str, count: dict[str, Any]) -> None:
    counts = (count[each] for each in ("sent", "through", "reasoned", "barred", "limited", "failed"))
    share = count["share_through"]
    table.add_row(name, *(f"{each:,}" for each in counts), "–" if share is None else f"{100 * share:.1f}")


def _verdict(what: str, value: float, most: float) -> str:
    return f"{'met' if value <= most else 'NOT MET'}: {what}; asked for at most {most:g}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="anthropic-2026-02-proxy")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--benign", type=int, default=4000)
    parser.add_argument("--scale", type=float, default=0.05)
    parser.add_argument("--days", type=int, default=28, help="length of the simulation")
    parser.add_argument("--traffic", type=Path, help="folder of labelled traffic, in place of a simulation")
    parser.add_argument("--campaign", default="hydra", help="of the folder: the one that is counted")
    parser.add_argument("--live-day", type=float, default=13.0, help="from then on requests are sent")
    parser.add_argument("--until-day", type=float, default=16.0)
    parser.add_argument("--speed", type=float, default=20.0, help="simulated seconds in a second, during looks")
    parser.add_argument("--rung", nargs="*", default=[f"0={Rung.CAP.word}"], help="NATS=RUNG, as for the watch")
    parser.add_argument("--quotas", action="store_true", help="keep the policy's quotas for everyone")
    parser.add_argument("--json", type=Path, help="write the result there too")
    given = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, width=120)
    console.print(f"seed {given.seed}" if given.traffic is None else f"traffic {given.traffic}", markup=False)
    result = measure(given, console)
    show(result, console)
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    seen = result["first_seen"]
    honest = result["honest"]
    met = seen is not None and seen["after_the_look"]["share_through"] <= MAY_PASS
    refused = honest["barred"] + honest["limited"]
    sys.exit(0 if met and refused <= MAY_BE_REFUSED * honest["sent"] else 1)


if __name__ == "__main__":
    main()
