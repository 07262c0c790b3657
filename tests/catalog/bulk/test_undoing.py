"""Changesets that are stale, undone, applied many times at once, and whose they are."""

import asyncio

import pytest
from bson import ObjectId
from httpx import AsyncClient
from pymongo.errors import OperationFailure

from tests import make
from tests.catalog.bulk.desk import SIZES, Desk, catalogue, on_hand, prices
from truestyle.catalog.bulk import service
from truestyle.catalog.bulk.repository import ChangesetItems
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


class TestStale:
    async def test_each_row_is_named_and_nothing_is_applied(self, shop: Shop, desk: Desk, kurta: Product) -> None:
        other = await make.product(shop, variants=[{"sku": "O-M", "size": "M"}])
        gone = await make.product(shop)
        ids = [str(one.id) for one in (kurta, other, gone)]
        told = await desk.ask(ids=ids, price={"percent": "-10"}, stock={"delta": 1}, status="draft")
        variants = [{"sku": "K-S", "size": "S"}, {"sku": "K-M", "size": "M", "price": "1400"}, SIZES[2]]
        await desk.edit(kurta, variants=variants)
        await desk.put_stock(kurta, sku="K-L", delta=1)
        await desk.edit(other, status="archived", price="1498", discount={"type": "percent", "value": "1"})
        assert (await desk.client.delete(f"/products/{gone.id}", headers=desk.headers)).status_code == 204
        before = await catalogue(shop)

        refused = await desk.post(told["id"], "apply", 409)

        assert refused["code"] == "preview_stale"
        assert [(one["product_id"], one["sku"], one["field"], one["reason"]) for one in refused["items"]] == [
            (str(kurta.id), "K-M", "price", "has changed since"),
            (str(kurta.id), "K-L", "stock", "has changed since"),
            (str(other.id), None, "status", "has changed since"),
            (str(other.id), None, "discount", "has changed since"),
            (str(other.id), None, "price", "has changed since"),
            (str(gone.id), None, "product", "is gone"),
        ]
        assert await catalogue(shop) == before
        seen = await desk.client.get(f"/changesets/{told['id']}", headers=desk.headers)
        assert (seen.json()["status"], seen.json()["applied_at"]) == ("previewed", None)

    async def test_they_can_be_left_out(self, shop: Shop, desk: Desk, kurta: Product) -> None:
        other = await make.product(shop)
        told = await desk.ask(ids=[str(kurta.id), str(other.id)], price={"set": "1000"})
        await desk.edit(kurta, price="1200")

        done = await desk.post(told["id"], "apply", skip_stale="true")

        assert done["status"] == "applied"
        assert {(one["product_id"], one["sku"], one["field"]) for one in done["left"]} == {
            (str(kurta.id), None, "price")
        }
        assert done["counts"]["left"] == 1
        assert [one for _, one in (await prices(shop, kurta)).values()] == [1200_00, 1200_00, 1599_00]
        assert [one for _, one in (await prices(shop, other)).values()] == [1000_00]
        items = (await desk.client.get(f"/changesets/{told['id']}/items", headers=desk.headers)).json()["items"]
        assert [(one["applied"], len(one["left"])) for one in items] == [(False, 1), (True, 0)]
        await desk.post(told["id"], "undo")
        assert [one for _, one in (await prices(shop, other)).values()] == [1499_00]
        assert [one for _, one in (await prices(shop, kurta)).values()] == [1200_00, 1200_00, 1599_00]

    async def test_what_does_not_matter_makes_nothing_stale(
        self, client: AsyncClient, shop: Shop, desk: Desk, kurta: Product, shopper: make.Person
    ) -> None:
        one = await desk.ask(skus=["K-M"], price={"set": "1000"})
        two = await desk.ask(ids=[str(kurta.id)], stock={"delta": 4})
        await desk.edit(kurta, name="Another name", tags=[])
        await desk.edit(kurta, variants=[*SIZES[:2], {"sku": "K-L", "size": "L", "price": "1700"}])
        await make.cart(shop, shopper, {"K-S": 2})
        assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201

        await desk.post(one["id"], "apply")
        await desk.post(two["id"], "apply")

        assert [figure for _, figure in (await prices(shop, kurta)).values()] == [1499_00, 1000_00, 1700_00]
        assert await on_hand(shop, "K-S", "K-M", "K-L") == [12, 14, 14]

    async def test_a_stock_take_does_not_bear_a_sale(
        self, client: AsyncClient, shop: Shop, desk: Desk, kurta: Product, shopper: make.Person
    ) -> None:
        told = await desk.ask(ids=[str(kurta.id)], stock={"set": 7})
        few = await desk.ask(skus=["K-S"], stock={"delta": -9})
        await make.cart(shop, shopper, {"K-S": 2})
        assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201

        refused = await desk.post(told["id"], "apply", 409)
        short = await desk.post(few["id"], "apply", 409)

        assert [(one["sku"], one["field"]) for one in refused["items"]] == [("K-S", "stock")]
        assert [(one["sku"], one["reason"]) for one in short["items"]] == [("K-S", "has only 8 available")]
        assert await on_hand(shop, "K-S", "K-M", "K-L") == [8, 10, 10]

    async def test_a_new_variant_would_change_unseen(self, desk: Desk, shop: Shop, kurta: Product) -> None:
        told = await desk.ask(ids=[str(kurta.id)], price={"set": "1000"})
        await desk.edit(kurta, variants=[*SIZES, {"sku": "K-XL", "size": "XL"}])

        refused = await desk.post(told["id"], "apply", 409)

        assert [(one["sku"], one["field"], one["reason"]) for one in refused["items"]] == [
            ("K-XL", "variant", "is new since")
        ]
        assert (await prices(shop, kurta))["K-XL"] == (1999_00, 1499_00)


