"""The commands of the doors: ``authorize``, ``verify`` and ``push``."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer

from stillwatch.exchange.discovery import SourceError
from stillwatch.response.overlay import SnapshotError
from stillwatch.response.policy_file import PolicyError

KeyFile = Annotated[
    Path,
    typer.Option("--key-file", envvar="STILLWATCH_KEY_FILE", help="Key of the pseudonyms, the same as the scan's."),
]
Snapshot = Annotated[
    str, typer.Option("--standings", help="Snapshot of standings, or redis://… that holds one; watched for news.")
]
PolicyPath = Annotated[
    Path | None,
    typer.Option("--policy", help="Policy file; without it the one that comes along, which enforces nothing."),
]
Accounts = Annotated[
    Path,
    typer.Option("--accounts", help="Accounts that the gateway knows: account_id and, if it differs, credential."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]

push = typer.Typer(
    name="push",
    help="Write verdicts into what a gateway already has, so that nobody is asked while a request waits.",
    no_args_is_help=True,
)


def authorize(
    key_file: KeyFile,
    standings: Snapshot,
    policy: PolicyPath = None,
    counters: Annotated[
        str,
        typer.Option("--counters", envvar="STILLWATCH_COUNTERS", help="redis://… for counters that gateways share."),
    ] = "",
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT or unix:PATH.")] = "127.0.0.1:8090",
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes; more than one needs --counters to keep limits.")
    ] = 1,
    trusted_network: Annotated[
        bool, typer.Option("--trusted-network", help="Listen beyond loopback: whoever reaches the service is believed.")
    ] = False,
) -> None:
    """Run the decision service, which nginx (auth_request), Envoy (ext_authz) and LiteLLM ask before each request.

    nginx asks at /nginx, Envoy at /envoy, LiteLLM's generic guardrail at /beta/litellm_basic_guardrail_api, and our
    plug-in for LiteLLM at /decide. docs/doors.md and docs/examples show the other side of each.
    """
    from stillwatch.gateway.doors.serving import authorization_service, parse_address, serve

    settings: dict[str, Any] = {
        "key_file": str(key_file),
        "standings": standings,
        "policy": str(policy) if policy else None,
        "counters": counters,
    }
    try:
        address = parse_address(listen)
        if address.socket_file is None and not trusted_network and not _on_loopback(address.host):
            _end(f"{listen} can be reached from other machines, which would be believed (add --trusted-network)")
        if workers > 1 and not counters:
            _end("several workers would each count by themselves (add --counters redis://…)")
        authorization_service(settings)  # Faults are told here, rather than by workers that end again and again.
    except (ValueError, SourceError, PolicyError, SnapshotError, ImportError) as error:
        _end(str(error))
    serve("stillwatch.gateway.doors.serving:authorization_application", address, settings, workers)


def verify(
    settings: Annotated[
        Path, typer.Argument(help="YAML file: public_url, key_file, standings, ledger, oidc, webhooks.")
    ],
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT or unix:PATH, behind TLS.")] = "127.0.0.1:8091",
) -> None:
    """Run the public service where refused clients prove who they are, and where identity vendors report.

    Browsers come to /verify/start?ticket=…, which a policy's link ends in; the OpenID provider sends them back to
    /verify/callback. Vendors post signed events to /verify/webhook/stripe and /verify/webhook/persona. A verification
    is noted in the overlay beside the snapshot and counts within seconds. docs/doors.md has the settings.
    """
    from stillwatch.gateway.doors.serving import parse_address, serve
    from stillwatch.gateway.doors.verification.settings import (
        VerificationSettingsError,
        read_verification_settings,
        verification_service,
    )

    try:
        address = parse_address(listen)
        verification_service(read_verification_settings(settings))
    except (ValueError, SourceError, SnapshotError, VerificationSettingsError) as error:
        _end(str(error))
    serve("stillwatch.gateway.doors.serving:verification_application", address, {"settings": str(settings.absolute())})


@push.command("nginx")
def push_nginx(
    accounts: Accounts,
    key_file: KeyFile,
    standings: Snapshot,
    map_file: Annotated[Path, typer.Option("--map", help="File that a map block of nginx includes.")],
    policy: PolicyPath = None,
    pid_file: Annotated[
        Path | None, typer.Option("--pid-file", help="nginx's; it is told to read the map where that changed.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a map from account to rung for nginx, in one step, and have nginx read it."""
    from stillwatch.gateway.doors.push_nginx import nginx_map, reload_nginx, write_nginx_map

    verdicts, known = _verdicts(accounts, key_file, standings, policy)
    try:
        if dry_run:
            typer.echo(nginx_map(verdicts, known), nl=False)
            return
        changed = write_nginx_map(map_file, verdicts, known)
        if changed and pid_file is not None:
            reload_nginx(pid_file)
    except (OSError, ValueError) as error:
        _end(str(error))
    _tell({"accounts": len(verdicts), "changed": changed, "file": str(map_file)}, as_json)


