"""One alert each time a SKU comes down to its threshold, whoever takes it there, in the transaction that did."""

import asyncio
from typing import Any

import pytest
import structlog
from httpx import AsyncClient

from tests import make
from tests.orders.buying import settle
from tests.post import Post
from truestyle.catalog.products.models import Product
from truestyle.events import handlers
from truestyle.infra.outbox import EventStatus
from truestyle.inventory import service as inventory
from truestyle.inventory.models import StockSet
from truestyle.inventory.repository import LOW
from truestyle.shop import Shop


@pytest.fixture
async def kurta(shop: Shop) -> Product:
    return await make.product(shop, stock=LOW + 3, variants=[{"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L"}])


async def alerts(shop: Shop) -> list[dict[str, Any]]:
    rows = await shop.store.outbox.collection.find({"topic": inventory.LOW}).sort("_id", 1).to_list()
    return [row["payload"] for row in rows]


async def put(client: AsyncClient, who: make.Person, product: Product, status: int = 200, **body: Any) -> None:
    answer = await client.put(f"/products/{product.id}/stock", json={"sku": "K-M", **body}, headers=who.headers)
    assert answer.status_code == status, answer.text


async def test_it_comes_with_the_crossing_and_not_again_below(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product
) -> None:
    await put(client, staff, kurta, delta=-2)  # 6
    assert await alerts(shop) == []
    await put(client, staff, kurta, delta=-1)  # 5
    one = {"sku": "K-M", "product_id": kurta.id, "available": LOW, "low_stock_at": LOW}
    assert await alerts(shop) == [one]
    for body in ({"delta": -1}, {"on_hand": 4}, {"on_hand": 1}, {"delta": 4}, {"on_hand": 0}, {"delta": 0}):
        await put(client, staff, kurta, **body)
    assert await alerts(shop) == [one]
    await put(client, staff, kurta, on_hand=LOW + 1)
    await put(client, staff, kurta, status=409, delta=-LOW - 2)
    assert await alerts(shop) == [one]
    await put(client, staff, kurta, on_hand=0)
    assert await alerts(shop) == [one, {**one, "available": 0}]


async def test_a_threshold_of_its_own(client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product) -> None:
    await put(client, staff, kurta, low_stock_at=0)
    await put(client, staff, kurta, on_hand=1)
    assert await alerts(shop) == []
    await put(client, staff, kurta, delta=-1)
    assert [one["available"] for one in await alerts(shop)] == [0]
    await put(client, staff, kurta, on_hand=30, low_stock_at=40)  # nothing fell
    await put(client, staff, kurta, low_stock_at=20)
    await put(client, staff, kurta, delta=-5, low_stock_at=25)
    assert [one["available"] for one in await alerts(shop)] == [0, 25]
    moved = await client.get(f"/products/{kurta.id}/stock-movements", headers=staff.headers)
    notes = [one["note"] for one in moved.json()["items"] if one["note"]]
    assert notes == [
        "low at 25, before at 20",
        "low at 20, before at 40",
        "low at 40, before at 0",
        "low at 0, before at 5",
    ]
    await put(client, staff, kurta, low_stock_at=25)
    for wrong in ({}, {"low_stock_at": None}, {"low_stock_at": -1}, {"low_stock_at": "5"}):
        await put(client, staff, kurta, status=422, **wrong)
    assert await shop.store.movements.count({"note": {"$ne": None}}) == 4


async def test_new_stock_and_a_deleted_product_alert_nobody(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product
) -> None:
    await make.product(shop, stock=2)
    assert (await client.delete(f"/products/{kurta.id}", headers=staff.headers)).status_code == 204
    assert await shop.store.movements.count({"note": "product deleted"}) == 2
    assert await alerts(shop) == []


async def test_a_sale_alerts_and_a_cancelled_one_lets_it_come_again(
    client: AsyncClient, shop: Shop, shopper: make.Person, kurta: Product
) -> None:
    orders = []
    for pieces in (3, 1):
        await make.cart(shop, shopper, {"K-M": pieces, "K-L": 1})
        answer = await client.post("/checkout", json=make.COD, headers=shopper.headers)
        assert answer.status_code == 201, answer.text
        orders.append(answer.json()["order_id"])
    assert [(one["sku"], one["available"]) for one in await alerts(shop)] == [("K-M", LOW)]
    gone = await client.post(f"/orders/{orders[0]}/cancel", json={"reason": "no"}, headers=shopper.headers)
    assert gone.status_code == 200
    await make.cart(shop, shopper, {"K-M": 3})
    assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201
    assert [(one["sku"], one["available"]) for one in await alerts(shop)] == [("K-M", LOW), ("K-M", LOW - 1)]


