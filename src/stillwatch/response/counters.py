"""Limits and the counters that hold accounts to them: what is charged, and what a charge answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Limit(NamedTuple):  # Made at every request, as is a charge: tuples take a fraction of a dataclass's time.
    """A budget that a request draws on: a bucket of ``burst`` units that fills at ``rate_per_s``.

    Attributes:
        key: 64 bits that tell this limit of this subject from every other; equal in all gateways.
        name: What the limit is called in a policy and, if ``disclosed``, in header fields.
        rate_per_s: Units that come back a second, above 0.
        burst: Units that can be spent at once, above 0.
        cost: Units that this request takes, at least 0. One that costs more than the burst passes only when the
            bucket is full, and is paid in full: the bucket is then in debt.
        in_tokens: The units are tokens; else requests.
        disclosed: The client may read the limit in RateLimit header fields. A limit that several accounts share is
            not, since what is left in it would tell an operator which of the accounts were seen together.
    """

    key: int
    name: str
    rate_per_s: float
    burst: float
    cost: float = 1.0
    in_tokens: bool = False
    disclosed: bool = True


class Charge(NamedTuple):
    """What came of charging a request to its limits: all of them, or none.

    Attributes:
        allowed: Every limit had room, and was charged.
        blocking: The limit that is longest without room, if any had none.
        remaining: Units left in each limit after this, in the order given; below 0 for a debt.
        reset_s: Seconds until each limit is full again.
        retry_after_s: Seconds until the same request would pass; 0 if it did.
    """

    allowed: bool
    blocking: Limit | None = None
    remaining: tuple[float, ...] = ()
    reset_s: tuple[float, ...] = ()
    retry_after_s: float = 0.0


NO_LIMITS = Charge(True)


class CountersAway(Exception):  # noqa: N818 - an outcome that the policy has an answer to, not a fault of the program.
    """The counters cannot be reached; the policy says for each rung whether requests then pass."""


class Counters(Protocol):
    """Holds requests to limits, in the calling thread."""

    def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
        """Charge a request to all of ``limits``, whose keys are distinct, or to none of them.

        Args:
            limits: May be empty.
            now_us: Microseconds since 1970. Counters that several machines share go by a clock of their own.

        Raises:
            CountersAway: If they cannot be reached in time.
        """

    def settle(self, limits: Sequence[Limit], now_us: int) -> None:
        """Charge each limit's ``cost`` whether or not there is room; a negative cost gives units back.

        Raises:
            CountersAway: If they cannot be reached in time.
        """


class AsyncCounters(Protocol):
    """As ``Counters``, for doors that run in an event loop and counters that are far away."""

    async def charge(self, limits: Sequence[Limit], now_us: int) -> Charge:
        """Charge all or none, as ``Counters.charge``."""

    async def settle(self, limits: Sequence[Limit], now_us: int) -> None:
        """Charge without asking for room, as ``Counters.settle``."""
