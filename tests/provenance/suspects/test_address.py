"""The adapter of addresses against a small server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import numpy as np
import pytest

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.suspects.address import AddressModel, is_loopback
from stillwatch.provenance.tokens import Text

NONE = np.zeros(0, np.int64)


class Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[dict[str, Any]]] = []
    reply: ClassVar[tuple[int, bytes]] = (200, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Handler.seen.append({"path": self.path, "key": self.headers.get("authorization"), **body})
        status, content = Handler.reply
        if not content:
            said = body["messages"][0]["content"] if "messages" in body else body["prompt"]
            choice = {"message": {"content": f"{said} yes"}} if "messages" in body else {"text": f"{said} yes"}
            content = json.dumps({"choices": [choice]}).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    Handler.seen.clear()
    Handler.reply = (200, b"")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def encode(text: str) -> list[int]:
    return [len(word) for word in text.split()]


@pytest.mark.parametrize("chat", [True, False])
def test_it_asks_each_prompt_and_reads_the_answer(address: str, chat: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUSPECT_KEY", "topsecret")
    model = AddressModel(address, "m", encode, chat, "SUSPECT_KEY")
    found = model.answers([Text(NONE, NONE, "one two"), Text(NONE, NONE, "three")], 9, 100)
    assert [text.tokens.tolist() for text in found] == [[3, 3, 3], [5, 3]]
    assert [each["seed"] for each in Handler.seen] == [100, 101]
    path = "/v1/chat/completions" if chat else "/v1/completions"
    assert all(each["path"] == path and each["key"] == "Bearer topsecret" for each in Handler.seen)
    assert all(each["max_tokens"] == 9 and each["temperature"] == 1.0 for each in Handler.seen)
    assert "topsecret" not in repr(model) + model.name


def test_other_machines_are_refused_unless_allowed() -> None:
    for place in ("http://192.0.2.7/v1", "http://[2001:db8::1]/v1"):
        with pytest.raises(SourceError, match="allow-remote"):
            AddressModel(place, "m", encode)
        assert "192.0.2.7" in AddressModel("http://192.0.2.7/v1", "m", encode, allow_remote=True).name
    assert is_loopback("127.0.0.1") and is_loopback("::1") and not is_loopback("192.0.2.7")


@pytest.mark.parametrize(
    "place", ["ftp://127.0.0.1/", "http://", "http://user:pass@127.0.0.1/", "http://127.0.0.1/?a=b"]
)
def test_odd_addresses_are_refused(place: str) -> None:
    with pytest.raises(SourceError, match="not understood") as raised:
        AddressModel(place, "m", encode)
    assert "pass" not in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((500, b"oops"), "status 500"),
        ((302, b"elsewhere"), "status 302"),
        ((200, b"not json"), "another form"),
        ((200, b'{"choices": []}'), "another form"),
        ((200, b" " * ((4 << 20) + 2)), "beyond"),
    ],
)
def test_bad_replies_are_one_clear_error(address: str, reply: tuple[int, bytes], said: str) -> None:
    Handler.reply = reply
    with pytest.raises(SourceError, match=said):
        AddressModel(address, "m", encode).said("question", 5, 1)


def test_an_empty_answer_is_an_empty_text(address: str) -> None:
    Handler.reply = (200, b'{"choices": [{"message": {"content": null}}]}')
    assert AddressModel(address, "m", encode).said("question", 5, 1) == ""


def test_what_is_missing_is_said(address: str) -> None:
    with pytest.raises(SourceError, match="tokenizer"):
        AddressModel(address, "m", None).answers([], 5, 1)
    with pytest.raises(SourceError, match="token ids only"):
        AddressModel(address, "m", encode).answers([Text(NONE, NONE)], 5, 1)
    with pytest.raises(SourceError, match="NO_SUCH_KEY"):
        AddressModel(address, "m", encode, key_variable="NO_SUCH_KEY").said("q", 5, 1)
    with pytest.raises(SourceError, match="no answer"):
        AddressModel("http://127.0.0.1:1/v1", "m", encode).said("q", 5, 1)
