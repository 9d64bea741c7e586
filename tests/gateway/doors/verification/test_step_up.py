from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import yaml

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.rsgi import Answer, Question
from stillwatch.gateway.doors.verification.http_client import HttpClient
from stillwatch.gateway.doors.verification.id_token import NotSignedIn
from stillwatch.gateway.doors.verification.ledger import Ledger
from stillwatch.gateway.doors.verification.service import VerificationService, overlay_sink
from stillwatch.gateway.doors.verification.step_up import Client, ProviderError, StepUp
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.response.overlay import overlay_path, read_overlay
from stillwatch.response.redis_counters import redis_client
from stillwatch.response.redis_standings import publish_standings
from stillwatch.response.standing import read_snapshot

KEY = b"0123456789abcdef"
ACCOUNT = Pseudonyms(KEY).hash_one("account_id", "acct_1")
STRONG = "urn:example:passport"


@pytest.fixture(scope="module")
def issuer(servers: Any, port: Callable[[], int]) -> str:
    """The real provider mock, with one person who can sign in strongly and one who cannot."""
    listens = port()
    people = [{"sub": "ann", "acr": STRONG}, {"sub": "bob", "acr": "urn:example:password"}]
    claims = [part for person in people for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(listens)]
    process: subprocess.Popen[bytes] = servers.start([*command, "--require-nonce", "true", *claims], listens)
    assert process.poll() is None
    return f"http://127.0.0.1:{listens}"


class Site:
    """The service, its snapshot's overlay, and a browser."""

    def __init__(self, issuer: str, folder: Path, acr: tuple[str, ...] = (STRONG,), most: int = 3) -> None:
        self.http = HttpClient()
        self.snapshot = folder / "standings.bin"
        self.tickets = Tickets(KEY)
        client = Client(issuer, "stillwatch", "sec:ret/", "http://127.0.0.1/verify/callback", acr)
        step_up = StepUp(client, self.http, Ledger(None))
        self.service = VerificationService(
            self.tickets,
            Pseudonyms(KEY),
            Ledger(None),
            overlay_sink(self.snapshot),
            time.time,
            step_up,
            issuer=issuer,
            accounts_per_person_most=most,
        )

    def levels(self) -> dict[int, str]:
        held = read_overlay(overlay_path(self.snapshot)).entries
        return {account: entry.verification for account, entry in held.items()}

    async def start(self, account: int = ACCOUNT) -> Answer:
        query = {"ticket": self.tickets.make(account, time.time())}
        return await self.service.answer(Question("GET", "/verify/start", query))

    async def whole(self, person: str, account: int = ACCOUNT) -> Answer:
        started = await self.start(account)
        assert started.status == 302
        headers = dict(started.headers)
        back = sign_in(headers["location"], person)
        return await self.back(back, headers["set-cookie"])

    async def back(self, query: Mapping[str, str], cookie: str) -> Answer:
        headers = {"cookie": cookie.partition(";")[0]}
        return await self.service.answer(Question("GET", "/verify/callback", query, headers))


