import asyncio
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop

PATH = "/user-address"


async def add(client: AsyncClient, person: make.Person, **fields: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=make.ADDRESS | fields, headers=person.headers)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def defaults(shop: Shop, person: make.Person) -> list[str]:
    rows = await shop.store.addresses.collection.find({"user_id": person.user.id, "is_default": True}).to_list()
    return [str(row["_id"]) for row in rows]


async def test_the_first_address_is_the_default_whatever_it_says(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    first = await add(client, shopper, is_default=False)
    assert (first["is_default"], first["type"], first["country"], first["line2"]) == (True, "home", "IN", None)
    second = await add(client, shopper, type="work")
    assert second["is_default"] is False
    third = await add(client, shopper, is_default=True)
    assert await defaults(shop, shopper) == [third["id"]]


async def test_ten_first_addresses_at_once_make_one_default(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    await asyncio.gather(*(add(client, shopper, is_default=bool(at % 2)) for at in range(10)))
    assert await shop.store.addresses.count({"user_id": shopper.user.id}) == 10
    assert len(await defaults(shop, shopper)) == 1


async def test_making_removing_and_choosing_defaults_at_once_leaves_exactly_one(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    book = [await add(client, shopper) for _ in range(6)]
    headers = shopper.headers
    choose = [client.put(f"{PATH}/{one['id']}", json={"is_default": True}, headers=headers) for one in book[2:]]
    remove = [client.delete(f"{PATH}/{one['id']}", headers=headers) for one in book[:2]]
    one_more = client.post(PATH, json=make.ADDRESS | {"is_default": True}, headers=headers)
    answers = await asyncio.gather(*choose, *remove, one_more)
    assert [one.status_code for one in answers] == [200] * 4 + [204] * 2 + [201]
    assert await shop.store.addresses.count({"user_id": shopper.user.id}) == 5
    assert len(await defaults(shop, shopper)) == 1


async def test_removing_the_only_address_and_adding_another_at_once_leaves_a_default(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    only = await add(client, shopper)
    for _ in range(10):
        remove = client.delete(f"{PATH}/{only['id']}", headers=shopper.headers)
        _, only = await asyncio.gather(remove, add(client, shopper))
        assert await defaults(shop, shopper) == [only["id"]]


async def test_when_the_default_goes_the_newest_left_takes_over(
    client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    first, _, third = [await add(client, shopper) for _ in range(3)]
    assert (await client.delete(f"{PATH}/{first['id']}", headers=shopper.headers)).status_code == 204
    assert await defaults(shop, shopper) == [third["id"]]
    for one in (await client.get(PATH, headers=shopper.headers)).json()["items"]:
        await client.delete(f"{PATH}/{one['id']}", headers=shopper.headers)
    assert await shop.store.addresses.count({}) == 0
    assert (await add(client, shopper))["is_default"] is True


async def test_the_default_cannot_simply_be_switched_off(client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
    only = await add(client, shopper)
    answer = await client.put(f"{PATH}/{only['id']}", json={"is_default": False}, headers=shopper.headers)
    assert answer.status_code == 422
    assert await defaults(shop, shopper) == [only["id"]]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_keeps_what_is_left_out(client: AsyncClient, shopper: make.Person, method: str) -> None:
    before = await add(client, shopper, line2="Flat 4", landmark="Opposite the lake")
    path = f"{PATH}/{before['id']}"
    body = {"pincode": "110 001", "line2": None, "country": "IN"}
    after = (await client.request(method, path, json=body, headers=shopper.headers)).json()
    expected = {**before, "pincode": "110001", "line2": None, "version": 2, "updated_at": after["updated_at"]}
    assert after == expected
    same = await client.request(method, path, json={}, headers=shopper.headers)
    assert (same.status_code, same.json()) == (200, after)


async def test_a_stale_version_is_refused(client: AsyncClient, shopper: make.Person) -> None:
    before = await add(client, shopper)
    path = f"{PATH}/{before['id']}"
    for version, status in (("1", 200), ("1", 412), ("2", 200)):
        headers = shopper.headers | {"if-match": f'"{version}"'}
        answer = await client.put(path, json={"city": f"City {version}"}, headers=headers)
        assert answer.status_code == status
    assert (await client.get(path, headers=shopper.headers)).json()["version"] == 3


@pytest.mark.parametrize(
    "field",
    [
        {"pincode": "012345"},
        {"pincode": 560001},
        {"pincode": "56000"},
        {"phone": "123"},
        {"full_name": None},
        {"city": ""},
        {"type": "castle"},
        {"is_default": "true"},
        {"country": "NP"},
        {"user_id": "0" * 24},
        {"line1": "a\nb"},
    ],
)
async def test_a_malformed_address_is_refused_when_added_and_when_changed(
    client: AsyncClient, shop: Shop, shopper: make.Person, field: dict[str, object]
) -> None:
    known = await add(client, shopper)
    for method, path, body in (("POST", PATH, make.ADDRESS | field), ("PUT", f"{PATH}/{known['id']}", field)):
        answer = await client.request(method, path, json=body, headers=shopper.headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), answer.text
    assert await shop.store.addresses.count({}) == 1
    assert (await client.get(f"{PATH}/{known['id']}", headers=shopper.headers)).json() == known


async def test_somebody_elses_address_is_like_one_that_never_was(
    client: AsyncClient, shop: Shop, shopper: make.Person, admin: make.Person
) -> None:
    theirs, nowhere = (await add(client, shopper))["id"], str(ObjectId())
    headers = admin.headers | {"x-request-id": "same"}
    for method, body in (("GET", None), ("PUT", {"city": "X"}), ("PATCH", {}), ("DELETE", None)):
        foreign = await client.request(method, f"{PATH}/{theirs}", json=body, headers=headers)
        unknown = await client.request(method, f"{PATH}/{nowhere}", json=body, headers=headers)
        assert foreign.status_code == 404
        assert foreign.text.replace(theirs, nowhere) == unknown.text
    assert (await client.get(PATH, headers=admin.headers)).json()["items"] == []
    assert await shop.store.addresses.count({}) == 1


async def test_the_book_is_listed_newest_first(client: AsyncClient, shopper: make.Person) -> None:
    ids = [(await add(client, shopper))["id"] for _ in range(3)]
    page = (await client.get(f"{PATH}?page_size=2", headers=shopper.headers)).json()
    assert [one["id"] for one in page["items"]] == ids[:0:-1]
    assert (page["total"], page["pages"]) == (3, 2)
    rest = (await client.get(f"{PATH}?page_size=2&cursor={page['next_cursor']}", headers=shopper.headers)).json()
    assert [one["id"] for one in rest["items"]] == ids[:1]
    assert (rest["total"], rest["pages"], rest["next_cursor"]) == (None, None, None)
