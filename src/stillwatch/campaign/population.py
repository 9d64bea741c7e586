"""Who has what: the accounts of a scan as rows of (account, value), one incidence table a view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.footprint.footprints import DAY_US, EMPTY, HOUR_US, Footprints
from stillwatch.footprint.words import mixed
from stillwatch.statistics.compiled import compiled
from stillwatch.statistics.steadiness import log_e_steady

Answer = TypeVar("Answer")

POPULAR_SHARE = 0.01
POPULAR_LEAST = 40
BUSY_EXCHANGES = 24  # An account that sent fewer is not asked how steadily it sends.


@dataclass(frozen=True, eq=False)
class Incidence:
    """Which accounts hold which values of one view.

    Rows are sorted by account.

    Attributes:
        account: Shape (rows,).
        value: Shape (rows,), codes in [0, values).
        label: Shape (values,). The hash, or number, that a code stands for.
        network: Shape (rows,). For addresses the code of the network, else 0.
        weight: Shape (rows,). Exchanges of the account with the value.
    """

    account: NDArray[np.int64]
    value: NDArray[np.int64]
    label: NDArray[np.uint64]
    network: NDArray[np.int64]
    weight: NDArray[np.int64]

    @cached_property
    def frequency(self) -> NDArray[np.int64]:
        """Accounts that hold each value, shape (values,)."""
        return np.bincount(self.value, minlength=len(self.label))

    def take(self, rows: NDArray[np.int64]) -> Incidence:
        """Return the incidence of some rows, with the values' codes kept."""
        part = np.sort(rows)
        return Incidence(self.account[part], self.value[part], self.label, self.network[part], self.weight[part])

    def renamed(self, number: NDArray[np.int64]) -> Incidence:
        """Return the incidence with ``number[a]`` for each account ``a``, rows in the new numbers' order."""
        account = number[self.account]
        order = np.argsort(account, kind="stable")
        return Incidence(account[order], self.value[order], self.label, self.network[order], self.weight[order])

    @property
    def empty(self) -> bool:
        """Whether the view has no data at all."""
        return len(self.account) == 0


def incidence(
    account: NDArray[np.int64],
    label: NDArray[np.uint64],
    network: NDArray[np.int64] | None = None,
    weight: NDArray[np.int64] | None = None,
) -> Incidence:
    """Return the incidence of distinct (account, label) rows.

    Args:
        account: Shape (rows,), ascending.
        label: Shape (rows,). The hash, or number, of each row's value; not EMPTY.
        network: Shape (rows,), codes; zeros where None.
        weight: Shape (rows,); ones where None.
    """
    value, labels = _coded(np.ascontiguousarray(label, np.uint64))
    zeros = np.zeros(len(account), np.int64)
    network = zeros if network is None else network
    weight = zeros + 1 if weight is None else weight
    return Incidence(account, value, labels, network, weight)


