"""Orders that are packed, and the books in order afterwards."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, Staff
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
def packer(client: AsyncClient, staff: make.Person) -> Staff:
    return Staff(client, staff)


@pytest.fixture
async def order(shop: Shop, buyer: Buyer) -> dict[str, Any]:
    """Three pieces of one SKU, one of another, delivered inside the state."""
    await make.product(shop, variants=[{"sku": "K-M", "size": "M", "color": "Indigo"}])
    await make.product(shop, hsn_code="640399", price="2999.00", mrp="2999.00", variants=[{"sku": "J-7", "size": "7"}])
    return await buyer.order(K_M=3, J_7=1)


@pytest.fixture
async def packed(order: dict[str, Any], packer: Staff) -> dict[str, Any]:
    await packer.bring_to(order["id"], "packed")
    return order
