"""`Idempotency-Key`: the same key gives the same answer, and one order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import Buyer, refused
from truestyle.kit import clock
from truestyle.orders.till import Till
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
KEY = {"idempotency-key": "order-42"}


@pytest.fixture(autouse=True)
async def cart(shop: Shop, buyer: Buyer) -> None:
    await make.product(shop, stock=5, variants=[{"sku": "K-M"}])
    await buyer.fill(K_M=1)


async def age(shop: Shop, seconds: int) -> None:
    """Let the lease of every running claim have ended so long ago."""
    past = clock.now() - timedelta(seconds=seconds)
    await shop.store.claims.collection.update_many({}, {"$set": {"lease_until": past}})


async def crash(shop: Shop, buyer: Buyer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first request that dies after its claim was made."""

    async def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Till, "place", dies)
        assert (await buyer.check_out(KEY)).status_code == 500
    assert await shop.store.claims.count({"body": None}) == 1
    assert await shop.store.orders.count({}) == 0


async def test_a_repeated_request_gets_the_first_answer_to_the_letter(buyer: Buyer, shop: Shop) -> None:
    first = await buyer.check_out(KEY)
    assert "idempotency-replayed" not in first.headers
    await buyer.client.post(f"/orders/{first.json()['order_id']}/cancel", json={"reason": "x"}, headers=buyer.headers)
    again = await buyer.check_out(KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert await shop.store.orders.count({}) == 1


async def test_ten_at_once_under_one_key_make_one_order(buyer: Buyer, shop: Shop) -> None:
    answers = await asyncio.gather(*(buyer.check_out(KEY) for _ in range(10)))
    assert {one.status_code for one in answers} <= {201, 409}
    assert {one.json().get("code") for one in answers} <= {None, "idempotency_in_progress"}
    assert len({one.content for one in answers if one.status_code == 201}) == 1
    assert await shop.store.orders.count({}) == 1
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 4}
    assert (await buyer.check_out(KEY)).headers["idempotency-replayed"] == "true"


async def test_another_body_under_the_key_is_refused(buyer: Buyer, shop: Shop) -> None:
    await buyer.check_out(KEY)
    refused(await buyer.check_out(KEY, notes="Ring twice"), 422, "idempotency_key_reused")
    assert await shop.store.orders.count({}) == 1


async def test_another_key_is_another_request(buyer: Buyer) -> None:
    assert (await buyer.check_out(KEY)).status_code == 201
    refused(await buyer.check_out({"idempotency-key": "order-43"}), 409, "cart_empty")


async def test_the_same_key_of_somebody_else_is_theirs(buyer: Buyer, shop: Shop, client: AsyncClient) -> None:
    other = Buyer(client, shop, await make.person(shop))
    await other.fill(K_M=1)
    first, second = await buyer.check_out(KEY), await other.check_out(KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["order_id"] != second.json()["order_id"]


async def test_a_guest_is_known_by_the_carts_token(client: AsyncClient, shop: Shop) -> None:
    [product] = await shop.store.products.by_skus(["K-M"])
    body, orders = {**make.COD, "email": "g@example.com"}, set[str]()
    for _ in range(2):
        client.cookies.clear()
        added = await client.post("/cart/add", json={"product_id": str(product.id)})
        guest = {"x-cart-token": added.headers["x-cart-token"]} | KEY
        first, again = [await client.post("/checkout", json=body, headers=guest) for _ in range(2)]
        assert (first.status_code, again.headers.get("idempotency-replayed")) == (201, "true")
        orders.add(first.json()["order_id"])
    assert len(orders) == 2


async def test_a_refusal_is_not_kept(buyer: Buyer, shop: Shop) -> None:
    body = {"expected_total": "1.00"}
    refused(await buyer.check_out(KEY, **body), 409, "price_changed")
    assert await shop.store.claims.count({}) == 0
    assert (await buyer.check_out(KEY)).status_code == 201


async def test_while_the_first_runs_the_second_is_told_to_wait(
    buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crash(shop, buyer, monkeypatch)
    waiting = await buyer.check_out(KEY)
    refused(waiting, 409, "idempotency_in_progress")
    assert int(waiting.headers["retry-after"]) >= 1
    refused(await buyer.check_out(KEY, notes="other"), 422, "idempotency_key_reused")
    assert await shop.store.orders.count({}) == 0


async def test_a_dead_lease_is_taken_over_and_once_only(
    buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crash(shop, buyer, monkeypatch)
    await age(shop, 1)
    answers = await asyncio.gather(*(buyer.check_out(KEY) for _ in range(6)))
    assert 201 in {one.status_code for one in answers}
    assert {one.json().get("code") for one in answers} <= {None, "idempotency_in_progress"}
    assert await shop.store.orders.count({}) == 1


async def test_a_late_first_request_cannot_order_after_it_was_taken_over(
    buyer: Buyer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request stalls past its lease; the second places the order; then the first wakes up."""
    stalled, go_on = asyncio.Event(), asyncio.Event()
    place = Till.place

    async def stalls(till: Till, placement: Any) -> Any:
        monkeypatch.setattr(Till, "place", place)
        stalled.set()
        await go_on.wait()
        return await place(till, placement)

    monkeypatch.setattr(Till, "place", stalls)
    first = asyncio.create_task(buyer.check_out(KEY))
    await stalled.wait()
    await age(shop, 1)
    second = await buyer.check_out(KEY)
    await buyer.fill(K_M=2)  # even with something new in the cart
    go_on.set()
    late = await first
    assert second.status_code == 201
    assert late.status_code == 409, late.text
    assert await shop.store.orders.count({}) == 1
    assert (await buyer.check_out(KEY)).content == second.content


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
async def test_a_malformed_key_is_refused(buyer: Buyer, shop: Shop, key: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in {**buyer.headers, "idempotency-key": key}.items()]
    answer = await buyer.client.post("/checkout", json=make.COD, headers=headers)
    refused(answer, 422, "validation_error")
    assert await shop.store.orders.count({}) == 0


async def test_a_key_of_255_characters_is_taken_and_kept_for_a_day_as_a_digest(buyer: Buyer, shop: Shop) -> None:
    key = {"idempotency-key": "k" * 255}
    assert (await buyer.check_out(key)).status_code == 201
    row = await shop.store.claims.collection.find_one({})
    assert row is not None
    assert timedelta(hours=23, minutes=59) < row["expires_at"] - clock.now() <= timedelta(hours=24)
    assert b"kkkk" not in row["_id"]
    with time_machine.travel(clock.now() + timedelta(hours=23)):
        assert await shop.store.claims.count({"_id": row["_id"]}) == 1


async def test_an_unknown_order_never_comes_of_a_key(buyer: Buyer) -> None:
    answer = await buyer.client.get(f"/orders/{ObjectId()}", headers=buyer.headers | KEY)
    refused(answer, 404, "not_found")
