from __future__ import annotations

import ipaddress

import numpy as np

from stillwatch.range.countries import COUNTRIES
from stillwatch.range.networks import (
    BROADBAND,
    CLASSES,
    CLOUD,
    MOBILE,
    NETWORK_CLASS,
    VPN,
    asn_of,
    country_of,
    network_in,
    network_of,
    own_address,
    shared_exit,
    written,
)

COUNTRY = np.arange(2400) % len(COUNTRIES)
KEY = np.arange(2400, dtype=np.uint64) * np.uint64(977)


def test_addresses_lie_in_blocks_that_nobody_uses() -> None:
    for network_class in range(len(CLASSES)):
        network = network_in(network_class, COUNTRY, KEY)
        address = own_address(network, KEY, KEY % np.uint64(2) == 0)
        assert (network_of(address) == network).all()
        assert (NETWORK_CLASS[network] == network_class).all()
        for text in written(address).to_pylist():
            parsed = ipaddress.ip_address(text)
            assert parsed in ipaddress.ip_network("240.0.0.0/4" if parsed.version == 4 else "2001:db8::/32")
    assert asn_of(address).min() >= 4_200_000_000


def test_national_networks_stay_in_their_country() -> None:
    for network_class in (BROADBAND, MOBILE):
        address = shared_exit(network_in(network_class, COUNTRY, KEY), KEY)
        assert (country_of(address) == COUNTRY).all()


def test_strangers_meet_at_shared_exits_only() -> None:
    shared = shared_exit(network_in(VPN, COUNTRY, KEY), KEY)
    own = own_address(network_in(BROADBAND, COUNTRY, KEY), KEY, np.zeros(len(KEY), bool))
    assert len(np.unique(shared)) < len(KEY) / 4
    assert len(np.unique(own)) > len(KEY) * 0.99
    assert len(np.unique(network_in(CLOUD, COUNTRY, KEY))) > 3
