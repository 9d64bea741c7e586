"""What the HTTP server does not offer: how far a client has read, and breaking an answer off.

granian 2.8 hands a streamed answer on through a queue without a bound, and ends every answer as if it were whole. So a
slow client could fill the memory, and half an answer would look like one. Both are mended at the client's TCP socket,
which lies in this process: Linux counts the bytes that the client has acknowledged, and shutting the socket down
ends the answer without its last chunk.

Source: ``struct tcp_info`` in linux/tcp.h (``tcpi_bytes_acked``, since Linux 4.1); RFC 9112 section 8 (incomplete
messages).
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import sys
from pathlib import Path

_BYTES_ACKED = struct.Struct("=Q")
_BYTES_ACKED_AT = 120
_INFO_BYTES = 128
_LOOK_S = 0.01


class StalledError(Exception):
    """A client that has not read for too long."""


def _open_to(client: str) -> socket.socket | None:
    """Return a second handle of the connection from ``client`` ("address:port"), or None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    address, _, port = client.rpartition(":")
    address = address.strip("[]")
    if not port.isdecimal():  # A Unix socket: its peers have no names to be told apart by.
        return None
    for entry in Path("/proc/self/fd").iterdir():
        try:
            number = int(entry.name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            held = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        try:
            found = held.getpeername()
            if isinstance(found, tuple) and found[0].removeprefix("::ffff:") == address and found[1] == int(port):
                return held
        except OSError:
            pass
        held.close()
    return None


def break_off(client: str) -> bool:
    """Break the connection from ``client`` ("address:port") off, so that it sees its answer as incomplete.

    Returns:
        Whether the connection was found.
    """
    held = _open_to(client)
    if held is None:
        return False
    try:
        held.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    finally:
        held.close()
    return True


class Pace:
    """Keeps a streamed answer from running ahead of its client.

    Short answers are never looked at. Once ``free_bytes`` have been handed over, at most about twice as many
    wait in memory for this client, however slow it is.

    Args:
        client: "address:port" of the connection.
        free_bytes: What may be under way.
        patience_s: How long the client may take none of it.
    """

    def __init__(self, client: str, free_bytes: int = 256 << 10, patience_s: float = 120.0) -> None:
        """Begin before the first byte."""
        self._client = client
        self._free_bytes = free_bytes
        self._patience_s = patience_s
        self._handed = 0
        self._begin = 0  # Acknowledged when the socket was first looked at.
        self._socket: socket.socket | None = None
        self._looked = False

    def ahead(self, data: bytes) -> bool:
        """Take note that ``data`` was handed over, and tell whether it is time to wait for the client."""
        self._handed += len(data) + 12  # The frame of a chunk is acknowledged, too: a length and two line ends.
        if self._handed < self._free_bytes:
            return False
        if not self._looked:
            self._looked, self._handed = True, 0
            self._socket = _open_to(self._client)
            self._begin = self._acked()
            return False
        return self._socket is not None

    async def caught_up(self) -> None:
        """Wait until the client has caught up.

        Raises:
            StalledError: If it does not.
        """
        waited_s, last = 0.0, -1
        while (acked := self._acked() - self._begin) + self._free_bytes < self._handed:
            waited_s = 0.0 if acked != last else waited_s + _LOOK_S
            if waited_s > self._patience_s:
                raise StalledError
            last = acked
            await asyncio.sleep(_LOOK_S)

    def _acked(self) -> int:
        if self._socket is None:
            return 0
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        except OSError:
            return self._begin + self._handed  # The connection is gone; the next write says so.
        if len(info) < _INFO_BYTES:  # An older kernel does not count.
            return self._begin + self._handed
        return int(_BYTES_ACKED.unpack_from(info, _BYTES_ACKED_AT)[0])

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
