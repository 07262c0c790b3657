"""Unexpected errors are told to a hook, or to Sentry; no secret is."""

import gzip
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import brotli
import pytest
import structlog

from tests.conftest import make_settings
from tests.orders.buying import Buyer
from truestyle import observing
from truestyle.infra import reporting
from truestyle.infra.outbox import Worker, event
from truestyle.infra.reporting import HIDDEN, Scrub
from truestyle.orders import placing
from truestyle.settings import Settings, SettingsRefusedError
from truestyle.shop import Shop

SEEN: list[tuple[BaseException, dict[str, Any]]] = []
PASSWORD = "correct-horse-battery"


def keep(error: BaseException, facts: dict[str, Any]) -> None:
    SEEN.append((error, facts))


def fails(error: BaseException, facts: dict[str, Any]) -> None:
    SEEN.append((error, facts))
    structlog.get_logger("hook").error("hook_trouble", exc_info=error)  # must not be told again, for ever
    raise RuntimeError("the tracker is away")


NO_FUNCTION = 3
PACKED = {"gzip": gzip.decompress, "br": brotli.decompress}


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    yield
    reporting.stop()
    SEEN.clear()


def begin(settings: Settings, **more: Any) -> Settings:
    chosen = make_settings(str(settings.data.mongo_uri), settings.data.truestyle_data, **more)
    observing.begin(chosen)
    return chosen


async def test_a_request_that_fails_is_told_with_its_id_and_without_secrets(
    buyer: Buyer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = begin(settings, error_hook=f"{__name__}:keep", mail_password=PASSWORD)
    pepper = chosen.auth.token_hash_pepper.get_secret_value()

    async def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"no luck with {pepper}, {PASSWORD} and Bearer abc.def_ghi password=hunter2hunter2")

    monkeypatch.setattr(placing, "place", breaks)
    answer = await buyer.check_out(headers={"x-request-id": "the-one"})
    assert answer.status_code == 500
    [(error, facts)] = SEEN
    assert isinstance(error, RuntimeError)
    assert (facts["event"], facts["request_id"], facts["error"]) == ("request_failed", "the-one", "RuntimeError")
    assert "in breaks" in facts["traceback"]
    told = str(facts)
    assert [one for one in (pepper, PASSWORD, "abc.def_ghi", "hunter2") if one in told] == []
    assert HIDDEN in facts["traceback"]


async def test_a_delivery_that_fails_is_told(shop: Shop, settings: Settings) -> None:
    begin(settings, error_hook=f"{__name__}.keep")

    async def breaks(_: Any) -> None:
        raise LookupError("gone")

    await shop.store.outbox.write([event("test.fails", {})])
    await Worker(shop.store.outbox, {"test.fails": breaks}).drain()
    [(error, facts)] = SEEN
    assert (type(error), facts["event"], facts["topic"]) == (LookupError, "outbox_handler_failed", "test.fails")


async def test_a_hook_that_fails_hurts_nobody_and_is_not_told_of_itself(shop: Shop, settings: Settings) -> None:
    begin(settings, error_hook=f"{__name__}:fails")

    async def breaks(_: Any) -> None:
        raise LookupError("gone")

    for _ in range(2):
        await shop.store.outbox.write([event("test.fails", {"wrong": True})])
        await Worker(shop.store.outbox, {"test.fails": breaks}).drain()
    assert [facts["event"] for _, facts in SEEN] == ["outbox_handler_failed"] * 2


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        ("no.such.module:hook", "there is no no.such.module:hook"),
        (f"{__name__}:absent", "to import"),
        (f"{__name__}:NO_FUNCTION", "cannot be called"),
    ],
)
def test_a_hook_that_is_not_there_is_refused_in_a_sentence(settings: Settings, hook: str, says: str) -> None:
    with pytest.raises(SettingsRefusedError, match=says):
        begin(settings, error_hook=hook)


def test_sentry_is_sent_the_scrubbed_error_and_nothing_else(settings: Settings) -> None:
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(PACKED.get(str(self.headers.get("content-encoding")), bytes)(body))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    import sentry_sdk  # noqa: PLC0415 - an extra

    try:
        dsn = f"http://0123456789abcdef@127.0.0.1:{server.server_port}/1"
        chosen = begin(settings, sentry_dsn=dsn, mail_password=PASSWORD)
        mine = PASSWORD
        try:
            int(f"smtp said no to {mine}")
        except ValueError:
            structlog.get_logger("x").exception("mail_failed", authorization="Basic abcdefgh", order="TS-1")
        sentry_sdk.flush(10)
        told = b"\n".join(got).decode()
        assert "mail_failed" in told
        assert "ValueError" in told
        assert "TS-1" in told
        assert f"truestyle@{observing.VERSION}" in told
        secrets = [PASSWORD, "abcdefgh", *chosen.secrets]
        assert [one for one in secrets if one in told] == []
        [line] = [one for one in told.splitlines() if '"exception"' in one]
        frames = json.loads(line)["exception"]["values"][0]["stacktrace"]["frames"]
        assert [one for one in frames if "vars" in one] == [], "no local variable goes out"
    finally:
        sentry_sdk.get_client().close()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("mongodb://store:s3cr3t-in-uri@db/?x=1", "s3cr3t-in-uri"),
        ('{"password": "hunter2 and more", "name": "Asha"}', "hunter2"),
        ("Authorization: Bearer eyJhbGciOi.eyJzdWIi.c2ln", "eyJ"),
        ("refresh_token=abc123; Path=/", "abc123"),
        ("stripe sk_test_51Habcdefgh refused", "51Habcdefgh"),
        ("value in the middle: planted-secret-value.", "planted-secret-value"),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, gone: str) -> None:
    assert gone not in Scrub(["planted-secret-value"])(text)


def test_what_does_not_stays() -> None:
    facts = {"order": "TS-2026-1", "tries": 3, "ok": None, "list": ["K-M", 2], "note": "pass on: take the bus"}
    assert Scrub()(facts) == facts
    named = {"password": ["x"], "api_key": {"a": 1}, "OTP": 123456, "old_token": None}
    assert Scrub()(named) == {"password": HIDDEN, "api_key": HIDDEN, "OTP": HIDDEN, "old_token": None}
