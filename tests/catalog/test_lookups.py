"""The declared-resource kit, seen through the lookups that are made with it."""

import asyncio
from typing import Any

import httpx
import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.catalog.lookups import RESOURCES
from truestyle.shop import Shop

CHART = {"unit": "cm", "columns": ["Size", "Chest"], "rows": [["M", "102"], ["L", "108"]], "thumbnail_id": None}
FIELDS = {
    *("id", "code", "name", "slug", "description", "image_id", "sort_order", "is_active", "is_system"),
    *("created_at", "updated_at", "version"),
}


async def add(client: AsyncClient, person: make.Person, path: str = "/brands", **fields: Any) -> dict[str, Any]:
    answer = await client.post(path, json=fields, headers=person.headers)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def names(client: AsyncClient, path: str) -> list[str]:
    return [one["name"] for one in (await client.get(path)).json()["items"]]


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("path", [one.path for one in RESOURCES])
async def test_each_resource_can_be_created_read_changed_and_removed(
    client: AsyncClient, staff: make.Person, path: str
) -> None:
    made = await client.post(path, json={"name": "Something Quite New"}, headers=staff.headers)
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == f"/api/v1{path}/{body['id']}"
    assert set(body) >= FIELDS
    assert (body["code"], body["slug"], body["sort_order"]) == ("something-quite-new", "something-quite-new", 0)
    assert (body["description"], body["is_active"], body["is_system"]) == (None, True, False)
    one = f"{path}/{body['id']}"
    assert (await client.get(one)).json() == body
    changed = await client.put(one, json={"description": "Now with words"}, headers=staff.headers)
    assert changed.json() == {
        **body,
        "description": "Now with words",
        "version": 2,
        "updated_at": changed.json()["updated_at"],
    }
    assert body["id"] in [row["id"] for row in (await client.get(f"{path}?page_size=100")).json()["items"]]
    assert (await client.delete(one, headers=staff.headers)).status_code == 204
    refused(await client.get(one), 404, "not_found")
    refused(await client.delete(one, headers=staff.headers), 404, "not_found")
    refused(await client.put(one, json={"name": "X"}, headers=staff.headers), 404, "not_found")


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: str(one.path))
async def test_the_documented_example_is_accepted(client: AsyncClient, staff: make.Person, resource: Any) -> None:
    await add(client, staff, resource.path, **resource.example)


async def test_derived_fields_can_be_given(client: AsyncClient, staff: make.Person) -> None:
    row = await add(client, staff, name="Neelkanth Looms", code="nl_1", slug="neelkanth")
    assert (row["code"], row["slug"]) == ("nl_1", "neelkanth")


@pytest.mark.parametrize("name", ["x" * 200, "word " * 39 + "end", "\u0928\u0940\u0932", "!!!", "A & B"])
async def test_any_name_gives_a_code_and_a_slug(client: AsyncClient, staff: make.Person, name: str) -> None:
    row = await add(client, staff, name=name)
    assert 1 <= len(row["code"]) <= 60
    assert 1 <= len(row["slug"]) <= 120


