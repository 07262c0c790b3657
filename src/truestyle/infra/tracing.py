"""OpenTelemetry traces: a span for each request, for each MongoDB command within, and for each delivery that follows.

An outbox event carries the traceparent of its cause, so that the worker's span continues the same trace. Off unless
OTEL_ENABLED: then we import nothing of OpenTelemetry (its SDK is the extra `otel`), no listener is registered, and what
remains is one comparison a call. A span never has a query, a body, a header or a path with a token in it.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from truestyle.infra import metrics
from truestyle.infra.http.patience import CYCLE

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

SCOPE = "truestyle"
ENDS_WITHIN = 5.0  # seconds, for what is still to be sent when a process ends
WRONG = 500  # statuses from here on are failures of ours
# Of which nobody learns anything: the driver's own talk, and sessions.
UNTOLD = frozenset({"hello", "ping", "endSessions", "killCursors", "getMore"})
MOST_OPEN = 1000  # commands under way; there are never so many, but of one that was cancelled the driver tells no end


class NoOpenTelemetryError(RuntimeError):
    """OTEL_ENABLED is set, and the extra is not installed."""


@dataclass(frozen=True)
class Wanted:
    """Where traces go, and how many. `ratio`: of requests, from 0 to 1; `headers`: sent with each export."""

    endpoint: str
    service: str
    version: str
    ratio: float = 1.0
    headers: Mapping[str, str] | None = None


class _State:
    provider: "TracerProvider | None" = None
    api: Any = None  # opentelemetry.trace
    tracer: Any = None
    propagator: Any = None


def start(wanted: Wanted, exporter: "SpanExporter | None" = None) -> bool:
    """Begin to trace in this process; False if it does already. Raises NoOpenTelemetryError.

    `exporter`: instead of OTLP over HTTP to the endpoint.
    """
    if _State.provider is not None:
        return False
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra, and slow to import
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

            address = f"{wanted.endpoint.rstrip('/')}/v1/traces"
            exporter = OTLPSpanExporter(address, headers=dict(wanted.headers or {}), timeout=ENDS_WITHIN)
    except ImportError as error:
        msg = "OTEL_ENABLED needs the extra: install `truestyle[otel]`, or leave it unset."
        raise NoOpenTelemetryError(msg) from error
    chosen = TraceIdRatioBased(wanted.ratio)
    # A caller who says that we should trace does not decide it: the ratio does, by the trace's id, so that all spans of
    # one trace are kept or none.
    provider = TracerProvider(
        sampler=ParentBased(chosen, remote_parent_sampled=chosen),
        resource=Resource.create({"service.name": wanted.service, "service.version": wanted.version}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _State.provider, _State.api = provider, trace
    _State.tracer, _State.propagator = provider.get_tracer(SCOPE), TraceContextTextMapPropagator()
    return True


async def stop() -> None:
    """Send what is left, for a few seconds at most, and trace no more."""
    provider, _State.provider = _State.provider, None
    if provider is not None:
        await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(provider.shutdown))], timeout=ENDS_WITHIN)


def on() -> bool:
    """Whether this process traces."""
    return _State.provider is not None


def flush() -> None:
    """Send what waits, now."""
    if _State.provider is not None:
        _State.provider.force_flush()


def here() -> str | None:
    """The traceparent of what is being done, for who continues it."""
    if _State.provider is None:
        return None
    carrier: dict[str, str] = {}
    _State.propagator.inject(carrier)
    return carrier.get("traceparent")


def ids() -> tuple[str, str] | None:
    """Trace and span of what is being done, as log lines tell them."""
    if _State.provider is None:
        return None
    context = _State.api.get_current_span().get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None


def tell(facts: Mapping[str, Any]) -> None:
    """What is known of a request, in its span."""
    if _State.provider is None:
        return
    span = _State.api.get_current_span()
    if not span.is_recording():
        return
    route = facts["route"]
    span.update_name(f"{facts['method']} {route}" if route else facts["method"])
    known = {
        "http.request.method": facts["method"],
        "http.route": route,
        "http.response.status_code": facts["status"],
        "url.path": facts["path"],
        "truestyle.request_id": facts["request_id"],
        "truestyle.problem": facts.get("problem"),
        "truestyle.kept": facts.get("kept"),
    }
    span.set_attributes({name: value for name, value in known.items() if value is not None})
    if facts["status"] >= WRONG:
        span.set_status(_State.api.StatusCode.ERROR)


def failed(error: Exception) -> None:
    """What is being done failed: by its kind, for its words may be anybody's."""
    if _State.provider is not None:
        span = _State.api.get_current_span()
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(_State.api.StatusCode.ERROR)


