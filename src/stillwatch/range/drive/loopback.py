"""Only this machine is ever driven: traffic of a made-up campaign has no business at anybody else's address."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def loopback(url: str) -> tuple[str, int]:
    """Return host and port of ``url``, the host as a literal address.

    ``localhost`` stands for 127.0.0.1 whatever a resolver says of it; no other name is looked up.

    Raises:
        ValueError: If it is no http address with a port, or not one of this machine alone.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or not port:
        raise ValueError(f"{url}: is no address to drive (write http://127.0.0.1:PORT)")
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"{url}: is not this machine, and nothing else is driven (write http://127.0.0.1:PORT)")
    return str(address), port


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