def sign_in(address: str, person: str, action: str = "") -> dict[str, str]:
    """What a browser does at the provider: choose the person, and come back with what the redirect says."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc, timeout=20)
    form = {"sub": person, **({"action": action} if action else {})}
    connection.request(
        "POST",
        f"{parts.path}?{parts.query}",
        urlencode(form),
        {"content-type": "application/x-www-form-urlencoded"},
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status in (302, 303), answer.status
    query = urlsplit(answer.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query).items()}


@pytest.fixture
def site(issuer: str, tmp_path: Path) -> Iterator[Site]:
    yield Site(issuer, tmp_path)


def run(site: Site, work: Any) -> Any:
    async def all_of_it() -> Any:
        try:
            return await work
        finally:
            await site.http.close()

    return asyncio.run(all_of_it())


def test_a_strong_sign_in_verifies_the_account(site: Site) -> None:
    answer = run(site, site.whole("ann"))
    assert answer.status == 200, answer.body
    assert site.levels() == {ACCOUNT: "oidc"}


def test_a_weak_sign_in_verifies_nothing(site: Site) -> None:
    answer = run(site, site.whole("bob"))
    assert answer.status == 403 and b"not as strong" in answer.body
    assert site.levels() == {}


def test_denying_verifies_nothing(site: Site) -> None:
    async def denied() -> Answer:
        headers = dict((await site.start()).headers)
        return await site.back(sign_in(headers["location"], "ann", "deny"), headers["set-cookie"])

    assert run(site, denied()).status == 403
    assert site.levels() == {}


def test_an_answer_is_good_once_and_in_its_own_browser(site: Site) -> None:
    async def thrice() -> list[int]:
        first, second = [dict((await site.start()).headers) for _ in range(2)]
        back = sign_in(first["location"], "ann")
        other = await site.back(back, second["set-cookie"])
        again = await site.back(back, first["set-cookie"])  # The state was spent by the attempt above.
        fresh = dict((await site.start()).headers)
        swapped = {**sign_in(fresh["location"], "ann"), "state": "made-up"}
        return [other.status, again.status, (await site.back(swapped, fresh["set-cookie"])).status]

    assert run(site, thrice()) == [403, 403, 403]
    assert site.levels() == {}


def test_a_code_of_another_attempt_carries_the_wrong_nonce(site: Site) -> None:
    async def mixed() -> Answer:
        mine, stolen = [dict((await site.start()).headers) for _ in range(2)]
        back = sign_in(mine["location"], "bob")
        code = sign_in(stolen["location"], "ann")["code"]
        return await site.back({**back, "code": code}, mine["set-cookie"])

    answer = run(site, mixed())
    assert answer.status == 403 and b"nonce" in answer.body
    assert site.levels() == {}


def test_a_used_code_is_the_providers_no(site: Site) -> None:
    async def twice() -> Answer:
        first = dict((await site.start()).headers)
        back = sign_in(first["location"], "ann")
        assert (await site.back(back, first["set-cookie"])).status == 200
        second = dict((await site.start()).headers)
        state = sign_in(second["location"], "ann")["state"]
        return await site.back({"state": state, "code": back["code"]}, second["set-cookie"])

    assert run(site, twice()).status == 502


def test_one_person_lifts_no_pool(issuer: str, tmp_path: Path) -> None:
    site = Site(issuer, tmp_path, most=2)

    async def many() -> list[int]:
        return [(await site.whole("ann", account)).status for account in (1, 2, 3, 1)]

    assert run(site, many()) == [200, 200, 403, 200]
    assert set(site.levels()) == {1, 2}


def test_what_the_browser_is_sent_with(site: Site) -> None:
    started = run(site, site.start())
    headers = dict(started.headers)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(headers["location"]).query).items()}
    assert asked["acr_values"] == STRONG and asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code" and asked["nonce"] != asked["state"]
    assert {"HttpOnly", "SameSite=Lax", "Secure"} <= {part.strip() for part in headers["set-cookie"].split(";")}
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("ticket", ["", "x", Tickets(KEY[::-1]).make(ACCOUNT, 4e9), Tickets(KEY).make(ACCOUNT, 0)])
def test_without_a_good_ticket_nobody_sets_out(site: Site, ticket: str) -> None:
    answer = run(site, site.service.answer(Question("GET", "/verify/start", {"ticket": ticket})))
    assert answer.status == 403 and b"lapsed" in answer.body


class FakeHttp:
    """A provider of the test's making, to see what is sent and to answer wrongly."""

    def __init__(self, **metadata: str) -> None:
        self.metadata = {
            "issuer": "https://id.example",
            "authorization_endpoint": "https://id.example/a?tenant=1",
            "token_endpoint": "https://id.example/t",
            "jwks_uri": "https://id.example/k",
            **metadata,
        }
        self.sent: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    async def get(self, address: str) -> Mapping[str, Any]:
        return self.metadata if address.endswith("configuration") else {"keys": []}

    async def post(self, address: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, Any]:
        assert address == "https://id.example/t"
        self.sent, self.headers = dict(form), dict(headers)
        return {"id_token": "a.b.c"}


