"""Traces: a request, its MongoDB commands, and what it left to be done later are one; nothing secret is in them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pymongo.monitoring import CommandStartedEvent

from tests import make
from tests.conftest import empty, make_settings
from tests.orders.buying import Buyer
from truestyle.infra import tracing
from truestyle.infra.outbox import event
from truestyle.main import create_app
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

KEY = "a-key-of-the-collector"


class Collector:
    """A real OTLP collector on the loopback."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.headers: list[str | None] = []
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                asked = ExportTraceServiceRequest.FromString(body)
                ours.headers.append(self.headers.get("x-key"))
                ours.spans += [
                    span for one in asked.resource_spans for scope in one.scope_spans for span in scope.spans
                ]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def named(self, name: str) -> Span:
        found = [one for one in self.spans if one.name == name]
        assert len(found) == 1, (name, [one.name for one in self.spans])
        return found[0]

    def of(self, trace: bytes) -> list[Span]:
        return [one for one in self.spans if one.trace_id == trace]


def facts(span: Span) -> dict[str, Any]:
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    found = Collector()
    found.thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    found.thread.join()


@pytest.fixture(scope="module")
async def traced_shop(
    mongo_uri: str, collector: Collector, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[tuple[Shop, httpx.AsyncClient]]:
    more = {"otel_enabled": True, "otel_exporter_otlp_endpoint": collector.url, "mongo_db": "traced"}
    more["otel_exporter_otlp_headers"] = f"x-key={KEY}"
    app = create_app(make_settings(mongo_uri, tmp_path_factory.mktemp("traced"), **more), work=False)
    async with app.router.lifespan_context(app):
        await empty(app.state.shop.store)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            yield app.state.shop, client
        await app.state.shop.client.drop_database("traced")
    assert not tracing.on(), "who began it ends it"


@pytest.fixture
async def traced(traced_shop: tuple[Shop, httpx.AsyncClient], collector: Collector) -> AsyncIterator[Buyer]:
    shop, client = traced_shop
    yield Buyer(client, shop, await make.person(shop))
    tracing.flush()
    collector.spans.clear()
    await empty(shop.store)


async def sent() -> None:
    """All that was traced until now is with the collector."""
    await asyncio.to_thread(tracing.flush)


async def test_an_order_is_one_trace_from_the_request_to_its_mail(traced: Buyer, collector: Collector) -> None:
    await make.product(traced.shop, stock=5, variants=[{"sku": "K-M", "size": "M"}])
    await traced.fill(K_M=1)
    await sent()
    collector.spans.clear()
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = {"traceparent": f"00-{trace}-{parent}-01", "x-request-id": "of-the-trace"}
    assert (await traced.check_out(headers=headers, notes="ring twice, says ASHA")).status_code == 201
    assert await traced.shop.worker.drain() > 0
    await sent()
    request = collector.named("POST /checkout")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (trace, parent)
    assert request.kind == Span.SPAN_KIND_SERVER
    told = facts(request)
    assert {
        "http.request.method": "POST",
        "http.route": "/checkout",
        "http.response.status_code": 201,
        "url.path": "/api/v1/checkout",
        "truestyle.request_id": "of-the-trace",
    }.items() <= told.items()
    ours = collector.of(request.trace_id)
    by_id = {one.span_id: one for one in ours}
    batch = collector.named("checkout batch")
    assert batch.parent_span_id == request.span_id
    within = {one.name for one in ours if one.parent_span_id == batch.span_id}
    assert {"insert orders", "insert payments", "commitTransaction"} <= within
    mail = next(one for one in ours if one.name.startswith("process mail.order"))
    assert mail.kind == Span.SPAN_KIND_CONSUMER
    assert by_id[mail.parent_span_id] is batch
    assert [one for one in ours if one.parent_span_id == mail.span_id and one.name.startswith("find ")]
    assert facts(mail)["messaging.destination.name"].startswith("mail.order")
    whole = str(collector.spans)
    assert "ASHA" not in whole
    assert traced.person.user.email not in whole
    assert set(collector.headers) == {KEY}


async def test_a_failed_request_and_a_failed_delivery_say_so(traced: Buyer, collector: Collector) -> None:
    await traced.shop.store.outbox.write([event("mail.no-such-kind", {"to": "somebody@example.com"})])
    await traced.shop.worker.drain()
    answer = await traced.client.get("/orders/0123456789abcdef01234567", headers=traced.headers)
    assert answer.status_code == 404
    await sent()
    asked = collector.named("GET /orders/{order_id}")
    assert facts(asked)["truestyle.problem"] == "not_found"
    assert asked.status.code == 0, "a 404 is no failure of ours"
    assert "somebody@example.com" not in str(collector.spans)


async def test_tokens_of_addresses_are_not_told(traced: Buyer, collector: Collector) -> None:
    token = "Abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    await traced.client.get(f"/auth/verify-email/{token}")
    await traced.client.get(f"/nowhere/{token}?q={token}")
    await sent()
    assert collector.spans
    assert token not in str(collector.spans)


async def test_kept_answers_are_traced_too_by_their_route(traced: Buyer, collector: Collector) -> None:
    for _ in range(2):
        assert (await traced.client.get("/brands")).status_code == 200
    await sent()
    kept = [one for one in collector.spans if facts(one).get("truestyle.kept")]
    assert [one.name for one in kept] == ["GET /brands"]
    assert facts(kept[0])["http.response.status_code"] == 200


async def test_what_only_the_driver_does_is_no_trace_of_its_own(traced: Buyer, collector: Collector) -> None:
    await traced.shop.store.users.count({})
    await sent()
    assert [one.name for one in collector.spans if "users" in one.name and not one.parent_span_id] == []


async def test_of_commands_whose_end_nobody_tells_only_so_many_are_open(
    traced: Buyer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled one: the driver calls nobody."""
    assert traced
    monkeypatch.setattr(tracing, "MOST_OPEN", 2)
    commands = tracing.Commands()
    with tracing.delivery("test", None, "1", 1):
        for number in range(3):
            commands.started(CommandStartedEvent({"find": f"c{number}"}, "traced", number, ("127.0.0.1", 1), None))
    assert len(commands._open) == 2  # noqa: SLF001
    await sent()
    assert facts(collector.named("find c0"))["error.type"] == "cancelled"
    assert not [one.name for one in collector.spans if one.name in {"find c1", "find c2"}]


def test_off_neither_its_sdk_nor_sentrys_is_imported() -> None:
    """Its bare API is, by FastAPI."""
    code = (
        "import sys; from truestyle.infra import outbox, reporting, telemetry, tracing\n"
        "telemetry.configure(json=True); outbox.event('test', {})\n"
        "kinds = ('opentelemetry.sdk', 'opentelemetry.exporter', 'sentry_sdk')\n"
        "print([one for one in sys.modules if one.startswith(kinds)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


async def test_off_events_carry_nothing_and_logs_no_trace(shop: Shop) -> None:
    was = tracing.on()
    assert event("test", {}).trace is None or was


def test_without_the_extra_the_setting_is_refused_in_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    values: dict[str, Any] = {"mongo_uri": settings.data.mongo_uri, "otel_enabled": True}
    monkeypatch.setattr(tracing._State, "provider", None)  # noqa: SLF001 - another test's may be on
    with pytest.raises(SettingsRefusedError, match=r"install `truestyle\[otel\]`"):
        Shop(Settings.load(environ={}, **values))
