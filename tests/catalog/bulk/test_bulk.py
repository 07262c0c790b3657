"""Bulk changes over HTTP: previewed, applied, undone; what is stale, what is left, and whose they are."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient
from pymongo.errors import OperationFailure

from tests import make
from tests.catalog import rows
from truestyle.audit.service import audit
from truestyle.catalog.bulk import service
from truestyle.catalog.bulk.repository import ChangesetItems
from truestyle.catalog.products.models import Product
from truestyle.inventory.service import LOW
from truestyle.kit.repository import Row
from truestyle.shop import Shop

SIZES = [{"sku": "K-S", "size": "S"}, {"sku": "K-M", "size": "M"}, {"sku": "K-L", "size": "L", "price": "1599.00"}]


@pytest.fixture(autouse=True)
async def books(shop: Shop, admin: make.Person) -> AsyncIterator[None]:
    """Whatever a test did, the store's own audit finds nothing wrong."""
    yield
    report = await audit(shop)
    assert report.breaches == []


@pytest.fixture
async def kurta(shop: Shop) -> Product:
    return await make.product(shop, stock=10, name="Kurta", tags=["sale"], variants=SIZES)


class Desk:
    """Somebody who changes many things at once."""

    def __init__(self, client: AsyncClient, person: make.Person) -> None:
        self.client, self.headers = client, person.headers

    async def ask(self, expected: int = 201, /, **body: Any) -> Row:
        answer = await self.client.post("/products/bulk", json=body, headers=self.headers)
        assert answer.status_code == expected, answer.text
        if expected == 201:
            assert answer.headers["location"] == f"/api/v1/changesets/{answer.json()['id']}"
        found: Row = answer.json()
        return found

    async def post(self, key: str, act: str, status: int = 200, **params: str) -> Row:
        answer = await self.client.post(f"/changesets/{key}/{act}", params=params, headers=self.headers)
        assert answer.status_code == status, answer.text
        found: Row = answer.json()
        return found

    async def do(self, **body: Any) -> str:
        """Preview and apply."""
        key = str((await self.ask(**body))["id"])
        assert (await self.post(key, "apply"))["status"] == "applied"
        return key

    async def edit(self, product: Product, **body: Any) -> None:
        answer = await self.client.put(f"/products/{product.id}", json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text

    async def put_stock(self, product: Product, **body: Any) -> None:
        answer = await self.client.put(f"/products/{product.id}/stock", json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def desk(client: AsyncClient, staff: make.Person) -> Desk:
    return Desk(client, staff)


CATALOGUE = ("products", "stock", "stock_movements", "outbox")


async def catalogue(shop: Shop) -> dict[str, list[Row]]:
    everything = await rows.dump(shop.store)
    return {name: everything[name] for name in CATALOGUE}


def without_marks(found: list[Row]) -> list[Row]:
    return [{name: one for name, one in row.items() if name not in {"updated_at", "version"}} for row in found]


async def prices(shop: Shop, product: Product) -> dict[str, tuple[int, int]]:
    found = await shop.store.products.get(product.id)
    return {one.sku: (one.mrp, one.price) for one in found.variants}


async def on_hand(shop: Shop, *skus: str) -> list[int]:
    found = await shop.store.stock.of(skus)
    return [found[sku].on_hand for sku in skus]


async def test_a_preview_tells_each_variant_before_and_after_and_changes_nothing(
    shop: Shop, desk: Desk, kurta: Product
) -> None:
    await make.product(shop, name="Other")
    before = await catalogue(shop)

    told = await desk.ask(
        filter={"tag": ["sale"]},
        price={"percent": "-20.5", "round_to": "1"},
        stock={"delta": -3},
        status="draft",
        note="End of season",
    )

    assert await catalogue(shop) == before
    assert (told["status"], told["note"], told["left"]) == ("previewed", "End of season", [])
    assert told["counts"] == {"products": 1, "variants": 3, "problems": 0, "unchanged": 0, "left": 0}
    (item,) = told["items"]
    assert (item["product_id"], item["name"], item["applied"]) == (str(kurta.id), "Kurta", False)
    assert item["status"] == {"before": "active", "after": "draft"}
    assert [(one["sku"], one["price"], one["stock"]) for one in item["variants"]] == [
        ("K-S", {"before": "1499.00", "after": "1192.00"}, {"before": 10, "after": 7}),
        ("K-M", {"before": "1499.00", "after": "1192.00"}, {"before": 10, "after": 7}),
        ("K-L", {"before": "1599.00", "after": "1271.00"}, {"before": 10, "after": 7}),
    ]
    assert {str(one["mrp"]) for one in item["variants"]} == {"None"}
    assert told["expires_at"] is not None


async def test_it_is_applied_in_one_go_and_undone_to_the_letter(
    client: AsyncClient, shop: Shop, desk: Desk, kurta: Product, admin: make.Person, staff: make.Person
) -> None:
    before = await catalogue(shop)
    body = {"ids": [str(kurta.id)], "price": {"percent": "-10"}, "mrp": {"amount": "1"}, "stock": {"delta": 5}}
    key = (await desk.ask(**body))["id"]
    applied = await desk.post(key, "apply")

    assert (applied["status"], applied["applied_by"], applied["expires_at"]) == ("applied", str(staff.user.id), None)
    assert await prices(shop, kurta) == {
        "K-S": (2000_00, 1349_10),
        "K-M": (2000_00, 1349_10),
        "K-L": (2000_00, 1439_10),
    }
    found = await shop.store.products.get(kurta.id)
    assert (found.base_price, found.price, found.variants[0].base_price) == (1349_10, 1349_10, None)
    assert await on_hand(shop, "K-S", "K-M", "K-L") == [15, 15, 15]
    moved = await shop.store.movements.collection.find({"changeset_id": ObjectId(key)}).to_list()
    assert [(one["on_hand_delta"], one["reason"], one["actor_id"]) for one in moved] == [
        (5, "correction", staff.user.id)
    ] * 3

    await desk.post(key, "undo")

    after = await catalogue(shop)
    assert without_marks(after["products"]) == without_marks(before["products"])
    assert await on_hand(shop, "K-S", "K-M", "K-L") == [10, 10, 10]
    trail = await client.get(f"/audit?changeset_id={key}", headers=admin.headers)
    entries = [
        (one["resource"], one["action"], one["changeset_id"], one["actor"]["id"]) for one in trail.json()["items"]
    ]
    acts = [("products", "update", key, str(staff.user.id)), ("changesets", "update", key, str(staff.user.id))]
    assert entries == acts * 2  # the newest first
    others = await shop.store.trail.count({"resource": "products", "changeset_id": None})
    assert others == 1  # its creation
    seen = (await client.get(f"/changesets/{key}", headers=staff.headers)).json()
    assert (seen["status"], seen["undone_by"], seen["left"]) == ("undone", str(staff.user.id), [])


async def test_the_trail_of_a_changeset_is_sealed(shop: Shop, desk: Desk, kurta: Product) -> None:
    await desk.do(ids=[str(kurta.id)], status="archived")
    await shop.sealer.seal()
    assert (await audit(shop)).breaches == []

    where = {"changeset_id": {"$ne": None}, "resource": "products"}
    row = await shop.store.trail.collection.find_one(where)
    assert row is not None
    await shop.store.trail.collection.update_one({"_id": row["_id"]}, {"$set": {"changeset_id": None}})
    assert {one.invariant for one in (await audit(shop)).breaches} == {"I11"}
    await shop.store.trail.collection.update_one({"_id": row["_id"]}, {"$set": {"changeset_id": row["changeset_id"]}})


async def test_steps_of_prices(shop: Shop, desk: Desk, kurta: Product) -> None:
    for step, wanted in (
        ({"set": "999.50"}, [999_50] * 3),
        ({"amount": "-100.25"}, [899_25] * 3),
        ({"percent": "11.11", "round_to": "10"}, [1000_00] * 3),
    ):
        await desk.do(ids=[str(kurta.id)], price=step)
        assert [one for _, one in (await prices(shop, kurta)).values()] == wanted, step


async def test_single_variants_change_alone(shop: Shop, desk: Desk, kurta: Product) -> None:
    before = await catalogue(shop)
    key = await desk.do(skus=["K-M"], price={"set": "1000"})

    assert await prices(shop, kurta) == {
        "K-S": (1999_00, 1499_00),
        "K-M": (1999_00, 1000_00),
        "K-L": (1999_00, 1599_00),
    }
    found = await shop.store.products.get(kurta.id)
    assert (found.base_price, [one.base_price for one in found.variants]) == (1499_00, [None, 1000_00, 1599_00])
    await desk.post(key, "undo")
    assert without_marks((await catalogue(shop))["products"]) == without_marks(before["products"])


async def test_what_cannot_be_is_told_and_left_out(shop: Shop, desk: Desk, kurta: Product) -> None:
    fixed = await make.product(shop, price="200", mrp="300", discount={"type": "fixed", "value": "150"})
    told = await desk.ask(ids=[str(kurta.id), str(fixed.id)], price={"amount": "450"}, stock={"delta": -10})

    first, second = sorted(told["items"], key=lambda one: one["product_id"] != str(kurta.id))
    assert [one["problems"] for one in first["variants"]] == [
        [],
        [],
        ["price 2049.00 would be above the MRP of 1999.00"],
    ]
    assert [one["problems"] for one in second["variants"]] == [["price 650.00 would be above the MRP of 300.00"]]
    assert told["counts"] == {"products": 1, "variants": 2, "problems": 2, "unchanged": 0, "left": 0}
    assert (first["problem"], second["problem"]) == (True, True)
    await desk.post(told["id"], "apply")
    assert [one for _, one in (await prices(shop, kurta)).values()] == [1949_00, 1949_00, 1599_00]
    assert await on_hand(shop, "K-S", "K-M", "K-L") == [0, 0, 10]
    assert [one for _, one in (await prices(shop, fixed)).values()] == [50_00]
    for body, words in (
        ({"price": {"amount": "-151"}}, "price 49.00 would be less than the discount"),
        ({"price": {"amount": "-201"}}, "price would be below zero"),
        ({"mrp": {"set": "199.99"}}, "price 200.00 would be above the MRP of 199.99"),
        ({"stock": {"delta": -11}}, "stock would be below zero"),
        ({"price": {"percent": "1000"}, "mrp": {"set": "100000000"}}, ""),
        ({"mrp": {"amount": "100000000"}}, "mrp would be above 100000000.00"),
    ):
        told = await desk.ask(ids=[str(fixed.id)], **body)
        found = told["items"][0]["variants"][0]["problems"]
        assert found == ([words] if words else []), body


async def test_a_price_in_the_dead_zone_is_warned_of(desk: Desk, kurta: Product) -> None:
    told = await desk.ask(ids=[str(kurta.id)], price={"set": "2700"}, mrp={"set": "3000"})
    assert {len(one["warnings"]) for one in told["items"][0]["variants"]} == {1}


async def test_what_is_as_asked_for_already_is_no_part_of_it(shop: Shop, desk: Desk, kurta: Product) -> None:
    other = await make.product(shop, price="1000", mrp="1999")
    told = await desk.ask(ids=[str(kurta.id), str(other.id)], price={"set": "1000"}, status="active")

    assert told["counts"] == {"products": 1, "variants": 3, "problems": 0, "unchanged": 1, "left": 0}
    assert [one["product_id"] for one in told["items"]] == [str(kurta.id)]
    version = (await shop.store.products.get(other.id)).version
    await desk.post(told["id"], "apply")
    assert (await shop.store.products.get(other.id)).version == version


async def test_stock_moves_with_its_reason_alerts_and_flags(
    client: AsyncClient, shop: Shop, desk: Desk, kurta: Product
) -> None:
    key = await desk.do(skus=["K-S", "K-M"], stock={"set": 0, "reason": "damaged"})

    found = await shop.store.products.get(kurta.id)
    assert (found.in_stock, found.sizes_in_stock) == (True, ["L"])
    alerts = await shop.store.outbox.collection.find({"topic": LOW}).to_list()
    assert sorted(one["payload"]["sku"] for one in alerts) == ["K-M", "K-S"]
    moved = await client.get(f"/products/{kurta.id}/stock-movements", headers=desk.headers)
    assert [(one["reason"], one["note"], one["changeset_id"]) for one in moved.json()["items"][:2]] == [
        ("damaged", None, key)
    ] * 2
    await desk.post(key, "undo")
    found = await shop.store.products.get(kurta.id)
    assert (found.in_stock, found.sizes_in_stock) == (True, ["S", "M", "L"])
    moved = await client.get(f"/products/{kurta.id}/stock-movements", headers=desk.headers)
    assert {(one["reason"], one["note"]) for one in moved.json()["items"][:2]} == {("correction", "bulk change undone")}
    await desk.do(ids=[str(kurta.id)], stock={"delta": 1, "reason": "found behind the shelf"})
    assert await shop.store.movements.count({"note": "found behind the shelf", "reason": "correction"}) == 3


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


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "draft"},
        {"filter": {}},
        {"filter": {}, "ids": ["65af0b12c4a1d2e3f4a5b6c7"], "status": "draft"},
        {"skus": ["K-M"], "status": "draft"},
        {"ids": ["65af0b12c4a1d2e3f4a5b6c7"], "status": "draft"},
        {"skus": ["K-M", "NO"], "price": {"set": "1"}},
        {"ids": [], "status": "draft"},
        {"filter": {}, "status": "sold"},
        {"filter": {"nonsense": 1}, "status": "draft"},
        {"filter": {}, "price": {}},
        {"filter": {}, "price": {"set": "1", "amount": "1"}},
        {"filter": {}, "price": {"set": "-1"}},
        {"filter": {}, "price": {"set": None}},
        {"filter": {}, "price": {"percent": "-100.01"}},
        {"filter": {}, "price": {"percent": "1.001"}},
        {"filter": {}, "price": {"amount": "1", "round_to": "0"}},
        {"filter": {}, "stock": {"set": 1, "delta": 1}},
        {"filter": {}, "stock": {"set": "1"}},
        {"filter": {}, "stock": {"delta": 1.5}},
    ],
)
async def test_a_malformed_request_leaves_no_changeset(shop: Shop, desk: Desk, kurta: Product, body: Row) -> None:
    refused = await desk.ask(422, **body)
    assert refused["code"] == "validation_error"
    assert await shop.store.changesets.count({}) == 0
    assert kurta.variants