class TestUndo:
    async def test_what_somebody_changed_since_is_left_and_told(
        self, client: AsyncClient, shop: Shop, desk: Desk, kurta: Product, shopper: make.Person
    ) -> None:
        other = await make.product(shop, variants=[{"sku": "O-M", "size": "M"}])
        ids = [str(kurta.id), str(other.id)]
        key = await desk.do(ids=ids, price={"percent": "-10"}, stock={"delta": 5}, status="draft")
        await desk.edit(
            kurta, status="active", variants=[*SIZES[:1], {"sku": "K-M", "size": "M", "price": "1111"}, SIZES[2]]
        )
        await desk.put_stock(kurta, sku="K-L", delta=-1)
        await desk.edit(kurta, variants=[{"sku": "K-S"}, {"sku": "K-M"}, {"sku": "K-L", "price": "1439.10"}])
        await make.cart(shop, shopper, {"K-S": 2})
        assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201

        done = await desk.post(key, "undo")

        assert done["status"] == "undone"
        assert [(one["product_id"], one["sku"], one["field"], one["reason"]) for one in done["left"]] == [
            (str(kurta.id), None, "status", "has changed since"),
            (str(kurta.id), "K-M", "price", "has changed since"),
            (str(kurta.id), "K-L", "stock", "has changed since"),
        ]
        assert done["counts"]["left"] == 3
        assert [one for _, one in (await prices(shop, kurta)).values()] == [1499_00, 1111_00, 1599_00]
        assert await on_hand(shop, "K-S", "K-M", "K-L", "O-M") == [8, 10, 14, 10]  # two were sold
        assert (await shop.store.products.get(kurta.id)).status == "active"
        assert (await shop.store.products.get(other.id)).status == "active"
        assert [one for _, one in (await prices(shop, other)).values()] == [1499_00]

    async def test_pieces_that_were_sold_do_not_come_back(
        self, client: AsyncClient, shop: Shop, desk: Desk, kurta: Product, shopper: make.Person
    ) -> None:
        await desk.put_stock(kurta, sku="K-S", on_hand=0)
        key = await desk.do(skus=["K-S", "K-M"], stock={"delta": 3})
        await make.cart(shop, shopper, {"K-S": 1})
        assert (await client.post("/checkout", json=make.COD, headers=shopper.headers)).status_code == 201

        done = await desk.post(key, "undo")

        assert [(one["sku"], one["reason"]) for one in done["left"]] == [("K-S", "has only 2 available")]
        assert await on_hand(shop, "K-S", "K-M") == [2, 10]

    async def test_a_newer_variant_keeps_its_price(self, shop: Shop, desk: Desk, kurta: Product) -> None:
        key = await desk.do(ids=[str(kurta.id)], price={"set": "1000"})
        await desk.edit(kurta, variants=[*[{"sku": one["sku"]} for one in SIZES], {"sku": "K-XL", "size": "XL"}])

        done = await desk.post(key, "undo")

        assert done["left"] == []
        assert [one for _, one in (await prices(shop, kurta)).values()] == [1499_00, 1499_00, 1599_00, 1000_00]

    async def test_no_price_comes_back_above_a_lower_mrp_nor_below_a_discount(
        self, shop: Shop, desk: Desk, kurta: Product
    ) -> None:
        dear = await make.product(shop, price="100", mrp="900")
        key = await desk.do(ids=[str(kurta.id)], price={"set": "1000"})
        up = await desk.do(ids=[str(dear.id)], price={"set": "800"})
        await desk.edit(kurta, mrp="1200")
        await desk.edit(dear, discount={"type": "fixed", "value": "500"})

        done, more = await desk.post(key, "undo"), await desk.post(up, "undo")

        assert {(one["sku"], one["reason"]) for one in done["left"]} == {
            (sku, "would be a price above the MRP") for sku in ("K-S", "K-M", "K-L")
        }
        assert [one for _, one in (await prices(shop, kurta)).values()] == [1000_00] * 3
        assert [one["reason"] for one in more["left"]] == ["the discount has changed"]
        assert [one for _, one in (await prices(shop, dear)).values()] == [300_00]

    async def test_a_product_that_is_gone(self, shop: Shop, desk: Desk, kurta: Product) -> None:
        key = await desk.do(ids=[str(kurta.id)], price={"set": "1000"}, stock={"delta": 1})
        assert (await desk.client.delete(f"/products/{kurta.id}", headers=desk.headers)).status_code == 204

        done = await desk.post(key, "undo")

        assert [(one["field"], one["reason"]) for one in done["left"]] == [("product", "is gone")]
        assert await shop.store.products.count({}) == 0