def begun(http: FakeHttp, secret: str = "") -> tuple[StepUp, dict[str, str], str]:
    client = Client("https://id.example", "we", secret, "https://we.example/verify/callback", (STRONG,))
    step_up = StepUp(client, http, Ledger(None))
    address, cookie = asyncio.run(step_up.begin(7, 0.0))
    assert address.startswith("https://id.example/a?tenant=1&")
    return step_up, {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}, cookie


def test_the_code_goes_with_the_secret_of_the_challenge() -> None:
    http = FakeHttp()
    step_up, asked, cookie = begun(http)
    answer = {"state": asked["state"], "code": "c"}
    assert isinstance(asyncio.run(step_up.finish(answer, cookie, 1.0)), NotSignedIn)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(http.sent["code_verifier"].encode()).digest())
    assert challenge.rstrip(b"=").decode() == asked["code_challenge"]
    assert http.sent["redirect_uri"] == asked["redirect_uri"] and http.sent["client_id"] == "we"
    assert http.headers == {}


def test_a_confidential_client_authenticates_by_header_alone() -> None:
    http = FakeHttp()
    step_up, asked, cookie = begun(http, "a:b c")
    asyncio.run(step_up.finish({"state": asked["state"], "code": "c"}, cookie, 1.0))
    assert base64.b64decode(http.headers["authorization"].removeprefix("Basic ")) == b"we:a%3Ab%20c"
    assert "a:b c" not in str(http.sent)


def test_an_answer_of_another_issuer_or_too_late_is_refused_before_the_code_is_sent() -> None:
    for more, now_s in (({"iss": "https://evil.example"}, 1.0), ({}, 601.0)):
        http = FakeHttp()
        step_up, asked, cookie = begun(http)
        answer = {"state": asked["state"], "code": "c", **more}
        assert isinstance(asyncio.run(step_up.finish(answer, cookie, now_s)), NotSignedIn)
        assert http.sent == {}


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://id.example/t"}, {"jwks_uri": "file:///k"}],
)
def test_metadata_that_cannot_be_right_are_a_providers_fault(metadata: dict[str, str]) -> None:
    with pytest.raises(ProviderError):
        begun(FakeHttp(**metadata))


def test_misuse_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="acr"):
        StepUp(Client("https://id.example", "we", "", "https://we.example/c", ()), FakeHttp(), Ledger(None))
    with pytest.raises(ValueError, match="https"):
        StepUp(Client("http://id.example", "we", "", "https://we.example/c", (STRONG,)), FakeHttp(), Ledger(None))
    assert "s3cret" not in repr(Client("https://id.example", "we", "s3cret", "https://we.example/c", (STRONG,)))


