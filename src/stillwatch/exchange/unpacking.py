"""Bytes of a file, unpacked on the way, up to where it ends or is damaged."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import zstandard

from stillwatch.exchange.discovery import packing

READ_BYTES = 4 << 20
_SALVAGE_BYTES = 64


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _unpacker(kind: str) -> _Unpacker:
    if kind == ".gz":
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor().decompressobj()


class Unpacking:
    """The blocks of a file, plain, gzip or Zstandard, of one or more members or frames.

    Iterating yields what could be unpacked and never raises for damage: ``damaged`` tells afterwards whether the file
    was cut off or corrupt, so that the rows before the damage are kept.

    Raises:
        OSError: If the file cannot be opened or read.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened yet."""
        self.path = path
        self.damaged = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks of bytes, none of them empty."""
        kind = packing(self.path)
        if kind:
            yield from self._unpacked(kind)
            return
        with self.path.open("rb") as file:
            while block := file.read(READ_BYTES):
                yield block

    def _unpacked(self, kind: str) -> Iterator[bytes]:
        given = 0
        try:
            for block in self._pieces(kind, READ_BYTES // 4):
                given += len(block)
                yield block
        except (zlib.error, zstandard.ZstdError):
            self.damaged = True
            yield from self._salvaged(kind, given)

    def _salvaged(self, kind: str, given: int) -> Iterator[bytes]:
        """Unpack again in small steps: the step that failed held good bytes before the bad ones."""
        try:
            for block in self._pieces(kind, _SALVAGE_BYTES):
                if given >= len(block):
                    given -= len(block)
                else:
                    yield block[given:]
                    given = 0
        except (zlib.error, zstandard.ZstdError):
            return

    def _pieces(self, kind: str, step: int) -> Iterator[bytes]:
        unpacker = _unpacker(kind)
        begun = False
        with self.path.open("rb") as file:
            while block := file.read(step):
                while block:
                    if unpacker.eof:
                        unpacker = _unpacker(kind)
                    begun = True
                    unpacked = unpacker.decompress(block)
                    if unpacked:
                        yield unpacked
                    block = unpacker.unused_data if unpacker.eof else b""
        self.damaged = self.damaged or (begun and not unpacker.eof)
