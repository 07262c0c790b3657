"""Bulk changes over HTTP: previewed, applied, and told; what cannot be."""

from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.catalog.bulk.desk import Desk, catalogue, on_hand, prices, without_marks
from truestyle.audit.service import audit
from truestyle.catalog.bulk import service
from truestyle.catalog.products.models import Product
from truestyle.inventory.service import LOW
from truestyle.kit.repository import Row
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


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
