from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from stillwatch.range.duel.prices import NAMES, SHIPPED, load_prices


def edited(folder: Path, **entries: Any) -> Path:
    held = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) | entries
    path = folder / "prices.yaml"
    path.write_text(yaml.safe_dump({name: entry for name, entry in held.items() if entry is not None}))
    return path


def test_every_shipped_price_has_a_source() -> None:
    prices = load_prices()
    assert dict(prices.sources).keys() == set(NAMES)
    assert all(len(source) > 10 for _, source in prices.sources)
    assert prices.exchange == pytest.approx(400 * 2e-6 + 500 * 10e-6)
    assert prices.residential_exchange == pytest.approx(5 * 20e-6)


def test_an_edited_price_is_used(tmp_path: Path) -> None:
    assert load_prices(edited(tmp_path, card={"usd": 9, "source": "a letter"})).card == 9.0


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ({"card": None}, "card"),
        ({"yacht": {"usd": 1, "source": "assumed"}}, "yacht"),
        ({"card": {"usd": -1, "source": "assumed"}}, "card"),
        ({"card": {"usd": "two", "source": "assumed"}}, "card"),
        ({"card": {"usd": float("nan"), "source": "assumed"}}, "card"),
        ({"card": {"usd": True, "source": "assumed"}}, "card"),
        ({"card": {"usd": 1}}, "source"),
        ({"card": 3}, "source"),
        ({"input_million": {"usd": 0, "source": "gift"}, "output_million": {"usd": 0, "source": "gift"}}, "cost"),
    ],
)
def test_bad_prices_are_refused_by_name(tmp_path: Path, entries: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        load_prices(edited(tmp_path, **entries))


@pytest.mark.parametrize("text", ["- 1\n- 2\n", "{", ""])
def test_what_is_no_list_of_prices_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"prices\.yaml"):
        load_prices(path)
