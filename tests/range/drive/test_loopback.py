"""Nothing but this machine is ever driven."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.range.drive.client import Sender
from stillwatch.range.drive.loopback import free_port, loopback


@pytest.mark.parametrize(
    ("url", "want"),
    [
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("http://127.8.0.3:1/v1", ("127.8.0.3", 1)),
        ("http://[::1]:9", ("::1", 9)),
        ("http://localhost:80", ("127.0.0.1", 80)),
    ],
)
def test_this_machine_may_be_driven(url: str, want: tuple[str, int]) -> None:
    assert loopback(url) == want


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:80",
        "http://0.0.0.0:80",
        "http://example.com:80",
        "http://localhost.example.com:80",
        "http://127.0.0.1.example.com:80",
        "http://127.0.0.1@192.0.2.1:80",
        "http://[2001:db8::1]:80",
        "http://[::ffff:192.0.2.1]:80",
        "http://2130706434:80",
        "https://127.0.0.1:443",
        "http://127.0.0.1",
        "http://127.0.0.1:99999",
        "127.0.0.1:80",
        "",
    ],
)
def test_nothing_else_may(url: str) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:PORT"):
        loopback(url)
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:PORT"):
        Sender(url)


@given(address=st.ip_addresses().filter(lambda each: not each.is_loopback))
def test_no_address_of_another_machine_may(address: object) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    with pytest.raises(ValueError, match="is not this machine"):
        loopback(f"http://{host}:80")


def test_a_free_port_can_be_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
