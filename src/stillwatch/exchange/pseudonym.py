"""Keyed hashes: what a scan keeps in place of an address, a card or a client, useless without the key."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.exchange.discovery import SourceError

KEY_BYTES_MIN = 16
KEY_BYTES_MAX = 64  # BLAKE2b takes no longer key.
_RESERVED = 0xFFFF_FFFF_FFFF_FFFF  # Marks an unused place in a footprint's samples; no value may hash to it.


class Pseudonyms:
    """Maps strings to 64-bit hashes that only the holder of the key can repeat.

    Equal strings of one field have equal hashes; the same string in two fields has two unrelated ones, so that
    hashes of different fields cannot be joined. Each distinct string is hashed once a call.

    Args:
        key: 16 to 64 secret bytes. It shows in no text form of the object.

    Raises:
        ValueError: If the key is shorter or longer.

    Source:
        BLAKE2b in keyed mode with personalisation, RFC 7693.
    """

    def __init__(self, key: bytes) -> None:
        """Keep the key."""
        if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
            raise ValueError(f"a key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes")
        self._key = key

    def __repr__(self) -> str:
        """Name the class only."""
        return "Pseudonyms(key=hidden)"

    def __reduce__(self) -> Any:
        """Refuse to be pickled, as that would write the key down.

        Raises:
            TypeError: Always.
        """
        raise TypeError("pseudonyms hold a secret key and cannot be pickled: pass the key's file instead")

    def hash_one(self, field: str, value: str) -> int:
        """Return the hash of one string of ``field``, below 2**64 - 1."""
        return self._hashes(field, [value])[0]

    def hashes(self, field: str, values: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Return hashes of ``values`` and which of them are known.

        Args:
            field: The column's name; it separates fields.
            values: Strings, plain, large or dictionary-encoded; nulls are unknown.

        Returns:
            Shape (rows,) each. The hash of an unknown value is 0; no hash is 2**64 - 1.

        Raises:
            TypeError: If the values are not strings.
        """
        chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
        parts = [self._chunk(field, chunk) for chunk in chunks]
        if not parts:
            return np.zeros(0, np.uint64), np.zeros(0, np.bool_)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _chunk(self, field: str, chunk: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        if not pa.types.is_dictionary(chunk.type):
            if pa.types.is_null(chunk.type):
                return np.zeros(len(chunk), np.uint64), np.zeros(len(chunk), np.bool_)
            chunk = chunk.dictionary_encode()
        distinct = chunk.dictionary
        if not (pa.types.is_string(distinct.type) or pa.types.is_large_string(distinct.type)):
            raise TypeError(f"pseudonyms are made of strings, not of {distinct.type}")
        table = np.array([*self._hashes(field, distinct.to_pylist()), 0], np.uint64)
        missing = len(distinct)
        index = pc.fill_null(chunk.indices.cast(pa.int64()), missing).to_numpy(zero_copy_only=False)
        known = index != missing
        if distinct.null_count:  # A dictionary may itself hold a null.
            empty = np.append(distinct.is_null().to_numpy(zero_copy_only=False), True)
            known = ~empty[index]
        return table[index], known

    def _hashes(self, field: str, values: list[str | None]) -> list[int]:
        person = hashlib.blake2b(field.encode(), digest_size=16).digest()  # BLAKE2b takes 16 bytes, names are longer.
        begun = hashlib.blake2b(digest_size=8, key=self._key, person=person)
        hashes = []
        for value in values:
            if value is None:
                hashes.append(0)
                continue
            state = begun.copy()
            state.update(value.encode())
            found = int.from_bytes(state.digest(), "little")
            hashes.append(found if found != _RESERVED else _RESERVED - 1)
        return hashes


def load_key(path: Path | None) -> bytes:
    """Return the key of the pseudonyms: of ``path``, made there where it is missing, or random without a path.

    A new file holds 32 random bytes in hexadecimal and is readable by its owner only. Without a path, pseudonyms of
    two scans cannot be compared.

    Raises:
        SourceError: If the file cannot be read or made, or holds no usable key.
    """
    if path is None:
        return secrets.token_bytes(32)
    try:
        held = path.read_bytes().strip()
    except FileNotFoundError:
        return _new_key(path)
    except OSError as error:
        raise SourceError(f"{path}: the key cannot be read: {error.strerror}", "grant this user read access") from error
    try:
        key = bytes.fromhex(held.decode("ascii"))
    except ValueError:
        key = held
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise SourceError(
            f"{path}: a key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes", "remove the file to have a new key made"
        )
    return key


def key_of(named: Path | None) -> Path:
    """Return the key file to use: the one named, or the user's own, whose folder is made."""
    import typer  # Here, since a gateway's plug-in reads keys without a command line.

    if named is not None:
        return named
    own = Path(typer.get_app_dir("stillwatch")) / "key"
    own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return own


def _new_key(path: Path) -> bytes:
    key = secrets.token_bytes(32)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key.hex().encode() + b"\n")
    except FileExistsError:  # Another scan made it in the same instant.
        return load_key(path)
    except OSError as error:
        raise SourceError(f"{path}: the key cannot be made: {error.strerror}", "name a folder that exists") from error
    return key


def address_prefix(addresses: pa.Array) -> pa.Array:
    """Return the network that each address lies in, as a string: /24 of IPv4, /48 of IPv6; null for no address.

    An IPv4 address written as IPv6 (``::ffff:192.0.2.1``) counts as IPv4. Meant for distinct values: a dictionary's,
    not a column's.
    """
    return pa.array([_prefix(address) for address in addresses.to_pylist()], pa.string())


@lru_cache(maxsize=1 << 18)  # The same addresses come in every part of a log.
def _prefix(address: str | None) -> str | None:
    if address is None:
        return None
    try:
        parsed = ipaddress.ip_address(address.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    host = mapped or parsed
    return str(ipaddress.ip_network((host, 24 if host.version == 4 else 48), strict=False))