@push.command("envoy")
def push_envoy(
    accounts: Accounts,
    key_file: KeyFile,
    standings: Snapshot,
    folder: Annotated[Path, typer.Option("--folder", help="Folder that Envoy watches.")],
    header: Annotated[str, typer.Option("--header", help="Field that names the account to Envoy.")] = "x-account",
    policy: PolicyPath = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write two filters' configurations for Envoy: refused accounts, and bounds in requests a minute."""
    from stillwatch.gateway.doors.push_envoy import limits_filter, refused_filter, write_envoy_filters

    verdicts, _ = _verdicts(accounts, key_file, standings, policy)
    name = header.lower()
    if dry_run:
        _tell({"refused": refused_filter(verdicts, name), "limits": limits_filter(verdicts, name)}, True)
        return
    try:
        changed = write_envoy_filters(folder, verdicts, name)
    except OSError as error:
        _end(f"{folder}: {error.strerror}")
    _tell({"accounts": len(verdicts), "changed": changed, "folder": str(folder)}, as_json)


@push.command("litellm")
def push_litellm(
    accounts: Accounts,
    key_file: KeyFile,
    standings: Snapshot,
    url: Annotated[str, typer.Option("--url", help="The proxy's address.")],
    state: Annotated[Path, typer.Option("--state", help="Remembers what keys were before; needed to give it back.")],
    policy: PolicyPath = None,
    admin_key_file: Annotated[
        Path | None, typer.Option("--admin-key-file", help="Holds an administrator's key; else LITELLM_MASTER_KEY.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Block and limit keys of LiteLLM, and give back to those that are off the ladder what they had.

    Exit code 1: some keys could not be changed; the next push tries again.
    """
    from stillwatch.gateway.doors.litellm_management import LiteLlmManagement
    from stillwatch.gateway.doors.push_litellm import LiteLlmError, PushOutcome, push_to_litellm

    verdicts, _ = _verdicts(accounts, key_file, standings, policy)
    if dry_run:
        _tell({"accounts": [{"account_id": each.member.account_id, "rung": each.rung.word} for each in verdicts]}, True)
        return

    async def pushed(key: str) -> PushOutcome:
        async with LiteLlmManagement(url, key) as management:
            return await push_to_litellm(management, verdicts, state)

    try:
        key = admin_key_file.read_text().strip() if admin_key_file else os.environ.get("LITELLM_MASTER_KEY", "")
        if not key:
            _end("no administrator's key (name --admin-key-file, or set LITELLM_MASTER_KEY)")
        outcome = asyncio.run(pushed(key))
    except (LiteLlmError, SourceError, OSError) as error:
        _end(str(error))
    told = {
        "accounts": len(verdicts),
        "keys_changed": outcome.keys_changed,
        "keys_restored": outcome.keys_restored,
        "keys_left": outcome.keys_left,
        "faults": list(outcome.faults),
    }
    _tell(told, as_json)
    if outcome.faults:
        raise typer.Exit(1)


def register(application: typer.Typer) -> None:
    """Add the doors' commands to ``stillwatch``."""
    application.command()(authorize)
    application.command()(verify)
    application.add_typer(push)


def _verdicts(accounts: Path, key_file: Path, standings: str, policy: Path | None) -> tuple[list[Any], list[str]]:
    """Return verdicts on the accounts of a file, and all its credentials."""
    from stillwatch.exchange.pseudonym import Pseudonyms, load_key
    from stillwatch.gateway.doors.local_decider import now_us, standing_source
    from stillwatch.gateway.doors.verdicts import read_members, verdicts_of
    from stillwatch.response.policy_file import load_policy

    try:
        if not key_file.exists():
            _end(f"{key_file}: no such key (the one of the scan is needed; a new one would match no standing)")
        pseudonyms = Pseudonyms(load_key(key_file))
        members = read_members(accounts)
        if not members:
            _end(f"{accounts}: names no account (a push takes back what is not named, so this would free everybody)")
        if "://" not in standings and not Path(standings).exists():
            _end(
                f"{standings}: no such snapshot (a push takes back what has no standing, so this would free everybody)"
            )
        source = standing_source(standings)
        if error := getattr(source, "error", ""):  # A server that is away; gateways would go on, a push must not.
            _end(error)
        now = now_us()
        source.poll(now)  # So that lapsed entries of the overlay are judged by the present.
        pseudonym: Callable[[str], int] = lambda name: pseudonyms.hash_one("account_id", name)  # noqa: E731
        found = verdicts_of(members, load_policy(policy), source, pseudonym, now)
    except (SourceError, PolicyError, SnapshotError, ImportError) as error:
        _end(str(error))
    return found, [member.credential for member in members]


def _on_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    else:
        for name, value in told.items():
            typer.echo(f"{name.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}")


def _end(message: str) -> NoReturn:
    typer.echo(f"stillwatch: {message}", err=True)
    raise typer.Exit(2)
