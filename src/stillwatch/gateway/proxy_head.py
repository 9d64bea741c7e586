"""The header of a request or an answer on its way through: what is refused, what is passed on, what is left behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote

from stillwatch.gateway.problems import HEADERS_TOO_LARGE, MALFORMED
from stillwatch.response.command import Refusal

HEADER_BYTES_MAX = 64 << 10
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"trailers", "transfer-encoding", "upgrade", "http2-settings"}
)
_NOT_TO_THE_SERVER = HOP_BY_HOP | {"host", "content-length", "expect", "x-forwarded-for"}
_NOT_TO_THE_CLIENT = HOP_BY_HOP | {"date", "server"}  # Each hop writes its own of these two.
_UNREADABLE = frozenset({"accept-encoding", "range", "if-range"})
_SAFE_IN_PATH = "/:@!$&'()*+,;=~-._"
_SAFE_IN_QUERY = _SAFE_IN_PATH + '?%[]|^`{}"<>\\'
_PLAIN_PATH = re.compile("[A-Za-z0-9/._~:-]*")
_NO_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_NO_PATH = re.compile("[\x00-\x1f\x7f\ufffd]|/\\.{1,2}(?:/|$)")


def flaw_of(http_version: str, method: str, path: str, headers: Sequence[tuple[str, str]]) -> Refusal | None:
    """Return why a request's header is refused, or None for one that can be passed on.

    The server in front has already refused what cannot be parsed at all. Here goes what two servers could read in two
    ways, which is what smuggling lives on.
    """
    size, hosts, length, coding = len(path), 0, "", ""
    for name, value in headers:
        size += len(name) + len(value)
        if name == "host":
            hosts += 1
        elif name == "content-length":
            if coding or length not in ("", value) or not (value.isascii() and value.isdecimal()):
                return MALFORMED
            length = value
        elif name == "transfer-encoding":
            if coding or length or value != "chunked":
                return MALFORMED
            coding = value
    if size > HEADER_BYTES_MAX:
        return HEADERS_TOO_LARGE
    if hosts > 1 or (not hosts and http_version == "1.1"):
        return MALFORMED
    return MALFORMED if not path.startswith("/") or method == "CONNECT" or _NO_PATH.search(path) else None


def to_server(
    headers: Iterable[tuple[str, str]], left: frozenset[str], listed: str, readable: bool, forwarded: str
) -> list[tuple[str, str]]:
    """Return the header fields of a request that go on to the model server.

    Args:
        headers: The client's, names in lower case.
        left: Names that are left behind besides those of the hop.
        listed: The client's Connection field, which names further ones.
        readable: The answer must come unencoded and whole.
        forwarded: For X-Forwarded-For.
    """
    left = _left_to_server(left, readable)
    if listed.lower() not in ("", "close", "keep-alive"):
        left = left | {part.strip().lower() for part in listed.split(",")}
    passed = [pair for pair in headers if pair[0] not in left]
    if readable:
        passed.append(("accept-encoding", "identity"))
    passed.append(("x-forwarded-for", forwarded))
    return passed


@lru_cache(256)
def _left_to_server(left: frozenset[str], readable: bool) -> frozenset[str]:
    return _NOT_TO_THE_SERVER | left | (_UNREADABLE if readable else frozenset())


def to_client(
    headers: Sequence[tuple[str, bytes]], added: Sequence[tuple[str, str]], without: frozenset[str]
) -> list[tuple[str, str]]:
    """Return the header fields of an answer that go on to the client.

    Args:
        headers: The model server's, names in lower case.
        added: The wall's, in place of any of these names.
        without: Further names that do not fit any more.
    """
    left = _NOT_TO_THE_CLIENT | without
    if added:
        left = left | {name for name, _ in added}
    for name, value in headers:
        if name == "connection":
            left = left | {part.strip().lower() for part in value.decode("latin-1").split(",")}
    passed = [(name, value.decode("utf-8", "replace")) for name, value in headers if name not in left]
    return [pair for pair in passed if not _NO_VALUE.search(pair[1])] + list(added)


def target(base: str, path: str, query: str) -> str:
    """Return what is asked of the model server, in ASCII, with nothing in it that could end a line.

    Args:
        base: Path under which the server's own begin, without a slash at the end.
        path: Percent-decoded. A slash that was encoded is one, as most servers take it.
        query: As the client encoded it.
    """
    address = base + (path if _PLAIN_PATH.fullmatch(path) else quote(path, safe=_SAFE_IN_PATH))
    return f"{address}?{quote(query, safe=_SAFE_IN_QUERY)}" if query else address
