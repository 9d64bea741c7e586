"""LiteLLM's management interface over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from stillwatch.gateway.doors.push_litellm import LiteLlmError

_WAIT_S = 30.0
_SAID_MOST = 300


class LiteLlmManagement:
    """Asks and tells the proxy under an administrator's key, which shows in no message and no text form.

    Use as an asynchronous context manager.
    """

    def __init__(self, address: str, key: str) -> None:
        """Keep both."""
        self._address = address.rstrip("/")
        self._key = key

    def __repr__(self) -> str:
        """Leave the key out."""
        return f"LiteLlmManagement({self._address!r}, key hidden)"

    async def __aenter__(self) -> LiteLlmManagement:
        """Open connections."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_WAIT_S), headers={"authorization": f"Bearer {self._key}"}
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self._session.close()

    async def get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Ask.

        Raises:
            LiteLlmError: If no JSON object comes with status 200.
        """
        found = await self._told("GET", path, query, None)
        if not isinstance(found, dict):
            raise LiteLlmError(f"{path} answered with something else than an object")
        return found

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Tell.

        Raises:
            LiteLlmError: If the status is not 200.
        """
        await self._told("POST", path, None, body)

    async def _told(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None
    ) -> Any:
        data = None if body is None else orjson.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        try:
            async with self._session.request(
                method, self._address + path, params=query, data=data, headers=headers, allow_redirects=False
            ) as answer:
                raw, status = await answer.read(), answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LiteLlmError(f"{self._address} cannot be reached ({type(error).__name__})") from error
        if status != 200:
            said = raw[:_SAID_MOST].decode("utf-8", "replace").replace(self._key, "…")
            raise LiteLlmError(f"{path} answered with status {status}: {said}")
        try:
            return orjson.loads(raw) if raw else None
        except orjson.JSONDecodeError as error:
            raise LiteLlmError(f"{path} did not answer with JSON") from error