@compiled
def _coded(label: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Number the distinct labels in order of first appearance; return each row's number, and the labels."""
    slots = 16
    while slots < 2 * len(label):
        slots *= 2
    table = np.full(slots, -1, np.int64)
    mask = np.uint64(slots - 1)
    labels = np.empty(len(label), np.uint64)
    value = np.empty(len(label), np.int64)
    known = 0
    for row in range(len(label)):
        at = mixed(label[row]) & mask
        while table[at] >= 0 and labels[table[at]] != label[row]:
            at = (at + np.uint64(1)) & mask
        if table[at] < 0:
            table[at] = known
            labels[known] = label[row]
            known += 1
        value[row] = table[at]
    return value, labels[:known].copy()


_NOTHING = incidence(np.zeros(0, np.int64), np.zeros(0, np.uint64))


class Population:
    """All accounts of a scan at one instant, and what they share.

    Args:
        footprints: One row an account.
        without: Names of views that are not to be asked, and whose data are not to tie accounts, as where a law or a
            contract forbids their use, or to learn what each is worth.
        looks: Over how many looks like this one the stated level is to hold.
    """

    def __init__(self, footprints: Footprints, without: frozenset[str] = frozenset(), looks: int = 1) -> None:
        """Keep the footprints; incidences are made when asked for."""
        self.footprints = footprints
        self.without = without
        self.looks = looks
        self._answers: dict[Callable[[Population], object], object] = {}

    def once(self, ask: Callable[[Population], Answer]) -> Answer:
        """Return ``ask`` of this population, found out once: what several views and partitions ask is asked often."""
        if ask not in self._answers:
            self._answers[ask] = ask(self)
        return cast(Answer, self._answers[ask])

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.footprints)

    @property
    def popular(self) -> int:
        """A mail domain that more accounts than this use is a mail provider's, not a firm's."""
        return max(POPULAR_LEAST, int(POPULAR_SHARE * len(self)))

    def _sample(self, name: str, network: str | None = None) -> Incidence:
        hashes = self.footprints.hashes(name)
        account, place = np.nonzero(hashes != EMPTY)
        codes = None
        if network is not None:
            codes = np.unique(self.footprints.integers(network)[account, place], return_inverse=True)[1]
        weight = self.footprints.integers(f"{name}_exchanges")[account, place]
        return incidence(account, hashes[account, place], codes, weight)

    def _profile(self, name: str) -> Incidence:
        profile = self.footprints.profile
        if profile is None or name not in profile.column_names:
            return _NOTHING
        column = profile[name].combine_chunks() if isinstance(profile[name], pa.ChunkedArray) else profile[name]
        known = column.is_valid().to_numpy(zero_copy_only=False)
        values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(np.uint64)
        return incidence(np.flatnonzero(known), values[known])

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Each account's place in the order of names, so that what is drawn does not depend on the order of rows."""
        place = np.empty(len(self), np.int64)
        place[pc.array_sort_indices(self.footprints.account_id).to_numpy()] = np.arange(len(self))
        return place

    @cached_property
    def payment(self) -> Incidence:
        """Cards and other means of payment."""
        return _NOTHING if "payment" in self.without else self._profile("card")

    @cached_property
    def organization(self) -> Incidence:
        """Organisations on file."""
        return self._profile("organization")

    @cached_property
    def mail(self) -> Incidence:
        """Mail domains."""
        return self._profile("mail_domain")

    @cached_property
    def network(self) -> Incidence:
        """Client addresses, with their autonomous system, or prefix where that is unknown."""
        if "network" in self.without:
            return _NOTHING
        asn_known = bool((self.footprints.integers("address_asn") > 0).any())
        return self._sample("addresses", "address_asn" if asn_known else "address_prefix")

    @cached_property
    def client(self) -> Incidence:
        """Client software."""
        return _NOTHING if "client" in self.without else self._sample("clients")

    @cached_property
    def system(self) -> Incidence:
        """System instructions."""
        return _NOTHING if "template" in self.without else self._sample("systems")

    @cached_property
    def template(self) -> Incidence:
        """Word shingles of prompts."""
        return _NOTHING if "template" in self.without else self._sample("shingles")

    @cached_property
    def settings(self) -> Incidence:
        """The bucket of each account's most common request setting."""
        counts = self.footprints.integers("settings")
        known = np.flatnonzero(counts.sum(axis=1) > 0)
        return incidence(known, counts[known].argmax(axis=1).astype(np.uint64))

    @cached_property
    def birth_us(self) -> NDArray[np.int64]:
        """When each account was opened, or first seen where that is not known."""
        return np.where(self.opened, self._created_us, self.footprints.integers("first_us"))

    @cached_property
    def opened(self) -> NDArray[np.bool_]:
        """Of which accounts it is known when they were opened."""
        return np.asarray(self._created_us != np.iinfo(np.int64).min)

    @cached_property
    def _created_us(self) -> NDArray[np.int64]:
        profile = self.footprints.profile
        if profile is None or "created_us" not in profile.column_names:
            return np.full(len(self), np.iinfo(np.int64).min)
        created = pc.fill_null(profile["created_us"], np.iinfo(np.int64).min)
        return np.asarray(created.to_numpy(zero_copy_only=False), np.int64)

    @cached_property
    def cohorts(self) -> tuple[Incidence, ...]:
        """Who began together: the day of opening, the day of the first exchange and its hour."""
        first = self.footprints.integers("first_us")
        return tuple(
            self._period(when, span) for when, span in ((self.birth_us, DAY_US), (first, DAY_US), (first, HOUR_US))
        )

    @cached_property
    def openings(self) -> Incidence:
        """On which day each account was opened; no row where that is not known."""
        known = self.cohorts[0]
        return known.take(np.flatnonzero(self.opened[known.account]))

    def _period(self, when_us: NDArray[np.int64], span_us: int) -> Incidence:
        rows = np.flatnonzero(when_us != np.iinfo(np.int64).max)  # Of accounts that did nothing nobody knows.
        period = when_us[rows] // span_us
        return incidence(rows, (period - period.min(initial=0)).astype(np.uint64))

    @cached_property
    def hours_used(self) -> int:
        """How many hours of the window lie before the latest exchange."""
        last = int(self.footprints.integers("last_us").max(initial=self.footprints.origin_us))
        return int(np.clip((last - self.footprints.origin_us) // HOUR_US + 1, 0, self.footprints.hours.shape[1]))

    @cached_property
    def steadiness(self) -> NDArray[np.float64]:
        """How much steadier each busy account sends than chance allows, shape (accounts,), nats; others 0."""
        out = np.zeros(len(self))
        busy = np.flatnonzero(self.footprints.integers("exchanges") >= BUSY_EXCHANGES)
        hours = self.footprints.hours[busy, : self.hours_used // 24 * 24]
        out[busy] = log_e_steady(hours[:, 0::2], hours[:, 1::2])
        return out