class TestChange:
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    async def test_an_empty_change_is_200_and_changes_nothing(
        self, client: AsyncClient, staff: make.Person, method: str
    ) -> None:
        row = await add(client, staff, name="A", description="words")
        answer = await client.request(method, f"/brands/{row['id']}", json={}, headers=staff.headers)
        assert (answer.status_code, answer.json()) == (200, row)

    async def test_repeating_what_is_there_changes_nothing(self, client: AsyncClient, staff: make.Person) -> None:
        row = await add(client, staff, name="A", sort_order=3)
        same = {name: row[name] for name in ("name", "code", "slug", "sort_order", "is_active", "description")}
        assert (await client.put(f"/brands/{row['id']}", json=same, headers=staff.headers)).json() == row

    async def test_null_clears_what_may_be_null_and_is_refused_elsewhere(
        self, client: AsyncClient, staff: make.Person
    ) -> None:
        row = await add(client, staff, name="A", description="words")
        path = f"/brands/{row['id']}"
        unknown = await client.put(path, json={"image_id": str(ObjectId())}, headers=staff.headers)
        refused(unknown, 422, "validation_error")
        body = {"description": None, "image_id": None}
        cleared = (await client.put(path, json=body, headers=staff.headers)).json()
        assert (cleared["description"], cleared["image_id"], cleared["name"]) == (None, None, "A")
        for name in ("name", "code", "slug", "sort_order", "is_active"):
            answer = await client.put(path, json={name: None}, headers=staff.headers)
            refused(answer, 422, "validation_error")
        assert (await client.get(path)).json() == cleared

    async def test_a_stale_version_changes_nothing(self, client: AsyncClient, staff: make.Person) -> None:
        path = f"/brands/{(await add(client, staff, name='A'))['id']}"
        first = await client.put(path, json={"name": "B"}, headers=staff.headers | {"if-match": '"1"'})
        assert first.json()["version"] == 2
        stale = await client.put(path, json={"name": "C"}, headers=staff.headers | {"if-match": '"1"'})
        refused(stale, 412, "version_conflict")
        assert (await client.get(path)).json() == first.json()
        for header in ("*", '"2"'):
            answer = await client.put(path, json={}, headers=staff.headers | {"if-match": header})
            assert answer.status_code == 200
        odd = await client.put(path, json={"name": "D"}, headers=staff.headers | {"if-match": '"abc"'})
        refused(odd, 422, "validation_error")

    async def test_of_ten_changes_of_one_version_one_wins(self, client: AsyncClient, staff: make.Person) -> None:
        path = f"/brands/{(await add(client, staff, name='A'))['id']}"
        headers = staff.headers | {"if-match": '"1"'}
        answers = await asyncio.gather(
            *(client.put(path, json={"description": f"{at}"}, headers=headers) for at in range(10))
        )
        assert sorted(one.status_code for one in answers) == [200] + [412] * 9
        assert (await client.get(path)).json()["version"] == 2

    async def test_a_size_chart_can_be_changed(self, client: AsyncClient, staff: make.Person) -> None:
        row = await add(client, staff, "/product-types", name="Kurta")
        path = f"/product-types/{row['id']}"
        answer = await client.put(path, json={"size_chart": CHART}, headers=staff.headers)
        assert answer.status_code == 200, answer.text
        assert (await client.get(path)).json()["size_chart"] == CHART
        assert (await client.put(path, json={"size_chart": CHART}, headers=staff.headers)).json()["version"] == 2


class TestUnique:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": "NEELKANTH"}, "name"),
            ({"name": "Other", "code": "neelkanth"}, "code"),
            ({"name": "Other", "slug": "neelkanth"}, "slug"),
        ],
    )
    async def test_names_codes_and_slugs_are_unique_ignoring_case(
        self, client: AsyncClient, staff: make.Person, body: dict[str, str], field: str
    ) -> None:
        await add(client, staff, name="Neelkanth")
        fresh = {"name": "n", "code": "c", "slug": "s"} | body
        answer = await client.post("/brands", json=fresh, headers=staff.headers)
        assert refused(answer, 409, "duplicate")["field"] == field
        other = await add(client, staff, name="Another")
        answer = await client.put(f"/brands/{other['id']}", json=body, headers=staff.headers)
        assert refused(answer, 409, "duplicate")["field"] == field
        assert sorted(await names(client, "/brands")) == ["Another", "Neelkanth"]

    async def test_of_ten_of_one_name_at_once_one_is_made(self, client: AsyncClient, staff: make.Person) -> None:
        bodies = [{"name": "Same" if at % 2 else "SAME"} for at in range(10)]
        answers = await asyncio.gather(*(client.post("/brands", json=one, headers=staff.headers) for one in bodies))
        assert sorted(one.status_code for one in answers) == [201] + [409] * 9


class TestBuiltIn:
    async def row(self, client: AsyncClient, path: str = "/order-status") -> dict[str, Any]:
        body: dict[str, Any] = (await client.get(f"{path}?page_size=100")).json()["items"][0]
        return body

    @pytest.mark.parametrize("path", ["/payment-types", *(one.path for one in RESOURCES if "-status" in one.path)])
    async def test_a_built_in_row_keeps_its_code_and_stays(
        self, client: AsyncClient, admin: make.Person, path: str
    ) -> None:
        row = await self.row(client, path)
        assert row["is_system"] is True
        one = f"{path}/{row['id']}"
        refused(await client.delete(one, headers=admin.headers), 409, "in_use")
        refused(await client.put(one, json={"code": "other"}, headers=admin.headers), 409, "in_use")
        assert (await client.get(one)).json() == row

    async def test_its_label_and_order_may_change(self, client: AsyncClient, admin: make.Person) -> None:
        row = await self.row(client)
        path = f"/order-status/{row['id']}"
        body = {"name": "Just placed", "sort_order": 5, "code": row["code"]}
        assert (await client.put(path, json=body, headers=admin.headers)).json()["name"] == "Just placed"
        undo = {"name": row["name"], "sort_order": row["sort_order"]}
        assert (await client.put(path, json=undo, headers=admin.headers)).status_code == 200


