import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer
from tests.orders.conftest import books
from tests.shipping.charging import Zoning
from truestyle.shop import Shop

__all__ = ["books"]


@pytest.fixture
def buyer(client: AsyncClient, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)


@pytest.fixture
def zoning(client: AsyncClient, staff: make.Person) -> Zoning:
    return Zoning(client, staff)
