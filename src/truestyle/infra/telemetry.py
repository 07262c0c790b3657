"""Logs: structlog, JSON in production, readable lines on a terminal."""

import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from truestyle.infra import reporting, tracing
from truestyle.kit.trail import acting_now


class _Written:
    as_json = silent = False


def configure(*, json: bool, level: int = logging.INFO) -> None:
    """Set structlog up once for the process; everything goes to stderr, so that a command's output stays clean."""
    _Written.as_json, _Written.silent = json, level > logging.INFO
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        whereabouts,
        reporting.processor,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain tracebacks: the pretty ones print local variables, and with them passwords and tokens.
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer() if json else console
    errors: list[structlog.typing.Processor] = [structlog.processors.format_exc_info] if json else [printable]
    structlog.configure(
        processors=[*shared, *errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def whereabouts(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Adds the request that a line belongs to, and its trace."""
    if "request_id" not in event and (request_id := acting_now().request_id) is not None:
        event["request_id"] = request_id
    if (ids := tracing.ids()) is not None:
        event["trace_id"], event["span_id"] = ids
    return event


def requests(told: Iterable[dict[str, Any]]) -> None:
    """The log lines of requests that were answered from memory, together: structlog would cost more than they did.

    `at`: seconds since 1970.
    """
    if _Written.silent:
        return
    lines = []
    for facts in told:
        moment = datetime.fromtimestamp(facts["at"], UTC).isoformat().replace("+00:00", "Z")
        rest = {name: value for name, value in facts.items() if name != "at"}
        if _Written.as_json:
            lines.append(orjson.dumps({**rest, "event": "request", "level": "info", "timestamp": moment}).decode())
        else:
            words = printable(None, "", rest)
            lines.append(
                f"{moment} [info     ] request  {' '.join(f'{name}={value}' for name, value in words.items())}"
            )
    sys.stderr.write("\n".join([*lines, ""]))


def printable(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escapes what would command the terminal: a path or a name in a log line may be a stranger's."""
    return {
        name: value.encode("unicode_escape").decode() if isinstance(value, str) and not value.isprintable() else value
        for name, value in event.items()
    }
