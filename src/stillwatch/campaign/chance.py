"""How often strangers repeat one another's address by chance: exit nodes, carriers and clouds share few among many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillwatch.campaign.population import Incidence

ADDRESSES_LEAST = 256  # A network is taken to have at least a /24 of addresses, unless strangers meet more often.
HONEST_REPEATS = 0.02  # Repeats a member that have a reason of their own: a couple at home and on the road.


def expected_repeats(view: Incidence, partition: NDArray[np.int64], communities: int) -> NDArray[np.float64]:
    """Return how many repeated addresses each community would have by chance.

    A community that holds E places in a network of D equally likely addresses repeats about E - D (1 - (1 - 1/D)^E)
    of them. D is read off the network itself: accounts of *different* communities have no reason to meet, so one
    over the rate at which they do is its effective number of addresses; with few such pairs it is the number of
    addresses seen. Where a campaign was split over communities D comes out too small, and so does the evidence.

    Args:
        view: Addresses with their networks.
        partition: Each account's community; those in none count as strangers to everybody.
        communities: How many there are.

    Returns:
        Shape (communities,), above 0.
    """
    size = np.bincount(partition[partition >= 0], minlength=communities)
    expected = HONEST_REPEATS * size.astype(np.float64) + 1e-6
    if view.empty:
        return expected
    networks = int(view.network.max()) + 1
    addresses = effective_addresses(view, partition)
    community = partition[view.account]
    inside = community >= 0
    key, held = np.unique((community * networks + view.network)[inside], return_counts=True)
    room = addresses[key % networks]
    repeats = held - room * -np.expm1(held * np.log1p(-1 / room))
    return expected + np.bincount(key // networks, repeats, minlength=communities)


def expected_strangers(view: Incidence, accounts: int) -> NDArray[np.float64]:
    """Return how many strangers are to be expected on each address by chance, shape (values,)."""
    if view.empty:
        return np.zeros(0)
    networks = int(view.network.max()) + 1
    network_of = np.zeros(len(view.label), np.int64)
    network_of[view.value] = view.network
    crowd = np.bincount(view.network, minlength=networks) / effective_addresses(view, np.full(accounts, -1, np.int64))
    return np.asarray(crowd[network_of])


def effective_addresses(view: Incidence, partition: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each network's effective number of addresses, above 1, shape (networks,)."""
    networks = int(view.network.max()) + 1
    strangers = len(partition)
    community = np.where(partition >= 0, partition, strangers + np.arange(strangers))[view.account]
    network_of = np.zeros(len(view.label), np.int64)
    network_of[view.value] = view.network
    held = np.bincount(view.network, minlength=networks).astype(np.float64)
    own = _squares(view.network * (2 * strangers) + community, view.network, networks)
    own_here = _squares(view.value * (2 * strangers) + community, view.value, len(view.label))
    met = np.bincount(network_of, np.square(view.frequency.astype(float)) - own_here, minlength=networks) / 2
    pairs = (np.square(held) - own) / 2
    seen = np.maximum(np.bincount(network_of, minlength=networks), ADDRESSES_LEAST)
    return np.maximum((pairs + seen) / (met + 1), 1.5)


def _squares(key: NDArray[np.int64], bucket: NDArray[np.int64], buckets: int) -> NDArray[np.float64]:
    """Return for each bucket the sum of squared counts of the distinct keys in it."""
    order = np.argsort(key, kind="stable")
    begins = np.flatnonzero(np.r_[True, key[order][1:] != key[order][:-1]])
    count = np.diff(np.append(begins, len(key))).astype(np.float64)
    return np.bincount(bucket[order[begins]], np.square(count), minlength=buckets).astype(np.float64)