class TestOnce:
    async def test_each_step_is_taken_once(self, shop: Shop, desk: Desk, kurta: Product) -> None:
        key = (await desk.ask(ids=[str(kurta.id)], stock={"delta": 2}))["id"]
        early = await desk.post(key, "undo", 409)
        answers = await asyncio.gather(
            *(desk.client.post(f"/changesets/{key}/apply", headers=desk.headers) for _ in range(12))
        )
        assert sorted(one.status_code for one in answers) == [200] + [409] * 11
        assert await on_hand(shop, "K-S") == [12]
        answers = await asyncio.gather(
            *(desk.client.post(f"/changesets/{key}/undo", headers=desk.headers) for _ in range(12))
        )
        assert sorted(one.status_code for one in answers) == [200] + [409] * 11
        assert await on_hand(shop, "K-S") == [10]
        late = await desk.post(key, "apply", 409)
        assert {one["code"] for one in (early, late)} == {"invalid_transition"}
        assert (early["from"], early["to"], early["allowed"]) == ("previewed", "undone", ["applied"])
        assert (late["from"], late["allowed"]) == ("undone", [])
        assert await shop.store.movements.count({"changeset_id": ObjectId(key)}) == 6

    async def test_checkouts_at_the_same_time_lose_nothing(
        self, client: AsyncClient, shop: Shop, desk: Desk, kurta: Product
    ) -> None:
        key = (await desk.ask(ids=[str(kurta.id)], stock={"delta": -4}, price={"amount": "1"}))["id"]
        people = [await make.person(shop) for _ in range(12)]
        for one in people:
            await make.cart(shop, one, {"K-S": 1})

        *bought, applied = await asyncio.gather(
            *(client.post("/checkout", json=make.COD, headers=one.headers) for one in people),
            client.post(f"/changesets/{key}/apply", headers=desk.headers),
        )

        sold = sum(one.status_code == 201 for one in bought)
        assert {one.status_code for one in bought} <= {201, 409}
        if applied.status_code == 200:
            assert await on_hand(shop, "K-S", "K-M") == [6 - sold, 6]
        else:
            assert applied.json()["code"] == "preview_stale"
            assert await on_hand(shop, "K-S", "K-M") == [10 - sold, 10]

    async def test_an_edit_at_the_same_time_is_never_lost(self, shop: Shop, desk: Desk) -> None:
        for _ in range(6):
            product = await make.product(shop)
            key = (await desk.ask(ids=[str(product.id)], price={"set": "1000"}))["id"]
            edit, applied = await asyncio.gather(
                desk.client.put(f"/products/{product.id}", json={"price": "1250"}, headers=desk.headers),
                desk.client.post(f"/changesets/{key}/apply", headers=desk.headers),
            )
            assert edit.status_code == 200
            assert applied.status_code in {200, 409}
            assert [one for _, one in (await prices(shop, product)).values()] == [1250_00]


