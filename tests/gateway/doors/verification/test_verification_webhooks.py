from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.rsgi import Answer, Question
from stillwatch.gateway.doors.verification.ledger import Ledger
from stillwatch.gateway.doors.verification.service import (
    VerificationService,
    Verified,
    overlay_sink,
    shared_sink,
)
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.response.ladder import Rung
from stillwatch.response.overlay import Entry, SnapshotError, edit_overlay, overlay_path, read_overlay
from stillwatch.response.redis_counters import redis_client
from stillwatch.response.redis_standings import RedisStandings, publish_entries
from stillwatch.response.standing import Reloading

KEY = b"0123456789abcdef"
ACCOUNT = Pseudonyms(KEY).hash_one("account_id", "acct_1")
SECRETS = {"stripe": [b"whsec_1"], "persona": [b"wbhsec_1"]}


def stripe_event(**session: Any) -> dict[str, Any]:
    held = {"id": "vs_1", "object": "identity.verification_session", "status": "verified"}
    return {
        "id": "evt_1",
        "object": "event",
        "type": "identity.verification_session.verified",
        "data": {"object": {**held, **(session or {"client_reference_id": "acct_1"})}},
    }


def persona_event(name: str = "inquiry.approved", **inquiry: Any) -> dict[str, Any]:
    attributes = {"status": "approved", **(inquiry or {"reference-id": "acct_1"})}
    payload = {"data": {"type": "inquiry", "id": "inq_1", "attributes": attributes}}
    return {"data": {"type": "event", "id": "evt_1", "attributes": {"name": name, "payload": payload}}}


EVENTS = {"stripe": stripe_event, "persona": persona_event}


