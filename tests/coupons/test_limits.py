"""Limits of coupons hold, however many order at once; and do not without their guards."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient, Response

from tests import make
from tests.coupons.using import made, used
from tests.orders.buying import Buyer, refused
from truestyle.audit.service import audit
from truestyle.cart import service as carts
from truestyle.cart.service import Owner
from truestyle.coupons import offers
from truestyle.coupons.repository import Coupons
from truestyle.orders.checkout import Placement, place_batch
from truestyle.orders.models import Order
from truestyle.payments.models import PaymentType
from truestyle.shipping.service import service_to
from truestyle.shop import Shop
from truestyle.users.addresses import AddressWrite

pytestmark = pytest.mark.usefixtures("books")


async def shoppers(client: AsyncClient, shop: Shop, count: int) -> list[Buyer]:
    people = [Buyer(client, shop, await make.person(shop)) for _ in range(count)]
    for one in people:
        await one.fill(K_M=1)
    return people


async def all_at_once(people: list[Buyer]) -> list[Response]:
    return await asyncio.gather(*(one.check_out(coupon_code="TEN") for one in people))


async def test_a_coupon_for_one_and_fifty_carts_at_once(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff, usage_limit=1)
    answers = await all_at_once(await shoppers(client, shop, 50))
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 49}
    assert {one.json().get("code") for one in answers} == {None, "coupon_invalid"}
    assert await shop.store.orders.count({}) == 1
    assert await shop.store.stock.available(["K-M"]) == {"K-M": 199}
    assert await used(client, staff, coupon["id"]) == 1


async def test_without_the_guard_more_than_one_has_it(
    client: AsyncClient, shop: Shop, staff: make.Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same race, each cart for itself, with a limit that is looked at and not held."""
    coupon = await made(client, staff, usage_limit=1)
    placements = []
    for number in range(6):  # of goods of their own, so that nothing else keeps them apart
        await make.product(shop, variants=[{"sku": f"P-{number}"}])
        person = await make.person(shop)
        await make.cart(shop, person, {f"P-{number}": 1})
        to = AddressWrite.model_validate(make.ADDRESS).fields()
        placements.append(
            Placement(
                cart=await carts.get(shop.store, Owner(person.user.id)),
                user_id=person.user.id,
                email=person.user.email,
                shipping=to,
                billing=to,
                payment=PaymentType.COD,
                service=await service_to(shop.store, to.state, to.pincode),
                number=str(number),
                offer=await offers.of_code(shop.store, "TEN"),
                insists=True,
            )
        )

    async def look(self: Coupons, ids: Any) -> Any:
        rows = await self.unwatched.find({"_id": {"$in": list(ids)}}).to_list()
        await asyncio.sleep(0.1)
        return {row["_id"]: self.document.load(row) for row in rows}

    async def count(self: Coupons, counts: Any) -> bool:
        for key, more in counts.items():
            await self.unwatched.update_one({"_id": key}, {"$inc": {"used_count": more}})
        return True

    async def place(one: Placement) -> Any:
        return (await shop.store.transaction(lambda tx: place_batch(tx, [one]), deadline=30))[0]

    with monkeypatch.context() as patch:
        patch.setattr(Coupons, "lock", look)
        patch.setattr(Coupons, "use", count)
        results = await asyncio.gather(*(place(one) for one in placements))
    assert sum(isinstance(one, Order) for one in results) > 1
    assert "used more often than its limit" in [one.message for one in (await audit(shop)).breaches]
    await shop.store.coupons.change(ObjectId(coupon["id"]), {"$set": {"usage_limit": None}})


async def test_one_use_a_person_with_two_carts_at_once(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff, usage_limit_per_user=1)
    tokens = []
    for _ in range(8):
        tokens.append((await client.post("/cart/add", json={"product_id": kurta, "sku": "K-M"})).json()["token"])
        client.cookies.clear()
    body = {**make.COD, "email": "one@example.com", "coupon_code": "TEN"}
    answers = await asyncio.gather(
        *(client.post("/checkout", json=body, headers={"x-cart-token": token}) for token in tokens)
    )
    assert Counter(one.status_code for one in answers) == {201: 1, 409: 7}
    assert await used(client, staff, coupon["id"]) == 1


async def test_a_limit_below_what_was_used_is_refused(
    client: AsyncClient, buyer: Buyer, staff: make.Person, kurta: str
) -> None:
    """Else the books would say that it had been broken."""
    coupon = await made(client, staff)
    for _ in range(3):
        await buyer.fill(K_M=1)
        assert (await buyer.check_out(coupon_code="TEN")).status_code == 201
    path = f"/coupons/{coupon['id']}"
    for field in ("usage_limit", "usage_limit_per_user"):
        wrong = await client.put(path, json={field: 2}, headers=staff.headers)
        assert refused(wrong, 422, "validation_error")["errors"][0]["loc"] == ["body", field]
        assert (await client.put(path, json={field: 3}, headers=staff.headers)).status_code == 200
    await buyer.fill(K_M=1)
    refused(await buyer.check_out(coupon_code="TEN"), 409, "coupon_invalid")


async def test_a_limit_set_while_many_order_is_never_below_what_they_used(
    client: AsyncClient, shop: Shop, staff: make.Person, kurta: str
) -> None:
    coupon = await made(client, staff)
    people = await shoppers(client, shop, 20)
    path = f"/coupons/{coupon['id']}"

    async def limit() -> int:
        await asyncio.sleep(0.02)
        return (await client.put(path, json={"usage_limit": 5}, headers=staff.headers)).status_code

    answers, status = await asyncio.gather(all_at_once(people), limit())
    placed = sum(one.status_code == 201 for one in answers)
    assert await used(client, staff, coupon["id"]) == placed
    assert placed <= 5 if status == 200 else (status, placed) == (422, 20)
