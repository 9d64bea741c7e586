"""A plug-in for LiteLLM's proxy: decides before the call, hides in the answer, and logs the exchange.

In the proxy's configuration::

    litellm_settings:
      callbacks: ["stillwatch.gateway.doors.litellm_plugin.proxy_handler"]

and in its environment, either ``STILLWATCH_DECIDER_URL`` (the decision service; the plug-in then needs nothing that
LiteLLM does not bring) or ``STILLWATCH_KEY_FILE`` and ``STILLWATCH_STANDINGS`` (a decider in this process).
docs/doors.md has all variables. Importing this module reads no environment and opens nothing; the handler is made when
it is first asked for.

Source: BerriAI/litellm 1.106.2, ``litellm/integrations/custom_logger.py`` and ``litellm/proxy/utils.py``.
"""

# ruff: noqa: ARG002 - LiteLLM calls its hooks by these names, whether or not they are used here.

from __future__ import annotations

import asyncio
import atexit
import importlib
import logging
import os
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

from stillwatch.exchange.formats.format import http_status
from stillwatch.gateway.doors.decisions import Decisions
from stillwatch.gateway.doors.exchange_lines import ExchangeLines
from stillwatch.gateway.doors.identity import litellm_account
from stillwatch.gateway.doors.litellm_answers import hidden, hidden_stream
from stillwatch.gateway.doors.litellm_rows import row_of_payload
from stillwatch.gateway.doors.request_facts import facts_of_body, facts_of_headers, request_of
from stillwatch.gateway.marking import MARK_HEADER, MarkStyle, marked
from stillwatch.gateway.redaction import Hiding, hiding_of
from stillwatch.response.command import Command, Refusal

_LOG = logging.getLogger(__name__)
_ROLL_EVERY_S = 15.0
_COMMANDS_HELD = 20_000  # Calls under way whose answer is still to be changed or settled.


class StillwatchHandler(CustomLogger):  # type: ignore[misc]  # LiteLLM is no dependency, and so has no types here.
    """Asks for a command before each call and carries it out.

    A fault of ours is logged and lets the call pass, since the policy's own choice for faults lies with ``decisions``;
    LiteLLM itself would turn it into an error for the client.

    Args:
        decisions: Where commands come from.
        lines: The exchange log; None keeps none.
        clock_s: Seconds since 1970.
        believe_headers: Take country, network and plan from ``x-stillwatch-…`` fields, where something in front of
            the proxy sets or removes them.
        mark_style: Where the key of a mark goes in the request.
    """

    def __init__(
        self,
        decisions: Decisions,
        lines: ExchangeLines | None = None,
        clock_s: Callable[[], float] = time.time,
        *,
        believe_headers: bool = False,
        mark_style: MarkStyle = MarkStyle.EXTRA,
    ) -> None:
        """Keep the parts."""
        super().__init__()
        self._decisions = decisions
        self._lines = lines
        self._clock_s = clock_s
        self._believe_headers = believe_headers
        self._mark_style = mark_style
        self._commands: OrderedDict[str, Command] = OrderedDict()
        self._rolls = False

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> Any:
        """Refuse the call, or let it through, marked where that is commanded.

        Raises:
            HTTPException: The refusal, which LiteLLM renders in its own form: status and header fields are ours, the
                body holds the problem's fields in ``error``.
        """
        try:
            account_id = _account_of(user_api_key_dict)
            headers = _headers_of(data)
            facts = facts_of_body(data)
            if self._believe_headers:
                facts |= facts_of_headers(headers)
            command = await self._decisions.decide(account_id, request_of(facts))
        except Exception:
            _LOG.exception("no decision could be asked for; the call passes")
            return None
        if command.refusal is not None:
            raise _http_exception(command.refusal, command.headers)
        call_id = data.get("litellm_call_id")
        if isinstance(call_id, str):
            self._keep(call_id, command)
        return _with_mark(data, command.mark_key, self._mark_style) if command.mark_key else None

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        """Hide in a whole answer."""
        hiding = self._hiding(data)
        return hidden(response, hiding) if hiding else response

    async def async_post_call_streaming_iterator_hook(
        self,
        user_api_key_dict: Any,
        response: AsyncIterator[Any],
        request_data: dict[str, Any],
    ) -> AsyncGenerator[Any, None]:
        """Hide in a streamed answer."""
        hiding = self._hiding(request_data)
        async for piece in hidden_stream(response, hiding) if hiding else response:
            yield piece

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,
        response: Any,
        **_: Any,
    ) -> dict[str, str] | None:
        """Add the header fields of the command, such as what is left of a limit."""
        command = self._command(data)
        return dict(command.headers) if command and command.headers else None

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Settle the tokens that the answer took, and log the exchange, once."""
        payload = kwargs.get("standard_logging_object")
        if not isinstance(payload, Mapping):
            return
        new = self._log(row_of_payload(payload))
        call_id = payload.get("litellm_call_id") or kwargs.get("litellm_call_id")
        command = self._commands.pop(call_id, None) if isinstance(call_id, str) else None
        tokens = payload.get("total_tokens")
        if command is not None and new and isinstance(tokens, int) and tokens > 0:
            await self._decisions.settle(command, tokens)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """Log a request that ended without an answer, by our refusal or by a fault of the model's, once.

        LiteLLM also has an event for each attempt that failed; attempts that it repeated are no exchanges.
        """
        call_id, account_id = request_data.get("litellm_call_id"), _account_of(user_api_key_dict)
        if not isinstance(call_id, str) or not account_id:  # Nobody was recognised: nothing that a scan could use.
            return
        self._commands.pop(call_id, None)
        model = request_data.get("model")
        status = getattr(original_exception, "status_code", None) or getattr(original_exception, "code", None)
        self._log(
            {
                "exchange_id": call_id,
                "timestamp": self._clock_s(),
                "account_id": account_id,
                "request_model": model if isinstance(model, str) else None,
                "status": http_status(status) or 500,
            }
        )

    def _keep(self, call_id: str, command: Command) -> None:
        if command.hide_reasoning or command.hide_logprobs or command.headers or command.to_settle:
            self._commands[call_id] = command
            if len(self._commands) > _COMMANDS_HELD:
                self._commands.popitem(last=False)

    def _command(self, data: Mapping[str, Any]) -> Command | None:
        call_id = data.get("litellm_call_id")
        return self._commands.get(call_id) if isinstance(call_id, str) else None

    def _hiding(self, data: Mapping[str, Any]) -> Hiding:
        command = self._command(data)
        return hiding_of(command) if command else Hiding()

    def _log(self, row: Mapping[str, Any] | None) -> bool:
        """Append a row; a disk that is full must not fail calls. Returns whether the row was new."""
        if row is None or self._lines is None:
            return True
        try:
            new = self._lines.add(row)
        except OSError as error:
            _LOG.error("an exchange could not be logged: %s", error.strerror)
            return True
        self._roll_later()
        return new

    def _roll_later(self) -> None:
        """See to it that a file is shown when it is old, also if no further row comes."""
        if not self._rolls:
            self._rolls = True
            asyncio.get_running_loop().call_later(_ROLL_EVERY_S, self._roll)

    def _roll(self) -> None:
        self._rolls = False
        try:
            if self._lines is not None and self._lines.roll():
                self._roll_later()
        except OSError as error:
            _LOG.error("the exchange log could not be rolled: %s", error.strerror)


def _account_of(caller: Any) -> str:
    """Return the account of LiteLLM's ``UserAPIKeyAuth``; ``api_key`` in it is the hash of the key."""
    return litellm_account(
        getattr(caller, "user_id", None),
        getattr(caller, "org_id", None),
        getattr(caller, "token", None) or getattr(caller, "api_key", None),
        getattr(caller, "end_user_id", None),
    )