class Site:
    def __init__(self, folder: Path) -> None:
        self.snapshot = folder / "standings.bin"
        self.now_s = 1_760_000_000.0
        self.service = VerificationService(
            Tickets(KEY),
            Pseudonyms(KEY),
            Ledger(None),
            overlay_sink(self.snapshot),
            lambda: self.now_s,
            webhook_secrets=SECRETS,
        )

    def send(
        self, vendor: str, event: Any, at_s: float | None = None, secret: bytes | None = None, method: str = "POST"
    ) -> Answer:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        at = int(self.now_s if at_s is None else at_s)
        signed = hmac.new(secret or SECRETS[vendor][0], f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {f"{vendor}-signature": f"t={at},v1={signed}"}
        return asyncio.run(
            self.service.answer(Question(method, f"/verify/webhook/{vendor}", headers=headers, body=body))
        )

    def entries(self) -> dict[int, Entry]:
        return dict(read_overlay(overlay_path(self.snapshot)).entries)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def effect(answer: Answer) -> Any:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["effect"]


@pytest.mark.parametrize("vendor", EVENTS)
def test_a_signed_approval_verifies_at_once_and_only_once(site: Site, vendor: str) -> None:
    assert effect(site.send(vendor, EVENTS[vendor]())) == "verified"
    entry = site.entries()[ACCOUNT]
    assert (entry.verification, entry.by, entry.at_us) == ("id", vendor, int(site.now_s * 1e6))
    watched = Reloading(site.snapshot, in_background=False)
    standing = watched.of(ACCOUNT)
    assert standing is not None and standing.verified
    assert site.send(vendor, EVENTS[vendor]()).status == 409
    edit_overlay(overlay_path(site.snapshot), lambda held: held.pop(ACCOUNT) and None)
    site.now_s += 60
    assert effect(site.send(vendor, EVENTS[vendor]())) == "none"  # Delivered again, signed anew.
    assert site.entries() == {}


@pytest.mark.parametrize("vendor", EVENTS)
def test_unsigned_old_or_foreign_deliveries_change_nothing(site: Site, vendor: str) -> None:
    event = EVENTS[vendor]()
    other = next(name for name in SECRETS if name != vendor)
    assert site.send(vendor, event, secret=b"guess").status == 400
    assert site.send(vendor, event, secret=SECRETS[other][0]).status == 400
    assert site.send(vendor, event, at_s=site.now_s - 301).status == 400
    assert site.send(vendor, event, method="GET").status == 405
    bare = Question("POST", f"/verify/webhook/{vendor}", body=json.dumps(event).encode())
    assert asyncio.run(site.service.answer(bare)).status == 400
    assert site.entries() == {}


@pytest.mark.parametrize(
    ("vendor", "event"),
    [
        ("stripe", stripe_event(status="requires_input", client_reference_id="acct_1")),
        ("stripe", {**stripe_event(), "type": "identity.verification_session.canceled"}),
        ("stripe", stripe_event(client_reference_id=None)),
        ("stripe", stripe_event(client_reference_id=["acct_1"])),
        ("stripe", stripe_event(client_reference_id="a" * 257)),
        ("stripe", {**stripe_event(), "id": None}),
        ("stripe", {**stripe_event(), "data": []}),
        ("persona", persona_event("inquiry.completed")),
        ("persona", persona_event(status="declined", **{"reference-id": "acct_1"})),
        ("persona", persona_event(**{"reference-id": None})),
        ("persona", {"data": None}),
        ("persona", []),
    ],
)
def test_other_events_are_thanked_for_without_effect(site: Site, vendor: str, event: Any) -> None:
    assert effect(site.send(vendor, event)) == "none"
    assert site.entries() == {}


def test_the_account_may_stand_where_vendors_let_it(site: Site) -> None:
    assert effect(site.send("stripe", stripe_event(metadata={"account_id": "acct_1"}))) == "verified"
    for place, name in enumerate(("reference_id", "referenceId")):
        event = persona_event(**{name: f"acct_{place + 2}"})
        event["data"]["id"] = f"evt_{place}"
        assert effect(site.send("persona", event)) == "verified"
    named = {Pseudonyms(KEY).hash_one("account_id", f"acct_{place}") for place in (1, 2, 3)}
    assert set(site.entries()) == named


def test_a_signed_body_that_is_no_json_is_said_to_be_none(site: Site) -> None:
    assert site.send("stripe", b"{").status == 400


def test_vendors_without_a_secret_are_not_listened_to(tmp_path: Path) -> None:
    sink = overlay_sink(tmp_path / "s")
    service = VerificationService(Tickets(KEY), Pseudonyms(KEY), Ledger(None), sink, time.time)
    for path in ("/verify/webhook/stripe", "/verify/webhook/other", "/verify/start", "/verify/callback", "/"):
        assert asyncio.run(service.answer(Question("POST", path, body=b"{}"))).status == 404
    assert asyncio.run(service.answer(Question("GET", "/healthz"))).status == 200


def test_an_effect_that_fails_leaves_the_delivery_to_be_sent_again(site: Site) -> None:
    folder = site.snapshot.parent
    blocked = overlay_path(site.snapshot)
    blocked.write_bytes(b"no entry\n")
    assert site.send("stripe", stripe_event()).status == 503
    blocked.unlink()
    assert effect(site.send("stripe", stripe_event())) == "verified"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_verification_keeps_what_an_analyst_put_there_but_revives_nothing(tmp_path: Path) -> None:
    snapshot = tmp_path / "s"
    sink, path = overlay_sink(snapshot), overlay_path(snapshot)
    running = Entry(rung=Rung.SUSPEND, by="ann", at_us=1, until_us=1_000)
    edit_overlay(path, lambda held: held.update({1: running, 2: replace(running, until_us=50)}))
    for account in (1, 2):
        sink(Verified(account, "id", "stripe", 100))
    held = read_overlay(path).entries
    assert (held[1].rung, held[1].until_us, held[1].verification) == (Rung.SUSPEND, 1_000, "id")
    assert (held[2].rung, held[2].until_us, held[2].verification) == (None, 0, "id")


def test_a_verification_reaches_the_server_that_gateways_share(
    tmp_path: Path, servers: Any, port: Callable[[], int]
) -> None:
    redis_server = shutil.which("redis-server")
    if redis_server is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    listens = port()
    quiet = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    process = servers.start([redis_server, "--port", str(listens), *quiet], listens)
    client = redis_client(f"redis://127.0.0.1:{listens}/0", 5.0)
    try:
        publish_entries(client, {7: Entry(rung=Rung.SUSPEND, by="ann", at_us=1)})
        sink = shared_sink(client)
        for account in (7, 8):
            sink(Verified(account, "id", "stripe", 100))
        held = RedisStandings(client, in_background=False).overlay.entries
        assert (held[7].rung, held[7].verification, held[8].verification) == (Rung.SUSPEND, "id", "id")
        process.terminate()
        process.wait(20)
        with pytest.raises(SnapshotError):
            sink(Verified(9, "id", "stripe", 200))
    finally:
        client.close()
