"""Who names a picture holds it, wherever: it must be there, be for everybody where it is shown, and stays."""

from typing import Any

import httpx
import pytest
from bson import ObjectId

from tests import make
from tests.catalog.products.test_indexes import stages
from tests.files.pictures import path, picture, upload
from truestyle.audit import links
from truestyle.audit.report import Breach
from truestyle.files.service import NAMED_BY
from truestyle.infra.snapshot import snapshot
from truestyle.shop import Shop

CHART = {"unit": "cm", "columns": ["Size"], "rows": [["M"]]}
KURTA = {"name": "Kurta", "mrp": "999.00", "hsn_code": "6211"}


def bodies(key: str) -> list[tuple[str, dict[str, Any], list[str | int]]]:
    chart = {**CHART, "thumbnail_id": key}
    return [
        ("/product-types", {"name": "Kurta", "size_chart": chart}, ["size_chart", "thumbnail_id"]),
        ("/products", {**KURTA, "size_chart": chart}, ["size_chart", "thumbnail_id"]),
        ("/products", {**KURTA, "variants": [{"size": "M", "image_id": key}]}, ["variants", 0, "image_id"]),
        ("/brands", {"name": "Sutvana", "image_id": key}, ["image_id"]),
        ("/hero-images", {"title": "Festive", "image_id": key}, ["image_id"]),
    ]


@pytest.mark.parametrize("which", range(5))
async def test_a_picture_must_be_there_and_then_stays(
    which: int, client: httpx.AsyncClient, admin: make.Person, shopper: make.Person
) -> None:
    private = (await upload(client, shopper, picture())).json()["id"]
    copied = await upload(client, admin, picture())
    for missing in ("65af0b12c4a1d2e3f4a5b6c7", private):
        where, body, loc = bodies(missing)[which]
        refused = await client.post(where, json=body, headers=admin.headers)
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", *loc]), refused.text
    where, body, loc = bodies(copied.json()["id"])[which]
    named = await client.post(where, json=body, headers=admin.headers)
    assert named.status_code == 201, named.text

    in_use = await client.delete(path(copied), headers=admin.headers)
    assert (in_use.status_code, in_use.json()["code"]) == (409, "in_use")
    again = {"size_chart": {**CHART, "thumbnail_id": private}} if "size_chart" in body else None
    if again is not None:
        there = f"{where}/{named.json()['id']}"
        assert (await client.put(there, json=again, headers=admin.headers)).status_code == 422
        assert (await client.put(there, json={"size_chart": CHART}, headers=admin.headers)).status_code == 200
        assert (await client.delete(path(copied), headers=admin.headers)).status_code == 204


async def test_hanging_a_picture_on_a_product_is_the_same(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, shopper: make.Person
) -> None:
    product = await make.product(shop)
    private = (await upload(client, shopper, picture())).json()["id"]
    body = {"product_id": str(product.id), "file_id": private}
    refused = await client.post("/product-images", json=body, headers=staff.headers)
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "file_id"])
    assert (await shop.store.products.get(product.id)).images == []


@pytest.mark.parametrize(("collection", "field"), NAMED_BY)
async def test_whether_something_names_a_file_is_asked_of_an_index(collection: str, field: str, shop: Shop) -> None:
    plan = await shop.store.db[collection].find({field: ObjectId()}, {"_id": 1}, limit=1).explain()
    assert "COLLSCAN" not in set(stages(plan["queryPlanner"]["winningPlan"]))


async def test_the_audit_finds_every_picture_that_is_named_and_gone(shop: Shop) -> None:
    rows: dict[tuple[str, str], dict[str, Any]] = {
        ("products", "images.id"): {"images": [{"id": ObjectId()}]},
        ("products", "variants.image_id"): {"variants": [{"image_id": ObjectId()}, {"image_id": None}]},
        ("user_reviews", "image_ids"): {"image_ids": [ObjectId()]},
    }
    for collection, field in NAMED_BY:
        whole, _, inner = field.partition(".")
        row = rows.get((collection, field)) or {whole: {inner: ObjectId()} if inner else ObjectId()}
        key = ObjectId()
        await shop.store.db[collection].insert_one({"_id": key, **row})
        async with snapshot(shop.client, shop.store.db) as moment:
            found = [one async for one in links.orphans(moment) if isinstance(one, Breach)]
        named = [(one.message, one.documents[collection]) for one in found]
        assert named == [("a picture without its file", key)], (collection, field)
        await shop.store.db[collection].delete_one({"_id": key})