class Behind:
    """The whole of it, as processes: two gateways before one model server, and the service that their links lead to."""

    def __init__(
        self, folder: Path, issuer: str, servers: Any, port: Callable[[], int], upstream: str, ladder: Any, shared: str
    ) -> None:
        key, standings, policy = ladder(folder)
        listens = port()
        self.site = f"http://127.0.0.1:{listens}"
        policy.write_text(policy.read_text().replace("https://verify.example", self.site))
        # What the holder's proof is worth is the policy's word: here it takes the account off the rung.
        relief = (
            "  - {id: relief, when: verified && rung < SUSPEND, then: {most: none}, reason: The holder is known.}\n"
        )
        policy.write_text(policy.read_text() + relief)
        place = shared or str(standings)
        if shared:
            publish_standings(redis_client(shared), read_snapshot(standings))
        (folder / "secret").write_text("sec:ret/\n")
        (folder / "whsec").write_text("whsec_1\n")
        oidc = {"issuer": issuer, "client_id": "stillwatch", "client_secret_file": "secret", "acr_values": [STRONG]}
        settings = {"public_url": self.site, "key_file": str(key), "standings": place, "ledger": "ledger.sqlite"}
        settings |= {"oidc": oidc, "webhooks": {"stripe": ["whsec"]}}
        (folder / "verify.yaml").write_text(yaml.safe_dump(settings))
        stillwatch = [sys.executable, "-m", "stillwatch"]
        servers.start([*stillwatch, "verify", folder / "verify.yaml", "--listen", f"127.0.0.1:{listens}"], listens)
        self.gateways = [port(), port()]
        options = ["--upstream", upstream, "--key-file", key, "--standings", place, "--policy", policy]
        options += ["--admin-port", "0", "--trusted-peer", "127.0.0.1/32", "--fact", "account=X-Account"]
        for each in self.gateways:
            servers.start([*stillwatch, "serve", "--port", str(each), *options], each)

    def ask(self, gateway: int, account: str = "unverified") -> tuple[int, dict[str, Any]]:
        """Send a request to a model as ``account``."""
        connection = HTTPConnection("127.0.0.1", self.gateways[gateway], timeout=30)
        headers = {"x-account": account, "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", '{"model":"m","messages":[]}', headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        connection.close()
        return answer.status, content

    def browse(self, address: str, cookie: str = "") -> tuple[int, Mapping[str, str]]:
        """Open a page."""
        parts = urlsplit(address)
        connection = HTTPConnection(parts.netloc, timeout=30)
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers

    def passes(self, gateway: int, account: str = "unverified") -> bool:
        """Whether requests pass within some seconds, as gateways take notice once in one."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self.ask(gateway, account)[0] == 200:
                return True
            time.sleep(0.1)
        return False


@pytest.fixture(params=["a file", "a server"])
def behind(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    issuer: str,
    servers: Any,
    port: Callable[[], int],
    upstream: str,
    ladder: Any,
) -> Behind:
    shared = ""
    if request.param == "a server":
        redis_server = shutil.which("redis-server")
        if redis_server is None:
            pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
        listens = port()
        quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", tmp_path]
        servers.start([redis_server, "--port", str(listens), *quiet], listens)
        shared = f"redis://127.0.0.1:{listens}/0"
    return Behind(tmp_path, issuer, servers, port, upstream, ladder, shared)


def test_from_a_gateways_refusal_by_its_link_to_the_provider_and_back_to_answers(behind: Behind) -> None:
    status, problem = behind.ask(0)
    assert status == 403 and problem["type"].endswith("verification-required")
    link = problem["link"]
    assert link.startswith(f"{behind.site}/verify/start?ticket=") and link in problem["error"]["message"]
    assert behind.ask(0)[1]["link"].partition("=")[2] != "" and behind.ask(0, "gone")[1]["link"].endswith("/appeal")

    other = behind.browse(link[:-1] + ("A" if link[-1] != "A" else "B"))
    assert other[0] == 403  # A ticket that was changed leads nowhere.
    status, headers = behind.browse(link)
    assert status == 302
    cookie = headers["set-cookie"].partition(";")[0]
    back = f"{behind.site}/verify/callback?{urlencode(sign_in(headers['location'], 'bob'))}"
    assert behind.browse(back, cookie)[0] == 403  # Not strongly enough.
    assert behind.ask(0)[0] == 403

    status, headers = behind.browse(behind.ask(1)[1]["link"])  # Either gateway's tickets are good.
    cookie = headers["set-cookie"].partition(";")[0]
    back = f"{behind.site}/verify/callback?{urlencode(sign_in(headers['location'], 'ann'))}"
    assert behind.browse(back, cookie)[0] == 200
    assert behind.passes(0) and behind.passes(1)
    assert behind.ask(0, "gone")[0] == 403  # A suspension is no matter of this.


def test_a_vendors_word_reaches_every_gateway(behind: Behind) -> None:
    assert behind.ask(0)[0] == behind.ask(1)[0] == 403
    session = {"status": "verified", "client_reference_id": "unverified"}
    event = {"id": "evt_1", "type": "identity.verification_session.verified", "data": {"object": session}}
    body, at = json.dumps(event), int(time.time())
    signed = hmac.new(b"whsec_1", f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    connection = HTTPConnection(urlsplit(behind.site).netloc, timeout=30)
    connection.request("POST", "/verify/webhook/stripe", body, {"stripe-signature": f"t={at},v1={signed}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 200
    assert behind.passes(0) and behind.passes(1)