def delivery(topic: str, cause: str | None, key: str, attempt: int) -> AbstractContextManager[Any]:
    """The span of a try to deliver an event, in the trace of its cause."""
    if _State.provider is None:
        return nullcontext()
    context = _State.propagator.extract({"traceparent": cause}) if cause else None
    facts = {
        "messaging.system": "truestyle",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.message.id": key,
        "truestyle.attempt": attempt,
    }
    kind = _State.api.SpanKind.CONSUMER
    span: AbstractContextManager[Any] = _State.tracer.start_as_current_span(
        f"process {topic}", context, kind=kind, attributes=facts, record_exception=False
    )
    return span


class Batches:
    """What `GroupCommit` does together: counted, and traced below the first of them, linked to the others."""

    def note(self) -> Any:
        """Who waits."""
        return None if _State.provider is None else _State.api.get_current_span()

    @contextmanager
    def batch(self, notes: Sequence[Any]) -> Iterator[None]:
        """While they are served."""
        metrics.BATCH.observe(len(notes))
        spans = [one for one in notes if one is not None and one.get_span_context().is_valid]
        if _State.provider is None or not spans:
            yield
            return
        links = [_State.api.Link(one.get_span_context()) for one in spans[1:]]
        parent = _State.api.set_span_in_context(spans[0])
        with _State.tracer.start_as_current_span(
            "checkout batch", parent, links=links, attributes={"truestyle.orders": len(notes)}, record_exception=False
        ):
            yield


class Traced:
    """The outermost ASGI layer where there are traces: the span of a request, within its caller's trace."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or _State.provider is None:
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        context = _State.propagator.extract({"traceparent": given.decode("latin-1")})
        with _State.tracer.start_as_current_span(
            scope["method"] if scope["method"].isalpha() else "request",
            context,
            kind=_State.api.SpanKind.SERVER,
            record_exception=False,
        ) as span:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            scope.pop(CYCLE, None)  # what is answered past `answer` would not be seen here
            await self.app(scope, receive, answer)


class Commands(CommandListener):
    """A span for each MongoDB command that is part of something traced: its name and collection, never its contents."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, Any], Any] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Begin its span."""
        name = event.command_name
        if _State.provider is None or name in UNTOLD or not _State.api.get_current_span().is_recording():
            return
        collection = event.command.get(name)
        facts = {"db.system.name": "mongodb", "db.namespace": event.database_name, "db.operation.name": name}
        if isinstance(collection, str):
            facts["db.collection.name"] = collection
        words = f"{name} {collection}" if isinstance(collection, str) else name
        span = _State.tracer.start_span(words, kind=_State.api.SpanKind.CLIENT, attributes=facts)
        if len(self._open) >= MOST_OPEN:
            self._close(self._open.pop(next(iter(self._open))), "cancelled")
        self._open[event.request_id, event.connection_id] = span

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """End it."""
        self._end(event)

    def failed(self, event: CommandFailedEvent) -> None:
        """End it, with the name of the error."""
        self._end(event, str(event.failure.get("codeName") or "failed"))

    def _end(self, event: CommandSucceededEvent | CommandFailedEvent, error: str | None = None) -> None:
        span = self._open.pop((event.request_id, event.connection_id), None)
        if span is not None:
            self._close(span, error)

    @staticmethod
    def _close(span: Any, error: str | None) -> None:
        if error is not None:
            span.set_attribute("error.type", error)
            span.set_status(_State.api.StatusCode.ERROR)
        span.end()
