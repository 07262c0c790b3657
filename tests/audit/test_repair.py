"""`--repair`: what follows from other rows is worked out again; what does not is left alone."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tests import make
from tests.conftest import Rows, empty, keep, put_back
from tests.orders.buying import Buyer
from truestyle.audit.repairing import plan, repair, told
from truestyle.audit.service import audit
from truestyle.coupons.repository import Coupons
from truestyle.shop import Shop

DERIVED: dict[str, tuple[str, dict[str, Any]]] = {
    "flags": ("products", {"in_stock": False, "sizes_in_stock": []}),
    "listing": ("products", {"price": 1, "mrp": 2, "discounted": False, "sizes": ["XXL"], "option_keys": []}),
    "stars": ("products", {"rating": {"average": 4.0, "count": 9}, "rating_sum": 36}),
    "popularity": ("products", {"popularity": 77}),
    "helpful": ("user_reviews", {"helpful": 12}),
    "uses": ("coupons", {"used_count": 5}),
    "available": ("stock", {"available": 4}),
    "counted": ("counted", {"status": "placed"}),
    "day": ("figures", {"orders": 9}),
    "buyer": ("figure_buyers", {"revenue": 9}),
}


@pytest.fixture(scope="module")
async def trading(app: FastAPI) -> tuple[Rows, make.Person]:
    """A store where somebody ordered with a coupon and reviewed: its rows, and who that is."""
    shop: Shop = app.state.shop
    shopper, admin = await make.person(shop), await make.person(shop, "admin")
    product = await make.product(shop, stock=9, variants=[{"sku": "A", "size": "M"}])
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test/api/v1") as client:
        coupon = {"code": "TEN", "type": "percent", "value": "10"}
        assert (await client.post("/coupons", json=coupon, headers=admin.headers)).status_code == 201
        await make.cart(shop, shopper, {"A": 2})
        sent = {**make.COD, "coupon_code": "TEN"}
        assert (await client.post("/checkout", json=sent, headers=shopper.headers)).status_code == 201
        review = {"product_id": str(product.id), "rating": 4, "title": "Good", "body": "It fits well."}
        made = await client.post("/user-reviews", json=review, headers=shopper.headers)
        assert made.status_code == 201, made.text
    await shop.worker.drain()
    assert (await audit(shop)).breaches == []
    kept = await keep(shop.store)
    await empty(shop.store)
    return kept, shopper


@pytest.fixture
async def traded(client: AsyncClient, shop: Shop, trading: tuple[Rows, make.Person]) -> Buyer:
    """That store, and the buyer."""
    kept, shopper = trading
    await put_back(shop, kept)
    return Buyer(client, shop, shopper)


@pytest.mark.parametrize("name", DERIVED)
async def test_what_follows_from_other_rows_is_mended(name: str, traded: Buyer, shop: Shop) -> None:
    assert traded
    collection, fields = DERIVED[name]
    where = {"kind": "order"} if collection == "counted" else {}
    before = await shop.store.db[collection].find_one(where)
    assert (await shop.store.db[collection].update_one(where, {"$set": fields})).modified_count == 1
    report = await audit(shop)
    found = plan(report)
    assert found
    assert {one.invariant for one in report.breaches} == {found[0].invariant}  # search may notice a wrong size too
    assert all(line for line in told(found))
    assert await repair(shop, report) == len(found)
    assert (await audit(shop)).breaches == []
    after = await shop.store.db[collection].find_one(where)
    assert before is not None
    assert after is not None
    assert {key: after[key] for key in fields if key in before} == {key: before[key] for key in fields if key in before}


@pytest.mark.parametrize(
    ("collection", "fields"),
    [
        ("orders", {"amount_paid": 5}),
        ("orders", {"total": 5}),
        ("payments", {"captured_amount": 5}),
        ("stock", {"on_hand": 5, "available": 5}),
        ("stock", {"on_hand": 2, "reserved": 5, "available": 0}),
    ],
)
async def test_money_and_stock_are_left_alone(
    collection: str, fields: dict[str, int], traded: Buyer, shop: Shop
) -> None:
    assert traded
    await shop.store.db[collection].update_one({}, {"$set": fields})
    before = await shop.store.db[collection].find().to_list()
    report = await audit(shop)
    assert report.breaches
    await repair(shop, report)
    assert await shop.store.db[collection].find().to_list() == before
    assert not (await audit(shop)).clean


async def test_what_changes_meanwhile_is_not_lost(
    traded: Buyer, shop: Shop, client: AsyncClient, admin: make.Person
) -> None:
    """The report is old by the time of the repair: uses that were added since count too."""
    await shop.store.db["coupons"].update_one({}, {"$set": {"used_count": 40}})
    report = await audit(shop)
    people = [await make.person(shop) for _ in range(4)]
    for person in people:
        await make.cart(shop, person, {"A": 1})
    sent = {**make.COD, "coupon_code": "TEN"}
    mending = asyncio.create_task(repair(shop, report))
    answers = await asyncio.gather(*(client.post("/checkout", json=sent, headers=one.headers) for one in people))
    await mending
    assert [one.status_code for one in answers] == [201] * 4
    await shop.worker.drain()
    assert (await audit(shop)).breaches == []
    assert ((await shop.store.db["coupons"].find_one()) or {})["used_count"] == 5


async def test_setting_what_the_report_said_would_lose_them(
    traded: Buyer, shop: Shop, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off: the number of the report, not one that is counted in the transaction."""
    await shop.store.db["coupons"].update_one({}, {"$set": {"used_count": 40}})
    report = await audit(shop)
    [breach] = report.breaches
    recount = Coupons.recount

    async def careless(self: Coupons, key: Any, count: int) -> None:
        del count
        await recount(self, key, breach.documents["live"])

    monkeypatch.setattr(Coupons, "recount", careless)
    person = await make.person(shop)
    await make.cart(shop, person, {"A": 1})
    sent = {**make.COD, "coupon_code": "TEN"}
    assert (await client.post("/checkout", json=sent, headers=person.headers)).status_code == 201
    await shop.worker.drain()
    await repair(shop, report)
    assert [one.message for one in (await audit(shop)).breaches] == ["used_count is not the live redemptions"]
