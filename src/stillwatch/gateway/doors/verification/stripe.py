"""Stripe Identity: the event ``identity.verification_session.verified``.

The account is the session's ``client_reference_id``, or ``account_id`` in its metadata: the provider sets one of them
when it creates the session.

Source: docs.stripe.com/api, the objects Event and Identity VerificationSession.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillwatch.gateway.doors.verification.vendor import Approval, Vendor, object_of, text_of

_EVENT = "identity.verification_session.verified"


@dataclass(frozen=True, slots=True)
class Stripe:
    """Reads Stripe's events."""

    name: str = "stripe"
    signature_header: str = "stripe-signature"

    def approval(self, event: Mapping[str, Any]) -> Approval | None:
        """Return the approval in a verified session; None for other events and sessions that name no account."""
        session = object_of(object_of(event.get("data")).get("object"))
        if event.get("type") != _EVENT or session.get("status") != "verified":
            return None
        metadata = object_of(session.get("metadata"))
        account = text_of(session.get("client_reference_id")) or text_of(metadata.get("account_id"))
        event_id = text_of(event.get("id"))
        return Approval(event_id, account, "id") if account and event_id else None


STRIPE: Vendor = Stripe()
