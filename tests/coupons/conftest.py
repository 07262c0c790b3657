"""A buyer, something to buy, and books that are in order afterwards."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer
from truestyle.audit.service import audit
from truestyle.shop import Shop


@pytest.fixture
async def books(shop: Shop, admin: make.Person) -> AsyncIterator[None]:
    """Whatever a test did, the store's own audit finds nothing wrong."""
    yield
    assert (await audit(shop)).breaches == []


@pytest.fixture
def buyer(client: AsyncClient, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)


@pytest.fixture
async def kurta(shop: Shop) -> str:
    """An id; SKU `K-M`, ₹1,499.00."""
    return str((await make.product(shop, stock=200, variants=[{"sku": "K-M", "size": "M"}])).id)
