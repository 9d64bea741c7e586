"""From history to a baseline: what a provider's own traffic looks like."""

from __future__ import annotations

import datetime as dt

from stillwatch import __version__
from stillwatch.campaign.baseline import Baseline, community_tail
from stillwatch.campaign.detection import detect
from stillwatch.campaign.population import Population
from stillwatch.case.assembly import instant
from stillwatch.engine.periods import Running
from stillwatch.engine.replay import with_profile
from stillwatch.engine.scan import Progress, Request, known_of_accounts, periods_of
from stillwatch.evidence.baseline import learn
from stillwatch.exchange.discovery import SourceError
from stillwatch.exchange.duplicates import Duplicates
from stillwatch.exchange.pseudonym import Pseudonyms
from stillwatch.exchange.quarantine import Quarantine


def baseline(
    request: Request, pseudonyms: Pseudonyms, quarantine: Quarantine, now: dt.datetime, progress: Progress
) -> Baseline:
    """Return what the logs of ``request.paths`` say of honest accounts and communities.

    The logs need no labels, and a few campaigns in them do little: see ``learn`` and ``community_tail``.

    Args:
        request: The history as its paths, and the accounts file.
        pseudonyms: Any key: nothing that it hashes is kept.
        quarantine: Takes the bad rows.
        now: The present, with a zone: later rows are refused.
        progress: Is told how it goes.

    Raises:
        SourceError: If a source cannot be read, or holds no exchange.
        StrictError: If the quarantine is strict and there is a bad row.
    """
    profile, _ = known_of_accounts(request, pseudonyms, quarantine)
    reading = periods_of(request.paths, request, pseudonyms, quarantine, now, progress, "exchanges", Duplicates())
    running, empty = Running(), True
    for period in reading:
        running.add(period)
        empty = False
    if empty:
        raise SourceError(f"{', '.join(request.paths)}: no exchange in it", "a baseline is learnt from exchanges")
    footprints = with_profile(running.footprints(), profile)
    progress("learning", 0)
    detection = detect(Population(footprints), request.level)
    return Baseline(
        stillwatch_version=__version__,
        learnt_at=now,
        first_seen=instant(int(footprints.integers("first_us").min())),
        last_seen=instant(int(footprints.integers("last_us").max())),
        exchanges=reading.exchanges,
        accounts=len(footprints),
        habits=learn(footprints),
        communities=community_tail([core.log_e for core in detection.cores]),
    )
