"""A model server that knows nothing: answers in OpenAI's shape what a request's metadata asks for, or fails at it.

python -m stillwatch.range.drive.model_server --port 8000 --faults 0.05 --record served.txt
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import orjson

FAULTS = ("reset", "error", "half", "slow")
_TEXT = "It makes a larger table and puts every entry into its new place. " * 6
_THOUGHT = "I recall how tables grow. " * 6
_SLOW_S = 0.5


def fault_of(name: str, share: float) -> str:
    """Return how the request called ``name`` fails, always alike; empty for not at all."""
    drawn = zlib.crc32(name.encode()) / 2**32
    if drawn >= share:
        return ""
    return FAULTS[int(drawn / share * len(FAULTS))]


def completion(told: dict[str, Any]) -> bytes:
    """Return a whole answer."""
    message = {"role": "assistant", "content": _TEXT, "reasoning_content": _THOUGHT}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
    held: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion", "model": "mock"}
    return orjson.dumps(held | {"choices": [choice], "usage": usage(told)})


def events(told: dict[str, Any]) -> list[bytes]:
    """Return a streamed answer, event by event."""
    deltas: list[dict[str, Any]] = [{"reasoning_content": _THOUGHT}, *({"content": _TEXT} for _ in range(3))]
    choices = [[{"index": 0, "delta": delta}] for delta in deltas]
    found: list[dict[str, Any]] = [{"object": "chat.completion.chunk", "choices": each} for each in choices]
    found.append({"object": "chat.completion.chunk", "choices": [], "usage": usage(told)})
    return [b"data: " + orjson.dumps(each) + b"\n\n" for each in found] + [b"data: [DONE]\n\n"]


def usage(told: dict[str, Any]) -> dict[str, int]:
    """Return the tokens that a request's metadata says its answer takes."""
    return {"prompt_tokens": int(told.get("read") or 0), "completion_tokens": int(told.get("wrote") or 0)}


class ModelServer:
    """Answers on one port.

    Args:
        faults: Share of requests that fail, in one of the ways of ``FAULTS``.
        record: Gets the ``id`` of the metadata of each request, one a line, as soon as it was read.
    """

    def __init__(self, faults: float = 0.0, record: TextIO | None = None) -> None:
        """Begin."""
        self._faults, self._record = faults, record

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of one connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = 0
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        body = orjson.loads(await reader.readexactly(length) or b"{}")
        told = (body.get("metadata") or {}).get("range") or {}
        name = str(told.get("id", ""))
        if self._record is not None and name:
            self._record.write(name + "\n")
            self._record.flush()
        fault = fault_of(name, self._faults)
        if fault == "reset":
            return False
        status = 500 if fault == "error" else int(told.get("status") or 200)
        if fault == "slow":
            await asyncio.sleep(_SLOW_S)
        if status != 200:
            _whole(writer, status, b'{"error":{"message":"no"}}')
        elif body.get("stream"):
            found = events(told)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for event in found[: len(found) // 2] if fault == "half" else found:
                writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            if fault == "half":
                await writer.drain()
                return False
            writer.write(b"0\r\n\r\n")
        elif fault == "half":
            whole = completion(told)
            writer.write(_head(200, len(whole)) + whole[: len(whole) // 2])
            await writer.drain()
            return False
        else:
            _whole(writer, 200, completion(told))
        await writer.drain()
        return True


def _head(status: int, length: int) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, length)


def _whole(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    writer.write(_head(status, len(body)) + body)


async def run(port: int, faults: float, record: Path | None) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    with contextlib.ExitStack() as stack:
        file = None if record is None else stack.enter_context(record.open("a"))
        server = await asyncio.start_server(ModelServer(faults, file).serve, "127.0.0.1", port, limit=1 << 20)
        try:
            await ended.wait()
        finally:
            server.close()


def main(words: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--faults", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--record", type=Path, help="gets the id of each request, one a line")
    given = parser.parse_args(words)
    asyncio.run(run(given.port, given.faults, given.record))


if __name__ == "__main__":
    main()
