"""The detectors' pages, written from their claims so that neither can go stale: ``python -m`` this, with a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from stillwatch.evidence.evidence import Claim
from stillwatch.evidence.registry import DETECTORS


def pages() -> dict[str, str]:
    """Return the text of each page by its file name: one a detector, and a list of all."""
    claims = [detector.claim for detector in DETECTORS]
    return {f"{claim.detector}.md": _page(claim) for claim in claims} | {"README.md": _list(claims)}


def write(folder: Path) -> None:
    """Write all pages into ``folder``, and remove pages of detectors that are no more."""
    write_pages(folder, pages())


def write_pages(folder: Path, wanted: dict[str, str]) -> None:
    """Write pages by their file names into ``folder``, and remove its other pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def _page(claim: Claim) -> str:
    compared = (
        "Accounts are compared with others of their kind: all accounts must be seen at once."
        if claim.population
        else "Each account is judged on its own footprint."
    )
    sections = (
        ("Benign claim", claim.null),
        ("Assumptions", claim.assumptions),
        ("Measured", f"{claim.measures[:1].upper()}{claim.measures[1:]}. {compared}"),
        ("Honest look-alikes", claim.look_alikes),
        ("Needs", ", ".join(f"`{name}`" for name in claim.needs) + ". Without them: no data, which is not benign."),
        ("Source", claim.source),
    )
    body = "\n".join(f"\n## {title}\n\n{text}" for title, text in sections)
    return f"# {claim.detector}\n{body}\n\nWritten from the code by `stillwatch.evidence.documentation`.\n"


def _list(claims: list[Claim]) -> str:
    rows = "\n".join(f"| [{claim.detector}]({claim.detector}.md) | {claim.null} |" for claim in claims)
    return (
        "# Detectors\n\nEach weighs one account's footprint against one benign claim, in nats. None gives a verdict: "
        "honest accounts break single claims every day.\n\n"
        f"| Detector | Benign claim |\n|---|---|\n{rows}\n\n"
        "Written from the code by `stillwatch.evidence.documentation`.\n"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m stillwatch.evidence.documentation FOLDER")
    write(Path(sys.argv[1]))
