"""What a calibration report says in whole sentences: what it shows, and what it cannot show without labels."""

from __future__ import annotations

from stillwatch.case.calibration import Calibration, DetectorReliability, GroupReliability
from stillwatch.case.drawn import DRAWN
from stillwatch.case.wording import count, percent, plural
from stillwatch.statistics.reliability import Reliability


def what_it_is() -> str:
    """Say what is counted, and against what."""
    return (
        "Every detector weighs an account against a benign claim, and every community is weighed against the benign "
        "explanation that fits it best. Each weight is an e-value: where the claim holds, at most 10% of them reach "
        "10, at most 1% reach 100, and so on. Here is how many did. The brackets hold the 95% interval of "
        "Clopper and Pearson."
    )


def what_it_cannot_say() -> str:
    """Say what counts without labels can never show."""
    return (
        "The logs carry no labels, so this cannot show how many of the listed campaigns are false, nor how many "
        "campaigns were missed. A share above its level says that the claim does not describe so many of these "
        "accounts. They may be honest and live otherwise, they may belong to a campaign that was not listed, or the "
        "claim's assumptions may fail: the counts do not tell which. A share below its level contradicts nothing, "
        "and proves nothing about traffic that comes later. Accounts of one firm and communities that overlap depend "
        "on each other, so that the true intervals are wider than those told."
    )


def left_out(calibration: Calibration) -> str:
    """Say what was not counted."""
    if not calibration.accounts_left_out and not calibration.communities_left_out:
        return "Nothing was flagged, so every account and every community is counted."
    return (
        f"Left out: {plural(calibration.accounts_left_out, 'flagged account')} and "
        f"{plural(calibration.communities_left_out, 'community', 'communities')} mostly made of them. Flagged ones "
        "are those with the most evidence, so that what remains looks better than everything would, if any of them "
        "was flagged wrongly."
    )


def whose_limits(calibration: Calibration) -> str:
    """Say whether the limits are the shipped ones or learnt."""
    if not calibration.baseline:
        return "The limits of the claims are those shipped with the package; no baseline was given."
    words = "The limits of the claims were learnt from this provider's own history"
    if calibration.offset_nats > 0:
        return (
            f"{words}, and {calibration.offset_nats:.2f} nats are taken off every community, since honest ones carried "
            "that much more than they should."
        )
    return f"{words}; honest communities there carried no more evidence than they should, so that nothing is taken off."


def verdict(calibration: Calibration) -> str:
    """Say which detectors keep all levels on all accounts, and whether the communities do."""
    broken = [each.detector for each in calibration.detectors if any(level.exceeds for level in each.levels)]
    known = [each for each in calibration.detectors if each.accounts]
    if not known:
        said = "No detector had data."
    elif broken:
        said = (
            f"Of {plural(len(known), 'detector')} with data, {len(broken)} passed a level more often than it allows: "
            f"{', '.join(name.replace('_', ' ') for name in broken)}. What these say of a single account is to be "
            "read with that in mind; no account is flagged by a detector."
        )
    else:
        said = f"None of {plural(len(known), 'detector')} with data passed a level more often than it allows."
    everything = calibration.groups[0]
    if not everything.communities:
        return f"{said} No community was tested."
    if any(level.exceeds for level in everything.levels):
        return (
            f"{said} Communities passed a level more often than it allows: the list of campaigns is less sure "
            "than its level says, or campaigns were not listed."
        )
    whole = plural(everything.communities, "community", "communities")
    return f"{said} The evidence of {whole} that were not flagged keeps every level."


def cell(level: Reliability) -> str:
    """Write one share with its interval, and mark it where the interval lies above the level."""
    if not level.trials:
        return "no data"
    mark = ", above" if level.exceeds else ""
    return f"{percent(level.share)} ({percent(level.low)} to {percent(level.high)}{mark})"


def kind_name(each: DetectorReliability) -> str:
    """Name a kind of account."""
    if each.plan is None:
        return "all accounts"
    return f"plan {each.plan}, verification {each.verification_level}"


def drawn_name(group: GroupReliability) -> str:
    """Name what drew some communities, with how many there are."""
    drawn = DRAWN.get(group.drawn)
    return f"{f'drawn by {drawn.by}' if drawn else 'all communities'} ({count(group.communities)})"
