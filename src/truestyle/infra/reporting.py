"""Unexpected errors, told to whoever tracks them: a function that ERROR_HOOK names, or Sentry by SENTRY_DSN.

Every log line with a traceback is one. What is told is scrubbed first: the values of all secret settings, tokens, and
whatever stands behind a word like `password`. A hook that fails or is slow is the operator's own: it is called in the
event loop and must only hand the error on.
"""

import importlib
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from truestyle.infra import metrics

HIDDEN = "•••"
SHORTEST = 6  # characters: shorter values stand in too many harmless words
TOKENS = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?i:\b(?:bearer|basic)\s+[\w.~+/=-]+)"
    r"|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"  # name and password in an address
    r"|(?i:(?<=sk_)\w{6,}|(?<=rk_)\w{6,}|(?<=whsec_)\w{6,})"
)
NAMED = re.compile(
    r"(?i)([\"']?\b[\w-]*(?:password|passwd|secret|token|pepper|api_?key|authorization|cookie|otp|cvv|card_?number)"
    r"[\w-]*[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&})\]]+)"
)
SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|pepper|api_?key|authorization|cookie|otp|cvv|card_?number")
Facts = dict[str, Any]
Hook = Callable[[BaseException, Facts], object]


class HookRefusedError(RuntimeError):
    """ERROR_HOOK or SENTRY_DSN cannot be used; the message says why."""


class _Told:
    hook: Hook | None = None
    scrub: "Scrub"
    busy = False


class Scrub:
    """Takes secrets out of texts, mappings and lists. `secrets`: values that must never be told."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({one for one in secrets if len(one) >= SHORTEST}, key=len, reverse=True)

    def values(self, text: str) -> str:
        """Without those values."""
        for one in self._secrets:
            text = text.replace(one, HIDDEN)
        return text

    def text(self, text: str) -> str:
        """Without them, and without what looks like a secret."""
        text = self.values(text)
        return NAMED.sub(rf"\1{HIDDEN}", TOKENS.sub(HIDDEN, text))

    def __call__(self, value: Any, name: str = "") -> Any:
        """The same value without them; what is named like a secret is hidden whole."""
        if value is not None and SECRET_NAME.search(name):
            return HIDDEN
        if isinstance(value, Mapping):
            return {str(key): self(one, str(key)) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self(one) for one in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.text(str(value))


_Told.scrub = Scrub()


def start(hook: str | None, dsn: str | None, secrets: Iterable[str], facts: Mapping[str, str]) -> None:
    """Tell errors from here on. `facts`: release and environment. Raises HookRefusedError."""
    _Told.scrub = Scrub(secrets)
    _Told.hook = _named(hook) if hook else _sentry(dsn, facts) if dsn else None


def stop() -> None:
    """Tell nobody any more."""
    _Told.hook = None


def _named(path: str) -> Hook:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise HookRefusedError(f"ERROR_HOOK: there is no {path} to import.") from error
    if not callable(found):
        raise HookRefusedError(f"ERROR_HOOK: {path} cannot be called.")
    hook: Hook = found
    return hook


def _sentry(dsn: str, facts: Mapping[str, str]) -> Hook:
    try:
        import sentry_sdk  # noqa: PLC0415 - an extra
        from sentry_sdk.utils import BadDsn  # noqa: PLC0415
    except ImportError as error:
        msg = "SENTRY_DSN needs the extra: install `truestyle[sentry]`, or leave it unset."
        raise HookRefusedError(msg) from error
    try:
        sentry_sdk.init(
            dsn=dsn,
            release=facts["release"],
            environment=facts["environment"],
            default_integrations=False,  # they would send requests, local variables and log lines by themselves
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            before_send=lambda event, _: _Told.scrub(event),
        )
    except BadDsn as error:
        msg = "SENTRY_DSN cannot be read."
        raise HookRefusedError(msg) from error

    def send(error: BaseException, told: Facts) -> None:
        with sentry_sdk.new_scope() as scope:
            scope.set_context("truestyle", told)
            scope.capture_exception(error)

    return send


def processor(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Of structlog: counts a line with a traceback, and tells it."""
    info = event.get("exc_info")
    if not info:
        return event
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else sys.exc_info()[1]
    if error is None:
        return event
    metrics.ERRORS.labels(str(event.get("event"))).inc()
    if _Told.hook is not None and not _Told.busy:
        _tell(_Told.hook, error, {name: value for name, value in event.items() if name != "exc_info"})
    return event


def _tell(hook: Hook, error: BaseException, facts: Facts) -> None:
    _Told.busy = True  # a hook that logs an error of its own must not be told of that
    try:
        words = "".join(traceback.format_exception(error))
        hook(error, {**_Told.scrub(facts), "traceback": _Told.scrub.text(words), "error": type(error).__name__})
    except Exception as trouble:  # noqa: BLE001 - whatever it is, the request must not suffer
        structlog.get_logger("errors").warning("error_hook_failed", error=type(trouble).__name__)
    finally:
        _Told.busy = False
