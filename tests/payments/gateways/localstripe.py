"""localstripe, as a process of its own, behind a door that knows what it does not: idempotency keys.

Stripe answers a key that it has seen as it did the first time, whatever the answer was, and refuses it with another
request. localstripe ignores keys; so the door in front of it keeps the answers, as Stripe's documentation says.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from tests.payments.gateways.server import Answer, Asked, Server, serving
from tests.running import ENDS_WITH_US, PATIENCE, free_port

KEY, PUBLISHABLE, HOOK = "sk_test_truestyle_1234567890", "pk_test_truestyle_1234567890", "whsec_truestyle_newest"
# Its `start` listens on every address, and keeps all it knows in one file for everybody.
PROGRAM = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
VISA, DECLINES, ASKS = "4242424242424242", "4000000000000341", "4000002500003155"
ASKS_AND_DECLINES = "4000008260003178"


@contextmanager
def localstripe() -> Iterator[str]:
    """Its address."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **ENDS_WITH_US)  # noqa: S603
    url, ends = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while True:
            assert process.poll() is None
            assert time.monotonic() < ends
            try:
                httpx.get(f"{url}/v1/balance", auth=(KEY, ""), timeout=2).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


class Stripe:
    """What tests do at Stripe's, as a dashboard or the shopper's browser would."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, auth=(KEY, ""), timeout=20)
        self._seen: dict[str, tuple[Asked, Answer]] = {}
        self._busy: dict[str, asyncio.Lock] = {}

    async def answer(self, asked: Asked) -> Answer:
        """What goes through the door."""
        key = asked.headers.get("idempotency-key")
        if key is None or asked.method != "POST":
            return await self._passed(asked)
        async with self._busy.setdefault(key, asyncio.Lock()):
            if key in self._seen:
                before, answer = self._seen[key]
                if (before.target, before.body) != (asked.target, asked.body):
                    return 400, b'{"error": {"type": "idempotency_error", "message": "Another request."}}'
                return answer
            answer = await self._passed(asked)
            self._seen[key] = asked, answer
            return answer

    async def _passed(self, asked: Asked) -> Answer:
        kept = {name: value for name, value in asked.headers.items() if name in {"authorization", "content-type"}}
        found = await self._http.request(asked.method, asked.target, content=asked.body, headers=kept, auth=None)
        return found.status_code, found.content

    async def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self._http.get(f"/v1/{path}")).raise_for_status().json()
        return found

    async def post(self, path: str, **form: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await self._http.post(f"/v1/{path}", data=form)).raise_for_status().json()
        return found

    async def card(self, number: str = VISA) -> str:
        """A card that somebody typed into Stripe's element: its `pm_…`."""
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2039", "card[cvc]": "123"}
        return str((await self.post("payment_methods", type="card", **card))["id"])

    async def pay(self, intent: str, number: str = VISA) -> httpx.Response:
        """What the element does with the client secret: name a card, and confirm."""
        await self.post(f"payment_intents/{intent}", payment_method=await self.card(number))
        return await self._http.post(f"/v1/payment_intents/{intent}/confirm")

    async def authenticate(self, intent: str, *, success: bool = True) -> httpx.Response:
        """What the shopper's bank asks for in 3-D Secure."""
        secret = (await self.get(f"payment_intents/{intent}"))["client_secret"]
        form = {"client_secret": secret, "success": json.dumps(success)}
        return await self._http.post(f"/v1/payment_intents/{intent}/_authenticate", data=form)

    async def intents(self) -> list[dict[str, Any]]:
        return list((await self.get("payment_intents?limit=100"))["data"])

    async def charges(self) -> list[dict[str, Any]]:
        return [one for one in (await self.get("charges?limit=100"))["data"] if one["status"] == "succeeded"]

    async def refunds(self) -> list[dict[str, Any]]:
        return list((await self.get("refunds?limit=100"))["data"])

    async def hook(self, url: str, secret: str) -> None:
        """Have events sent."""
        sent = await self._http.post("/_config/webhooks/shop", json={"url": url, "secret": secret})
        sent.raise_for_status()

    async def close(self) -> None:
        await self._http.delete("/_config/data")
        await self._http.aclose()


@asynccontextmanager
async def door(url: str) -> AsyncIterator[tuple[Stripe, Server]]:
    stripe = Stripe(url)
    async with serving(stripe.answer) as server:
        yield stripe, server
    await stripe.close()
