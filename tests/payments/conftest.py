"""Payments end with the books in order too."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff
from tests.orders.conftest import books, buyer
from tests.payments.paying import NoTurns, Till
from tests.payments.refunding import Cashier
from truestyle.orders import cancelling, expiring, paying, refunds, retrying
from truestyle.payments import service
from truestyle.payments.providers.chosen import providers_for
from truestyle.shop import Shop

__all__ = ["books", "buyer"]


@pytest.fixture
async def till(client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person) -> AsyncIterator[Till]:
    """A product with five pieces, somebody who buys it, and staff who look at the bank."""
    await make.product(shop, stock=5, variants=[{"sku": "K-M", "size": "M"}])
    yield Till(client, shop, buyer, staff)
    shop.providers = providers_for(shop.settings, shop.store)  # a test may have had others


@pytest.fixture
def packer(client: AsyncClient, staff: make.Person) -> Staff:
    return Staff(client, staff)


@pytest.fixture
def cashier(client: AsyncClient, staff: make.Person) -> Cashier:
    return Cashier(client, staff)


@pytest.fixture
async def delivered(shop: Shop, buyer: Buyer, packer: Staff) -> dict[str, Any]:
    """A COD order of three kurtas and a scarf, delivered and paid: 3 × 1499.00 + 499.00 = 4996.00."""
    await make.product(shop, stock=9, variants=[{"sku": "K-M", "size": "M"}])
    await make.product(shop, stock=9, mrp="499.00", price="499.00", variants=[{"sku": "S-1"}])
    order = await buyer.order(K_M=3, S_1=1)
    await packer.bring_to(order["id"], "delivered")
    return await buyer.see(order["id"])


@pytest.fixture
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for anybody: as if each were in a process of its own."""
    for module in (paying, cancelling, retrying, expiring, refunds, service):
        monkeypatch.setattr(module, "TURNS", NoTurns())
