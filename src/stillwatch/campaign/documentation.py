"""The views' pages, written from the code so that neither can go stale: ``python -m`` this, with a folder."""

from __future__ import annotations

import sys
from pathlib import Path

from stillwatch.campaign.explanations import EXPLANATIONS
from stillwatch.campaign.view import View
from stillwatch.campaign.views.registry import VIEWS
from stillwatch.evidence.documentation import write_pages


def pages() -> dict[str, str]:
    """Return the text of each page by its file name: one a view, and a list of all."""
    return {f"{view.name}.md": _page(view) for view in VIEWS} | {"README.md": _list()}


def write(folder: Path) -> None:
    """Write all pages into ``folder``, and remove pages of views that are no more."""
    write_pages(folder, pages())


def _page(view: View) -> str:
    weight = f"At most {view.cap_nats:g} nats, so that it never decides alone. " + (
        "Strong: a flag rests on two views, and one of them is such a one."
        if view.strong
        else "Not strong: a flag needs another, strong view beside it."
    )
    growth = (
        "Accounts join a group by what this view shows, so that after a group has grown its evidence is at most what "
        "the group showed before."
        if view.ties
        else "Accounts do not join a group by it, so that it speaks anew of the group that has grown."
    )
    excusing = [f"- **{each.name}**: {each.claim}" for each in EXPLANATIONS if view.name in each.excuses]
    sections = (
        ("Benign claim", view.null),
        ("Weight", weight),
        ("Growth", growth),
        ("Excused by", "\n".join(excusing) or "No explanation: it counts against all of them."),
        ("Needs", ", ".join(f"`{name}`" for name in view.needs) + ". Without them: no data, which is not benign."),
        ("Source", view.source),
    )
    body = "\n".join(f"\n## {title}\n\n{text}" for title, text in sections)
    return f"# {view.name}\n{body}\n\nWritten from the code by `stillwatch.campaign.documentation`.\n"


def _list() -> str:
    rows = "\n".join(
        f"| [{view.name}]({view.name}.md) | {view.cap_nats:g} | {'yes' if view.strong else 'no'} | {view.null} |"
        for view in VIEWS
    )
    return (
        "# Views\n\nEach weighs a group of accounts against one benign claim, in nats, and says no more than its cap. "
        "A flag needs two views, one of them strong, and more evidence than every honest explanation leaves.\n\n"
        f"| View | Cap, nats | Strong | Benign claim |\n|---|---|---|---|\n{rows}\n\n"
        "Written from the code by `stillwatch.campaign.documentation`.\n"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m stillwatch.campaign.documentation FOLDER")
    write(Path(sys.argv[1]))
