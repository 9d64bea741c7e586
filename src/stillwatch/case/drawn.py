"""What drew a community, in words, by the names that ``campaign.detection.draw`` gives its families."""

from __future__ import annotations

from typing import NamedTuple

_WHO = frozenset({"payment", "network", "sign_up"})
_WHAT = frozenset({"template", "client"})


class Drawn(NamedTuple):
    """One way of drawing communities.

    Attributes:
        by: Completes "drawn by".
        views: Names of the views that read what drew the community, so that they speak again of what chose it.
    """

    by: str
    views: frozenset[str] = frozenset()


DRAWN = {
    "identity": Drawn("who they are", _WHO),
    "content": Drawn("what they send", _WHAT),
    "both": Drawn("who they are and what they send", _WHO | _WHAT),
    "wide": Drawn("who they are, drawn wide", _WHO),
    "asks": Drawn("asking for hardly anything but grades, hidden reasoning and training-style answers"),
    "asks alike": Drawn("asking for grades, hidden reasoning and training-style answers with the same settings"),
    "conduct": Drawn("hours without a night and settings in common"),
}
