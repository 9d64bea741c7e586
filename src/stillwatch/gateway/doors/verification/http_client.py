"""The HTTP client of step-up: short waits, small answers, no redirects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from stillwatch.gateway.doors.verification.step_up import ProviderError

_WAIT_S = 10.0
_ANSWER_BYTES_MAX = 1 << 20


class HttpClient:
    """Fetches JSON objects. A redirect is a fault: the provider's addresses are those that its metadata name."""

    def __init__(self) -> None:
        """Wait with the session until a loop runs."""
        self._session: aiohttp.ClientSession | None = None

    async def get(self, address: str) -> Mapping[str, Any]:
        """Fetch a document.

        Raises:
            ProviderError: If no JSON object comes with status 200.
        """
        return await self._fetched("GET", address, None, {})

    async def post(self, address: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a form.

        Raises:
            ProviderError: If no JSON object comes with status 200.
        """
        return await self._fetched("POST", address, form, headers)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _fetched(
        self, method: str, address: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Mapping[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WAIT_S))
        try:
            async with self._session.request(
                method, address, data=form, headers={"accept": "application/json", **headers}, allow_redirects=False
            ) as answer:
                raw = await answer.content.read(_ANSWER_BYTES_MAX)
                while len(raw) < _ANSWER_BYTES_MAX and (more := await answer.content.read(_ANSWER_BYTES_MAX)):
                    raw += more
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ProviderError(f"{address} cannot be reached ({type(error).__name__})") from error
        if status != 200:
            raise ProviderError(f"{address} answered with status {status}")
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise ProviderError(f"{address} did not answer with JSON") from error
        if not isinstance(found, dict):
            raise ProviderError(f"{address} did not answer with a JSON object")
        return found
