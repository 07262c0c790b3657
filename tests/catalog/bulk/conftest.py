"""A kurta in three sizes, and staff who change it; the books are in order afterwards."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from tests import make
from tests.catalog.bulk.desk import SIZES, Desk
from truestyle.audit.service import audit
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop


@pytest.fixture
async def books(shop: Shop, admin: make.Person) -> AsyncIterator[None]:
    """Whatever a test did, the store's own audit finds nothing wrong."""
    yield
    report = await audit(shop)
    assert report.breaches == []


@pytest.fixture
async def kurta(shop: Shop) -> Product:
    return await make.product(shop, stock=10, name="Kurta", tags=["sale"], variants=SIZES)


@pytest.fixture
def desk(client: AsyncClient, staff: make.Person) -> Desk:
    return Desk(client, staff)
