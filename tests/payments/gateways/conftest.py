"""The gateways on this machine."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests import make
from tests.orders.buying import Buyer
from tests.payments.gateways.localstripe import HOOK, KEY, PUBLISHABLE, Stripe, door, localstripe
from tests.payments.gateways.razorpay import HOOK_SECRET, KEY_ID, KEY_SECRET, Razorpay
from tests.payments.gateways.server import Server, serving
from tests.payments.gateways.street import STOCK, Street
from truestyle.audit.service import audit
from truestyle.payments.providers.gateways import gateways
from truestyle.payments.providers.razorpay import RazorpayProvider
from truestyle.payments.providers.stripe import StripeProvider
from truestyle.setting_gateways import GatewaySettings
from truestyle.shop import Shop

SOON = 0.5  # seconds that a provider waits in these tests


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[str]:
    with localstripe() as url:
        yield url


@pytest.fixture
async def stripe_side(stripe_process: str) -> AsyncIterator[tuple[Stripe, Server]]:
    async with door(stripe_process) as both:
        yield both


@pytest.fixture
def at_stripe(stripe_side: tuple[Stripe, Server]) -> Stripe:
    """What happens there."""
    return stripe_side[0]


@pytest.fixture
def stripe_door(stripe_side: tuple[Stripe, Server]) -> Server:
    """What lies between."""
    return stripe_side[1]


def stripe_settings(url: str, **more: object) -> dict[str, object]:
    return {
        "stripe_secret_key": KEY,
        "stripe_publishable_key": PUBLISHABLE,
        "stripe_webhook_secret": f"{HOOK},whsec_truestyle_older",
        "stripe_api_base": url,
        **more,
    }


def razorpay_settings(url: str, **more: object) -> dict[str, object]:
    return {
        "razorpay_key_id": KEY_ID,
        "razorpay_key_secret": KEY_SECRET,
        "razorpay_webhook_secret": f"{HOOK_SECRET},hook-truestyle-older",
        "razorpay_api_base": url,
        **more,
    }


@pytest.fixture
async def stripe_provider(stripe_door: Server) -> AsyncIterator[StripeProvider]:
    settings = stripe_settings(stripe_door.url, gateway_timeout_seconds=SOON)
    provider = StripeProvider(GatewaySettings.model_validate(settings))
    yield provider
    await provider.close()


@pytest.fixture
async def razorpay_side() -> AsyncIterator[tuple[Razorpay, Server]]:
    razorpay = Razorpay()
    async with serving(razorpay.answer) as server:
        yield razorpay, server


@pytest.fixture
def at_razorpay(razorpay_side: tuple[Razorpay, Server]) -> Razorpay:
    return razorpay_side[0]


@pytest.fixture
def razorpay_door(razorpay_side: tuple[Razorpay, Server]) -> Server:
    return razorpay_side[1]


@pytest.fixture
async def razorpay_provider(razorpay_door: Server) -> AsyncIterator[RazorpayProvider]:
    settings = razorpay_settings(razorpay_door.url, gateway_timeout_seconds=SOON)
    provider = RazorpayProvider(GatewaySettings.model_validate(settings))
    yield provider
    await provider.close()


@pytest.fixture
async def street(
    client: httpx.AsyncClient,
    shop: Shop,
    shopper: make.Person,
    admin: make.Person,
    stripe_side: tuple[Stripe, Server],
    razorpay_side: tuple[Razorpay, Server],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Street]:
    del admin  # without one the books are not in order
    await make.product(shop, stock=STOCK, variants=[{"sku": "K-M", "size": "M", "color": "Indigo"}])
    set_up = {**stripe_settings(stripe_side[1].url), **razorpay_settings(razorpay_side[1].url)}
    settings = GatewaySettings.model_validate({**set_up, "gateway_timeout_seconds": 2})
    ours = {one.type: one for one in gateways(settings)}
    monkeypatch.setattr(shop, "providers", {**shop.providers, **ours})
    yield Street(shop, Buyer(client, shop, shopper), *stripe_side, *razorpay_side)
    await shop.worker.drain()
    report = await audit(shop)
    assert report.breaches == []
    for one in ours.values():
        await one.close()
