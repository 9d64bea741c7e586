"""Keys by cohort: derived from one master, rotated by period, named by public ids, never printed."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.pseudonym import load_key

MASTER_BYTES_MIN = 16
_SALT = b"stillwatch/watermark/v1"
_COHORT = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PERIOD = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,30}")


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Return ``length`` bytes that whoever lacks ``secret`` cannot tell from random ones.

    Raises:
        ValueError: If more than 255 blocks are asked for.

    Source:
        HKDF, RFC 5869, with SHA-256.
    """
    if not 0 < length <= 255 * 32:
        raise ValueError("HKDF-SHA256 gives 1 to 8,160 bytes")
    middle = hmac.digest(salt or bytes(32), secret, "sha256")
    block, made = b"", b""
    count = 1
    while len(made) < length:
        block = hmac.digest(middle, block + info + bytes([count]), "sha256")
        made += block
        count += 1
    return made[:length]


@dataclass(frozen=True, slots=True, repr=False)
class CohortKey:
    """The secret that marks what one cohort of accounts is served during one period.

    Attributes:
        cohort: Public name, such as ``flagged`` or ``tier-3.shard-07``.
        period: Public name of the time it serves, such as ``2026-11``.
        secret: 32 bytes. Hidden from every text form; the object refuses to be pickled.
    """

    cohort: str
    period: str
    secret: bytes

    def __post_init__(self) -> None:
        """Refuse names that could make two keys one.

        Raises:
            ValueError: If a name has other characters, or the secret another length.
        """
        if not _COHORT.fullmatch(self.cohort) or not _PERIOD.fullmatch(self.period):
            raise ValueError("cohorts are lower-case letters, digits, '.', '_', '-'; periods letters, digits and '-'")
        if len(self.secret) != 32:
            raise ValueError("a cohort's secret has 32 bytes")

    def __repr__(self) -> str:
        """Show the id only."""
        return f"CohortKey({self.id}, secret=hidden)"

    def __reduce__(self) -> Any:
        """Refuse to be pickled.

        Raises:
            TypeError: Always.
        """
        raise TypeError("cohort keys are secret and cannot be pickled: derive them where they are used")

    @property
    def id(self) -> str:
        """The public id, safe in logs: names, and 8 digits that tell two masters apart and lead to neither."""
        return f"{self.cohort}@{self.period}#{hkdf_sha256(self.secret, _SALT, b'public id', 4).hex()}"

    def number(self, purpose: str, bits: int = 64) -> int:
        """Return a whole number of ``bits`` bits for one purpose, unrelated to the numbers of all others."""
        made = hkdf_sha256(self.secret, _SALT, b"number\0" + purpose.encode(), (bits + 7) // 8)
        return int.from_bytes(made, "big") >> (-bits % 8)

    def numbers(self, purpose: str, count: int, bits: int = 62) -> tuple[int, ...]:
        """Return ``count`` whole numbers for one purpose."""
        return tuple(self.number(f"{purpose}/{place}", bits) for place in range(count))


def cohort_key(master: bytes, cohort: str, period: str) -> CohortKey:
    """Return the key of ``cohort`` in ``period``.

    Knowing any number of cohort keys tells nothing about the master or about other cohorts.

    Raises:
        ValueError: If the master has fewer than 16 bytes or a name is not allowed.
    """
    if len(master) < MASTER_BYTES_MIN:
        raise ValueError(f"a master key has at least {MASTER_BYTES_MIN} bytes")
    return CohortKey(cohort, period, hkdf_sha256(master, _SALT, f"cohort\0{cohort}\0{period}".encode(), 32))


def assigned_cohort(master: bytes, account_id: str, cohorts: int) -> int:
    """Return the cohort that an account belongs to, from 0: fixed, even, and not to be guessed without the master.

    Raises:
        ValueError: If there is no cohort.
    """
    if cohorts < 1:
        raise ValueError("there is at least one cohort")
    secret = hkdf_sha256(master, _SALT, b"cohort of account", 32)
    return int.from_bytes(hashlib.blake2b(account_id.encode(), key=secret, digest_size=8).digest(), "big") % cohorts


def period_of(day: dt.date, rotation: str = "month") -> str:
    """Return the name of the period that ``day`` lies in.

    Args:
        rotation: ``day``, ``week`` (ISO), ``month``, ``quarter`` or ``year``.

    Raises:
        ValueError: If the rotation is unknown.
    """
    year, week, _ = day.isocalendar()
    names = {
        "day": f"{day:%Y-%m-%d}",
        "week": f"{year}-W{week:02}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day.year}-Q{(day.month + 2) // 3}",
        "year": f"{day.year}",
    }
    if rotation not in names:
        raise ValueError(f"rotation is one of {', '.join(names)}")
    return names[rotation]


def load_master(path: Path, make: bool = False) -> bytes:
    """Return the master key in ``path``.

    Args:
        make: Whether to make the file, with 32 random bytes readable by its owner only, where it is missing. Reading
            never makes one: a fresh key would find no mark anywhere and look like a clean result.

    Raises:
        SourceError: If the file is missing, cannot be read, or holds no usable key.
    """
    if not make and not path.exists():
        raise SourceError(f"{path}: no such master key", "make one with: stillwatch watermark keys --make")
    return load_key(path)
