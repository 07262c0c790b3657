"""What a store counts for Prometheus: every metric with its words and labels, declared once.

`docs/reference/metrics.md` is written from these declarations, and a test holds the dashboard and the alert rules in
`deploy/observability` to them. A label has few values, known beforehand: never an id, a path or a stranger's words.

Several processes of one `serve --workers N` count into files of a folder that they share (PROMETHEUS_MULTIPROC_DIR), so
that whichever of them is asked tells for all; a single process counts in its memory.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

ALIKE = frozenset({"process_start_time_seconds", "process_max_fds"})  # of which a sum would mean nothing
SHARED = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
WORK = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800)
ORDERS = (1, 2, 4, 8, 16, 32, 64)
Found = Mapping[str, Sequence[tuple[tuple[str, ...], float]]]  # values by their labels, by metric

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of which nobody asks
REGISTRY = CollectorRegistry()


class PortTakenError(RuntimeError):
    """The port for metrics cannot be opened."""


@dataclass(frozen=True)
class Family:
    """A metric as it is told: `labels` by name, with what their values are."""

    name: str
    kind: str
    words: str
    labels: Mapping[str, str]

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of its series."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{one}" for one in ("bucket", "sum", "count"))
        return (self.name,)


DECLARED: list[Family] = []


def _counter(name: str, words: str, **labels: str) -> Counter:
    DECLARED.append(Family(f"{name}_total", "counter", words, labels))
    return Counter(name, words, tuple(labels), registry=REGISTRY)


def _histogram(name: str, words: str, buckets: Sequence[float], **labels: str) -> Histogram:
    DECLARED.append(Family(name, "histogram", words, labels))
    return Histogram(name, words, tuple(labels), buckets=buckets, registry=REGISTRY)


def _looked_up(name: str, words: str, **labels: str) -> str:
    DECLARED.append(Family(name, "gauge", words, labels))
    return name


ROUTE = "path of the route, without the API's prefix; `none` where no route took the request"
REQUESTS = _counter(
    "truestyle_http_requests", "Requests answered.", method="HTTP method", route=ROUTE, status="status of the answer"
)
REQUEST_SECONDS = _histogram(
    "truestyle_http_request_seconds", "Time to answer.", SECONDS, method="HTTP method", route=ROUTE
)
PLACED = _counter(
    "truestyle_orders",
    "Tries to place an order.",
    result="`placed`, `replayed` (the same Idempotency-Key again), or the code of the problem",
)
STOCK_OUTS = _counter(
    "truestyle_stock_outs", "Requests refused because there were too few pieces.", where="`cart` or `checkout`"
)
BATCH = _histogram("truestyle_checkout_batch_orders", "Orders that were placed in one transaction.", ORDERS)
PAYMENTS = _counter(
    "truestyle_payments",
    "What providers and staff said of payments.",
    provider="way of paying",
    result="status that the payment came to, or `unchanged`",
)
REFUNDS = _counter(
    "truestyle_refunds",
    "Refunds begun, and what became of them.",
    to="`original`, `store_credit`, `exchange` or `upi`",
    result="`begun`, `done` or `failed`",
)
DELIVERIES = _counter(
    "truestyle_outbox_deliveries",
    "Tries to deliver an event.",
    topic="topic of the event; `other` for unknown ones",
    result="`delivered`, `waits`, `failed` or `dead`",
)
DELIVERY_SECONDS = _histogram("truestyle_outbox_delivery_seconds", "Time of a try.", WORK, lane="lane of the outbox")
CACHE = _counter(
    "truestyle_cache_reads",
    "Questions to a cache.",
    cache="`pages` (whole public answers), `values` (Redis or in-process), `tokens` (who calls)",
    result="`hit`, `miss`, or `passed` where the asker wanted none or the cache was unsure",
)
ERRORS = _counter("truestyle_errors", "What nobody foresaw: log lines with a traceback.", event="event of the log line")
LAG = _histogram("truestyle_event_loop_lag_seconds", "How late the event loop was, twice a second.", LAGS)
DECLARED.append(
    Family(
        "truestyle_mongo_connections",
        "gauge",
        "Connections to MongoDB, and who waits for one.",
        {"state": "`open`, `in_use` or `waiting`"},
    )
)
CONNECTIONS = Gauge(
    "truestyle_mongo_connections",
    "Connections to MongoDB, and who waits for one.",
    ("state",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
NO_CONNECTION = _counter("truestyle_mongo_connection_failures", "Waits for a connection to MongoDB that were in vain.")

EVENTS = _looked_up(
    "truestyle_outbox_events",
    "Events that wait, and those that were given up.",
    lane="lane",
    status="`waiting`, `dead`",
)
AGE = _looked_up(
    "truestyle_outbox_age_seconds", "How long the event that waits longest has been due.", lane="lane of the outbox"
)
UP = _looked_up("truestyle_dependency_up", "1 where it answers.", dependency="as in `/health`")
LATENCY = _looked_up("truestyle_dependency_seconds", "How long it took to answer.", dependency="as in `/health`")
SOLD_OUT = _looked_up("truestyle_skus_out_of_stock", "SKUs of which nothing can be bought.")
BACKUP = _looked_up(
    "truestyle_backup_last_good_timestamp_seconds", "When the newest good backup was finished; 0: there is none."
)
BACKUPS_FAILED = _looked_up("truestyle_backups_failed", "Backups that failed within 24 hours.")
BUILD = _looked_up("truestyle_build_info", "Always 1.", version="release of True Style", python="version of Python")
PROCESSES = _looked_up("truestyle_processes", "Processes that this answer tells of.")


class Looked(Collector):
    """Figures that were looked up for this answer."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """As Prometheus wants them."""
        for one in DECLARED:
            if one.name in self._found:
                family = GaugeMetricFamily(one.name, one.words, labels=tuple(one.labels))
                for labels, value in self._found[one.name]:
                    family.add_metric(labels, value)
                yield family


class Together(Collector):
    """Memory, processor and open files of several processes, summed."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """As `ProcessCollector` would of one."""
        found: dict[str, list[Metric]] = {}
        for process in self._processes:
            for family in ProcessCollector(pid=lambda process=process: process, registry=None).collect():  # type: ignore[misc]
                found.setdefault(family.name, []).append(family)
        for name, families in found.items():
            whole = families[0]
            values = [one.samples[0].value for one in families]
            value = min(values) if name in ALIKE else sum(values)
            whole.samples = [whole.samples[0]._replace(value=value)]
            yield whole


def told(found: Found) -> bytes:
    """The text that Prometheus reads: what was counted here (or by all that share a folder), and what was looked up."""
    own, shared = CollectorRegistry(), os.environ.get(SHARED)
    processes = [os.getpid()] if shared is None else alive(Path(shared))
    PlatformCollector(registry=own)
    own.register(Looked({**found, PROCESSES: [((), len(processes))]}))
    if shared is None:
        ProcessCollector(registry=own)
        return generate_latest(REGISTRY) + generate_latest(own)
    MultiProcessCollector(own, shared)  # type: ignore[no-untyped-call]
    own.register(Together(processes))
    return generate_latest(own)


def alive(shared: Path) -> list[int]:
    """The processes that count in this folder. Those that died keep their counts, but have no connections any more."""
    found = []
    for process in sorted({int(one.stem.rpartition("_")[2]) for one in shared.glob("*.db")}):
        try:
            os.kill(process, 0)
        except (ProcessLookupError, PermissionError):  # or its number is somebody else's by now
            mark_process_dead(process, str(shared))  # type: ignore[no-untyped-call]
        else:
            found.append(process)
    return found


def forget(shared: Path) -> None:
    """Begin anew in a folder: what processes of another life counted is no part of this one."""
    shared.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in shared.glob("*.db"):
        one.unlink()


@contextmanager
def served(host: str, port: int | None) -> Iterator[None]:
    """While what this process counts is told at a port of its own, from a thread. Raises PortTakenError."""
    if port is None:
        yield
        return
    own = CollectorRegistry()
    ProcessCollector(registry=own)
    PlatformCollector(registry=own)
    own.register(Looked({PROCESSES: [((), 1)]}))
    own.register(REGISTRY)
    try:
        server, thread = start_http_server(port, host, own)
    except OSError as error:
        raise PortTakenError(f"WORKER_METRICS_PORT {port} on {host} cannot be opened ({error.strerror}).") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
