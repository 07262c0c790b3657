"""The life of a row of every CRUD resource in the OpenAPI document: from its example to 404.

Resources are found by the shape of their paths: what has POST and GET at `/x` and something at `/x/{id}`. A new one is
taken up by itself, or fails here until it says what is special about it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from scripts.contract import NOWHERE, PREFIX, Document, Operation

from tests import make
from tests.files.pictures import picture
from truestyle.main import create_app
from truestyle.settings import Settings
from truestyle.shop import Shop

Prepare = Callable[[Shop, httpx.AsyncClient, make.Person], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Life:
    """What is special about a resource; usually nothing."""

    prepare: Prepare | None = None  # what must be there first: fields that the example then names
    change: dict[str, Any] = field(default_factory=dict)  # what a change changes; else the first text of the example
    removed: int = 204


async def a_product(shop: Shop, _: httpx.AsyncClient, __: make.Person) -> dict[str, Any]:
    product = await make.product(shop)
    return {"product_id": str(product.id), "sku": product.variants[0].sku}


async def only_a_product(shop: Shop, _: httpx.AsyncClient, __: make.Person) -> dict[str, Any]:
    return {"product_id": str((await make.product(shop)).id)}


async def a_product_and_a_file(shop: Shop, client: httpx.AsyncClient, who: make.Person) -> dict[str, Any]:
    sent = {"file": ("a.png", picture(), "image/png")}
    kept = await client.post(f"{PREFIX}/files/upload", files=sent, headers=who.headers)
    return {"product_id": str((await make.product(shop)).id), "file_id": kept.json()["id"]}


async def a_role(_: Shop, client: httpx.AsyncClient, who: make.Person) -> dict[str, Any]:
    body = {"code": "life", "name": "Life"}
    role = await client.post(f"{PREFIX}/roles", json=body, headers=who.headers)
    assert role.status_code in {201, 409}, role.text
    return {"role": "life", "permission": "users:read"}


async def a_sku(_: Shop, __: httpx.AsyncClient, ___: make.Person) -> dict[str, Any]:
    return {"variants": [{"sku": "LIFE-M", "size": "M", "opening_stock": 2}]}


async def an_order(shop: Shop, client: httpx.AsyncClient, who: make.Person) -> dict[str, Any]:
    first, more = await make.product(shop), await make.product(shop)
    await make.cart(shop, who, {first.variants[0].sku: 1})
    placed = await client.post(f"{PREFIX}/checkout", json=make.COD, headers=who.headers)
    return {"order_id": placed.json()["order_id"], "sku": more.variants[0].sku}


LIVES: dict[str, Life] = {
    "/order-items": Life(an_order, {"quantity": 2}),
    "/cart-items": Life(a_product, {"quantity": 3}, removed=200),
    "/wishlist-items": Life(only_a_product, {"sku": None}),
    "/product-images": Life(a_product_and_a_file, {"alt": "Seen from behind"}),
    "/role-permissions": Life(a_role, {"permission": "users:write"}),
    "/products": Life(a_sku),
    "/user-reviews": Life(only_a_product),
    "/user-ratings": Life(only_a_product, {"rating": 2}),
    "/upi-details": Life(change={"vpa": "asha.rao@okhdfc"}),
    "/contact-us": Life(change={"note": "Asked the courier."}),
}
# Whose life is another: named here, with the tests that tell it.
ELSEWHERE = {
    "/orders": "made of a cart and never erased: tests/orders",
    "/logs": "append-only: tests/logs",
    "/returns": "of a delivered order, and never erased: tests/returns",
    "/exchanges": "of a delivered order, and never erased: tests/returns",
    "/payments": "of an order, and never erased: tests/payments",
    "/webhook-endpoints": "its secret is in the first answer alone: tests/hooks/test_sending.py",
    "/backup-logs": "append-only: tests/backups/test_routes.py",
    "/restore-logs": "append-only, and puts another store in the place of this one: tests/backups/test_routes.py",
}


def built() -> Document:
    settings = Settings.load(environ={}, mongo_uri="mongodb://nowhere/?replicaSet=x", jwt_access_token_secret="x" * 40)
    return Document(create_app(settings).openapi())


@dataclass(frozen=True)
class Crud:
    """A resource of the document: its operations by method, of the list and of one."""

    path: str
    all: dict[str, Operation]
    one: dict[str, Operation]


def resources(document: Document) -> dict[str, Crud]:
    paths: dict[str, dict[str, Operation]] = {}
    for operation in document.operations():
        paths.setdefault(operation.path, {})[operation.method] = operation
    items = {path.rpartition("/")[0]: found for path, found in paths.items() if path.endswith("}")}
    return {
        path.removeprefix(PREFIX): Crud(path, found, items[path])
        for path, found in sorted(paths.items())
        if {"GET", "POST"} <= set(found) and path in items
    }


DOCUMENT = built()
FOUND = resources(DOCUMENT)
LIVED = [pytest.param(FOUND[path], LIVES.get(path, Life()), id=path) for path in FOUND if path not in ELSEWHERE]


def test_every_special_resource_is_there() -> None:
    assert set(LIVES) | set(ELSEWHERE) <= set(FOUND)
    assert len(FOUND) >= 30


class Walker:
    """One caller whose every answer must be as documented."""

    def __init__(self, client: httpx.AsyncClient, document: Document, headers: dict[str, str]) -> None:
        self.client, self.document, self.headers = client, document, headers

    async def __call__(
        self, operation: Operation, status: int, key: str = NOWHERE, *, code: str | None = None, **options: Any
    ) -> httpx.Response:
        path = operation.path.partition("{")[0].rstrip("/") + (f"/{key}" if "{" in operation.path else "")
        headers = {**self.headers, **options.pop("headers", {})}
        answer = await self.client.request(operation.method, path, headers=headers, **options)
        assert answer.status_code == status, f"{operation.name}: {answer.text}"
        assert self.document.wrong(operation, answer) == [], operation.name
        assert code is None or answer.json()["code"] == code
        return answer


def another(crud: Crud, life: Life, body: dict[str, Any]) -> dict[str, Any]:
    """A change: what the resource says, or the first of the example's texts that may be any text."""
    if life.change or "PATCH" not in crud.one:
        return life.change
    told = DOCUMENT.resolved(crud.one["PATCH"].body["application/json"])["properties"]
    for name, value in body.items():
        free = isinstance(value, str) and not {"enum", "$ref", "format", "anyOf"} & told.get(name, {"enum": 0}).keys()
        if free and not DOCUMENT.errors(told[name], "Something else"):
            return {name: "Something else"}
    pytest.fail(f"{crud.path}: say in LIVES what a change changes")


