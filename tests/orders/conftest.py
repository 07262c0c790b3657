"""Orders end with the books in order: whatever a test did, the store's own audit finds nothing wrong."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer
from tests.orders.spending import Spender
from tests.payments.paying import Till
from truestyle.audit.service import audit
from truestyle.shop import Shop


@pytest.fixture
async def books(shop: Shop, admin: make.Person) -> AsyncIterator[None]:
    """The audit after the test; an admin, because a store without one is not in order."""
    yield
    report = await audit(shop)
    assert report.breaches == []


@pytest.fixture
def buyer(client: AsyncClient, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)


@pytest.fixture
async def spender(shop: Shop, buyer: Buyer, admin: make.Person) -> Spender:
    """Somebody who has five kurtas to choose from."""
    await make.product(shop, stock=5, variants=[{"sku": "K-M", "size": "M"}])
    return Spender(buyer, shop)


@pytest.fixture
def till(client: AsyncClient, shop: Shop, buyer: Buyer, staff: make.Person, spender: Spender) -> Till:
    """Where that somebody pays."""
    return Till(client, shop, buyer, staff)
