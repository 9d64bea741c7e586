"""Descriptions of our own HTTP interfaces, for people, generators of clients and the tests that hold us to them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import orjson
import yaml

from stillwatch.gateway.doors.rsgi import JSON, Answer

PATH = "/openapi.json"


@cache
def described(service: str) -> Answer:
    """Return the answer that describes a service: ``authorize``, ``verify`` or ``admin``."""
    text = Path(__file__).with_name(f"openapi_{service}.yaml").read_text("utf-8")
    return Answer(200, (("content-type", JSON),), orjson.dumps(yaml.safe_load(text)))
