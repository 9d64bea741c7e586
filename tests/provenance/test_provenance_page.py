"""The page on provenance names what the code has, and the versions that the vectors were made with."""

from __future__ import annotations

import json
from pathlib import Path

from stillwatch.provenance.origin.registry import TESTS
from stillwatch.provenance.schemes.registry import SCHEMES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "provenance.md").read_text("utf-8")


def test_every_test_and_every_mark_has_its_row() -> None:
    for name in [*(test.card.id for test in TESTS), *(maker.card.id for maker in SCHEMES)]:
        assert f"`{name}`" in PAGE
    for test in TESTS:
        row = next(line for line in PAGE.splitlines() if line.startswith("| ") and f"`{test.card.id}`" in line)
        assert ("none: exploratory" in row) == test.card.exploratory
        assert ("nothing about distillation" in row) == (test.card.about == "descent")


def test_versions_are_those_of_the_vectors() -> None:
    for file in ("vllm", "sglang", "kgw", "synthid"):
        engine = json.loads((ROOT / "tests" / "provenance" / "golden" / f"{file}.json").read_text("utf-8"))["engine"]
        name, version = engine.split(",")[0].split()
        cards = [maker.card for maker in SCHEMES if maker.card.engine == name]
        assert cards and all(card.engine_version == version and version in PAGE for card in cards)
