"""Spans over real OTLP: a collector on loopback reads what the wall sends, and a model server what it is told."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stillwatch.gateway.metrics import Metrics
from stillwatch.gateway.settings import SettingsError, WallSettings
from stillwatch.gateway.traces import check_traces, open_traces, traces_wanted
from stillwatch.gateway.wall import open_wall
from stillwatch.response.ladder import Rung

protocol = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="needs the extra wall-traces"
)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"  # Not sampled, if it were for the client.


class Collector:
    """An OTLP collector: keeps the spans that it is sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.raw = b""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                collector.take(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> None:
        asked = protocol.ExportTraceServiceRequest.FromString(body)
        self.raw += body
        for resource in asked.resource_spans:
            self.services |= {held(resource.resource)["service.name"]}
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def named(self, name: str) -> Any:
        (found,) = [span for span in self.spans if span.name == name]
        return found


def held(of: Any) -> dict[str, Any]:
    def value(raw: Any) -> Any:
        kind = raw.WhichOneof("value")
        return [value(each) for each in raw.array_value.values] if kind == "array_value" else getattr(raw, kind)

    return {each.key: value(each.value) for each in of.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_request_through_the_proxy_is_three_spans(
    model_server: Any, wall_tools: Any, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(wall_tools.POLICY)
    wall_tools.write_rungs(tmp_path / "standings", {"sk-hide": Rung.HIDE, "sk-verify": Rung.VERIFY})
    options = ("--policy", str(tmp_path / "policy.yaml"), "--standings", str(tmp_path / "standings"))
    gateway = wall_tools.start_gateway(tmp_path, model_server.port, *options, "--traces", collector.url)
    headers = {"traceparent": PARENT, "tracestate": "other=1"}
    assert wall_tools.post(gateway.port, key="sk-hide", test="sse", headers=headers).status == 200
    upstream = model_server.seen[-1]
    assert wall_tools.post(gateway.port, key="sk-verify").status == 403
    assert gateway.stop() == 0, gateway.said  # A stop exports what waits.

    assert collector.services == {"stillwatch"} and len(collector.spans) == 5
    asked = collector.named("upstream")
    trace = asked.trace_id
    mine = {span.name: span for span in collector.spans if span.trace_id == trace}
    assert set(mine) == {"exchange chat", "decision", "upstream"}
    exchange, decision = mine["exchange chat"], mine["decision"]
    assert trace.hex() == PARENT[3:35] and exchange.parent_span_id.hex() == PARENT[36:52]
    assert decision.parent_span_id == asked.parent_span_id == exchange.span_id
    assert upstream.header("traceparent") == f"00-{trace.hex()}-{asked.span_id.hex()}-01"
    assert upstream.header("tracestate") == "other=1"
    assert exchange.start_time_unix_nano <= decision.start_time_unix_nano <= decision.end_time_unix_nano
    assert decision.end_time_unix_nano <= asked.start_time_unix_nano <= asked.end_time_unix_nano
    assert asked.end_time_unix_nano <= exchange.end_time_unix_nano
    account = f"{wall_tools.account_of('sk-hide'):016x}"
    facts = {"stillwatch.rung": "hide", "stillwatch.outcome": "passed", "stillwatch.account": account}
    assert facts.items() <= held(exchange).items() and held(exchange)["stillwatch.actor"] == account
    assert held(decision)["stillwatch.rules"] == ["standing"]
    counted = {"http.response.status_code": 200, "gen_ai.usage.input_tokens": 11, "gen_ai.usage.output_tokens": 7}
    assert counted.items() <= held(exchange).items() and counted == held(asked)
    assert held(exchange)["gen_ai.request.model"] == "m"

    (refused,) = [span for span in collector.spans if span.name == "exchange chat" and span.trace_id != trace]
    assert held(refused)["stillwatch.outcome"] == "refused" and held(refused)["http.response.status_code"] == 403
    told = collector.raw
    assert not [word for word in (b"SECRET-PROMPT", b"sk-hide", b"key_", b"127.0.0.1") if word in told]


def wall_of(folder: Path, key: bytes, **settings: Any) -> Any:
    (folder / "key").write_bytes(key)
    return open_wall(WallSettings(key_file=str(folder / "key"), **settings), Metrics(CollectorRegistry()))


def exchanged(wall: Any, held: Mapping[str, str], body: bytes = b"{}") -> dict[str, str]:
    """Admit and finish one exchange, and return what the model server is sent."""
    admission = asyncio.run(wall.admit("chat", held, "127.0.0.1", body, time.time_ns() // 1000))
    sent = dict(wall.request_headers(admission, list(held.items())))
    wall.finish(admission, 200, (None, None), time.time_ns() // 1000)
    return sent


def test_off_is_off_and_leaves_the_clients_fields_alone(
    tmp_path: Path, wall_tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    wall = wall_of(tmp_path, wall_tools.KEY)
    assert wall._traces is None
    assert exchanged(wall, {"traceparent": PARENT}) == {"traceparent": PARENT}
    wall.close(0)


def test_the_standard_variables_are_enough_and_a_model_may_be_any_text(
    tmp_path: Path, wall_tools: Any, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-wall")
    wall = wall_of(tmp_path, wall_tools.KEY)
    body = json.dumps({"model": "tell me a secret, please"}).encode()
    bad = exchanged(wall, {"traceparent": "00-not-a-trace-01", "tracestate": "x=1"}, body)
    wall.close(0)
    assert collector.services == {"my-wall"}
    exchange = collector.named("exchange chat")
    assert not exchange.parent_span_id and "gen_ai.request.model" not in held(exchange)
    assert bad["traceparent"].startswith(f"00-{exchange.trace_id.hex()}-") and "tracestate" not in bad
    assert b"secret" not in collector.raw


def test_a_collector_that_is_away_harms_no_request(
    tmp_path: Path, wall_tools: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    wall = wall_of(tmp_path, wall_tools.KEY, traces=f"http://127.0.0.1:{wall_tools.free_port()}")
    with caplog.at_level(logging.CRITICAL):
        assert "traceparent" in exchanged(wall, {})
        wall.close(0)


@pytest.mark.parametrize(
    ("address", "variables", "wanted"),
    [
        ("", {}, False),
        ("http://c:4318", {}, True),
        ("http://c:4318", {"OTEL_SDK_DISABLED": "true"}, False),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ("", {"OTEL_TRACES_EXPORTER": "console,otlp"}, True),
    ],
)
def test_when_traces_are_wanted(address: str, variables: dict[str, str], wanted: bool) -> None:
    assert traces_wanted(address, variables) is wanted


def test_what_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError, match="4318"):
        check_traces("collector:4317")
    grpc = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert open_traces("", grpc) is None and "http/protobuf" in caplog.text
    monkeypatch.setattr("stillwatch.gateway.traces._missing", lambda: "opentelemetry.sdk.trace")
    assert open_traces("", {"OTEL_TRACES_EXPORTER": "otlp"}) is None and "a package is missing" in caplog.text
    with pytest.raises(SettingsError, match=r"stillwatch\[wall-traces\]"):
        open_traces("http://127.0.0.1:4318", {})
