"""``stillwatch replay``: a scan as time goes by, step by step, with what each step found and cost."""

from __future__ import annotations

import orjson
import typer
from rich.console import Console

from stillwatch.case.assembly import instant
from stillwatch.case.summary import summary
from stillwatch.case.wording import count
from stillwatch.cli.scan import (
    Accounts,
    AsJson,
    AssumeUtc,
    Bans,
    BaselineFile,
    History,
    Hours,
    KeyFile,
    Level,
    MapFile,
    Out,
    Paths,
    Strict,
    requested,
    scanned,
    show,
    told,
)
from stillwatch.engine.scan import Outcome
from stillwatch.engine.steps import Step
from stillwatch.store.looks import LOOKS, as_json, looks_file

_HEAD = "seen until (UTC)   exchanges  accounts  groups  campaigns  flagged  seconds  newly"
_HELD = 10_000  # Steps kept for --json; the file has them all.


def replay(
    paths: Paths,
    out: Out,
    step: Hours = 1,
    accounts: Accounts = None,
    history: History = None,
    baseline: BaselineFile = None,
    bans: Bans = None,
    map_file: MapFile = None,
    key_file: KeyFile = None,
    level: Level = 0.05,
    assume_utc: AssumeUtc = False,
    strict: Strict = False,
    json_wanted: AsJson = False,
) -> None:
    """Replay logs as time went by: look at the end of every step at what had been seen by then.

    Writes what a scan writes, and looks.jsonl: one line a step with the instant, the accounts seen, the groups tested,
    the campaigns and accounts flagged so far, those newly flagged, and the seconds it took. A step reads and folds its
    own exchanges only; what lies behind it costs as many footprints as there are accounts, however much they sent.
    Exit codes are those of a scan.

    Example: stillwatch replay logs/2026-11/ --accounts accounts.parquet --step 1 --out result
    """
    console = Console(highlight=False, soft_wrap=True)
    steps: list[Step] = []

    def watch(each: Step) -> None:
        if len(steps) < _HELD:
            steps.append(each)
        if not json_wanted:
            if len(steps) == 1:
                console.print(_HEAD, markup=False)
            console.print(_line(each), markup=False)

    with told():
        request = requested(paths, accounts, history, baseline, bans, map_file, level, step, assume_utc)
        with looks_file(out / LOOKS) as write:

            def both(each: Step) -> None:
                write(each)
                watch(each)

            # A table that grows is the progress here, so that the scan's own bar stays away.
            outcome = scanned(request, key_file, out, strict, quiet=True, watch=both)
    if json_wanted:
        _print_json(outcome, steps)
    else:
        show(outcome, out, as_json=False)
        console.print(f"Steps: {out / LOOKS}", markup=False)


def _line(step: Step) -> str:
    cells = [
        f"{instant(step.at_us):%Y-%m-%d %H:%M}",
        f"{count(step.exchanges):>10}",
        f"{count(step.accounts_seen):>8}",
        f"{count(step.groups_tested):>6}",
        f"{count(step.campaigns):>9}",
        f"{count(step.accounts_flagged):>7}",
        f"{step.seconds:>7.2f}",
    ]
    fresh = len(step.newly_flagged)
    return "  ".join(cells) + (f"  +{count(fresh)}" if fresh else "")


def _print_json(outcome: Outcome, steps: list[Step]) -> None:
    held = summary(outcome.scan) | {"steps": [as_json(each) for each in steps]}
    typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
