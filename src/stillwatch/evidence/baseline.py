"""What the accounts of one provider do: the limits of the benign claims, learnt from history instead of shipped.

History is unlabelled and may hold campaigns. So everything here is a quantile or a fit of the central mass: a few
accounts of another kind, whatever they do, move no limit far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.evidence.benign import BENIGN, Benign
from stillwatch.evidence.breadth import alone_counts, topic_cosine
from stillwatch.evidence.evidence import Evidence
from stillwatch.evidence.kind import kinds, reference
from stillwatch.evidence.many_answers import extra_answers
from stillwatch.evidence.probing import Probing
from stillwatch.evidence.registry import detectors_with
from stillwatch.evidence.sleepless import quietest_share
from stillwatch.evidence.volume import log_rate
from stillwatch.footprint.footprints import SETTINGS, TEMPLATES, Footprints
from stillwatch.statistics.central_fit import TRIALS_LEAST, ShareLaw, fit_freedom, fit_shares
from stillwatch.statistics.concentration import collision_share
from stillwatch.statistics.rhythm import active_hours_of_day

LEARN_ACCOUNTS_LEAST = 100  # Fewer accounts with data say nothing: the limit stays as it was.
KIND_ACCOUNTS_LEAST = 200  # Smaller kinds of account are held to what everyone does.
BEYOND_SHARE = 0.1  # A limit that each account keeps by itself is the decile of the accounts.
ACTIVE_HOURS_LEAST = 8  # An account with fewer shows no night.
BLOCK_ACCOUNTS = 16_384  # Accounts weighed at once, so that memory does not grow with their number.

Kind = tuple[str, str]
"""Plan and verification level, "unknown" where the accounts file does not tell."""
Counts = Callable[[Footprints], tuple[NDArray[np.int64], NDArray[np.int64]]]

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Habits:
    """What the accounts of one kind were seen to do.

    Attributes:
        kind: Plan and verification level; None: everyone.
        accounts: How many were seen.
        benign: The limits.
        learnt_from: By limit, how many accounts it was learnt from; what is missing is as shipped, or as everyone's.
    """

    kind: Kind | None
    accounts: int
    benign: Benign
    learnt_from: tuple[tuple[str, int], ...]


def _of_prompts(name: str) -> Counts:
    return lambda footprints: (footprints.integers(name), footprints.integers("prompts"))


# Shares that follow a Beta law over accounts: each has a limit NAME_share and a NAME_concentration.
_SHARES: tuple[tuple[str, Counts], ...] = (
    *((name, _of_prompts(name)) for name in ("coercion", "reasoning", "grading", "training")),
    ("opening", lambda footprints: (footprints.integers("turn_zero"), footprints.integers("turn_known"))),
    ("alone", alone_counts),
    ("extra_answer", extra_answers),
    ("probe", Probing().returning),
)


def kind_of(footprints: Footprints) -> list[Kind]:
    """Return each account's plan and verification level."""
    columns = [_texts(footprints, name) for name in ("plan", "verification_level")]
    return list(zip(*columns, strict=True))


def _texts(footprints: Footprints, name: str) -> list[str]:
    profile = footprints.profile
    if profile is None or name not in profile.column_names:
        return [UNKNOWN] * len(footprints)
    return [text or UNKNOWN for text in profile[name].cast(pa.string()).to_pylist()]


def rows_by_kind(footprints: Footprints) -> dict[Kind, NDArray[np.int64]]:
    """Return the rows of each kind's accounts, ascending; the kind with most accounts first."""
    rows: dict[Kind, list[int]] = {}
    for row, kind in enumerate(kind_of(footprints)):
        rows.setdefault(kind, []).append(row)
    ordered = sorted(rows.items(), key=lambda item: (-len(item[1]), item[0]))
    return {kind: np.array(found, np.int64) for kind, found in ordered}


def learn(footprints: Footprints, prior: Benign = BENIGN) -> tuple[Habits, ...]:
    """Return the habits of everyone, and of each kind of account of which there are enough.

    Robust against accounts that are no honest ones: laws are fitted to the central mass (``fit_shares``), limits that
    every account keeps by itself are deciles, and means of kinds are medians. The breakdown point is a tenth of a
    kind's accounts. Limits that are not learnt (lengths, least counts) stay as in ``prior``.

    Args:
        footprints: Of the history, with profiles where they are known.
        prior: What is held where the history does not say.
    """
    b = prior
    value = log_rate(footprints)
    kind = reference(value, kinds(footprints, b.kind_accounts_least), b.kind_accounts_least)
    excess = (value - kind.median) / np.maximum(kind.spread, b.volume_spread_least)
    laws = {name: ShareLaw(getattr(b, f"{name}_share"), getattr(b, f"{name}_concentration")) for name, _ in _SHARES}
    everyone, laws = _habits(None, footprints, excess, b, laws)
    found = [everyone]
    for name, rows in rows_by_kind(footprints).items():
        if KIND_ACCOUNTS_LEAST <= len(rows) < len(footprints):
            found.append(_habits(name, footprints.take(rows), excess[rows], everyone.benign, laws)[0])
    return tuple(found)


