"""A view: one kind of tie between accounts, and what it says of a group."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Population
from stillwatch.campaign.sharing import Shared, hubs, members, shared
from stillwatch.statistics.compiled import compiled

PLACE_SHARE = 0.8  # Of a group's members that sent most from one address, at least, where it is a place.


class Groups:
    """Disjoint groups of accounts of one population, and what several views ask of them.

    Args:
        population: All accounts.
        partition: Shape (accounts,), the group of each account from 0, -1 for none.
        content: Shape (accounts,), the community of each account by what it sends, where the groups were drawn by
            other views as well; None where content alone drew them.
    """

    def __init__(
        self, population: Population, partition: NDArray[np.int64], content: NDArray[np.int64] | None = None
    ) -> None:
        """Count the members."""
        self.population = population
        self.partition = partition
        self.content = content
        self.sizes = members(partition)

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.sizes)

    @cached_property
    def payment(self) -> Shared:
        """Cards that members share."""
        return shared(self.population.payment, self.partition)

    @cached_property
    def network(self) -> Shared:
        """Addresses that members share."""
        return shared(self.population.network, self.partition)

    @cached_property
    def unit(self) -> NDArray[np.int64]:
        """The honest unit that each account may belong to: its card's accounts, its firm's, its office's, or itself.

        What one firm, one school or one household has in common counts once, however many accounts it has.
        """
        return self._unit[0]

    @cached_property
    def met(self) -> NDArray[np.bool_]:
        """Whether it is only an address that makes each account one of its unit, and no card or firm."""
        return self._unit[1]

    @cached_property
    def _unit(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        unit = np.arange(len(self.population), dtype=np.int64)
        first = len(unit)
        met = np.zeros(len(unit), np.bool_)
        population = self.population
        for rows, label, place in (
            (self.network, population.network.label, True),
            (self.own_mail, population.mail.label, False),
            (self.payment, population.payment.label, False),
        ):
            # Of values with as many holders the label decides: codes depend on the order of the accounts.
            order = np.lexsort((label[rows.value], rows.holders, rows.account))
            last = np.append(rows.account[order][1:] != rows.account[order][:-1], True)[: len(order)]
            widest = order[last]
            unit[rows.account[widest]] = first + rows.pair[widest]
            met[rows.account[widest]] = place
            first += len(rows.pair)
        met[shared(population.organization, self.partition).account] = False
        return unit, met

    @cached_property
    def one_unit(self) -> NDArray[np.bool_]:
        """Whether nearly all members of each group are of one unit."""
        inside = np.flatnonzero(self.partition >= 0)
        member, together = np.unique(self.unit[inside], return_inverse=True)
        largest = np.zeros(len(self), np.int64)
        np.maximum.at(largest, self.partition[inside], np.bincount(together, minlength=len(member))[together])
        return np.asarray(largest >= PLACE_SHARE * self.sizes)

    @cached_property
    def own_mail(self) -> Shared:
        """Mail domains that members share, those of mail providers left out."""
        mail = self.population.mail
        rows = shared(mail, self.partition)
        return rows.keep(mail.frequency[rows.value] <= self.population.popular)

    @cached_property
    def firm_mail(self) -> Shared:
        """Mail domains that members share and that may be one firm's, however large it is.

        A domain that many have is a provider's, unless nearly all who have it are of the group.
        """
        mail = self.population.mail
        rows = shared(mail, self.partition)
        there = mail.frequency[rows.value]
        return rows.keep((there <= self.population.popular) | (rows.holders >= PLACE_SHARE * there))

    @cached_property
    def hours(self) -> NDArray[np.int64]:
        """Exchanges of each group in each hour, shape (groups, whole days * 24)."""
        out = np.zeros((len(self), self._whole_days), np.int64)
        _add_hours(out, self.population.footprints.hours, self.partition)
        return out

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Active units of each group in each hour, shape (groups, whole days * 24).

        A class or an event has its hours in common for a reason, and counts as one.
        """
        inside = np.flatnonzero(self.partition >= 0)
        order = inside[np.lexsort((self.unit[inside], self.partition[inside]))]
        out = np.zeros((len(self), self._whole_days), np.int64)
        _add_active(out, self.population.footprints.hours, order, self.partition, self.unit)
        return out

    @property
    def _whole_days(self) -> int:
        return self.population.hours_used // 24 * 24

    def hub(self, rows: Shared) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the value that most members of each group hold and how many do."""
        return hubs(rows, len(self))


@compiled
def _add_hours(out: NDArray[np.int64], hours: NDArray[np.uint16], partition: NDArray[np.int64]) -> None:
    for account in range(len(partition)):
        group = partition[account]
        if group >= 0:
            for hour in range(out.shape[1]):
                out[group, hour] += np.int64(hours[account, hour])


@compiled
def _add_active(
    out: NDArray[np.int64],
    hours: NDArray[np.uint16],
    order: NDArray[np.int64],
    partition: NDArray[np.int64],
    unit: NDArray[np.int64],
) -> None:
    """Count units with an active account in each hour; ``order`` has each unit's accounts of a group side by side."""
    counted = np.full(out.shape[1], -1)  # The place in the order where the unit that counted last in an hour begins.
    begin = 0
    for at in range(len(order)):
        account = order[at]
        if partition[account] != partition[order[begin]] or unit[account] != unit[order[begin]]:
            begin = at
        for hour in range(out.shape[1]):
            if hours[account, hour] > 0 and counted[hour] != begin:
                counted[hour] = begin
                out[partition[account], hour] += 1


@dataclass(frozen=True, slots=True)
class View:
    """One view of a group, with the benign claim that it can speak against.

    Attributes:
        name: The file's name, as in reports.
        null: The benign claim, in words that an analyst can dispute.
        source: Where the idea comes from.
        needs: Columns without which the view has no data.
        cap_nats: The most that it may say, so that no one view decides.
        strong: Whether one of the two views that a flag rests on is to be such a one.
        ties: Whether accounts join a group by this view.
        weigh: Returns each group's log-evidence in nats, NaN for no data, before the cap.
        ever: Whether the claim is of all that a unit ever does, so that to look again is no new chance of breaking it.
        strong_nats: From here on the view is a strong one too.
    """

    name: str
    null: str
    source: str
    needs: tuple[str, ...]
    cap_nats: float
    strong: bool
    ties: bool
    weigh: Callable[[Groups], NDArray[np.float64]]
    ever: bool = False
    strong_nats: float = math.inf

    def weighed(self, groups: Groups) -> NDArray[np.float64]:
        """Return each group's evidence, uncapped, for a campaign that keeps this habit half of the time; NaN: no data.

        The mean with the e-value 1 keeps what a view does not show from deciding against what the others show.
        """
        if self.name in groups.population.without:
            return np.full(len(groups), np.nan)
        log_e = self.weigh(groups)
        return np.where(np.isnan(log_e), np.nan, np.logaddexp(np.nan_to_num(log_e, nan=0.0), 0.0) - np.log(2))

    def capped(self, groups: Groups) -> NDArray[np.float64]:
        """Return each group's evidence, at most the cap."""
        return np.minimum(self.weighed(groups), self.cap_nats)
