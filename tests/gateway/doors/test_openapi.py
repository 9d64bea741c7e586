"""Our own HTTP interfaces against their descriptions: schemathesis asks what those allow, and much that they don't."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.authorization import AuthorizationService
from stillwatch.gateway.doors.local_decider import DeciderFiles, local_decisions
from stillwatch.gateway.doors.openapi import described
from stillwatch.gateway.doors.rsgi import Application
from stillwatch.gateway.doors.verification.ledger import Ledger
from stillwatch.gateway.doors.verification.service import VerificationService, overlay_sink
from stillwatch.gateway.doors.verification.step_up import Client, ProviderError, StepUp
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.gateway.serve_admin import open_admin

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is absent")

KEY = b"a key of the tests, no secret"
FUZZED = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
# Conditions on negative data hold for `/decide` alone, which is strict; the doors of gateways read what they are sent.
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
CHECKS += ("response_headers_conformance",)
STRICT = ("negative_data_rejection", "positive_data_acceptance", "unsupported_method")


class Exchange:
    """granian's side of a request, as far as ``Application`` sees it."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 7_000):
            yield self._body[start : start + 7_000]

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert self.answer is None
        self.answer = (status, headers, body)

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")


class Fields:
    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


class Scope:
    proto = "http"

    def __init__(self, method: str, path: str, query_string: str, pairs: list[tuple[str, str]]) -> None:
        self.method, self.path, self.query_string, self.headers = method, path, query_string, Fields(pairs)


def as_asgi(application: Application) -> Callable[..., Awaitable[None]]:
    """The real application, asked in process."""

    async def ask(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        if body and "content-length" not in dict(pairs):
            pairs.append(("transfer-encoding", "chunked"))
        exchange = Exchange(body)
        query = scope.get("query_string", b"").decode("latin-1")
        await application.__rsgi__(Scope(scope["method"], scope["path"], query, pairs), exchange)
        assert exchange.answer is not None
        status, headers, content = exchange.answer
        for name, value in headers:
            assert name == name.lower() and not set("\r\n\0") & set(value), (name, value)
        raw = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})

    return ask


class Provider:
    """An OpenID provider that is away."""

    async def get(self, address: str) -> Any:
        raise ProviderError(f"{address} cannot be reached")

    async def post(self, address: str, *_: Any) -> Any:
        raise ProviderError(f"{address} cannot be reached")


@pytest.fixture(scope="module")
def authorize(tmp_path_factory: pytest.TempPathFactory, ladder: Any) -> Any:
    """The description, read from the service itself, over real decisions."""
    key_file, standings, policy = ladder(tmp_path_factory.mktemp("authorize"))
    decisions = local_decisions(DeciderFiles(key_file, str(standings), policy))
    service = AuthorizationService(decisions, Pseudonyms(KEY).hash_one, body_bytes_max=1 << 20)
    return schemathesis.openapi.from_asgi("/openapi.json", as_asgi(Application(service)))


@pytest.fixture(scope="module")
def verify(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("verify")
    client = Client("https://id.example", "us", "", "https://verify.example/verify/callback", ("strong",))
    service = VerificationService(
        Tickets(KEY),
        Pseudonyms(KEY),
        Ledger(None),
        overlay_sink(folder / "standings.bin"),
        time.time,
        StepUp(client, Provider(), Ledger(None)),
        {"stripe": [b"whsec_1"], "persona": [b"whsec_2"]},
        issuer="https://id.example",
    )
    return schemathesis.openapi.from_asgi("/openapi.json", as_asgi(Application(service)))


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No request may have ended in an exception, whatever the client was told."""
    with caplog.at_level(logging.WARNING):
        yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR and "failed" in record.msg]


POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


def operations(service: str) -> list[Any]:
    """All operations, and those with a body twice: nothing is forbidden where all is text."""
    paths = orjson.loads(described(service).body)["paths"]
    modes = {"get": [POSITIVE], "post": [POSITIVE, NEGATIVE]}
    return [
        pytest.param(path, method, mode, id=f"{method} {path} {mode.value}")
        for path, held in paths.items()
        for method in modes
        if method in held
        for mode in modes[method]
    ]


def hold(schema: Any, path: str, method: str, mode: Any, *, strict: bool = False) -> None:
    """Send what the description allows, or what it forbids, and hold the answers against it."""
    names = (*CHECKS, *(STRICT if strict else ()))
    checks = [getattr(schemathesis.checks, name, None) or getattr(schemathesis.openapi.checks, name) for name in names]

    @FUZZED
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def sent(case: Any) -> None:
        case.call_and_validate(checks=checks)

    sent()


@pytest.mark.parametrize(("path", "method", "mode"), operations("authorize"))
def test_the_decision_service_is_as_described(authorize: Any, path: str, method: str, mode: Any) -> None:
    hold(authorize, path, method, mode, strict=path == "/decide")


@pytest.mark.parametrize(("path", "method", "mode"), operations("verify"))
def test_the_verification_service_is_as_described(verify: Any, path: str, method: str, mode: Any) -> None:
    hold(verify, path, method, mode)


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The operator's address, at a socket, since it is a server of the standard library's."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    server = open_admin("127.0.0.1", 0)
    yield schemathesis.openapi.from_url(f"http://127.0.0.1:{server.server_address[1]}/openapi.json")
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("path", "method", "mode"), operations("admin"))
def test_the_operators_address_is_as_described(admin: Any, path: str, method: str, mode: Any) -> None:
    hold(admin, path, method, mode)
