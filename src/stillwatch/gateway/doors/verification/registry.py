"""The identity vendors whose word counts."""

from __future__ import annotations

from stillwatch.gateway.doors.verification.persona import PERSONA
from stillwatch.gateway.doors.verification.stripe import STRIPE
from stillwatch.gateway.doors.verification.vendor import Vendor

VENDORS: tuple[Vendor, ...] = (STRIPE, PERSONA)
