import httpx
import pytest

from tests.auth.mfa.phone import Phone, with_mfa
from truestyle.shop import Shop


@pytest.fixture
async def asha(client: httpx.AsyncClient, shop: Shop) -> Phone:
    """A customer who has MFA."""
    return await with_mfa(client, shop)
