"""What a process counts for Prometheus: requests by route, method and status, and how long they took."""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
NOWHERE = "none"  # requests that no route took: their paths are anybody's words
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Gauges(Collector):
    """Figures that are looked up when somebody asks: (words, labels' names, [(labels, value)]) by name."""

    def __init__(self) -> None:
        self.found: Mapping[str, tuple[str, tuple[str, ...], list[tuple[tuple[str, ...], float]]]] = {}

    def collect(self) -> Iterator[Metric]:
        """As Prometheus wants them."""
        for name, (words, labels, rows) in self.found.items():
            family = GaugeMetricFamily(name, words, labels=labels)
            for values, value in rows:
                family.add_metric(values, value)
            yield family


class Metrics:
    """The counts of one process. Each worker process has its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.gauges = Gauges()
        self.registry.register(self.gauges)
        labels = ("method", "route")
        self._requests = Counter(
            "truestyle_http_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "truestyle_http_request_seconds", "Time to answer.", labels, buckets=SECONDS, registry=self.registry
        )

    def saw(self, facts: Mapping[str, Any]) -> None:
        """Count a request."""
        method, route = facts["method"], facts["route"] or NOWHERE
        if route == NOWHERE:
            method = NOWHERE
        self._requests.labels(method, route, str(facts["status"])).inc()
        self._seconds.labels(method, route).observe(facts["ms"] / 1000)

    def told(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
