"""Client software: families of programs, each with versions and the TLS stacks that they are built on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.range.draws import unit


@dataclass(frozen=True, slots=True)
class Family:
    """Programs of one sort; ``agents`` in falling order of use."""

    name: str
    agents: tuple[str, ...]
    stacks: int  # TLS stacks among them: agent k has stack k modulo this.


def _browsers() -> tuple[str, ...]:
    systems = ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    engine = "AppleWebKit/537.36 (KHTML, like Gecko)"
    chrome = [f"Mozilla/5.0 ({o}) {engine} Chrome/{v}.0.0.0 Safari/537.36" for v in (145, 144, 143) for o in systems]
    fox = [f"Mozilla/5.0 ({o}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0" for v in (148, 147) for o in systems]
    return (*chrome, *fox)


FAMILIES: tuple[Family, ...] = (
    Family("browser", _browsers(), 5),
    Family(
        "phone app",
        (
            "HarrierApp/6.12 (iPhone; iOS 19.3)",
            "HarrierApp/6.12 (Android 16)",
            "HarrierApp/6.11 (iPhone; iOS 19.2)",
            "HarrierApp/6.11 (Android 15)",
            "HarrierApp/6.9 (Android 14)",
        ),
        2,
    ),
    Family(
        "python kit",
        ("harrier-python/2.31.0", "harrier-python/2.30.2", "harrier-python/2.28.0", "harrier-python/1.99.4"),
        2,
    ),
    Family("node kit", ("harrier-node/5.8.1", "harrier-node/5.7.0", "harrier-node/4.104.0"), 2),
    Family(
        "plain http",
        (
            "python-requests/2.32.5",
            "axios/1.13.2",
            "Go-http-client/2.0",
            "okhttp/5.1.0",
            "curl/8.17.0",
            "node-fetch/3.3",
        ),
        6,
    ),
    Family(
        "harness",
        ("pairwright/3.4.0 (cli)", "pairwright/3.3.2 (cli)", "pairwright/3.4.0 (editor)", "pairwright/3.1.0 (cli)"),
        1,
    ),
    Family("editor", ("Lanternpad/0.48.1", "Lanternpad/0.47.6", "Lanternpad/0.45.0"), 1),
    Family("desk app", ("Chatterdock/1.9.3", "Chatterdock/1.9.1", "ManyMinds/4.2.0", "ManyMinds/4.1.7"), 2),
    Family("gateway", ("routehouse/1.80.5", "routehouse/1.79.0", "modelrelay/0.14"), 2),
)
FAMILY = {family.name: number for number, family in enumerate(FAMILIES)}


def _ja4(family: int, stack: int) -> str:
    """Return a made-up fingerprint in JA4's shape: what is common to every program on one TLS stack."""
    digest = hashlib.sha256(f"{family}/{stack}".encode()).hexdigest()
    ciphers, extensions = 12 + int(digest[0], 16) // 2, 9 + int(digest[1], 16) // 2
    return f"t13d{ciphers:02d}{extensions:02d}h2_{digest[2:14]}_{digest[14:26]}"


AGENTS: tuple[str, ...] = tuple(agent for family in FAMILIES for agent in family.agents)
JA4S: tuple[str, ...] = tuple(
    _ja4(number, k % family.stacks) for number, family in enumerate(FAMILIES) for k in range(len(family.agents))
)
_COUNT = np.array([len(family.agents) for family in FAMILIES], np.int64)
_FIRST = np.cumsum(_COUNT) - _COUNT


def client_of(family: NDArray[np.int64], key: NDArray[np.uint64], salt: int) -> NDArray[np.int64]:
    """Return for each key a program of its family, the newest most often."""
    rank = np.floor(_COUNT[family] * unit(key, 911 + salt) ** 1.8).astype(np.int64)
    return _FIRST[family] + rank
