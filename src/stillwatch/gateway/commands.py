"""The command ``stillwatch serve``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stillwatch.exchange.pseudonym import key_of
from stillwatch.gateway.settings import SettingsError, WallSettings

Upstream = Annotated[str, typer.Option("--upstream", help="Address of the model server: http://127.0.0.1:8000.")]
Host = Annotated[str, typer.Option("--host", help="Address for clients.")]
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port for clients.")]
Policy = Annotated[Path | None, typer.Option("--policy", help="Policy file; without it the one that enforces nothing.")]
Standings = Annotated[
    str, typer.Option("--standings", help="Snapshot of standings, or redis://… that holds one; watched for news.")
]
Counters = Annotated[
    str,
    typer.Option(
        "--counters",
        envvar="STILLWATCH_COUNTERS",
        help="redis://… for counters that gateways share; a file to keep this one's own over a restart.",
    ),
]
Log = Annotated[Path | None, typer.Option("--log", help="Folder of the exchange log, in the scan's columns.")]
KeepText = Annotated[bool, typer.Option("--keep-text", help="Write prompts and system instructions into the log, too.")]
Footprints = Annotated[
    bool, typer.Option("--footprints/--no-footprints", help="Write the footprints of texts beside the log.")
]
LogRows = Annotated[int, typer.Option("--log-rows", min=1, help="Rows that become a file at the latest.")]
LogAgeS = Annotated[float, typer.Option("--log-age-s", min=0.1, help="Age at which rows do, in seconds.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="STILLWATCH_KEY_FILE",
        help="Key of the pseudonyms, made if absent. Without it the one that scans use.",
    ),
]
TrustedPeer = Annotated[
    list[str] | None,
    typer.Option("--trusted-peer", help="Network whose header fields are believed: 10.0.0.0/8. May be repeated."),
]
Fact = Annotated[
    list[str] | None,
    typer.Option("--fact", help="fact=Header-Name, told by trusted peers: account=X-Account-Id. May be repeated."),
]
MarkStyle = Annotated[
    str, typer.Option("--mark-style", help="Where a request asks for a mark: vllm, extra, sglang or none.")
]
TracesTo = Annotated[
    str,
    typer.Option(
        "--traces",
        help="OpenTelemetry collector: http://127.0.0.1:4318. Without it as OTEL_EXPORTER_OTLP_ENDPOINT says, if set.",
    ),
]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes.")]
AdminHost = Annotated[str, typer.Option("--admin-host", help="Address of /metrics and /healthz.")]
AdminPort = Annotated[int, typer.Option("--admin-port", min=0, max=65535, help="Its port; 0 for none.")]
BodyMibMax = Annotated[int, typer.Option("--body-mib-max", min=1, help="Longest request to a model.")]
ConnectS = Annotated[float, typer.Option("--connect-s", help="To connect to the model server.")]
SilenceS = Annotated[
    float, typer.Option("--silence-s", help="Longest silence of the model server, before and within an answer.")
]
IdleS = Annotated[
    float, typer.Option("--idle-s", help="An idle connection is kept so long; less than the model server does.")
]
InFlightMost = Annotated[int, typer.Option("--in-flight-most", min=1, help="Requests that one worker answers at once.")]
BodyS = Annotated[float, typer.Option("--body-s", help="Longest time that a request may take to arrive.")]
StalledS = Annotated[float, typer.Option("--stalled-s", help="Longest time that a client may take none of its answer.")]
StopS = Annotated[int, typer.Option("--stop-s", min=1, help="What requests under way get at a stop.")]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]


def serve(
    upstream: Upstream,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    policy: Policy = None,
    standings: Standings = "",
    counters: Counters = "",
    log: Log = None,
    keep_text: KeepText = False,
    footprints: Footprints = True,
    log_rows: LogRows = 20_000,
    log_age_s: LogAgeS = 30.0,
    key_file: KeyFile = None,
    trusted_peer: TrustedPeer = None,
    fact: Fact = None,
    mark_style: MarkStyle = "vllm",
    traces: TracesTo = "",
    workers: Workers = 1,
    admin_host: AdminHost = "127.0.0.1",
    admin_port: AdminPort = 9464,
    body_mib_max: BodyMibMax = 32,
    connect_s: ConnectS = 5.0,
    silence_s: SilenceS = 600.0,
    idle_s: IdleS = 4.0,
    in_flight_most: InFlightMost = 1024,
    body_s: BodyS = 60.0,
    stalled_s: StalledS = 120.0,
    stop_s: StopS = 600,
    log_level: LogLevel = "info",
) -> None:
    """Stand before a model server: decide on each request by policy and standing, log every exchange.

    Takes OpenAI's and Anthropic's APIs as vLLM, SGLang and gateways offer them; other paths go through. Accounts are
    told apart by API key, which is hashed and never kept, or by a header field that a trusted peer sets. Without
    --policy nothing is enforced: what would have been done is counted in /metrics at the admin address, and clients see
    no difference. A policy and standings that change on the disk are loaded without a restart. SIGTERM ends it when
    the requests under way are done and the log is written. Logs go to standard error as JSON, without keys and texts.

    Needs the extra "wall": pip install 'stillwatch[wall]'. Exit code 2: a setting cannot be used.

    Example: stillwatch serve --upstream http://127.0.0.1:8000 --log exchanges/ --key-file key --standings standings.bin
    """
    try:
        from stillwatch.gateway.proxy_upstream import UpstreamSettings
        from stillwatch.gateway.serve import ServeSettings
        from stillwatch.gateway.serve import serve as run
    except ModuleNotFoundError as error:
        _fail(f"the package {error.name} is missing: pip install 'stillwatch[wall]'")
    wall = WallSettings(
        policy=str(policy) if policy else "",
        standings=standings,
        counters=counters,
        key_file=str(key_of(key_file)),
        log=str(log) if log else "",
        log_rows=log_rows,
        log_age_s=log_age_s,
        keep_text=keep_text,
        footprints=footprints,
        trusted_peers=tuple(trusted_peer or ()),
        fact_headers=tuple(fact or ()),
        mark_style=mark_style,
        body_bytes_max=body_mib_max << 20,
        traces=traces,
    )
    settings = ServeSettings(
        upstream=UpstreamSettings(upstream, connect_s, silence_s, idle_s),
        wall=wall,
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        workers=workers,
        in_flight_most=in_flight_most,
        body_s=body_s,
        stalled_s=stalled_s,
        stop_s=stop_s,
        log_level=log_level,
    )
    try:
        _try(settings.wall)
        run(settings)
    except (SettingsError, OSError, ValueError) as error:
        _fail(str(error))


def _try(wall: WallSettings) -> None:
    """Load what the workers will load, so that a mistake is told here, once, and not by each of them.

    Raises:
        ValueError: If anything cannot be used; also the errors of policies, snapshots and keys, told as such.
    """
    from stillwatch.exchange.discovery import SourceError
    from stillwatch.exchange.pseudonym import load_key
    from stillwatch.gateway.traces import check_traces
    from stillwatch.response.overlay import SnapshotError
    from stillwatch.response.policy_file import PolicyError, load_policy
    from stillwatch.response.standing import Reloading

    try:
        check_traces(wall.traces)
        load_policy(Path(wall.policy) if wall.policy else None)
        if wall.standings and "://" not in wall.standings:
            Reloading(Path(wall.standings))
        if wall.key_file:
            load_key(Path(wall.key_file))
        if wall.log:
            Path(wall.log).mkdir(parents=True, exist_ok=True)
            if not os.access(wall.log, os.W_OK):
                raise SettingsError(f"{wall.log}: may not be written (grant this user write access)")
    except (SourceError, PolicyError, SnapshotError) as error:
        raise SettingsError(str(error)) from error


def _fail(message: str) -> NoReturn:
    typer.echo(f"stillwatch: {message}", err=True)
    raise typer.Exit(2)
