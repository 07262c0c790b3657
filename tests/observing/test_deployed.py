"""The dashboard and the alert rules: every query can be read, and asks for what `/metrics` tells."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from tests.observing.samples import samples_of
from truestyle.health import Checks
from truestyle.infra import metrics
from truestyle.infra.metrics import ALIKE, Family
from truestyle.infra.outbox import LANES, EventStatus
from truestyle.payments.models import PaymentStatus

HERE = Path(__file__).parents[2] / "deploy" / "observability"
DASHBOARD, ALERTS = HERE / "grafana-dashboard.json", HERE / "prometheus-alerts.yml"
SERIES: dict[str, Family] = {sample: one for one in metrics.DECLARED for sample in one.samples}
PROCESS = {*ALIKE, "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
FROM_PROMETHEUS = {"job", "instance"}
VALUES = {  # of labels whose values are known beforehand
    ("truestyle_outbox_events", "status"): {EventStatus.WAITING.value, EventStatus.DEAD.value},
    ("truestyle_outbox_events", "lane"): set(LANES),
    ("truestyle_outbox_age_seconds", "lane"): set(LANES),
    ("truestyle_payments_total", "result"): {*(one.value for one in PaymentStatus), "unchanged"},
    ("truestyle_refunds_total", "result"): {"begun", "done", "failed"},
    ("truestyle_orders_total", "result"): {"placed", "replayed", "internal_error", "unavailable"},
    ("truestyle_mongo_connections", "state"): {"open", "in_use", "waiting"},
    ("truestyle_cache_reads_total", "result"): {"hit", "miss", "passed"},
    ("truestyle_dependency_up", "dependency"): set(Checks.model_fields),
    ("truestyle_http_requests_total", "status"): {"200", "404", "500", "503"},
}


def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", target["expr"].replace("$__rate_interval", "5m")
    for rule in rules():
        yield rule["alert"], rule["expr"]


def selected(node: Any, by: frozenset[str] = frozenset()) -> Iterator[tuple[Any, frozenset[str]]]:
    """Each selector of a query, with the labels that what stands around it wants of it."""
    match node:
        case promql.AggregateExpr():
            yield from selected(node.expr, frozenset(node.modifier.labels if node.modifier else ()))
        case promql.Call():
            more = {"le"} if node.func.name == "histogram_quantile" else set()
            for one in node.args:
                yield from selected(one, by | more)
        case promql.BinaryExpr():
            matching = node.modifier.matching if node.modifier else None
            joined = frozenset(matching.labels if matching else ())
            yield from selected(node.lhs, joined)
            yield from selected(node.rhs, by | joined)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from selected(node.expr, by)
        case promql.MatrixSelector():
            yield node.vector_selector, by
        case promql.VectorSelector():
            yield node, by


def untold(node: Any, by: frozenset[str]) -> Iterator[str]:
    """What of a selector nobody tells."""
    name, matchers = node.name, node.matchers.matchers
    family = SERIES.get(name)
    if family is None and name not in PROCESS:
        yield f"no metric {name}"
        return
    known = {*(family.labels if family else ()), *FROM_PROMETHEUS, *({"le"} if name.endswith("_bucket") else ())}
    yield from (f"{name} has no label {one}" for one in sorted({one.name for one in matchers} | by) if one not in known)
    for one in matchers:
        if one.name in FROM_PROMETHEUS:
            continue
        values = VALUES.get((name, one.name), {one.value})
        if not any(re.fullmatch(one.value, value) for value in values):
            yield f"{name} never has {one.name}={one.value}"


def wrong(query: str) -> list[str]:
    """What a query asks for that nobody tells. Raises ValueError where it cannot be read."""
    return [one for node, by in selected(promql.parse(query)) for one in untold(node, by)]


@pytest.mark.parametrize(("name", "query"), list(queries()), ids=[name for name, _ in queries()])
def test_a_query_asks_for_what_is_told(name: str, query: str) -> None:
    assert wrong(query) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("rate(truestyle_http_request_total[5m])", "no metric truestyle_http_request_total"),
        ("sum by (path) (truestyle_http_requests_total)", "truestyle_http_requests_total has no label path"),
        ('truestyle_outbox_events{state="dead"}', "truestyle_outbox_events has no label state"),
        ('truestyle_outbox_events{status="buried"}', "truestyle_outbox_events never has status=buried"),
        ("histogram_quantile(0.9, truestyle_orders_total)", "truestyle_orders_total has no label le"),
        (
            "max by (lane) (truestyle_outbox_age_seconds) > max by (topic) (truestyle_outbox_events)",
            "truestyle_outbox_events has no label topic",
        ),
    ],
)
def test_a_query_that_asks_for_something_else_is_found(query: str, says: str) -> None:
    assert says in wrong(query)


def test_a_query_that_cannot_be_read_is_found() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        wrong("sum(rate(truestyle_orders_total[5m])")


def test_alerts_say_what_is_wrong_and_how_to_mend_it() -> None:
    names = [one["alert"] for one in rules()]
    assert len(names) == len(set(names))
    for one in rules():
        assert one["labels"]["severity"] in {"critical", "warning"}
        assert one["annotations"].keys() == {"summary", "mend"}
        labels = set(re.findall(r"\$labels\.(\w+)", " ".join(one["annotations"].values())))
        assert all(re.search(rf"by \([^)]*\b{label}\b", one["expr"]) for label in labels), one["alert"]


def test_every_metric_is_on_the_dashboard() -> None:
    told = " ".join(query for _, query in queries())
    assert [one.name for one in metrics.DECLARED if one.name not in told] == []


def test_what_alerts_count_the_first_time_begins_at_zero() -> None:
    """A series that begins with its first count never increases, for Prometheus."""
    code = "from truestyle import observing; from truestyle.infra import metrics; print(metrics.told({}).decode())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    told = samples_of(done.stdout)
    asked = [node for one in rules() for node, _ in selected(promql.parse(one["expr"])) if "increase(" in one["expr"]]
    rises = [node for node in asked if node.name.endswith("_total")]
    assert len(rises) >= 5
    for node in rises:
        mine = [key for key in told if key[0] == node.name]
        wanted = [one.value for one in node.matchers.matchers]
        assert mine, node.name
        assert all(any(re.fullmatch(value, label) for key in mine for label in key[1:]) for value in wanted), node.name


def test_the_dashboard_can_be_imported() -> None:
    found = dashboard()
    panels = found["panels"]
    assert len({one["id"] for one in panels}) == len(panels)
    assert {one["name"] for one in found["templating"]["list"]} >= set(
        re.findall(r"\$(job|instance)\b", DASHBOARD.read_text())
    )
    places = [
        (x, one["gridPos"]["y"])
        for one in panels
        for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
    ]
    assert len(places) == len(set(places)), "no panel covers another"
