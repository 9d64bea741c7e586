"""The range's page lists kinds and campaigns as the code has them.

Run this file as a script to write both lists anew.
"""

from __future__ import annotations

from pathlib import Path

from stillwatch.range.kinds import KINDS
from stillwatch.range.presets import DEMO, PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "range.md"


def kinds() -> str:
    lines = ["| Kind | Share | Resembles a campaign by |", "|---|---|---|"]
    lines += [f"| {kind.name} | {kind.share:.1%} | {kind.resembles} |" for kind in KINDS]
    return "\n".join(lines)


def campaigns() -> str:
    lines = ["| Campaign | Accounts | Exchanges | Days | Disclosed | Made up here |", "|---|---|---|---|---|---|"]
    for campaign in PRESETS:
        mark = " *" if campaign.name in DEMO else ""
        lines.append(
            f"| {campaign.name}{mark} | {campaign.accounts:,} | {campaign.exchanges:,} | {campaign.days:g} "
            f"| {campaign.disclosed} ({campaign.source}.) | {campaign.assumed} |"
        )
    return "\n".join(lines)


def with_lists(page: str) -> str:
    for name, text in (("kinds", kinds()), ("campaigns", campaigns())):
        before, rest = page.split(f"<!-- {name}: ", 1)
        head, rest = rest.split("-->\n", 1)
        _, after = rest.split(f"<!-- end of {name} -->", 1)
        page = f"{before}<!-- {name}: {head}-->\n{text}\n<!-- end of {name} -->{after}"
    return page


def test_the_page_lists_what_there_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_lists(page) == page, f"run: python {Path(__file__).relative_to(PAGE.parents[1])}"


if __name__ == "__main__":
    PAGE.write_text(with_lists(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