@pytest.mark.parametrize(("crud", "life"), LIVED)
async def test_the_life_of_a_row(crud: Crud, life: Life, app: FastAPI, shop: Shop, admin: make.Person) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        given = await life.prepare(shop, client, admin) if life.prepare else {}
        call = Walker(client, DOCUMENT, admin.headers)
        create = crud.all["POST"]
        body = {**(DOCUMENT.example(create) or {}), **given}

        made = await call(create, 201, json=body)
        row = made.json()
        key = row["id"]
        assert made.headers["location"] == f"{crud.path}/{key}"

        listed = await call(crud.all["GET"], 200, params={"page_size": 100})
        assert key in [one["id"] for one in listed.json()["items"]]
        assert (await call(crud.one["GET"], 200, key)).json() == row

        again = await client.post(crud.path, json=body, headers=admin.headers)
        if "`duplicate`" in create.told["responses"].get("409", {}).get("description", ""):
            assert (again.status_code, again.json()["code"]) == (409, "duplicate")
            assert again.json()["field"]
        else:
            assert again.status_code == 201, again.text
        for smuggled in ({"nonsense": 1}, {"_id": NOWHERE}, {"version": 9}, {"created_at": "2026-01-01T00:00:00Z"}):
            await call(create, 422, json={**body, **smuggled}, code="validation_error")

        row = await changed(call, crud, another(crud, life, body), (await call(crud.one["GET"], 200, key)).json())

        await call(crud.one["DELETE"], life.removed, key)
        await call(crud.one["GET"], 404, key, code="not_found")
        await call(crud.one["DELETE"], 404, key, code="not_found")
        for method in {"PUT", "PATCH"} & set(crud.one):
            await call(crud.one[method], 404, key, json=another(crud, life, body), code="not_found")
        await call(crud.one["GET"], 404, "not-an-id", code="not_found")


async def changed(call: Walker, crud: Crud, change: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Change a row by PATCH and by PUT, which are the same; refuse what may not be sent."""
    for method in [one for one in ("PATCH", "PUT") if one in crud.one]:
        operation, key = crud.one[method], row["id"]
        for smuggled in ({"nonsense": 1}, {"id": NOWHERE}, {"version": 9}):
            await call(operation, 422, key, json={**change, **smuggled}, code="validation_error")
        for name in change:
            if not DOCUMENT.nullable(operation, name):
                await call(operation, 422, key, json={name: None}, code="validation_error")
        assert (await call(crud.one["GET"], 200, key)).json() == row
        await call(operation, 200, key, json={})
        assert (await call(crud.one["GET"], 200, key)).json() == row  # and nothing was changed
        before = row
        await call(operation, 200, key, json=change)
        row = (await call(crud.one["GET"], 200, key)).json()
        assert {name: row[name] for name in change} == change
        if "412" in operation.told["responses"]:
            fresh, stale = ({"if-match": f'"{one["version"]}"'} for one in (row, before))
            await call(operation, 200, key, json={}, headers=fresh)
            if fresh != stale:
                await call(operation, 412, key, json=change, headers=stale, code="version_conflict")
    return row
