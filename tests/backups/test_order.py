"""`truestyle restore --order`: one order back, with what belongs to it, and the books clean."""

import httpx
import pytest
from bson import ObjectId
from fastapi import FastAPI

from tests import make
from tests.backups.keeping import back_up, furnish, hashes
from truestyle.audit.service import audit
from truestyle.backups import one_order
from truestyle.backups.models import BackupFailedError
from truestyle.infra.outbox import EventStatus
from truestyle.kit.repository import Collection
from truestyle.payments import credit
from truestyle.payments.credit_models import CreditCause
from truestyle.shop import Shop

# What names an order and is not brought back with it.
NOT_ITS = {"user_reviews"}  # stars are sums of more than this order


async def erase(shop: Shop, key: ObjectId, *, movements: bool) -> None:
    """The order and its rows are lost; with `movements`, also what it took from the stock."""
    for name, path in {"orders": "_id", **one_order.BELONGS}.items():
        if name != one_order.MOVEMENTS or movements:
            await shop.store.db[name].delete_many({path: key})
    if movements:
        await shop.store.db["stock"].update_many({"on_hand": 44}, {"$inc": {"on_hand": 2, "available": 2}})


@pytest.mark.parametrize("movements", [True, False], ids=["the sale too", "the order alone"])
@pytest.mark.parametrize("by", ["id", "number"])
async def test_an_order_comes_back_and_the_books_are_clean(app: FastAPI, shop: Shop, movements: bool, by: str) -> None:
    _, lost, _ = await furnish(app, shop)
    key, number = ObjectId(lost), str((await shop.store.orders.get(ObjectId(lost))).number)
    folder = await back_up(shop)
    before = await hashes(shop)
    await erase(shop, key, movements=movements)
    assert not (await audit(shop)).clean

    found = await one_order.bring_back(shop, folder, lost if by == "id" else number)
    assert found.back["orders"] == found.back["payments"] == 1
    assert found.back[one_order.MOVEMENTS] == (1 if movements else 0)
    after = await hashes(shop)
    same = ("orders", "payments", "stock_movements", "figure_products", "figure_buyers")
    assert {name: after.get(name) for name in same} == {name: before.get(name) for name in same}
    waiting = await shop.store.outbox.count({"payload.order_id": key, "status": EventStatus.WAITING})
    assert waiting == 0  # nobody is written to again
    await shop.sealer.seal()
    report = await audit(shop)
    assert report.clean, report.breaches

    again = await one_order.bring_back(shop, folder, lost)
    assert set(again.back.values()) == {0}


async def test_what_cannot_come_back_changes_nothing(app: FastAPI, shop: Shop) -> None:
    _, lost, _ = await furnish(app, shop)
    folder = await back_up(shop)
    await erase(shop, ObjectId(lost), movements=True)
    with pytest.raises(BackupFailedError, match="has no order TS-0"):
        await one_order.bring_back(shop, folder, "TS-0")
    await shop.store.db["stock"].update_many({}, {"$set": {"available": 1, "on_hand": 1}})
    before = await hashes(shop)
    with pytest.raises(BackupFailedError, match="too few pieces"):
        await one_order.bring_back(shop, folder, lost)
    assert await hashes(shop) == before
    await shop.store.db["users"].delete_many({"role": "customer"})
    before = await hashes(shop)
    with pytest.raises(BackupFailedError, match="account of the buyer is gone"):
        await one_order.bring_back(shop, folder, lost)
    assert await hashes(shop) == before


async def test_every_collection_that_names_orders_is_known_here(shop: Shop) -> None:
    """Whoever adds one says whether it comes back with its order: in BELONGS, or above."""

    def names_orders(one: Collection) -> bool:
        fields = getattr(getattr(one, "document", None), "model_fields", {})
        return "order_id" in fields

    found = {one.name for one in shop.store.collections() if names_orders(one)}
    assert found - NOT_ITS == set(one_order.BELONGS) - {"outbox"}


async def test_the_store_credit_that_paid_it_comes_back_too(app: FastAPI, shop: Shop) -> None:
    """Spent on it, given back with it: the rows, and the balance that they add up to."""
    await furnish(app, shop)
    buyer = await make.person(shop)
    await shop.store.transaction(lambda tx: credit.shift(tx, buyer.user.id, 50000, CreditCause.GRANTED))
    await make.product(shop, variants=[{"sku": "C"}])
    await make.cart(shop, buyer, {"C": 1})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        placed = await client.post("/checkout", json={**make.COD, "use_store_credit": True}, headers=buyer.headers)
        assert placed.json()["order"]["amount_paid"] == "500.00"
        key = ObjectId(placed.json()["order_id"])
        folder = await back_up(shop)
        before = await hashes(shop)
        for name, path in {"orders": "_id", **one_order.BELONGS}.items():
            if name != one_order.MOVEMENTS:
                await shop.store.db[name].delete_many({path: key})
        await shop.store.db["store_credit_balances"].update_one({"_id": buyer.user.id}, {"$set": {"balance": 49999}})
        with pytest.raises(BackupFailedError, match="too little store credit"):
            await one_order.bring_back(shop, folder, str(key))
        await shop.store.db["store_credit_balances"].update_one({"_id": buyer.user.id}, {"$set": {"balance": 50000}})
        found = await one_order.bring_back(shop, folder, str(key))
        assert found.back["store_credit"] == 1
        assert (await client.get("/store-credit", headers=buyer.headers)).json()["balance"] == "0.00"
    assert (await hashes(shop))["store_credit"] == before["store_credit"]
    await shop.sealer.seal()
    report = await audit(shop)
    assert report.clean, report.breaches
