"""Spans of requests at the wall, told to an OpenTelemetry collector over OTLP; nothing is imported where they are off.

Three spans a request: the exchange, the decision within it, and the model server's part. They hold rung, outcome,
rules, and keyed pseudonyms of account and actor; never a key, an account id, an address or a text.

Source: W3C Trace Context; OpenTelemetry specification, "SDK environment variables"; semantic conventions of HTTP and
of generative AI, for the names of attributes.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stillwatch.gateway.settings import SettingsError
from stillwatch.response.command import Command

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

logger = logging.getLogger("stillwatch.gateway")

PROPAGATED = frozenset({"traceparent", "tracestate"})
_ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PATH = "/v1/traces"
_MODEL = re.compile(r"[\w.:/@+-]{1,128}")  # A client may write anything there, a prompt included.
_HINT = "pip install 'stillwatch[wall-traces]'"


class Trace:
    """The spans of one request.

    Args:
        traces: Where spans begin.
        endpoint: What kind of answer is asked for; empty for none of a model's.
        held: Header fields, names in lower case; a ``traceparent`` among them is continued.
    """

    def __init__(self, traces: Traces, endpoint: str, held: Mapping[str, str]) -> None:
        """Begin the span of the exchange."""
        self._traces = traces
        context = traces.propagator.extract(held) if "traceparent" in held else None
        kinds = traces.kinds
        self._exchange: Span = traces.tracer.start_span(
            f"exchange {endpoint or 'other'}", context, kinds.SERVER, {"stillwatch.endpoint": endpoint or "other"}
        )
        self._within = traces.within(self._exchange)
        self._upstream: Span | None = None

    def decided(self, command: Command, account: int, actor: int, model: str, took_s: float) -> None:
        """Tell what was decided, just now.

        Args:
            command: The decision.
            account: Pseudonym.
            actor: Whoever runs the account, as a pseudonym.
            model: As asked for.
            took_s: What the decision took.
        """
        if not self._exchange.is_recording():
            return
        refusal = command.refusal
        facts: dict[str, Any] = {
            "stillwatch.rung": command.rung.word,
            "stillwatch.outcome": "passed" if refusal is None else "refused",
            "stillwatch.account": f"{account:016x}",
            "stillwatch.actor": f"{actor:016x}",
        }
        told = facts | {"stillwatch.rules": command.fired, "stillwatch.rules_in_shadow": command.shadow}
        if command.shadow:
            told["stillwatch.rung_in_shadow"] = command.shadow_rung.word
        if refusal is not None:
            told["stillwatch.refusal"] = refusal.type
        if _MODEL.fullmatch(model):
            facts["gen_ai.request.model"] = model
        self._exchange.set_attributes(facts)
        now_ns = time.time_ns()
        start_ns = now_ns - int(took_s * 1e9)
        self._traces.tracer.start_span("decision", self._within, attributes=told, start_time=start_ns).end(now_ns)

    def asks(self) -> list[tuple[str, str]]:
        """Begin the model server's part, and return the header fields that let it continue the trace."""
        self._upstream = self._traces.tracer.start_span("upstream", self._within, self._traces.kinds.CLIENT)
        fields: dict[str, str] = {}
        self._traces.propagator.inject(fields, self._traces.within(self._upstream))
        return list(fields.items())

    def finish(self, status: int, tokens: tuple[int | None, int | None]) -> None:
        """End all spans: ``status`` of the answer, tokens read and written as far as they are known."""
        held: dict[str, int] = {"http.response.status_code": status}
        for name, count in zip(("input", "output"), tokens, strict=True):
            if count is not None:
                held[f"gen_ai.usage.{name}_tokens"] = count
        if self._upstream is not None:
            self._end(self._upstream, held, status >= 400)
        self._end(self._exchange, held, status >= 500)  # What a client did wrong is no fault of the server's span.

    def _end(self, span: Span, held: dict[str, int], failed: bool) -> None:
        span.set_attributes(held)
        if failed:
            span.set_status(self._traces.failed)
        span.end()


class Traces:
    """Begins spans and exports them in batches, from a thread; what the collector does not take is let go.

    Args:
        provider: OpenTelemetry's, with its exporter.
    """

    def __init__(self, provider: TracerProvider) -> None:
        """Take from the packages what every request needs."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self.tracer = provider.get_tracer("stillwatch.gateway")
        self.propagator = TraceContextTextMapPropagator()
        self.kinds = SpanKind
        self.failed = Status(StatusCode.ERROR)
        self.within = set_span_in_context

    def begin(self, endpoint: str, held: Mapping[str, str]) -> Trace:
        """Return the trace of a request that has just come: what it asks for, and its header fields."""
        return Trace(self, endpoint, held)

    def close(self) -> None:
        """Export what waits; blocks until that is done or has taken too long."""
        self._provider.shutdown()


def traces_wanted(address: str, environment: Mapping[str, str]) -> bool:
    """Tell whether spans are to be exported: by a setting, or by the standard variables.

    Args:
        address: Of the collector, as set for stillwatch; empty for as the variables say.
        environment: With OpenTelemetry's variables. ``OTEL_SDK_DISABLED`` beats everything.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if address:
        return True
    chosen = {word.strip() for word in environment.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    return "otlp" in chosen if chosen else any(environment.get(name) for name in _ADDRESSES)


def check_traces(address: str) -> None:
    """Refuse an address to which no spans can be sent.

    Raises:
        SettingsError: If it is none, or the packages are missing.
    """
    if address and not address.startswith(("http://", "https://")):
        raise SettingsError(f"{address!r} is no collector's address (write for instance http://127.0.0.1:4318)")
    if address and _missing():
        raise SettingsError(f"traces need the package {_missing()} ({_HINT})")


def _missing() -> str:
    """Return the package that is missing, or nothing."""
    for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"):
        try:
            if importlib.util.find_spec(name) is None:
                return name
        except ModuleNotFoundError as error:
            return error.name or name
    return ""


def open_traces(address: str, environment: Mapping[str, str] = os.environ) -> Traces | None:
    """Return where spans go, or None where they are off.

    Batches, limits, headers, certificates, the service's name and the sampler are those of OpenTelemetry's own
    variables. Unless a sampler is named, every request is taken, whatever the client's ``traceparent`` says of
    sampling: a client must not be able to hide.

    Args:
        address: Of the collector: ``http://127.0.0.1:4318``; empty for as the variables say.
        environment: Decides whether and where; the rest is read by OpenTelemetry itself.

    Raises:
        SettingsError: If an address was set and the packages are missing, or the address is none.
    """
    if not traces_wanted(address, environment):
        return None
    check_traces(address)
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    if not address and protocol != "http/protobuf":
        logger.warning("no traces: OTLP goes over http/protobuf only", extra={"asked": protocol})
        return None
    if missing := _missing():  # The variables may be meant for others on the same machine: no reason not to serve.
        logger.warning("no traces: a package is missing", extra={"package": missing, "hint": _HINT})
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    base = address.rstrip("/")
    named = "OTEL_SERVICE_NAME" in environment or "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(
        sampler=None if environment.get("OTEL_TRACES_SAMPLER") else ALWAYS_ON,
        resource=Resource.create({} if named else {SERVICE_NAME: "stillwatch"}),
        shutdown_on_exit=False,  # The wall closes it, when the last request is done.
    )
    endpoint = (base if base.endswith(_PATH) else base + _PATH) if base else None
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return Traces(provider)