async def test_two_lines_of_a_sku_in_one_order_are_one_fall(
    client: AsyncClient, shop: Shop, shopper: make.Person, kurta: Product
) -> None:
    await make.cart(shop, shopper, {"K-M": 2})
    double = [{"$set": {"items": {"$concatArrays": ["$items", "$items"]}}}]
    await shop.store.carts.collection.update_one({"user_id": shopper.user.id}, double)

    assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201

    assert [(one["sku"], one["available"]) for one in await alerts(shop)] == [("K-M", LOW - 1)]
    assert kurta.variant("K-M") is not None


async def test_what_is_rolled_back_alerts_nobody(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product
) -> None:
    class UndoneError(Exception):
        pass

    async def work(tx: Any) -> None:
        await inventory.set_stock(tx, staff.caller, kurta, StockSet(sku="K-M", on_hand=0))
        raise UndoneError

    with pytest.raises(UndoneError):
        await shop.store.transaction(work)
    assert await alerts(shop) == []
    assert await shop.store.stock.available(["K-M"]) == {"K-M": LOW + 3}


async def test_forty_checkouts_at_once_alert_once(client: AsyncClient, shop: Shop) -> None:
    product = await make.product(shop, stock=30)
    sku = product.variants[0].sku
    people = [await make.person(shop) for _ in range(40)]
    for one in people:
        await make.cart(shop, one, {sku: 1})

    answers = await asyncio.gather(*(client.post("/checkout", json=make.COD, headers=one.headers) for one in people))

    assert sorted(one.status_code for one in answers) == [201] * 30 + [409] * 10
    (alert,) = await alerts(shop)
    assert (alert["sku"], alert["low_stock_at"]) == (sku, LOW)
    assert 0 <= alert["available"] <= LOW


async def test_takings_and_checkouts_at_once_alert_once(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product
) -> None:
    """No group commit between them: each is a transaction of its own."""
    await put(client, staff, kurta, on_hand=20)
    people = [await make.person(shop) for _ in range(8)]
    for one in people:
        await make.cart(shop, one, {"K-M": 1})

    await asyncio.gather(
        *(put(client, staff, kurta, delta=-1) for _ in range(12)),
        *(client.post("/checkout", json=make.COD, headers=one.headers) for one in people),
    )

    assert await shop.store.stock.available(["K-M"]) == {"K-M": 0}
    assert len(await alerts(shop)) == 1


async def test_it_is_told(client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product) -> None:
    await put(client, staff, kurta, on_hand=LOW)
    assert inventory.LOW in handlers(shop)

    with structlog.testing.capture_logs() as said:
        await shop.worker.drain()

    told = [one for one in said if one["event"] == "stock_low"]
    assert [(one["sku"], one["available"], one["low_stock_at"]) for one in told] == [("K-M", LOW, LOW)]
    row = await shop.store.outbox.collection.find_one({"topic": inventory.LOW})
    assert row is not None
    assert row["status"] == EventStatus.DELIVERED


async def test_whom_the_settings_name_get_a_mail_each_and_one(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, shop, low_stock_to=["buying@example.com", "store@example.com"])
    await put(client, staff, kurta, on_hand=LOW)
    row = await shop.store.outbox.first({"topic": inventory.LOW})
    assert row is not None
    subject = f"Low stock: K-M ({LOW} left)"
    for to in ("buying@example.com", "store@example.com"):
        assert await post.subjects(to) == [subject]
    assert kurta.name in await post.text("buying@example.com")
    await handlers(shop)[inventory.LOW](row)  # delivered once more
    assert await post.subjects("store@example.com") == [subject]


async def test_where_nobody_is_named_nobody_gets_one(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: Product, post: Post
) -> None:
    await put(client, staff, kurta, on_hand=LOW)
    await shop.worker.drain()
    assert list(post.sent.mails) == []
