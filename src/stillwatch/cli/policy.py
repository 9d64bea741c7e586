"""``stillwatch policy``: check a policy, see why it decides as it does, and replay it over logs before enforcing it."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stillwatch.exchange.discovery import SourceError, discover
from stillwatch.exchange.mapping import load_mapping
from stillwatch.exchange.reading import parts
from stillwatch.response.command import Command
from stillwatch.response.decision import Decider
from stillwatch.response.features import FEATURES, checked
from stillwatch.response.ladder import WORDS, Rung
from stillwatch.response.policy import Policy, Step
from stillwatch.response.policy_file import DEFAULT_POLICY, PolicyError, load_policy
from stillwatch.response.profiles import read_profiles
from stillwatch.response.replay import Flag, replay
from stillwatch.response.replay_report import Prices, ReplayReport, Touched, report
from stillwatch.response.request import Request
from stillwatch.response.result_standings import flags_of
from stillwatch.response.standing import Standing
from stillwatch.response.traffic import TrafficGathering
from stillwatch.store.results import read_results

policy = typer.Typer(
    name="policy",
    help="Check a policy, see why it decides as it does, and replay it over logs before it is enforced.",
    no_args_is_help=True,
)
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_OF_REQUEST = ("model", "country", "asn", "plan", "verification", "owner_country", "input_tokens", "max_output_tokens")
_OF_REQUEST_TOO = ("stream", "wants_reasoning", "wants_logprobs", "temperature")
_OF_STANDING = ("rung", "evidence_nats", "membership_nats", "campaign_id", "actor_accounts", "verified", "restored")


@policy.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="The policy; without it, the one that comes along.")] = None,
    request: Annotated[
        str | None,
        typer.Option("--request", help='Explain a decision: features as JSON, e.g. {"country": "KP", "rung": "cap"}.'),
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Check a policy with its own tests, and with --request explain rule by rule what it decides.

    Features that are not given are unknown; `stillwatch policy features` lists them. Exit code 2: the policy cannot be
    used; the message names file, line, rule and what would help.

    Example: stillwatch policy check my.yaml --request '{"in_campaign": true, "evidence_nats": 7}'
    """
    try:
        loaded = load_policy(file)
        found = None if request is None else _explained(loaded, request)
    except (PolicyError, ValueError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    untested = [rule.id for rule in loaded.rules if not rule.examples]
    held: dict[str, Any] = {
        "policy": loaded.name,
        "revision": loaded.revision,
        "enforced": loaded.enforce,
        "rules": len(loaded.rules),
        "tests": sum(len(rule.examples) for rule in loaded.rules),
        "untested": untested,
        "features": list(loaded.used_features),
    }
    if as_json:
        typer.echo(orjson.dumps(held | (_explanation(*found) if found else {}), option=orjson.OPT_INDENT_2).decode())
        return
    state = "enforced" if loaded.enforce else "in shadow: nothing is enforced"
    typer.echo(f"{loaded.name}, revision {loaded.revision or '–'}, {state}")
    typer.echo(f"{held['rules']} rules, all of their {held['tests']} tests pass")
    if untested:
        typer.echo(f"without a test of their own: {', '.join(untested)}")
    if found:
        _show_explanation(*found)


@policy.command()
def features(as_json: _AsJson = False) -> None:
    """List the variables of conditions: type, what they are where nothing is known, meaning."""
    if as_json:
        rows = [
            {"name": each.name, "type": each.kind, "default": each.default, "meaning": each.meaning}
            for each in FEATURES
        ]
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("feature", "type", "unknown", "meaning")
    for each in FEATURES:
        table.add_row(each.name, each.kind, repr(each.default), escape(each.meaning))
    Console().print(table)


@policy.command()
def default() -> None:
    """Print the policy that comes along, commented, to begin one's own from.

    Example: stillwatch policy default > my.yaml
    """
    typer.echo(DEFAULT_POLICY.read_text("utf-8"), nl=False)


@policy.command("replay")
def replay_command(
    logs: Annotated[list[str], typer.Argument(help="Files, folders or patterns with exchanges, as for a scan.")],
    file: Annotated[
        Path | None, typer.Option("--policy", help="The policy; without it, the one that comes along.")
    ] = None,
    result: Annotated[
        Path | None, typer.Option("--result", help="Folder that a scan of these logs wrote: who is in a campaign.")
    ] = None,
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="Table of accounts: plan, verification, age.")
    ] = None,
    owners: Annotated[Path | None, typer.Option("--owners", help="CSV account_id,owner_country.")] = None,
    rung: Annotated[
        str, typer.Option("--rung", help="Where flagged accounts are put, as in `standings make`.")
    ] = "observe",
    also_shadow: Annotated[bool, typer.Option("--also-shadow", help="Count rules marked `shadow: true` too.")] = False,
    hindsight: Annotated[
        bool, typer.Option("--hindsight", help="Let flags hold from the beginning, not from when they were found.")
    ] = False,
    price_input: Annotated[float, typer.Option("--price-input", min=0, help="A million tokens read.")] = 3.0,
    price_output: Annotated[float, typer.Option("--price-output", min=0, help="A million tokens written.")] = 15.0,
    map_file: Annotated[Path | None, typer.Option("--map", help="As for a scan.")] = None,
    assume_utc: Annotated[bool, typer.Option("--assume-utc", help="Take times without a zone as UTC.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Show who would have been touched, had the policy been enforced when the logged exchanges were made.

    Every exchange is judged in order of time as if `enforce: true` stood in the policy; rules with `shadow: true` stay
    out unless --also-shadow. A flag holds from when the scan could have raised it. Accounts in no campaign of the
    scan count as honest: campaigns that it missed are among them. The prices are stand-ins; give your own.

    Example: stillwatch policy replay logs/ --policy my.yaml --result result --accounts accounts.parquet
    """
    begun = time.perf_counter()
    try:
        loaded = load_policy(file).as_enforced(also_shadow=also_shadow)
        if rung not in WORDS:
            raise ValueError(f"--rung {rung!r} is not a rung; there are {', '.join(WORDS)}")
        flags: dict[str, Flag] = {}
        if result is not None:
            scanned = read_results(result)
            flags = flags_of(scanned.accounts, scanned.campaigns)
        profiles = read_profiles(accounts, owners, assume_utc=assume_utc)
        mapping = load_mapping(map_file) if map_file else None
        gathering, rejected = TrafficGathering(), 0
        for part in parts(discover(logs), now=dt.datetime.now(dt.UTC), mapping=mapping, assume_utc=assume_utc):
            batch = part.read()
            gathering.add(batch.exchanges)
            rejected += len(batch.rejected)
        traffic = gathering.traffic()
        read_s = time.perf_counter() - begun
        replayed = replay(loaded, traffic, flags, profiles, rung=WORDS[rung], hindsight=hindsight)
        judged_s = time.perf_counter() - begun - read_s
    except (SourceError, PolicyError, OSError, ValueError) as error:
        typer.echo(f"stillwatch: {error}", err=True)
        raise typer.Exit(2) from error
    campaign_of = {name: flag.campaign_id for name, flag in flags.items()}
    prices = Prices(price_input, price_output)
    found = report(replayed, traffic, campaign_of, profiles, prices, [rule.id for rule in loaded.rules])
    speed = _Speed(rejected, read_s, judged_s, len(traffic) / max(judged_s, 1e-9))
    if as_json:
        held = asdict(found) | asdict(speed) | {"policy": loaded.name, "prices": asdict(prices)}
        typer.echo(orjson.dumps(held, option=orjson.OPT_INDENT_2).decode())
    else:
        _show_report(loaded, found, speed, prices)


@dataclass(frozen=True, slots=True)
class _Speed:
    rejected: int
    read_s: float
    judged_s: float
    decisions_per_s: float


def _explained(loaded: Policy, text: str) -> tuple[list[Step], Command]:
    """Return each rule's part in the decision on a made-up request, and the command if all rules were enforced.

    Raises:
        ValueError: If the request is no JSON object of features.
    """
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"--request is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ValueError("--request must be a JSON object of features")
    now_us = int(time.time() * 1e6)
    of_request: dict[str, Any] = {"account": 1, "at_us": now_us}
    of_standing: dict[str, Any] = {"rung": Rung.NONE, "actor": 1}
    known = False
    for name, value in given.items():
        try:
            value = checked(name, value)
        except KeyError as error:
            raise ValueError(f"there is no feature {name!r}: `stillwatch policy features` lists them") from error
        if name in _OF_REQUEST or name in _OF_REQUEST_TOO:
            of_request[name] = value
        elif name in _OF_STANDING:
            of_standing[name] = Rung(int(value)) if name == "rung" else value
            known = True
        elif name == "in_campaign":
            of_standing.setdefault("campaign_id", "a campaign" if value else "")
            known = True
        elif name == "account_age_days":
            of_request["account_age_s"] = int(value) * 86_400
        elif name == "billing_country":
            of_standing[name] = value
            known = True
        elif name != "known":
            raise ValueError(f"{name!r} follows from other facts and cannot be given")
        else:
            known = bool(value)
    request = Request(**of_request)
    standing = Standing(**of_standing) if known else None
    steps = loaded.explain(request, standing, now_us)
    command = Decider(loaded.as_enforced(also_shadow=True), _One(standing)).decide(request, now_us)
    return steps, command


class _One:
    """A source with one standing for every account."""

    def __init__(self, standing: Standing | None) -> None:
        self._standing = standing

    def of(self, account: int) -> Standing | None:
        """Return it."""
        del account
        return self._standing

    def poll(self, now_us: int) -> None:
        """Do nothing."""


def _explanation(steps: list[Step], command: Command) -> dict[str, Any]:
    return {
        "steps": [
            {
                "rule": step.rule.id,
                "when": step.rule.when,
                "fired": step.fired,
                "enforced": step.enforced,
                "error": step.error,
                "rung_after": step.rung.word,
                "limits": [bound.name for bound in step.rule.limits] if step.fired else [],
                "reason": step.rule.reason,
            }
            for step in steps
        ],
        "were_all_enforced": {
            "rung": command.rung.word,
            "refusal": None if command.refusal is None else orjson.loads(command.refusal.body()),
            "hide_reasoning": command.hide_reasoning,
            "hide_logprobs": command.hide_logprobs,
            "answer_only": command.answer_only,
            "mark_key": command.mark_key,
            "headers": dict(command.headers),
        },
    }


def _show_explanation(steps: list[Step], command: Command) -> None:
    table = Table(title="if all rules were enforced")
    table.add_column("rule", no_wrap=True)
    for name in ("outcome", "rung after", "reason, or condition where it did not fire"):
        table.add_column(name)
    for step in steps:
        mark = "error" if step.error else ("fires" if step.fired else "")
        if step.fired and not step.enforced:
            mark += " (in shadow)"
        style = None if step.fired else "dim"
        text = step.error or (step.rule.reason if step.fired else step.rule.when)
        table.add_row(step.rule.id, mark, step.rung.word, escape(text), style=style)
    Console().print(table)
    what = [f"rung {command.rung.word}"]
    if command.refusal is not None:
        what.append(f"answered {command.refusal.status} {command.refusal.title}")
    done = {"no reasoning": command.hide_reasoning, "answer only": command.answer_only, "marked": command.mark_key}
    what += [word for word, on in done.items() if on]
    what += [f"{name}: {value}" for name, value in command.headers]
    typer.echo("; ".join(what))


def _show_report(loaded: Policy, found: ReplayReport, speed: _Speed, prices: Prices) -> None:
    console = Console()
    title = f"{loaded.name} over {found.exchanges:,} exchanges, as if enforced"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("who", no_wrap=True)
    for name in ("accounts", "touched", "exchanges", "refused", "limited", "hidden", "lost"):
        table.add_column(name, justify="right")
    for outcome in found.campaigns:
        table.add_row(f"campaign {outcome.campaign_id}", *_cells(outcome.touched))
        table.add_row("  before the flag", "", "", f"{outcome.before_flag:,}", "", "", "", "")
    table.add_row("all others", *_cells(found.honest))
    for (plan, level), touched in found.by_kind:
        table.add_row(f"  {plan or '?'}, {level or '?'}", *_cells(touched))
    for word, touched in found.by_rung:
        table.add_row(f"  rung {word}", *_cells(touched))
    console.print(table)
    typer.echo(
        "others by plan and verification, and by their highest rung; hidden: answered without reasoning and "
        f"log-probabilities; lost: at {prices.input_per_million:g} a million tokens read and "
        f"{prices.output_per_million:g} written"
    )
    rules = Table("rule", "exchanges of campaigns", "accounts", "exchanges of others", "accounts")
    for rule in found.rules:
        figures = (rule.campaign_exchanges, rule.campaign_accounts, rule.honest_exchanges, rule.honest_accounts)
        rules.add_row(rule.rule, *(f"{figure:,}" for figure in figures))
    console.print(rules)
    for name, campaign, other in found.by_limit:
        typer.echo(f"limit {name}: stopped {campaign:,} exchanges of campaigns, {other:,} of others")
    for example in found.examples:
        kind = f"plan {example.plan or '?'}, rung {example.rung}"
        typer.echo(f"most touched: {example.account_id} ({kind}): {example.stopped:,} of {example.exchanges:,} stopped")
    typer.echo(
        f"{speed.rejected:,} bad rows left out; {found.situations:,} situations judged; "
        f"read in {speed.read_s:.1f} s, decided in {speed.judged_s:.1f} s ({speed.decisions_per_s:,.0f} a second)"
    )


def _cells(touched: Touched) -> tuple[str, ...]:
    counts = (
        touched.accounts,
        touched.accounts_touched,
        touched.exchanges,
        touched.refused,
        touched.limited,
        touched.hidden,
    )
    return (*(f"{count:,}" for count in counts), f"{touched.revenue_lost:,.0f}")
