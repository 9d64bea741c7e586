"""What each view found in a group, as one plain sentence with its figures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Incidence
from stillwatch.campaign.view import Groups
from stillwatch.campaign.views.complementarity import overlap
from stillwatch.campaign.views.failover import moves
from stillwatch.campaign.views.pivot import releases
from stillwatch.campaign.views.round_the_clock import ACCOUNTS_LEAST, EXCHANGES_LEAST, crowded
from stillwatch.campaign.views.topic import directions
from stillwatch.footprint.footprints import DAY_US


def findings(groups: Groups, content: NDArray[np.int64]) -> dict[str, str]:
    """Return a sentence for each view of the one group in ``groups``.

    Args:
        groups: Of one group.
        content: Shape (accounts,). The community of each account by what it sends.
    """
    tell: dict[str, Callable[[], str]] = {
        "payment": lambda: _sharing(groups, groups.population.payment, "cards"),
        "network": lambda: _sharing(groups, groups.population.network, "addresses"),
        "template": lambda: _template(groups, content),
        "timing": lambda: _timing(groups),
        "round_the_clock": lambda: _round_the_clock(groups),
        "sign_up": lambda: _sign_up(groups),
        "client": lambda: _client(groups),
        "failover": lambda: _failover(groups),
        "pivot": lambda: _pivot(groups),
        "topic": lambda: _topic(groups),
        "complementarity": lambda: _complementarity(groups),
        "coercion": lambda: _coercion(groups),
        "elicitation": lambda: _elicitation(groups),
    }
    return {view: sentence() for view, sentence in tell.items()}


def _sharing(groups: Groups, view: Incidence, what: str) -> str:
    if view.empty:
        return f"The logs name no {what}."
    rows = groups.payment if what == "cards" else groups.network
    values, sharing = len(np.unique(rows.pair)), len(np.unique(rows.account))
    if not values:
        return f"No two of its {groups.sizes[0]:,} accounts share any {what}."
    return (
        f"{sharing:,} of {groups.sizes[0]:,} accounts share {values:,} {what}; the most used one serves "
        f"{int(rows.holders.max()):,} of them."
    )


def _template(groups: Groups, content: NDArray[np.int64]) -> str:
    kinds = content[groups.partition == 0]
    if not (kinds >= 0).any():
        return "The logs hold no prompts, or none that other accounts send too."
    most = int(np.bincount(kinds[kinds >= 0]).argmax())
    return (
        f"{int((kinds == most).sum()):,} of {groups.sizes[0]:,} accounts are among the "
        f"{int((content == most).sum()):,} that send this kind of prompt, of {len(content):,} accounts in all."
    )


def _timing(groups: Groups) -> str:
    hours = groups.hours[0]
    first, second = hours[0::2], hours[1::2]
    if not hours.any():
        return "There are no whole days of data."
    index = float(np.square(first - second).sum() / max((first + second).sum(), 1))
    return (
        f"Neighbouring hours of the whole group differ {index:.2g} times as much as independent arrivals would "
        f"(squared; 1 is chance), at {hours[hours > 0].mean():,.0f} exchanges an hour."
    )


def _round_the_clock(groups: Groups) -> str:
    if groups.population.network.empty:
        return "The logs name no addresses."
    marked, _ = crowded(groups)
    return (
        f"At {int(marked.sum()):,} of its {len(marked):,} firms, places and persons {ACCOUNTS_LEAST} accounts or more, "
        f"joined by an address alone, never sleep, at {EXCHANGES_LEAST} exchanges or more each."
    )


def _sign_up(groups: Groups) -> str:
    born = np.sort(groups.population.birth_us[groups.partition == 0])
    half = (len(born) + 1) // 2
    spans = born[half - 1 :] - born[: len(born) - half + 1]
    return f"Half of the accounts were opened, or first seen, within {float(spans.min()) / DAY_US:.1f} days."


def _client(groups: Groups) -> str:
    said = []
    for name, view in (("client", groups.population.client), ("setting", groups.population.settings)):
        inside = groups.partition[view.account] == 0
        if inside.any():
            count = int(np.bincount(view.value[inside]).max())
            said.append(f"{count:,} of {groups.sizes[0]:,} accounts use its commonest {name}")
    return "; ".join(said) + "." if said else "The logs name neither clients nor settings."


def _failover(groups: Groups) -> str:
    moved, inside = moves(groups.population), groups.partition == 0
    stops, rises = moved.stop[inside & (moved.stop >= 0)], np.sort(moved.rise[inside & (moved.rise >= 0)])
    if not len(stops):
        return "None of its accounts fell silent for good within the days that can be told."
    after = np.searchsorted(rises, stops + 24) - np.searchsorted(rises, stops)
    hour = stops[int(after.argmax())]  # What followed upon that stop is told; the days are weighed all together.
    shut = int((inside & moved.shut & (moved.stop >= 0)).sum())
    return (
        f"{len(stops):,} of {groups.sizes[0]:,} accounts fell silent for good, {shut:,} of them after being shut out; "
        f"within a day of {int((stops // 24 == hour // 24).sum()):,} such stops {int(after.max()):,} others began in "
        f"earnest, of {len(rises):,} that did at any time."
    )


def _pivot(groups: Groups) -> str:
    found = releases(groups.population)
    if not found:
        return "The logs show no model that came out in their time."
    inside = groups.partition == 0
    early = [int((release.early & inside).sum()) for release in found]
    k = int(np.argmax(early))
    active, rest = int((found[k].active & inside).sum()), found[k].active & ~inside
    return (
        f"{early[k]:,} of {active:,} accounts that were active then used a new model within a day of its release; of "
        f"everyone else {(found[k].early & rest).sum() / max(rest.sum(), 1):.0%} did."
    )


def _topic(groups: Groups) -> str:
    _, vectors = directions(groups)
    units = len(vectors)
    if units < 2:
        return "Too few of its firms, places and persons sent prompts to compare their topics."
    cosine = (float(np.square(vectors.sum(axis=0)).sum()) - units) / (units * (units - 1))
    return f"The topics of two of its {units:,} firms, places and persons have a mean cosine of {cosine:.2f}."


def _complementarity(groups: Groups) -> str:
    found = overlap(groups)
    if found is None:
        return "The logs hold no prompts."
    if not len(found.draws):
        return "Others hardly send what its accounts send, so that by chance none of it would be sent twice."
    return (
        f"Of {int(found.draws.sum()):,} sampled prompts that independent accounts might well repeat, "
        f"{found.repeated @ found.draws:,.0f} had been sent by another of its firms, places and persons; "
        f"by chance about {found.expected @ found.draws:,.1f} would have been."
    )


def _coercion(groups: Groups) -> str:
    footprints = groups.population.footprints
    inside = groups.partition == 0
    prompts, asked = footprints.integers("prompts")[inside], footprints.integers("coercion")[inside]
    if not prompts.any():
        return "The logs hold no prompts."
    strongly = int((2 * asked >= np.maximum(prompts, 1)).sum())
    return (
        f"{asked.sum() / prompts.sum():.0%} of prompts demand hidden reasoning; of {strongly:,} accounts half or more."
    )


def _elicitation(groups: Groups) -> str:
    footprints = groups.population.footprints
    inside = groups.partition == 0
    prompts = int(footprints.integers("prompts")[inside].sum())
    if not prompts:
        return "The logs hold no prompts."
    shares = [
        f"{footprints.integers(name)[inside].sum() / prompts:.0%} {words}"
        for name, words in (
            ("reasoning", "ask for worked reasoning"),
            ("grading", "for grades or comparisons"),
            ("training", "for training-style answers"),
        )
    ]
    return f"Of {prompts:,} prompts {', '.join(shares[:-1])} and {shares[-1]}."
