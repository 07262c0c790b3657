"""A delivered order, the people around it, and books that are in order afterwards."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff
from tests.returns.returning import Desk
from truestyle.audit.service import audit
from truestyle.shop import Shop


@pytest.fixture
async def books(shop: Shop, admin: make.Person) -> AsyncIterator[None]:
    """Whatever a test did, the store's own audit finds nothing wrong, before and after its events."""
    yield
    assert (await audit(shop)).breaches == []
    await shop.worker.drain()
    assert (await audit(shop)).breaches == []


@pytest.fixture
def buyer(client: AsyncClient, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)


@pytest.fixture
def desk(client: AsyncClient, shop: Shop, staff: make.Person) -> Desk:
    return Desk(client, shop, Staff(client, staff))


@pytest.fixture
async def kurta(shop: Shop) -> str:
    """An id; SKUs `K-S`, `K-M`, `K-L` for ₹1,499.00 and `K-XL` for ₹1,699.00, ten of each."""
    variants = [{"sku": f"K-{size}", "size": size} for size in ("S", "M", "L")]
    variants.append({"sku": "K-XL", "size": "XL", "price": "1699.00"})
    return str((await make.product(shop, stock=10, variants=variants)).id)