class TestWhose:
    async def test_a_vendor_changes_its_own(
        self, client: AsyncClient, shop: Shop, vendor: make.Person, desk: Desk, kurta: Product
    ) -> None:
        mine = await make.product(shop, caller=vendor.caller, tags=["sale"])
        seller = Desk(client, vendor)
        await seller.ask(422, ids=[str(kurta.id)], status="draft")
        await seller.ask(422, skus=["K-M"], price={"set": "1"})
        told = await seller.ask(filter={"tag": ["sale"]}, price={"set": "999"})
        assert [one["product_id"] for one in told["items"]] == [str(mine.id)]
        stranger = Desk(client, await make.person(shop, "vendor"))
        for act in ("apply", "undo"):
            await stranger.post(told["id"], act, 404)
            await seller.post((await desk.ask(ids=[str(kurta.id)], status="draft"))["id"], act, 404)
        for path in ("", "/items"):
            assert (await client.get(f"/changesets/{told['id']}{path}", headers=stranger.headers)).status_code == 404
        listed = (await client.get("/changesets", headers=seller.headers)).json()
        assert [one["id"] for one in listed["items"]] == [told["id"]]
        assert (await client.get("/changesets?status=applied", headers=seller.headers)).json()["total"] == 0
        assert (await client.get("/changesets?status=previewed", headers=desk.headers)).json()["total"] == 3
        await seller.post(told["id"], "apply")
        assert [one for _, one in (await prices(shop, mine)).values()] == [999_00]
        assert [one for _, one in (await prices(shop, kurta)).values()] == [1499_00, 1499_00, 1599_00]

    async def test_a_product_that_is_the_vendors_no_more_is_stale(
        self, client: AsyncClient, shop: Shop, vendor: make.Person
    ) -> None:
        mine = await make.product(shop, caller=vendor.caller)
        seller = Desk(client, vendor)
        told = await seller.ask(ids=[str(mine.id)], price={"set": "999"})
        await shop.store.products.collection.update_one({"_id": mine.id}, {"$set": {"vendor_id": None}})

        refused = await seller.post(told["id"], "apply", 409)

        assert [(one["sku"], one["field"]) for one in refused["items"]] == [(None, "product")]

    async def test_stock_needs_its_own_permission(
        self, shop: Shop, desk: Desk, kurta: Product, client: AsyncClient, admin: make.Person
    ) -> None:
        told = await desk.ask(ids=[str(kurta.id)], stock={"delta": 1})
        role = {"code": "pricing", "name": "Pricing"}
        assert (await client.post("/roles", json=role, headers=admin.headers)).status_code == 201
        for one in ("products:write", "products:any"):
            grant = {"role": "pricing", "permission": one}
            assert (await client.post("/role-permissions", json=grant, headers=admin.headers)).status_code == 201
        pricing = Desk(client, await make.person(shop, "pricing"))

        await pricing.ask(403, ids=[str(kurta.id)], stock={"delta": 1})
        await pricing.post(told["id"], "apply", 403)
        await pricing.do(ids=[str(kurta.id)], price={"set": "1000"})

        assert await on_hand(shop, "K-S") == [10]
        await shop.store.role_permissions.unwatched.delete_many({"role": "pricing"})
        await shop.store.roles.unwatched.delete_many({"code": "pricing"})


async def test_a_transaction_that_takes_too_long_is_503_and_nothing_is_done(
    shop: Shop, desk: Desk, kurta: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await desk.ask(ids=[str(kurta.id)], price={"set": "1000"}, stock={"delta": 1})
    before = await catalogue(shop)

    async def killed(*_: object, **__: object) -> None:
        message = "operation was interrupted because the transaction exceeded the configured limit"
        raise OperationFailure(message, 290)

    monkeypatch.setattr(service, "DEADLINE", 0.2)
    with monkeypatch.context() as broken:
        broken.setattr(ChangesetItems, "leave", killed)
        refused = await desk.post(told["id"], "apply", 503)

    assert refused["code"] == "service_unavailable"
    assert await catalogue(shop) == before
    await desk.post(told["id"], "apply")
