"""The scan as time goes by: a look at the end of each step, at what had been seen by then."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.campaign.detection import Detection, detect
from stillwatch.campaign.population import Population
from stillwatch.footprint.footprints import Footprints

STEP_HOURS = 12  # A campaign is caught half a day after it can be seen; each look costs what all accounts cost.
MONTH_HOURS = 28 * 24  # The time for which a level is stated.
NEVER = np.iinfo(np.int64).max
SAME_SHARE = 0.3  # Of the smaller group: from here on two looks' groups are one campaign.
REMNANT_ACCOUNTS = 4  # What is left of a campaign after most of it joined another: fewer join too.


@dataclass
class Found:
    """One campaign as the looks have it so far.

    Attributes:
        first_flagged_us: The look that flagged it first.
        evidence: The look, and its number there, that flagged it last.
    """

    first_flagged_us: int
    evidence: tuple[Detection, int]


@dataclass
class Looks:
    """What all looks so far have flagged; an account that was flagged once stays so, as for one who acts on it.

    Attributes:
        level: False-discovery level of all looks of a month together.
        step_hours: How far apart the looks are: those of a month share the level evenly.
        without: Views that are not to be asked.
        campaign: Shape (accounts,). The campaign of each account, -1 for none.
        flagged_at_us: Shape (accounts,). The first look that flagged each, NEVER for none.
        found: The campaigns.
        last: The latest look.
    """

    level: float
    step_hours: float = STEP_HOURS
    without: frozenset[str] = frozenset()
    campaign: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    flagged_at_us: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    found: list[Found] = field(default_factory=list)
    last: Detection | None = None

    @property
    def in_a_month(self) -> int:
        """How many looks share the level."""
        return math.ceil(MONTH_HOURS / self.step_hours)

    def look(self, footprints: Footprints, at_us: int) -> Detection:
        """Detect campaigns in ``footprints``, all of which was seen before ``at_us``, and take note.

        Accounts keep their rows from look to look, new ones at the end.
        """
        more = len(footprints) - len(self.campaign)
        self.campaign = np.append(self.campaign, np.full(more, -1, np.int64))
        self.flagged_at_us = np.append(self.flagged_at_us, np.full(more, NEVER, np.int64))
        detection = detect(Population(footprints, self.without, self.in_a_month), self.level)
        for group in np.flatnonzero(detection.flagged):
            self._note(detection, int(group), at_us)
        self.last = detection
        return detection

    def _note(self, detection: Detection, group: int, at_us: int) -> None:
        member = detection.partition == group
        before = self.campaign[member]
        known, count = np.unique(before[before >= 0], return_counts=True)
        sizes = np.array([(self.campaign == number).sum() for number in known])
        same = count >= SAME_SHARE * np.minimum(sizes, member.sum())
        if same.any():
            number = int(known[same][count[same].argmax()])
            self.found[number].evidence = (detection, group)
        else:
            number = len(self.found)
            self.found.append(Found(at_us, (detection, group)))
        self.campaign[member] = number
        self.flagged_at_us[member] = np.minimum(self.flagged_at_us[member], at_us)
        for other in known[known != number]:
            remnant = self.campaign == other
            if remnant.sum() < REMNANT_ACCOUNTS:
                self.campaign[remnant] = number
                self.found[number].first_flagged_us = min(
                    self.found[number].first_flagged_us, self.found[other].first_flagged_us
                )


def with_profile(footprints: Footprints, profile: pa.Table | None) -> Footprints:
    """Return the footprints with their rows of ``profile`` (``account_id`` and PROFILE's columns) beside them."""
    if profile is None:
        return footprints
    ids = profile["account_id"].cast(pa.large_string())
    place = pc.index_in(footprints.account_id, value_set=ids.combine_chunks())
    return Footprints(
        footprints.arrays,
        footprints.account_id,
        footprints.origin_us,
        profile.drop_columns(["account_id"]).take(place).combine_chunks(),
    )
