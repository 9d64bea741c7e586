"""The simulated internet: networks of five classes, each with addresses that nobody uses in earnest.

Addresses come from blocks that are reserved (240.0.0.0/4 and the documentation block 2001:db8::/32) and autonomous
systems from the private range, so that no finding on simulated traffic ever points at somebody's real network.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from stillwatch.range.countries import COUNTRIES, SHARES
from stillwatch.range.draws import chosen, unit

BROADBAND, MOBILE, CAMPUS, CLOUD, VPN = range(5)
CLASSES = ("broadband", "mobile", "campus", "cloud", "vpn")
_EACH = (3, 2, 1)  # Broadband, mobile and campus networks a country.
_CLOUDS = 8
_VPNS = 6
_ASN_FIRST = 4_200_000_000  # RFC 6996: for private use.
_V6 = 1 << 40  # Marks the code of an IPv6 address.
_HOSTS = 1 << 16  # IPv4 addresses a network, 256 prefixes of /24.
_MOBILE_EXITS = 48  # Addresses over which a carrier's customers come out: carrier-grade NAT.
_VPN_EXITS = 64


def _networks() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    classes: list[int] = []
    countries: list[int] = []
    for network_class, each in zip((BROADBAND, MOBILE, CAMPUS), _EACH, strict=True):
        for country in range(len(COUNTRIES)):
            classes += [network_class] * each
            countries += [country] * each
    hosts = [COUNTRIES.index(country) for country in COUNTRIES if country.code in ("US", "DE", "GB", "SG", "JP", "NL")]
    for network_class, count in ((CLOUD, _CLOUDS), (VPN, _VPNS)):
        classes += [network_class] * count
        countries += [hosts[k % len(hosts)] for k in range(count)]
    return np.array(classes, np.int64), np.array(countries, np.int64)


NETWORK_CLASS, NETWORK_COUNTRY = _networks()


def networks_of(network_class: int) -> NDArray[np.int64]:
    """Return the networks of a class."""
    return np.flatnonzero(np.equal(NETWORK_CLASS, network_class))


def network_in(network_class: int, country: NDArray[np.int64], key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return a network of the class for each key: in its country where the class is national, else any."""
    members = networks_of(network_class)
    if network_class in (CLOUD, VPN):
        # The largest has about half of the customers.
        rank = np.floor(len(members) * unit(key, 901) ** 2.2).astype(np.int64)
        return np.asarray(members[rank], np.int64)
    each = _EACH[network_class]
    return np.asarray(members[country * each + chosen(key, 902, each)], np.int64)


def own_address(network: NDArray[np.int64], key: ArrayLike, ipv6: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the code of an address that the network gave to one customer, fixed by ``key``."""
    v4 = (240 << 24) + network * _HOSTS + chosen(key, 903, _HOSTS)
    v6 = _V6 + (network << 24) + chosen(key, 904, 1 << 24)
    return np.where(ipv6, v6, v4).astype(np.int64)


def shared_exit(network: NDArray[np.int64], key: ArrayLike) -> NDArray[np.int64]:
    """Return the code of an exit that strangers share: a carrier's translated address or a VPN's."""
    exits = np.where(NETWORK_CLASS[network] == VPN, _VPN_EXITS, _MOBILE_EXITS)
    return ((240 << 24) + network * _HOSTS + chosen(key, 905, exits) * 7 % _HOSTS).astype(np.int64)


def network_of(address: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the network that an address code belongs to."""
    v4 = (address >> 16) - (240 << 8)
    v6 = (address - _V6) >> 24
    return np.where(address >= _V6, v6, v4)


def asn_of(address: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the autonomous system of each address code."""
    return _ASN_FIRST + network_of(address)


def country_of(address: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the country, as an index, of each address code."""
    return NETWORK_COUNTRY[network_of(address)]


def written(address: NDArray[np.int64]) -> Any:
    """Return the address codes as an Arrow array of strings."""
    distinct, place = np.unique(address, return_inverse=True)
    text = [str(ipaddress.IPv4Address(code)) if code < _V6 else _v6(code - _V6) for code in distinct.tolist()]
    return pa.array(text, pa.string()).take(pa.array(place))


def _v6(code: int) -> str:
    network, site = code >> 24, code & 0xFF_FFFF
    return str(
        ipaddress.IPv6Address((0x2001_0DB8 << 96) | (network << 80) | (site << 64) | (code * 2_654_435_761 % 2**48))
    )


def drawn_countries(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return countries drawn by their share of the provider's accounts."""
    return rng.choice(len(COUNTRIES), size=count, p=SHARES).astype(np.int64)
