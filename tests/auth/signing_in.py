"""Asha, who signs in with Google and may have had an account before."""

import httpx

from tests.auth.conftest import Browser, Google
from tests.auth.test_register import ASHA
from truestyle.shop import Shop
from truestyle.users.models import User

EMAIL = "asha@example.com"


CREDENTIALS = {"email": EMAIL, "password": ASHA["password"]}


async def register(browser: Browser, google: Google, *, verified: bool) -> User:
    """Asha's account with a password, its address confirmed or not."""
    assert (await browser.store.post("/auth/register", json=ASHA)).status_code == 201
    await google.shop.store.users.collection.update_one({"email": EMAIL}, {"$set": {"email_verified": verified}})
    return await the_account(google.shop)


async def the_account(shop: Shop) -> User:
    found = [one async for one in shop.store.users.every({})]
    assert len(found) == 1
    return found[0]


async def sessions(google: Google) -> int:
    return await google.shop.store.sessions.count({"revoked_at": None})


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"authorization": f"Bearer {answer.json()['access_token']}"}
