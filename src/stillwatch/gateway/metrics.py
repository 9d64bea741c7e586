"""What the wall counts about itself, for Prometheus. No label names an account, a key, an address or a text."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_DECISION_SECONDS = (10e-6, 25e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 5e-3, 25e-3)


class Metrics:
    """The wall's counters.

    Args:
        registry: Where they are registered; Prometheus' own unless told.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register everything."""
        self.exchanges = Counter(
            "stillwatch_exchanges", "Answers given, by endpoint and status", ("endpoint", "status"), registry=registry
        )
        self.decisions = Counter(
            "stillwatch_decisions", "Decisions by rung and outcome", ("rung", "outcome"), registry=registry
        )
        self.shadow = Counter(
            "stillwatch_shadow_decisions",
            "Decisions as they would be with every rule enforced, where they differ",
            ("rung", "outcome"),
            registry=registry,
        )
        self.rules = Counter("stillwatch_rules_fired", "Rules that fired", ("rule", "mode"), registry=registry)
        self.decision_s = Histogram(
            "stillwatch_decision_seconds", "Time of a decision", buckets=_DECISION_SECONDS, registry=registry
        )
        self.upstream_s = Histogram(
            "stillwatch_upstream_seconds",
            "Until the model server's header arrives",
            buckets=_SECONDS,
            registry=registry,
        )
        self.upstream_failures = Counter(
            "stillwatch_upstream_failures",
            "Answers that the model server did not give whole",
            ("kind",),
            registry=registry,
        )
        self.disconnects = Counter(
            "stillwatch_client_disconnects", "Clients that left before the end", registry=registry
        )
        self.tokens = Counter("stillwatch_tokens", "Tokens by direction", ("direction",), registry=registry)
        self.log_rows = Counter(
            "stillwatch_exchange_log_rows", "Rows of the exchange log", ("outcome",), registry=registry
        )
        self.log_pending = Gauge(
            "stillwatch_exchange_log_pending_rows",
            "Rows that are not on the disk yet",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.in_flight = Gauge(
            "stillwatch_in_flight", "Requests under way", registry=registry, multiprocess_mode="livesum"
        )
        self.standings = Gauge(
            "stillwatch_standings_accounts",
            "Accounts in the snapshot in force",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.reload_failures = Counter(
            "stillwatch_reload_failures", "Files that could not be loaded anew", ("what",), registry=registry
        )
        self._gathered: dict[tuple[Counter, tuple[str, ...]], float] = {}
        self._under_way = 0

    def count(self, counter: Counter, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter. It tells so from the next ``flush`` on: a dozen of them at every request add up."""
        key = (counter, labels)
        self._gathered[key] = self._gathered.get(key, 0.0) + amount

    def began(self) -> None:
        """Take note that a request is under way."""
        self._under_way += 1

    def ended(self) -> None:
        """Take note that it no longer is."""
        self._under_way -= 1

    def flush(self) -> None:
        """Tell Prometheus what was gathered."""
        gathered, self._gathered = self._gathered, {}
        for (counter, labels), amount in gathered.items():
            (counter.labels(*labels) if labels else counter).inc(amount)
        self.in_flight.set(self._under_way)
