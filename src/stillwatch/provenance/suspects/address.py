"""A model behind an OpenAI-compatible address: answers only, one request at a time, loopback unless allowed."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from stillwatch.exchange.discovery import SourceError
from stillwatch.provenance.tokens import Text

TIMEOUT_S = 60.0
ANSWER_BYTES_MOST = 4 << 20


def is_loopback(host: str) -> bool:
    """Tell whether every address that ``host`` stands for is this machine."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(each).partition("%")[0]).is_loopback for each in found)


class AddressModel:
    """A model that answers at ``{address}/completions`` or ``{address}/chat/completions``.

    Args:
        address: Such as ``http://127.0.0.1:8000/v1``.
        model: The name that requests give.
        encode: Of the teacher's tokenizer: what comes back is text.
        chat: Whether prompts go as chat messages.
        key_variable: Environment variable with the API key; it is read when needed and never shown.
        allow_remote: Whether the address may lie outside this machine. Questions asked of a suspect tell its owner
            what is being tested; nothing leaves the machine unless somebody decides so.

    Raises:
        SourceError: If the address is not http or https, or is remote and that was not allowed.
    """

    def __init__(
        self,
        address: str,
        model: str,
        encode: Callable[[str], list[int]] | None,
        chat: bool = True,
        key_variable: str = "",
        allow_remote: bool = False,
    ) -> None:
        """Check the address; nothing is sent yet."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise SourceError("the suspect's address is not understood", "such as http://127.0.0.1:8000/v1")
        if not allow_remote and not is_loopback(parts.hostname):
            raise SourceError(f"{parts.hostname} is not this machine", "give --allow-remote if questions may go there")
        self._parts = parts
        self._model = model
        self._encode = encode
        self._chat = chat
        self._key_variable = key_variable
        self._allow_remote = allow_remote
        self.name = f"{model} at {parts.hostname}"

    def said(self, words: str, tokens_most: int, seed: int) -> str:
        """Return the answer to one question, as text.

        Raises:
            SourceError: If the address does not answer in the expected form.
        """
        body: dict[str, Any] = {"model": self._model, "max_tokens": tokens_most, "temperature": 1.0, "seed": seed}
        if self._chat:
            body["messages"] = [{"role": "user", "content": words}]
        else:
            body["prompt"] = words
        headers = {"content-type": "application/json"}
        if self._key_variable:
            secret = os.environ.get(self._key_variable)
            if not secret:
                raise SourceError(f"the environment has no {self._key_variable}", "set it to the suspect's API key")
            headers["authorization"] = f"Bearer {secret}"
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        host = self._parts.hostname or ""
        connection = kind(host, self._parts.port, timeout=TIMEOUT_S)
        path = self._parts.path.rstrip("/") + ("/chat/completions" if self._chat else "/completions")
        try:
            connection.connect()
            # Looked up once more by the connection: what was loopback a moment ago must still be.
            if not self._allow_remote and not ipaddress.ip_address(connection.sock.getpeername()[0]).is_loopback:
                raise SourceError(f"{host} is not this machine", "give --allow-remote if questions may go there")
            connection.request("POST", path, json.dumps(body).encode(), headers)
            reply = connection.getresponse()  # No redirect is followed: it could lead off this machine.
            held = reply.read(ANSWER_BYTES_MOST + 1)
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(f"{self.name}: no answer ({type(error).__name__})", "is it running?") from error
        finally:
            connection.close()
        if reply.status != 200:
            raise SourceError(f"{self.name}: answered with status {reply.status}", "ask it by hand to see why")
        return _words(held, self._chat, self.name)

    def answers(self, prompts: Sequence[Text], tokens_most: int, seed: int) -> list[Text]:
        """Return one answer a prompt, as the teacher's tokenizer reads it.

        Raises:
            SourceError: If a prompt has no words, the address does not answer, or no tokenizer was given.
        """
        if self._encode is None:
            raise SourceError("answers come as text, and there is no tokenizer", "give --tokenizer FOLDER")
        found = []
        for number, prompt in enumerate(prompts):
            if not prompt.words:
                raise SourceError(f"prompt {number + 1} has token ids only", "prompts for an address need text")
            words = self.said(prompt.words, tokens_most, seed + number)
            found.append(Text(np.array(self._encode(words), np.int64), prompt.prompt, prompt.words))
        return found


def _words(held: bytes, chat: bool, name: str) -> str:
    if len(held) > ANSWER_BYTES_MOST:
        raise SourceError(f"{name}: an answer beyond {ANSWER_BYTES_MOST:,} bytes", "lower --tokens-most")
    try:
        choice = json.loads(held)["choices"][0]
        words = choice["message"]["content"] if chat else choice["text"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SourceError(f"{name}: an answer in another form", "it must speak the OpenAI interface") from error
    return words if isinstance(words, str) else ""
