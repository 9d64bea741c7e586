"""The header of a request or an answer on its way through: what is refused, what is passed on, what is left behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from stillwatch.gateway.problems import HEADERS_TOO_LARGE, MALFORMED
from stillwatch.response.command import Refusal

HEADER_BYTES_MAX = 64 << 10
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"trailers", "transfer-encoding", "upgrade", "http2-settings"}
)
_NOT_TO_THE_SERVER = HOP_BY_HOP | {"host", "content-length", "expect", "x-forwarded-for"}
_OF_OUR_SERVER = frozenset({"date", "server"})  # Each hop writes its own.
_SAFE_IN_PATH = "/:@!$&'()*+,;=~-._"
_SAFE_IN_QUERY = _SAFE_IN_PATH + '?%[]|^`{}"<>\\'
_FORBIDDEN = frozenset(map(chr, (*range(9), *range(10, 32), 127)))


def flaw_of(http_version: str, method: str, path: str, headers: Sequence[tuple[str, str]]) -> Refusal | None:
    """Return why a request's header is refused, or None for one that can be passed on.

    The server in front has already refused what cannot be parsed at all. Here goes what two servers could read in two
    ways, which is what smuggling lives on.
    """
    if sum(len(name) + len(value) for name, value in headers) + len(path) > HEADER_BYTES_MAX:
        return HEADERS_TOO_LARGE
    names = [name for name, _ in headers]
    if names.count("host") > 1 or ("host" not in names and http_version == "1.1"):
        return MALFORMED
    lengths = {value for name, value in headers if name == "content-length"}
    codings = [value for name, value in headers if name == "transfer-encoding"]
    if len(lengths) > 1 or (lengths and codings) or (codings and codings != ["chunked"]):
        return MALFORMED
    if any(not value.isascii() or not value.isdecimal() for value in lengths):
        return MALFORMED
    if not path.startswith("/") or method == "CONNECT" or "\ufffd" in path or _FORBIDDEN & set(path):
        return MALFORMED
    if {".", ".."} & set(path.split("/")):
        return MALFORMED
    return None


def to_server(headers: Iterable[tuple[str, str]], readable: bool, forwarded: str) -> list[tuple[str, str]]:
    """Return the header fields of a request that go on to the model server.

    Args:
        headers: The client's, names in lower case.
        readable: The answer must come unencoded and whole.
        forwarded: For X-Forwarded-For.
    """
    listed = {part.strip().lower() for name, value in headers if name == "connection" for part in value.split(",")}
    left = _NOT_TO_THE_SERVER | listed
    if readable:
        left = left | {"accept-encoding", "range", "if-range"}
    passed = [(name, value) for name, value in headers if name not in left]
    if readable:
        passed.append(("accept-encoding", "identity"))
    passed.append(("x-forwarded-for", forwarded))
    return passed


def to_client(
    headers: Iterable[tuple[bytes, bytes]], added: Sequence[tuple[str, str]], without: frozenset[str]
) -> list[tuple[str, str]]:
    """Return the header fields of an answer that go on to the client.

    Args:
        headers: The model server's, as received.
        added: The wall's, in place of any of these names.
        without: Further names that do not fit any more.
    """
    ours = {name for name, _ in added}
    read = [(name.decode("latin-1").lower(), value.decode("utf-8", "replace")) for name, value in headers]
    listed = {part.strip().lower() for name, value in read if name == "connection" for part in value.split(",")}
    left = HOP_BY_HOP | _OF_OUR_SERVER | without | ours | listed
    return [(name, value) for name, value in read if name not in left and not _FORBIDDEN & set(value)] + list(added)


def target(base: str, path: str, query: str) -> str:
    """Return the address at the model server, in ASCII, with nothing in it that could end a line.

    Args:
        base: Scheme, host and perhaps a path, without a slash at the end.
        path: Percent-decoded. A slash that was encoded is one, as most servers take it.
        query: As the client encoded it.
    """
    address = base + quote(path, safe=_SAFE_IN_PATH)
    return f"{address}?{quote(query, safe=_SAFE_IN_QUERY)}" if query else address