class TestInUse:
    @pytest.mark.parametrize(
        ("path", "field", "many"),
        [
            ("/brands", "brand_id", False),
            ("/product-types", "product_type_id", False),
            ("/occasions", "occasion_ids", True),
            ("/categories", "category_ids", True),
        ],
    )
    async def test_a_row_that_a_product_names_stays_and_its_new_name_reaches_the_product(
        self, client: AsyncClient, shop: Shop, admin: make.Person, path: str, field: str, many: bool
    ) -> None:
        row = await add(client, admin, path, name="Old")
        other = await add(client, admin, path, name="Other")
        named: dict[str, Any] = {field: [other["id"], row["id"]] if many else row["id"]}
        product = await make.product(shop, **named)
        one = f"{path}/{row['id']}"
        refused(await client.delete(one, headers=admin.headers), 409, "in_use")

        await client.put(one, json={"name": "New", "slug": "new"}, headers=admin.headers)
        page = (await client.get(f"/products/{product.id}")).json()
        part = {"/brands": "brand", "/product-types": "product_type", "/occasions": "occasions"}.get(path, "categories")
        found = page[part][1] if many else page[part]
        assert found["name"] == "New"
        if many:
            assert page[part][0]["name"] == "Other"

        await client.put(f"/products/{product.id}", json={field: [] if many else None}, headers=admin.headers)
        assert (await client.delete(one, headers=admin.headers)).status_code == 204

    async def test_a_new_size_chart_reaches_the_products_that_inherit_it(
        self, client: AsyncClient, shop: Shop, admin: make.Person
    ) -> None:
        kind = await add(client, admin, "/product-types", name="Kurta")
        product = await make.product(shop, product_type_id=kind["id"])
        await client.put(f"/product-types/{kind['id']}", json={"size_chart": CHART}, headers=admin.headers)
        assert (await client.get(f"/products/{product.id}")).json()["size_chart"] == CHART

    async def test_deleting_a_brand_while_products_naming_it_are_made_never_leaves_a_dangling_reference(
        self, client: AsyncClient, shop: Shop, admin: make.Person
    ) -> None:
        outcomes = set()
        for at in range(8):
            brand = (await add(client, admin, name=f"Brand {at}"))["id"]
            body = {"name": f"Kurta {at}", "price": "999.00", "brand_id": brand}
            removal = client.delete(f"/brands/{brand}", headers=admin.headers)
            creations = [client.post("/products", json=body, headers=admin.headers) for _ in range(3)]
            order = [creations[0], removal, *creations[1:]] if at % 2 else [removal, *creations]
            answers = await asyncio.gather(*order)
            made = sorted(one.status_code for one in answers)
            assert made in ([201, 201, 201, 409], [204, 422, 422, 422]), made
            outcomes.add(made[0])
            left = await shop.store.db["brands"].count_documents({"_id": ObjectId(brand)})
            naming = await shop.store.products.count({"brand.id": ObjectId(brand)})
            assert (left, naming) == ((1, 3) if made[0] == 201 else (0, 0))


class TestList:
    async def test_the_default_order_is_sort_order(self, client: AsyncClient, staff: make.Person) -> None:
        for name, place in (("C", 1), ("A", 3), ("B", 2)):
            await add(client, staff, name=name, sort_order=place)
        assert await names(client, "/brands") == ["C", "B", "A"]
        assert await names(client, "/brands?sort=name") == ["A", "B", "C"]
        assert await names(client, "/brands?sort=created_at") == ["C", "A", "B"]
        assert await names(client, "/brands?sort=-created_at") == ["B", "A", "C"]
        refused(await client.get("/brands?sort=version"), 422, "validation_error")

    async def test_only_active_rows_can_be_asked_for(self, client: AsyncClient, staff: make.Person) -> None:
        await add(client, staff, name="On")
        await add(client, staff, name="Off", is_active=False)
        assert await names(client, "/brands?is_active=true") == ["On"]
        assert await names(client, "/brands?is_active=false") == ["Off"]
        assert len(await names(client, "/brands")) == 2