async def test_too_much_at_once_is_refused(
    shop: Shop, desk: Desk, kurta: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make.product(shop)
    monkeypatch.setattr(service, "MOST_PRODUCTS", 1)
    refused = await desk.ask(422, filter={}, status="draft")
    assert refused["errors"][0]["loc"] == ["body", "filter"]
    monkeypatch.setattr(service, "MOST_PRODUCTS", 500)
    monkeypatch.setattr(service, "MOST_VARIANTS", 2)
    await desk.ask(422, ids=[str(kurta.id)], status="draft")
    assert await shop.store.changesets.count({}) == 0


async def test_items_are_paged_and_found_by_their_problems(client: AsyncClient, shop: Shop, desk: Desk) -> None:
    for number in range(5):
        await make.product(shop, stock=number)
    told = await desk.ask(filter={}, stock={"delta": -2})
    assert told["counts"] == {"products": 3, "variants": 3, "problems": 2, "unchanged": 0, "left": 0}
    assert [one["problem"] for one in told["items"]] == [True, True, False, False, False]

    async def page(**params: Any) -> httpx.Response:
        return await client.get(f"/changesets/{told['id']}/items", params=params, headers=desk.headers)

    first = (await page(page_size=3)).json()
    rest = (await page(page_size=3, cursor=first["next_cursor"])).json()
    assert [one["variants"][0]["stock"] for one in first["items"] + rest["items"]] == [
        None,
        None,
        *({"before": n, "after": n - 2} for n in (2, 3, 4)),
    ]
    assert ((await page(problem="true")).json()["total"], (await page(problem="false")).json()["total"]) == (2, 3)


async def test_questions_have_indexes(shop: Shop, desk: Desk, kurta: Product) -> None:
    told = await desk.ask(ids=[str(kurta.id)], status="draft")
    key = ObjectId(told["id"])
    for collection, where, sort in (
        (shop.store.changesets.collection, {}, [("_id", -1)]),
        (shop.store.changesets.collection, {"status": "applied"}, [("_id", -1)]),
        (shop.store.changesets.collection, {"owner_id": key, "status": "applied"}, [("_id", -1)]),
        (shop.store.changesets.collection, {"owner_id": key}, [("_id", -1)]),
        (shop.store.changeset_items.collection, {"changeset_id": key}, [("_id", 1)]),
        (shop.store.changeset_items.collection, {"changeset_id": key, "problem": True}, [("_id", 1)]),
        (shop.store.changeset_items.collection, {"changeset_id": key}, [("problem", -1), ("_id", 1)]),
        (shop.store.trail.collection, {"changeset_id": key}, [("_id", -1)]),
    ):
        plan = await collection.find(where, sort=sort, limit=21).explain()
        told_plan = str(plan["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in told_plan
        assert "'SORT'" not in told_plan, (where, sort)


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
