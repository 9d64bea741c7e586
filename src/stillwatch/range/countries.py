"""Where accounts live: countries with their clock, their languages and their share of the provider's accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Country:
    """One country of the simulated world."""

    code: str  # ISO 3166.
    utc_offset_h: float  # Standard time; large countries have one clock here.
    share: float  # Of the provider's accounts, before normalising. Invented.
    language: str  # The topic that holds prompts in the country's language, or "" where prompts are in English.


COUNTRIES: tuple[Country, ...] = (
    Country("US", -6, 26, ""),
    Country("IN", 5.5, 11, ""),
    Country("GB", 0, 6, ""),
    Country("DE", 1, 6, "german"),
    Country("BR", -3, 6, "portuguese"),
    Country("FR", 1, 5, "french"),
    Country("JP", 9, 5, ""),
    Country("CA", -5, 4, ""),
    Country("KR", 9, 3, ""),
    Country("MX", -6, 3, "spanish"),
    Country("ES", 1, 3, "spanish"),
    Country("AU", 10, 3, ""),
    Country("NL", 1, 2, ""),
    Country("ID", 7, 2, ""),
    Country("PL", 1, 2, ""),
    Country("SG", 8, 2, "chinese"),
    Country("TW", 8, 2, "chinese"),
    Country("VN", 7, 2, ""),
    Country("AR", -3, 1.5, "spanish"),
    Country("NG", 1, 1.5, ""),
    Country("SE", 1, 1, ""),
    Country("CH", 1, 1, "german"),
    Country("TR", 3, 1, ""),
    Country("AE", 4, 1, ""),
)
SHARES = np.array([country.share for country in COUNTRIES]) / sum(country.share for country in COUNTRIES)
UTC_OFFSET_H = np.array([country.utc_offset_h for country in COUNTRIES])
