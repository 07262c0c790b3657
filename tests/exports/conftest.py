"""A shop where something was bought."""

import pytest
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer
from truestyle.shop import Shop


@pytest.fixture
def buyer(client: AsyncClient, shop: Shop, shopper: make.Person) -> Buyer:
    return Buyer(client, shop, shopper)