def _habits(
    kind: Kind | None,
    footprints: Footprints,
    excess: NDArray[np.float64],
    prior: Benign,
    laws: Mapping[str, ShareLaw],
) -> tuple[Habits, dict[str, ShareLaw]]:
    """Return the habits of one kind of account, and the laws of shares as they were fitted.

    The centre of a law says where most accounts are; how far its tail reaches it cannot say, since there campaigns and
    odd honest accounts look alike. So a law may be found to reach further than the prior's, and never less far.
    """
    limits: dict[str, float] = {}
    learnt: dict[str, int] = {}
    fitted = dict(laws)
    for name, count in _SHARES:
        successes, trials = count(footprints)
        known = int((trials >= TRIALS_LEAST).sum())
        if known >= LEARN_ACCOUNTS_LEAST:
            fitted[name] = law = fit_shares(successes, trials, laws[name])
            least = min(law.concentration, getattr(prior, f"{name}_concentration"))
            limits |= {f"{name}_share": law.mean, f"{name}_concentration": least}
            learnt |= {f"{name}_share": known, f"{name}_concentration": known}
    for name, values, quantile, least, most in _of_each(footprints, prior):
        known = int((~np.isnan(values)).sum())
        if known >= LEARN_ACCOUNTS_LEAST:
            limits[name] = float(np.clip(np.nanquantile(values, quantile), least, most))
            learnt[name] = known
    known = int((~np.isnan(excess)).sum())
    if known >= LEARN_ACCOUNTS_LEAST:
        limits["volume_freedom"], learnt["volume_freedom"] = min(fit_freedom(excess), prior.volume_freedom), known
    rounded = {name: float(f"{limit:.4g}") for name, limit in limits.items()}
    return Habits(kind, len(footprints), with_limits(prior, rounded), tuple(sorted(learnt.items()))), fitted


def with_limits(benign: Benign, limits: Mapping[str, float]) -> Benign:
    """Return the limits with some of them replaced by name.

    Raises:
        TypeError: If there is no such limit.
    """
    changed: dict[str, Any] = dict(limits)
    return replace(benign, **changed)


def _of_each(footprints: Footprints, prior: Benign) -> tuple[tuple[str, NDArray[np.float64], float, float, float], ...]:
    """Return limits that are quantiles: name, each account's value (NaN: does not count), quantile, least, most."""
    active = active_hours_of_day(footprints.hours)
    night = np.where(active.sum(axis=1) >= ACTIVE_HOURS_LEAST, quietest_share(active, prior.night_h), np.nan)
    enough = footprints.integers("prompts") >= TRIALS_LEAST
    cosine = np.where(enough, topic_cosine(footprints), np.nan)
    template = np.where(enough, collision_share(footprints.integers("templates")), np.nan)
    set_known = footprints.integers("settings_known") >= TRIALS_LEAST
    setting = np.where(set_known, collision_share(footprints.integers("settings")), np.nan)
    even = prior.night_h / 24  # What an account awake at all hours has.
    same = prior.collision_most
    return (
        ("night_share", night, 1 - BEYOND_SHARE, 0.01, 0.8 * even),
        ("topic_cosine", cosine, BEYOND_SHARE, 0.005, 0.5),
        ("template_collision", template, 1 - BEYOND_SHARE, 1 / TEMPLATES, same),
        ("setting_collision", setting, 1 - BEYOND_SHARE, 1 / SETTINGS, same),
    )


def weigh(
    footprints: Footprints, habits: tuple[Habits, ...] = (), asked: NDArray[np.int64] | None = None
) -> tuple[Evidence, ...]:
    """Return the evidence of each of ``DETECTORS`` for every account, each kind against its own habits.

    Args:
        footprints: Everyone's: some detectors compare an account with others.
        habits: As from ``learn``; without any the shipped limits stand. Other kinds are held to everyone's.
        asked: Rows of the accounts that are asked for, ascending; the others get no data. All where None.
    """
    everyone = next((each.benign for each in habits if each.kind is None), BENIGN)
    own = {each.kind: each.benign for each in habits if each.kind is not None}
    parts: list[tuple[Benign, NDArray[np.int64]]] = []
    rest = np.ones(len(footprints), bool) if asked is None else np.zeros(len(footprints), bool)
    if asked is not None:
        rest[asked] = True
    for kind, rows in rows_by_kind(footprints).items() if own else ():
        if kind in own:
            parts.append((own[kind], rows[rest[rows]]))
            rest[rows] = False
    parts.append((everyone, np.flatnonzero(rest)))
    found = [_blank(evidence, len(footprints)) for evidence in _nothing(footprints, everyone)]
    for benign, rows in parts:
        _fill(found, footprints, benign, rows)
    return tuple(found)


def _nothing(footprints: Footprints, benign: Benign) -> tuple[Evidence, ...]:
    none = footprints.take(np.zeros(0, np.int64))
    return tuple(detector(none) for detector in detectors_with(benign))


def _blank(evidence: Evidence, accounts: int) -> Evidence:
    return Evidence(evidence.claim, np.full(accounts, np.nan), np.zeros(accounts, np.int64), np.full(accounts, np.nan))


def _fill(found: list[Evidence], footprints: Footprints, benign: Benign, rows: NDArray[np.int64]) -> None:
    """Weigh ``rows`` against ``benign`` and put the evidence in its place."""
    detectors = detectors_with(benign)
    for place, detector in enumerate(detectors):
        if detector.claim.population and len(rows):
            whole = detector(footprints)
            _put(found[place], rows, whole.log_e[rows], whole.exchanges[rows], whole.measured[rows])
    for begin in range(0, len(rows), BLOCK_ACCOUNTS):
        block = rows[begin : begin + BLOCK_ACCOUNTS]
        few = footprints.take(block)
        for place, detector in enumerate(detectors):
            if not detector.claim.population:
                said = detector(few)
                _put(found[place], block, said.log_e, said.exchanges, said.measured)


def _put(
    evidence: Evidence,
    rows: NDArray[np.int64],
    log_e: NDArray[np.float64],
    exchanges: NDArray[np.int64],
    measured: NDArray[np.float64],
) -> None:
    evidence.log_e[rows] = log_e
    evidence.exchanges[rows] = exchanges
    evidence.measured[rows] = measured
