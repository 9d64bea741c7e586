"""The public service of verification: where a refused client's link leads, and where vendors report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Protocol

import orjson

from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.gateway.doors.openapi import PATH as DESCRIPTION
from stillwatch.gateway.doors.openapi import described
from stillwatch.gateway.doors.rsgi import Answer, Question, json_answer, not_allowed, problem
from stillwatch.gateway.doors.verification.id_token import NotSignedIn
from stillwatch.gateway.doors.verification.ledger import Delivery, Ledger
from stillwatch.gateway.doors.verification.registry import VENDORS
from stillwatch.gateway.doors.verification.signature import Unsigned, check_signature
from stillwatch.gateway.doors.verification.step_up import ATTEMPT_S, ProviderError, StepUp
from stillwatch.gateway.doors.verification.ticket import Tickets
from stillwatch.gateway.doors.verification.vendor import Vendor
from stillwatch.response.overlay import Entry, SnapshotError, edit_overlay, overlay_path

_LOG = logging.getLogger(__name__)
_COOKIE = "stillwatch_verify"
_PAGE_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
)
_BODY_BYTES_MAX = 1 << 20  # Persona sends the whole inquiry.


@dataclass(frozen=True, slots=True)
class Verified:
    """Somebody has proven who they are.

    Attributes:
        account: Pseudonym.
        level: ``oidc``, ``id``, …; policies read it.
        by: Who says so: the issuer or the vendor.
        at_us: When we learnt it.
    """

    account: int
    level: str
    by: str
    at_us: int


class VerifiedSink(Protocol):
    """Makes a verification count."""

    def __call__(self, verified: Verified) -> None:
        """Note it for good, or raise ``SnapshotError`` or ``OSError``."""


def overlay_sink(snapshot: Path) -> VerifiedSink:
    """Return a sink that writes into the overlay beside ``snapshot``, which all doors on this machine watch.

    What an analyst put there stays; where that has an end, the verification ends with it.
    """

    def note(verified: Verified) -> None:
        def edit(entries: dict[int, Entry]) -> None:
            entries[verified.account] = _with(entries.get(verified.account, Entry()), verified)

        edit_overlay(overlay_path(snapshot), edit)

    return note


def shared_sink(client: Any) -> VerifiedSink:
    """Return a sink that writes into the overlay on a server, which all gateways watch; otherwise as ``overlay_sink``.

    An edit that somebody makes of the same account in the same instant may be lost.

    Args:
        client: A ``redis.Redis``.
    """
    # Imported here, since a service that writes files has no need of the package.
    from stillwatch.response.redis_standings import RedisStandings, publish_entries

    source = RedisStandings(client, poll_s=0.0, in_background=False)

    def note(verified: Verified) -> None:
        source.poll(verified.at_us)
        if source.error:
            raise SnapshotError(source.error)
        held = source.overlay.entries.get(verified.account, Entry())
        try:
            publish_entries(client, {verified.account: _with(held, verified)})
        except Exception as error:  # The package's own faults, whose classes are known to it alone.
            raise SnapshotError(f"the server does not take the verification ({type(error).__name__})") from error

    return note


def _with(held: Entry, verified: Verified) -> Entry:
    if held.until_us and held.until_us <= verified.at_us:
        held = Entry()  # What has lapsed must not come back with the verification.
    return replace(held, verification=verified.level, by=verified.by, at_us=verified.at_us)


class VerificationService:
    """Carries people from a refusal's link to a verification, and takes the word of vendors.

    Args:
        tickets: Check who comes.
        pseudonyms: Turn a vendor's account id into the pseudonym that standings know.
        ledger: What must not be forgotten.
        sink: Makes a verification count.
        clock: Seconds since 1970.
        step_up: None where no OpenID provider is set up.
        webhook_secrets: By vendor's name; vendors without secrets are not listened to.
        secure: The public address is HTTPS, so that cookies are for HTTPS only.
        accounts_per_person_most: How many accounts one person may lift.
        level: What a step-up counts as.
    """

    def __init__(
        self,
        tickets: Tickets,
        pseudonyms: Pseudonyms,
        ledger: Ledger,
        sink: VerifiedSink,
        clock: Callable[[], float],
        step_up: StepUp | None = None,
        webhook_secrets: Mapping[str, Sequence[bytes]] | None = None,
        *,
        secure: bool = True,
        accounts_per_person_most: int = 3,
        level: str = "oidc",
        issuer: str = "",
    ) -> None:
        """Keep all of them."""
        self._tickets = tickets
        self._pseudonyms = pseudonyms
        self._ledger = ledger
        self._sink = sink
        self._clock = clock
        self._step_up = step_up
        self._secrets = dict(webhook_secrets or {})
        self._vendors = {vendor.name: vendor for vendor in VENDORS}
        self._secure = secure
        self._most = accounts_per_person_most
        self._level = level
        self._issuer = issuer

    @property
    def body_bytes_max(self) -> int:
        """The longest webhook."""
        return _BODY_BYTES_MAX

    async def answer(self, question: Question) -> Answer:
        """Answer one request; nothing that comes from outside raises."""
        path = question.path.rstrip("/")
        if path in ("/healthz", DESCRIPTION):
            if question.method not in ("GET", "HEAD"):
                return not_allowed("GET", "HEAD")
            return json_answer(200, {"status": "up"}) if path == "/healthz" else described("verify")
        if path.startswith("/verify/webhook/"):
            vendor = self._vendors.get(path.removeprefix("/verify/webhook/"))
            if vendor is None or vendor.name not in self._secrets:
                return problem(404, "Not found")
            return self._webhook(vendor, question) if question.method == "POST" else not_allowed("POST")
        steps = {"/verify/start": self._start, "/verify/callback": self._callback}
        if path not in steps or self._step_up is None:
            return problem(404, "Not found")
        if question.method != "GET":
            return not_allowed("GET")
        try:
            return await steps[path](question, self._step_up)
        except ProviderError as error:
            _LOG.warning("verification: %s", error)
            return _page(502, "The sign-in service cannot be reached", "Please try again in a few minutes.")
        except (SnapshotError, OSError) as error:
            _LOG.error("verification: the overlay cannot be written: %s", error)
            return _page(503, "Your verification could not be saved", "Please try again in a few minutes.")

    async def _start(self, question: Question, step_up: StepUp) -> Answer:
        now_s = self._clock()
        account = self._tickets.account_of(question.query.get("ticket", ""), now_s)
        if account is None:
            return _page(403, "This link has lapsed", "Send a request to the interface again to get a fresh link.")
        address, cookie = await step_up.begin(account, now_s)
        return Answer(
            302,
            (
                ("location", address),
                ("set-cookie", self._cookie(cookie, int(ATTEMPT_S))),
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
            ),
        )

    async def _callback(self, question: Question, step_up: StepUp) -> Answer:
        now_s = self._clock()
        found = await step_up.finish(question.query, _cookie_of(question.headers.get("cookie", "")), now_s)
        gone = (("set-cookie", self._cookie("", 0)),)
        if isinstance(found, NotSignedIn):
            _LOG.info("verification: refused: %s", found.reason)
            return _page(403, "Not verified", found.reason[:1].upper() + found.reason[1:] + ".", gone)
        person = self._tickets.subject_digest(self._issuer, found.subject)
        if not self._ledger.vouch(person, found.account, self._most, now_s):
            _LOG.warning("verification: one person stands behind more than %d accounts", self._most)
            return _page(403, "Not verified", "This identity already stands behind other accounts.", gone)
        self._sink(Verified(found.account, self._level, f"openid:{self._issuer}", int(now_s * 1e6)))
        return _page(200, "Verified", "Thank you. Requests pass again within seconds.", gone)

    def _webhook(self, vendor: Vendor, question: Question) -> Answer:
        now_s = self._clock()
        header = question.headers.get(vendor.signature_header, "")
        signed = check_signature(header, question.body, self._secrets[vendor.name], now_s)
        if isinstance(signed, Unsigned):
            _LOG.warning("webhook of %s refused: %s", vendor.name, signed.reason)
            return problem(400, "Signature refused", signed.reason)
        try:
            event = orjson.loads(question.body)
        except orjson.JSONDecodeError:
            return problem(400, "Not JSON")
        approval = vendor.approval(event) if isinstance(event, dict) else None
        if approval is None:
            return json_answer(200, {"effect": "none"})  # Signed, and about something else: nothing to send again.
        delivery = self._ledger.take_delivery(vendor.name, approval.event_id, signed.digest, now_s)
        if delivery is Delivery.REPLAYED:
            return problem(409, "Replayed", "this very delivery came before")
        if delivery is Delivery.REPEATED:
            return json_answer(200, {"effect": "none"})
        account = self._pseudonyms.hash_one("account_id", approval.account_id)
        try:
            self._sink(Verified(account, approval.level, vendor.name, int(now_s * 1e6)))
        except (SnapshotError, OSError) as error:
            self._ledger.forget_delivery(vendor.name, approval.event_id, signed.digest)
            _LOG.error("verification: the overlay cannot be written: %s", error)
            return problem(503, "Not saved", "send it again")
        return json_answer(200, {"effect": "verified"})

    def _cookie(self, value: str, age_s: int) -> str:
        # Lax, not Strict: the browser comes back from another site and must bring it.
        attributes = f"; Max-Age={age_s}; Path=/verify; HttpOnly; SameSite=Lax"
        return f"{_COOKIE}={value}{attributes}" + ("; Secure" if self._secure else "")


def _cookie_of(header: str) -> str:
    try:
        found = SimpleCookie(header).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _page(status: int, title: str, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<h1>{escape(title)}</h1><p>{escape(text)}</p></html>\n"
    )
    return Answer(status, (*_PAGE_HEADERS, *headers), page.encode())
