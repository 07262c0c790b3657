"""What a gateway gives the shopper's browser is for the shopper alone: the audit trail tells that it changed."""

from dataclasses import replace

from tests.payments.paying import Till
from truestyle.kit.trail import HIDDEN
from truestyle.orders import paying
from truestyle.payments.providers.base import Result
from truestyle.shop import Shop

SECRET = "pi_1_secret_2"


async def test_a_client_secret_is_not_in_the_trail(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    await shop.store.payments.unwatched.update_many({}, {"$set": {"provider_reference": None, "action": None}})
    told = await till.told(order, Result.PENDING)
    action = {"kind": "stripe", "client_secret": SECRET}
    await paying.settle(shop.store, replace(told, provider_reference="pi_1", action=action))
    assert (await till.see(order))["payment"]["action"] == action
    entries = [str(one) for one in await shop.store.db["audit"].find({}).to_list()]
    assert not [one for one in entries if SECRET in one]
    assert {"payments", "orders"} <= {
        one["resource"] async for one in shop.store.db["audit"].find({}) if HIDDEN in one["details"]
    }
