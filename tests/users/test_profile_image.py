"""The picture of oneself, at /users/profile-update: made safe, seen by its owner and staff, the old one gone."""

import asyncio
import io
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient, Response
from PIL import Image

from tests import make
from tests.files.pictures import held, picture, upload
from truestyle.shop import Shop


async def change(
    client: AsyncClient, who: make.Person, image: bytes | None = None, version: str | None = None, **fields: str
) -> Response:
    parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    if image is not None:
        parts["image"] = ("me.jpg", image)
    headers = who.headers | ({"if-match": version} if version else {})
    return await client.put("/users/profile-update", files=parts, headers=headers)


async def test_a_picture_is_shown_to_its_owner_and_staff(
    client: AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person, admin: make.Person
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    answer = await change(client, shopper, picture("JPEG", exif=exif), full_name="Asha Rao")
    assert answer.status_code == 200, answer.text
    mine = answer.json()
    assert (mine["full_name"], mine["version"]) == ("Asha Rao", 2)
    assert mine["image_url"] == f"http://test/api/v1/files/{mine['image_id']}"
    assert (await client.get("/users/profile", headers=shopper.headers)).json() == mine
    seen = (await client.get(f"/users/{mine['id']}", headers=admin.headers)).json()
    assert seen["image_url"] == mine["image_url"]

    where, other = f"/files/{mine['image_id']}", await make.person(shop)
    shown = await client.get(where, headers=shopper.headers)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert b"where I live" not in shown.content
    assert (await client.get(where, headers=staff.headers)).status_code == 200
    assert (await client.get(where, headers=other.headers)).status_code == 404
    assert (await client.get(where)).status_code == 404
    assert (await client.get(where, params={"w": 160})).status_code == 404
    in_use = await client.delete(where, headers=shopper.headers)
    assert (in_use.status_code, in_use.json()["code"]) == (409, "in_use")


async def test_staff_too_are_seen_by_staff_alone(client: AsyncClient, staff: make.Person) -> None:
    mine = (await change(client, staff, picture())).json()
    assert (await client.get(f"/files/{mine['image_id']}")).status_code == 404


async def test_a_new_picture_takes_the_place_of_the_old(client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
    first = (await change(client, shopper, picture())).json()
    await client.get(f"/files/{first['image_id']}", params={"w": 160}, headers=shopper.headers)
    second = (await change(client, shopper, picture("JPEG"))).json()
    assert second["image_id"] != first["image_id"]
    await shop.worker.drain()
    assert (await client.get(f"/files/{first['image_id']}", headers=shopper.headers)).status_code == 404
    assert (await client.get(f"/files/{second['image_id']}", headers=shopper.headers)).status_code == 200
    assert (await held(shop), await shop.store.files.count({})) == (1, 1)


@pytest.mark.parametrize(("part", "gone"), [('name="image"', True), ('name="image"; filename=""', False)])
async def test_an_empty_value_takes_it_away_and_no_choice_leaves_it(
    part: str, gone: bool, client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    first = (await change(client, shopper, picture())).json()
    # The second is what a browser sends for a file that nobody chose.
    body = f"--b\r\nContent-Disposition: form-data; {part}\r\n\r\n\r\n--b--\r\n"
    headers = shopper.headers | {"content-type": "multipart/form-data; boundary=b"}
    answer = await client.put("/users/profile-update", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    await shop.worker.drain()
    assert answer.json()["image_id"] == (None if gone else first["image_id"])
    assert (answer.json()["image_url"] is None) is gone
    assert await held(shop) == (0 if gone else 1)


@pytest.mark.parametrize(
    ("image", "fields", "status"),
    [
        (b"<svg/>", {}, 415),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, {}, 422),
        (b"", {}, 422),
        (picture(size=(20, 20)), {"phone": "12"}, 422),
        (picture(size=(20, 20)), {"version": "7"}, 412),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 5_300_000, {}, 413),
    ],
)
async def test_what_is_refused_changes_nothing_and_leaves_nothing(
    image: bytes, fields: dict[str, str], status: int, client: AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    version = fields.pop("version", None) if "version" in fields else None
    refused = await change(client, shopper, image, version and f'"{version}"', full_name="Asha", **fields)
    assert refused.status_code == status, refused.text
    user = await shop.store.users.get(shopper.user.id)
    assert (user.image_id, user.full_name, user.version) == (None, "Test Person", 1)
    assert await shop.store.files.count({}) == 0
    await shop.store.outbox.collection.update_many({}, {"$set": {"due_at": user.created_at}})
    await shop.worker.drain()
    assert await held(shop) == 0


async def test_text_is_no_picture_and_a_known_file_cannot_be_named(
    client: AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person
) -> None:
    theirs = (await upload(client, staff, picture())).json()["id"]
    for field in ("image", "image_id"):
        parts: Any = {field: (None, theirs)}
        answer = await client.put("/users/profile-update", files=parts, headers=shopper.headers)
        assert answer.status_code == 422, field
    assert (await shop.store.users.get(shopper.user.id)).image_id is None


async def test_of_many_at_once_one_picture_stays(client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
    small = picture(size=(20, 20))
    answers = await asyncio.gather(*(change(client, shopper, small) for _ in range(6)))
    assert [one.status_code for one in answers] == [200] * 6
    await shop.worker.drain()
    user = await shop.store.users.get(shopper.user.id)
    assert (await held(shop), await shop.store.files.count({"_id": user.image_id})) == (1, 1)
    assert await shop.store.files.count({}) == 1


async def test_who_leaves_takes_their_pictures_along(
    client: AsyncClient, shop: Shop, admin: make.Person, vendor: make.Person
) -> None:
    mine = (await change(client, vendor, picture())).json()
    shown = (await upload(client, vendor, picture())).json()["id"]  # public: a vendor's
    exported = (await client.get("/users/me/export", headers=vendor.headers)).json()
    assert {one["id"] for one in exported["files"]} == {mine["image_id"], shown}
    assert exported["profile"]["image_url"] == mine["image_url"]

    assert (await client.delete(f"/users/{mine['id']}", headers=admin.headers)).status_code == 204
    await shop.worker.drain()

    assert await held(shop) == 1
    left = await shop.store.files.get(ObjectId(shown))
    assert (left.owner_id, left.public) == (None, True)
    assert await shop.store.files.first({"_id": ObjectId(mine["image_id"])}) is None
    told = [one async for one in shop.store.trail.every({"subject": vendor.user.id})]
    assert told
    assert {one.details for one in told} == {None}


async def test_the_picture_is_encoded_anew(client: AsyncClient, shop: Shop, shopper: make.Person) -> None:
    mine = (await change(client, shopper, picture(size=(90, 60)) + b"<?php evil ?>")).json()
    shown = await client.get(f"/files/{mine['image_id']}", headers=shopper.headers)
    assert b"evil" not in shown.content
    with Image.open(io.BytesIO(shown.content)) as opened:
        assert opened.size == (90, 60)