def _headers_of(data: Mapping[str, Any]) -> dict[str, str]:
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}


def _with_mark(data: dict[str, Any], key: str, style: MarkStyle) -> dict[str, Any]:
    asked = marked(data, key, style)
    held = asked.get("extra_headers")
    asked["extra_headers"] = {**(held if isinstance(held, dict) else {}), MARK_HEADER: key}
    return asked


def _http_exception(refusal: Refusal, headers: tuple[tuple[str, str], ...]) -> Exception:
    exception: Any = importlib.import_module("fastapi").HTTPException  # LiteLLM's proxy brings it.
    document = {"type": refusal.type, "title": refusal.title, "detail": refusal.detail}
    if refusal.link is not None:
        document["link"] = refusal.link
    fields = {name: value for name, value in (*headers, *refusal.headers()) if name != "content-type"}
    made: Exception = exception(
        status_code=refusal.status, detail={"error": refusal.detail, **document}, headers=fields
    )
    return made


def handler_from_environment(environment: Mapping[str, str]) -> StillwatchHandler:
    """Return a handler as the variables ``STILLWATCH_…`` ask for; docs/doors.md describes them.

    Raises:
        ValueError: If they name neither a decision service nor the files of a decider, or contradict each other.
        SourceError, PolicyError, SnapshotError: If a file cannot be used.
    """
    get = environment.get
    address, key_file, standings = (get(f"STILLWATCH_{name}", "") for name in ("DECIDER_URL", "KEY_FILE", "STANDINGS"))
    if bool(address) == bool(key_file):
        raise ValueError("set either STILLWATCH_DECIDER_URL, or STILLWATCH_KEY_FILE and STILLWATCH_STANDINGS")
    when_away = get("STILLWATCH_WHEN_AWAY", "open")
    if when_away not in ("open", "closed"):
        raise ValueError("STILLWATCH_WHEN_AWAY is open or closed")
    decisions: Decisions
    if address:
        from stillwatch.gateway.doors.remote_decisions import RemoteDecisions

        decisions = RemoteDecisions(address, open_when_away=when_away == "open")
    else:
        if not standings:
            raise ValueError("STILLWATCH_STANDINGS names the snapshot of standings")
        from stillwatch.gateway.doors.local_decider import DeciderFiles, local_decisions

        policy = get("STILLWATCH_POLICY", "")
        files = DeciderFiles(
            Path(key_file), standings, Path(policy) if policy else None, get("STILLWATCH_COUNTERS", "")
        )
        decisions = local_decisions(files)
    lines = None
    if folder := get("STILLWATCH_LOG", ""):
        lines = ExchangeLines(Path(folder), time.time, texts=get("STILLWATCH_LOG_TEXT", "") == "1")
        lines.recover()
        atexit.register(lines.close)
    return StillwatchHandler(
        decisions,
        lines,
        believe_headers=get("STILLWATCH_BELIEVE_HEADERS", "") == "1",
        mark_style=MarkStyle(get("STILLWATCH_MARK_STYLE", MarkStyle.EXTRA.value)),
    )


def __getattr__(name: str) -> Any:
    """Make ``proxy_handler`` when LiteLLM first asks for it."""
    if name != "proxy_handler":
        raise AttributeError(name)
    made = handler_from_environment(os.environ)
    globals()[name] = made
    return made
