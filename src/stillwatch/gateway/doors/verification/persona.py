"""Persona: the event ``inquiry.approved``.

The account is the inquiry's reference id, which the provider sets when it creates the inquiry. Field names come in
kebab, snake or camel case, as the webhook is set up.

Source: docs.withpersona.com, "Webhooks" and "Events".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillwatch.gateway.doors.verification.vendor import Approval, Vendor, object_of, text_of

_EVENT = "inquiry.approved"
_REFERENCES = ("reference-id", "reference_id", "referenceId")


@dataclass(frozen=True, slots=True)
class Persona:
    """Reads Persona's events."""

    name: str = "persona"
    signature_header: str = "persona-signature"

    def approval(self, event: Mapping[str, Any]) -> Approval | None:
        """Return the approval in an approved inquiry; None for other events and inquiries that name no account."""
        data = object_of(event.get("data"))
        attributes = object_of(data.get("attributes"))
        inquiry = object_of(object_of(object_of(attributes.get("payload")).get("data")).get("attributes"))
        if attributes.get("name") != _EVENT or inquiry.get("status") != "approved":
            return None
        account = next((text for name in _REFERENCES if (text := text_of(inquiry.get(name)))), "")
        event_id = text_of(data.get("id"))
        return Approval(event_id, account, "id") if account and event_id else None


PERSONA: Vendor = Persona()
