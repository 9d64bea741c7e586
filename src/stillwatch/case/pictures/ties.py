"""The picture of what ties a campaign's accounts: accounts and shared values as nodes, laid out by forces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stillwatch.case.campaign_case import Graph

NODES_MAX = 300
VALUES_MAX = 120
LABELS_MAX = 6
MARGIN = 5.0  # Percent kept free on each side.


@dataclass(frozen=True, slots=True)
class Node:
    """A node at (x, y) in percent; ``colour`` is the number of its view, 0 for an account."""

    x: float
    y: float
    label: str
    colour: int
    view: str
    accounts: tuple[str, ...]  # For a shared value: the drawn accounts that have it.
    nats: float


@dataclass(frozen=True, slots=True)
class Caption:
    """A shared value's name beside its node."""

    x: float
    y: float
    anchor: str
    label: str


@dataclass(frozen=True, slots=True)
class Ties:
    """All that is to be drawn; ``lines`` holds for each view's colour a path in thousandths of the sides."""

    accounts: tuple[Node, ...]
    values: tuple[Node, ...]
    lines: tuple[tuple[int, str], ...]
    captions: tuple[Caption, ...]
    legend: tuple[tuple[int, str, int], ...]  # (colour, view, values drawn)
    accounts_total: int


def ties(graph: Graph, colours: Mapping[str, int]) -> Ties | None:
    """Lay out ``graph``; None where no value ties any of its accounts.

    Args:
        graph: Of any size: the values that most accounts share are kept, and at most NODES_MAX nodes in all.
        colours: From view to the number of its colour, from 1.
    """
    account, value, weight = _kept(graph)
    if not len(account):
        return None
    accounts, account_at = np.unique(account, return_inverse=True)
    values, value_at = np.unique(value, return_inverse=True)
    nodes = len(accounts) + len(values)
    places = MARGIN + (100 - 2 * MARGIN) * layout(nodes, account_at, value_at + len(accounts), weight)
    drawn_accounts = tuple(
        Node(float(x), float(y), graph.accounts[index], 0, "", (), 0.0)
        for index, (x, y) in zip(accounts, places, strict=False)
    )
    drawn_values = []
    for row, index in enumerate(values):
        view, label = graph.values[index]
        mine = value_at == row
        named = tuple(graph.accounts[i] for i in accounts[account_at[mine]])
        x, y = places[len(accounts) + row]
        drawn_values.append(Node(float(x), float(y), label, colours[view], view, named, float(weight[mine].sum())))
    lines: dict[int, list[str]] = {}
    for i, j in zip(account_at, value_at, strict=True):
        (x0, y0), end = places[i], drawn_values[j]
        lines.setdefault(end.colour, []).append(f"M{10 * x0:.0f} {10 * y0:.0f}L{10 * end.x:.0f} {10 * end.y:.0f}")
    counts: dict[tuple[int, str], int] = {}
    for node in drawn_values:
        counts[node.colour, node.view] = counts.get((node.colour, node.view), 0) + 1
    return Ties(
        drawn_accounts,
        tuple(drawn_values),
        tuple((colour, "".join(path)) for colour, path in sorted(lines.items())),
        _captions(drawn_values),
        tuple((colour, view, n) for (colour, view), n in sorted(counts.items())),
        graph.accounts_total,
    )


def layout(
    nodes: int, source: NDArray[np.int64], target: NDArray[np.int64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Place the nodes of a graph so that ties are short and nodes apart, the same way every time.

    Forces as in a system of springs and like charges, cooled over a fixed number of steps, from a start on a spiral
    of golden angles; a weak pull to the middle keeps separate parts on the page.

    Args:
        nodes: At least 1; the time grows with its square (0.1 s at 300).
        source: Shape (edges,), row of each edge's one end.
        target: Shape (edges,), row of the other.
        weight: Shape (edges,), how strongly an edge pulls; taken relative to the mean, between a half and two.

    Returns:
        Shape (nodes, 2), each in [0, 1], the range used in full on both axes.

    Source:
        Fruchterman & Reingold, Software: Practice and Experience 21 (1991).
    """
    turn = np.arange(nodes) * math.pi * (3 - math.sqrt(5))
    radius = np.sqrt((np.arange(nodes) + 0.5) / nodes) / 2
    place = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    apart = math.sqrt(1 / nodes)
    mean = float(np.abs(weight).mean()) if len(weight) else 1.0
    pull = np.clip(np.abs(weight) / mean, 0.5, 2.0) if mean > 0 else np.ones(len(weight))
    steps = 220
    for step in range(steps):
        x, y = place[:, 0], place[:, 1]
        dx, dy = x[:, None] - x[None, :], y[:, None] - y[None, :]
        push = apart**2 / np.maximum(dx * dx + dy * dy, 1e-6)
        force = np.stack([(dx * push).sum(axis=1), (dy * push).sum(axis=1)], axis=1)
        along = place[source] - place[target]
        spring = along * (pull * np.sqrt((along * along).sum(axis=1)) / apart)[:, None]
        np.add.at(force, source, -spring)
        np.add.at(force, target, spring)
        force -= 1.2 * place
        length = np.sqrt((force * force).sum(axis=1, keepdims=True))
        warmth = 0.08 * (1 - step / steps) + 0.001
        place = place + force / np.maximum(length, 1e-9) * np.minimum(length, warmth)
    low, size = place.min(axis=0), np.ptp(place, axis=0)
    scaled = (place - low) / np.where(size > 1e-9, size, 1.0)
    return np.asarray(np.where(size > 1e-9, scaled, 0.5), np.float64)


def _kept(graph: Graph) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the edges to draw: those of the most shared values, and of the accounts that these tie most."""
    account = np.array([edge[0] for edge in graph.edges], np.int64)
    value = np.array([edge[1] for edge in graph.edges], np.int64)
    weight = np.nan_to_num(np.array([edge[2] for edge in graph.edges], np.float64))
    if len(graph.accounts) + len(graph.values) <= NODES_MAX:
        return account, value, weight
    shared = np.bincount(value, minlength=len(graph.values))
    values = np.argsort(-shared, kind="stable")[: min(VALUES_MAX, NODES_MAX // 2)]
    keep = np.isin(value, values)
    tied = np.bincount(account[keep], minlength=len(graph.accounts))
    accounts = np.argsort(-tied, kind="stable")[: NODES_MAX - len(values)]
    keep &= np.isin(account, accounts)
    return account[keep], value[keep], weight[keep]


def _captions(values: list[Node]) -> tuple[Caption, ...]:
    """Name the most shared values, leaving out those whose name would lie on another's."""
    captions: list[Caption] = []
    for node in sorted(values, key=lambda node: (-len(node.accounts), node.label)):
        if len(captions) == LABELS_MAX:
            break
        if any(abs(node.y - other.y) < 7 and abs(node.x - other.x) < 34 for other in captions):
            continue
        captions.append(Caption(node.x, node.y, "start" if node.x < 60 else "end", node.label))
    return tuple(captions)
