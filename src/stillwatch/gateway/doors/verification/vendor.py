"""What identity vendors have in common: a signed event that says whose identity was approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

ACCOUNT_LENGTH_MAX = 256


@dataclass(frozen=True, slots=True)
class Approval:
    """An identity that a vendor has approved.

    Attributes:
        event_id: Of the vendor's event; the same in each delivery of it.
        account_id: The provider's own name of the account, as given to the vendor when the check began.
        level: What the account is now verified as: ``id``.
    """

    event_id: str
    account_id: str
    level: str


class Vendor(Protocol):
    """One identity vendor's webhook."""

    @property
    def name(self) -> str:
        """Its id in addresses, files and documentation."""

    @property
    def signature_header(self) -> str:
        """The header that carries the signature, in lower case."""

    def approval(self, event: Mapping[str, Any]) -> Approval | None:
        """Return the approval that an event brings, or None for events about something else."""


def text_of(value: object) -> str:
    """Return a usable name or an empty string: no other types, nothing endless, nothing unprintable."""
    if isinstance(value, str) and 0 < len(value) <= ACCOUNT_LENGTH_MAX and value.isprintable():
        return value
    return ""


def object_of(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}
