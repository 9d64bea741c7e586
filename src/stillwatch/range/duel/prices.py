"""What a campaign pays for: accounts, cards, addresses and tokens, each with where the price comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

SHIPPED = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in US dollars, and the quantities that they are multiplied by.

    Attributes:
        account: A new account: verification and mailbox.
        aged_account: One that was opened long ago, bought; replaces ``account``.
        card: A virtual card.
        server_exit: An address of a server or tunnel over the campaign, which several accounts share.
        residential_gigabyte: Traffic through homes, where each account has addresses of its own.
        exchange_kilobytes: What one exchange moves.
        input_million: A million input tokens.
        output_million: A million output tokens.
        input_tokens: Of one exchange.
        output_tokens: Of one exchange.
        rewriting: A prompt in words of its own.
        sources: (name, source) of each of these.
    """

    account: float
    aged_account: float
    card: float
    server_exit: float
    residential_gigabyte: float
    exchange_kilobytes: float
    input_million: float
    output_million: float
    input_tokens: float
    output_tokens: float
    rewriting: float
    sources: tuple[tuple[str, str], ...]

    @property
    def exchange(self) -> float:
        """What one exchange costs in tokens, in dollars."""
        return (self.input_tokens * self.input_million + self.output_tokens * self.output_million) / 1e6

    @property
    def residential_exchange(self) -> float:
        """What one exchange costs when it goes through a home, in dollars."""
        return self.residential_gigabyte * self.exchange_kilobytes / 1e6


NAMES = tuple(field.name for field in fields(Prices) if field.name != "sources")


def load_prices(path: Path = SHIPPED) -> Prices:
    """Return the prices of a YAML file: each entry a mapping with ``usd`` or ``value``, and ``source``.

    Raises:
        ValueError: If an entry is missing, unknown, not a nonnegative number, or has no source; says which.
        OSError: If the file cannot be read.
    """
    try:
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(held, dict):
        raise ValueError(f"{path} must map names to prices; copy {SHIPPED} and edit it")
    unknown, missing = sorted(set(held) - set(NAMES), key=str), [name for name in NAMES if name not in held]
    if unknown or missing:
        raise ValueError(f"{path} lacks {', '.join(missing) or 'nothing'} and has in vain {unknown}; copy {SHIPPED}")
    values = {name: _value(path, name, held[name]) for name in NAMES}
    prices = Prices(**values, sources=tuple((name, str(held[name]["source"])) for name in NAMES))
    if prices.exchange <= 0:
        raise ValueError(f"{path}: an exchange must cost something, or a budget has no bound")
    return prices


def _value(path: Path, name: str, entry: Any) -> float:
    if not isinstance(entry, dict) or not str(entry.get("source", "")).strip():
        raise ValueError(f"{path}: {name} needs a source; write assumed where there is none")
    value = entry.get("usd", entry.get("value"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{path}: {name} needs usd or value, a number of at least 0, not {value!r}")
    return float(value)
