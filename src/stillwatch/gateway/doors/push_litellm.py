"""Push for LiteLLM: verdicts written into its keys by its own interface, and taken back when they are over.

Keys of refused accounts are blocked, of bounded ones limited. What was there before is kept in a file and comes back.
Hiding and marking are beyond what a key can hold: such accounts are limited only, and need the plug-in for the rest.
An account can mint new keys, which the next push finds.

Source: BerriAI/litellm 1.106.2, ``litellm/proxy/management_endpoints/key_management_endpoints.py``: ``/key/list``,
``/key/info``, ``/key/block``, ``/key/unblock``, ``/key/update`` (a merge patch, in which null clears).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from stillwatch.exchange.discovery import SourceError
from stillwatch.gateway.doors.verdicts import Verdict
from stillwatch.response.overlay import replace_file

_KEY_HASH = re.compile(r"^[0-9a-f]{64}$")
_PAGE = 100
_PAGES_MOST = 1_000


class LiteLlmError(Exception):
    """The proxy refuses or cannot be reached; the message says what it said."""


class Management(Protocol):
    """LiteLLM's management interface; raises ``LiteLlmError`` for any answer but success."""

    async def get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """Ask."""

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        """Tell."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """What a push can change of a key."""

    blocked: bool = False
    rpm_limit: int | None = None
    tpm_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """A key that a push has changed.

    Attributes:
        previous: As it was before the first push.
        applied: As the last push left it; None while that is not known to have succeeded.
    """

    previous: KeyState
    applied: KeyState | None = None


@dataclass(frozen=True, slots=True)
class PushOutcome:
    """What a push did.

    Attributes:
        keys_changed: Blocked or limited anew.
        keys_restored: As they were before.
        keys_left: Changed by somebody else since; not touched.
        faults: One line each, naming a key by the first digits of its hash.
    """

    keys_changed: int
    keys_restored: int
    keys_left: int
    faults: tuple[str, ...]


async def push_to_litellm(management: Management, verdicts: Sequence[Verdict], state_file: Path) -> PushOutcome:
    """Make the proxy's keys agree with the verdicts, and restore those of accounts that have none any more.

    The file is written before the first change, so that a push that dies can be taken back by the next.

    Args:
        management: The proxy's.
        verdicts: All of them: an account that is missing is taken to be off the ladder.
        state_file: What earlier pushes have done; made if it does not exist.

    Raises:
        LiteLlmError: If the keys cannot be listed; nothing is changed then.
        SourceError: If the file cannot be read.
    """
    held = read_state(state_file)
    wanted: dict[str, KeyState] = {}
    current: dict[str, KeyState] = {}
    for verdict in verdicts:
        keys = await keys_of(management, verdict.member.credential)
        for key, state in keys.items():
            current[key] = state
            previous = held[key].previous if key in held else state
            wanted[key] = _wanted(verdict, previous, len(keys))
    held = {**{key: Pushed(state) for key, state in current.items() if wanted[key] != state}, **held}
    write_state(state_file, held)
    changed = restored = left = 0
    faults: list[str] = []
    for key, pushed in list(held.items()):
        target = wanted.get(key, pushed.previous)
        try:
            now = current[key] if key in current else await _state_of(management, key)
            if now is None:  # Deleted since.
                del held[key]
                continue
            if key not in wanted and pushed.applied is not None and now != pushed.applied:
                left += 1
                del held[key]
                continue
            await _change(management, key, now, target)
        except LiteLlmError as error:
            faults.append(f"key {key[:8]}…: {error}")
            continue
        if key in wanted:
            changed += now != target
            held[key] = Pushed(pushed.previous, target)
        else:
            restored += now != target
            del held[key]
    write_state(state_file, held)
    return PushOutcome(changed, restored, left, tuple(faults))


async def keys_of(management: Management, credential: str) -> dict[str, KeyState]:
    """Return the keys of a user or an organisation, or the one key whose hash is given, by hash.

    Raises:
        LiteLlmError: If they cannot be listed.
    """
    if _KEY_HASH.match(credential):
        state = await _state_of(management, credential)
        return {} if state is None else {credential: state}
    for name in ("user_id", "organization_id"):
        found: dict[str, KeyState] = {}
        for page in range(1, _PAGES_MOST + 1):
            query = {name: credential, "return_full_object": "true", "size": str(_PAGE), "page": str(page)}
            answer = await management.get("/key/list", query)
            for key in answer.get("keys") or []:
                if isinstance(key, Mapping) and isinstance(key.get("token"), str):
                    found[key["token"]] = _state(key)
            if page >= int(answer.get("total_pages") or 0):
                break
        if found:
            return found
    return {}


def read_state(path: Path) -> dict[str, Pushed]:
    """Return what earlier pushes have done, by hash of the key; nothing if there is no such file.

    Raises:
        SourceError: If it cannot be read.
    """
    try:
        held = json.loads(path.read_bytes())
        return {
            key: Pushed(
                KeyState(**entry["previous"]), KeyState(**entry["applied"]) if entry["applied"] is not None else None
            )
            for key, entry in held.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "without it, keys cannot be given back what they had: mend it, or set them by hand and remove it"
        raise SourceError(f"{path}: the record of earlier pushes cannot be read ({error})", hint) from error


def write_state(path: Path, held: Mapping[str, Pushed]) -> None:
    """Keep what was done, in one step.

    Raises:
        OSError: If it cannot be written.
    """
    replace_file(path, json.dumps({key: asdict(pushed) for key, pushed in held.items()}, indent=1).encode())


def _wanted(verdict: Verdict, previous: KeyState, keys: int) -> KeyState:
    if verdict.refuses:
        return KeyState(True, previous.rpm_limit, previous.tpm_limit)
    return KeyState(
        previous.blocked,
        _lower(previous.rpm_limit, verdict.requests_a_minute, keys),
        _lower(previous.tpm_limit, verdict.tokens_a_minute, keys),
    )


def _lower(before: int | None, bound: int | None, keys: int) -> int | None:
    if bound is None:
        return before
    share = max(1, bound // keys)
    return share if before is None else min(before, share)


async def _state_of(management: Management, key: str) -> KeyState | None:
    try:
        info = (await management.get("/key/info", {"key": key})).get("info")
    except LiteLlmError as error:
        if "404" in str(error):
            return None
        raise
    return _state(info) if isinstance(info, Mapping) else None


def _state(key: Mapping[str, Any]) -> KeyState:
    rpm, tpm = (key.get(name) for name in ("rpm_limit", "tpm_limit"))
    return KeyState(
        key.get("blocked") is True, rpm if isinstance(rpm, int) else None, tpm if isinstance(tpm, int) else None
    )


async def _change(management: Management, key: str, now: KeyState, target: KeyState) -> None:
    if (now.rpm_limit, now.tpm_limit) != (target.rpm_limit, target.tpm_limit):
        limits = {"rpm_limit": target.rpm_limit, "tpm_limit": target.tpm_limit}
        await management.post("/key/update", {"key": key, **limits})
    if now.blocked != target.blocked:
        await management.post("/key/block" if target.blocked else "/key/unblock", {"key": key})
