"""Push into LiteLLM's keys.

LiteLLM keeps keys in PostgreSQL by way of Prisma, whose engine cannot be had here: the push runs against a fake in the
shape of the real interface, and the bodies are checked by the real proxy's own models. What the real proxy says
without a database is tested beside the plug-in, where one runs.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.gateway.doors.litellm_management import LiteLlmManagement
from stillwatch.gateway.doors.push_litellm import KeyState, LiteLlmError, Pushed, push_to_litellm, read_state
from stillwatch.gateway.doors.verdicts import Member, Verdict
from stillwatch.response.ladder import Rung

A, B, C = (sign * 64 for sign in "abc")


class FakeLiteLlm:
    """Keys in memory; answers and refusals as in LiteLLM 1.106.2."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {
            A: {"token": A, "user_id": "ann", "blocked": None, "rpm_limit": None, "tpm_limit": 50_000},
            B: {"token": B, "user_id": "ann", "blocked": None, "rpm_limit": 2, "tpm_limit": None},
            C: {"token": C, "organization_id": "acme", "blocked": None, "rpm_limit": None, "tpm_limit": None},
        }
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.failing: set[str] = set()
        self.page = 100

    async def get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        if path == "/key/info":
            if query["key"] not in self.keys:
                raise LiteLlmError("/key/info answered with status 404: Key not found")
            return {"key": query["key"], "info": self._without_token(query["key"])}
        assert path == "/key/list" and query["return_full_object"] == "true"
        [(field, value)] = [item for item in query.items() if item[0] in ("user_id", "organization_id")]
        found = [key for key in self.keys.values() if key.get(field) == value]
        size = min(self.page, int(query["size"]))
        begin = (int(query["page"]) - 1) * size
        pages = -(-len(found) // size)
        return {"keys": found[begin : begin + size], "total_count": len(found), "total_pages": pages}

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        if path in self.failing:
            raise LiteLlmError(f"{path} answered with status 500: no")
        self.posts.append((path, dict(body)))
        held = self.keys[body["key"]]
        if path == "/key/update":
            held |= {name: value for name, value in body.items() if name != "key"}
        else:
            held["blocked"] = path == "/key/block"

    def _without_token(self, key: str) -> dict[str, Any]:
        return {name: value for name, value in self.keys[key].items() if name != "token"}

    def states(self) -> dict[str, tuple[Any, ...]]:
        return {key[0]: (held["blocked"], held["rpm_limit"], held["tpm_limit"]) for key, held in self.keys.items()}


def verdict(credential: str, rung: Rung, requests: int | None = None, tokens: int | None = None) -> Verdict:
    return Verdict(Member(credential, credential), rung, requests, tokens)


def push(fake: FakeLiteLlm, state: Path, *verdicts: Verdict) -> Any:
    return asyncio.run(push_to_litellm(fake, verdicts, state))


def test_all_keys_of_a_user_are_blocked_and_given_back(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    before = fake.states()
    fake.page = 1
    outcome = push(fake, state, verdict("ann", Rung.SUSPEND), verdict("acme", Rung.VERIFY))
    assert (outcome.keys_changed, outcome.keys_restored, outcome.faults) == (3, 0, ())
    assert fake.states() == {"a": (True, None, 50_000), "b": (True, 2, None), "c": (True, None, None)}
    fake.posts.clear()
    assert push(fake, state, verdict("ann", Rung.SUSPEND), verdict("acme", Rung.VERIFY)).keys_changed == 0
    assert fake.posts == []
    outcome = push(fake, state, verdict("acme", Rung.VERIFY))
    assert (outcome.keys_changed, outcome.keys_restored) == (0, 2)
    push(fake, state)
    assert fake.states() == {key: (False, *rest) for key, (_, *rest) in before.items()}
    assert read_state(state) == {}


def test_bounds_are_shared_by_an_accounts_keys_and_never_loosen_what_is_there(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    push(fake, state, verdict("ann", Rung.CAP, 10, 200_000))
    assert fake.states()["a"] == (None, 5, 50_000) and fake.states()["b"] == (None, 2, 100_000)
    push(fake, state, verdict("ann", Rung.CAP, 1, 200_000))
    assert fake.states()["a"][1] == fake.states()["b"][1] == 1
    push(fake, state, verdict("ann", Rung.CAP, 1_000, 200_000))
    assert fake.states()["b"][1] == 2  # What the operator had set is the most there will be.
    push(fake, state)
    assert fake.states()["a"] == (None, None, 50_000) and fake.states()["b"] == (None, 2, None)


def test_a_key_can_be_named_by_its_hash(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    assert push(fake, state, verdict(B, Rung.SUSPEND), verdict("d" * 64, Rung.SUSPEND)).keys_changed == 1
    assert [key for key, held in fake.states().items() if held[0]] == ["b"]


def test_new_keys_of_a_blocked_user_are_found_by_the_next_push(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    push(fake, state, verdict("ann", Rung.SUSPEND))
    fake.keys["e" * 64] = {"token": "e" * 64, "user_id": "ann", "blocked": None, "rpm_limit": None, "tpm_limit": None}
    assert push(fake, state, verdict("ann", Rung.SUSPEND)).keys_changed == 1
    assert fake.states()["e"][0] is True


def test_faults_are_told_kept_and_made_good_by_the_next_push(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    fake.failing = {"/key/block"}
    outcome = push(fake, state, verdict("acme", Rung.SUSPEND))
    assert outcome.keys_changed == 0 and outcome.faults[0].startswith("key cccccccc…")
    assert read_state(state) == {C: Pushed(KeyState(), None)}
    fake.failing = set()
    assert push(fake, state, verdict("acme", Rung.SUSPEND)).keys_changed == 1
    fake.failing = {"/key/unblock"}
    assert push(fake, state).faults
    fake.failing = set()
    assert push(fake, state).keys_restored == 1


def test_what_somebody_else_changed_or_deleted_is_left_alone(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    push(fake, state, verdict("ann", Rung.CAP, 4))
    fake.keys[A]["rpm_limit"] = 77
    del fake.keys[B]
    outcome = push(fake, state)
    assert (outcome.keys_left, outcome.keys_restored) == (1, 0)
    assert fake.states()["a"][1] == 77 and read_state(state) == {}


def test_a_push_that_died_can_be_taken_back(tmp_path: Path) -> None:
    class Dying(FakeLiteLlm):
        async def post(self, path: str, body: Mapping[str, Any]) -> None:
            if len(self.posts) == 1:
                raise KeyboardInterrupt
            await super().post(path, body)

    fake, state = Dying(), tmp_path / "state.json"
    before = fake.states()
    with pytest.raises(KeyboardInterrupt):
        push(fake, state, verdict("ann", Rung.SUSPEND))
    fake.__class__ = FakeLiteLlm
    push(fake, state)
    assert {key: (bool(held[0]), *held[1:]) for key, held in fake.states().items()} == {
        key: (False, *rest) for key, (_, *rest) in before.items()
    }


def test_a_damaged_record_stops_the_push_before_it_changes_anything(tmp_path: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    state.write_text('{"a": 1}')
    with pytest.raises(SourceError, match="earlier pushes"):
        push(fake, state, verdict("ann", Rung.SUSPEND))
    assert fake.posts == []


def test_the_real_proxys_models_take_what_is_sent(tmp_path: Path, litellm_python: Path) -> None:
    fake, state = FakeLiteLlm(), tmp_path / "state.json"
    push(fake, state, verdict("ann", Rung.CAP, 10), verdict("acme", Rung.SUSPEND))
    push(fake, state)
    assert {path for path, _ in fake.posts} == {"/key/update", "/key/block", "/key/unblock"}
    code = (
        "import json, sys\n"
        "from litellm.proxy._types import BlockKeyRequest, UpdateKeyRequest\n"
        "models = {'/key/update': UpdateKeyRequest, '/key/block': BlockKeyRequest, '/key/unblock': BlockKeyRequest}\n"
        "for path, body in json.load(sys.stdin):\n"
        "    held = models[path](**body)\n"
        "    assert held.model_fields_set == set(body), (path, body, held.model_fields_set)\n"
        "    assert {name: getattr(held, name) for name in body} == body\n"
    )
    ended = subprocess.run(
        [litellm_python, "-c", code],
        input=json.dumps(fake.posts),
        capture_output=True,
        text=True,
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_the_key_of_the_administrator_is_in_no_message(upstream: str, port: Callable[[], int]) -> None:
    assert "sk-admin" not in repr(LiteLlmManagement(upstream, "sk-admin"))

    async def asked(address: str) -> None:
        async with LiteLlmManagement(address, "sk-admin") as management:
            await management.get("/seen", {})

    for address in (upstream, f"http://127.0.0.1:{port()}"):
        with pytest.raises(LiteLlmError) as error:
            asyncio.run(asked(address))
        assert "sk-admin" not in str(error.value)
