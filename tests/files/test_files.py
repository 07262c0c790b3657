"""/files: uploads made safe, served in parts, smaller copies made once, nothing left behind."""

import asyncio
import io
from datetime import UTC, datetime

import httpx
import pytest
from PIL import Image

from tests import make
from tests.files.pictures import held, path, picture, upload
from truestyle.audit.service import audit
from truestyle.events import handlers
from truestyle.files import service, serving
from truestyle.files.models import RangeNotSatisfiable
from truestyle.files.repository import Files
from truestyle.infra.outbox import Worker
from truestyle.shop import Shop


async def test_a_picture_comes_back_encoded_anew_without_metadata(
    client: httpx.AsyncClient, staff: make.Person
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live: 12.97, 77.59"
    sent = picture("JPEG", exif=exif)
    assert b"where I live" in sent

    kept = await upload(client, staff, sent, "x.html")

    assert kept.status_code == 201, kept.text
    facts = kept.json()
    assert (facts["content_type"], facts["width"], facts["height"]) == ("image/jpeg", 400, 300)
    assert facts["url"].endswith(f"/api/v1/files/{facts['id']}")
    served = await client.get(path(kept))
    assert (served.status_code, served.headers["content-type"], len(served.content)) == (
        200,
        "image/jpeg",
        facts["size"],
    )
    assert b"where I live" not in served.content
    assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert served.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in served.headers["cache-control"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", 415, "unsupported_media_type"),
        (b"<html></html>", 415, "unsupported_media_type"),
        (b"GIF89a" + b"\0" * 50, 415, "unsupported_media_type"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, 422, "invalid_image"),
        (b"\xff\xd8\xff" + b"<html>" * 10, 422, "invalid_image"),
        (b"RIFF____WAVE", 422, "invalid_image"),
        (b"", 422, "validation_error"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 5_300_000, 413, None),
    ],
)
async def test_what_is_no_picture_is_refused_and_leaves_nothing(
    content: bytes, status: int, code: str | None, client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    refused = await upload(client, staff, content)
    assert (refused.status_code, code or refused.json()["code"]) == (status, refused.json()["code"])
    assert await shop.store.files.count({}) == 0
    assert await held(shop) == 0


async def test_a_bomb_is_refused_before_it_is_unpacked(client: httpx.AsyncClient, staff: make.Person) -> None:
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    refused = await upload(client, staff, out.getvalue())
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_image")


async def test_conditional_and_partial_answers(client: httpx.AsyncClient, staff: make.Person) -> None:
    where = path(await upload(client, staff, picture()))
    whole = await client.get(where)
    size, tag = len(whole.content), whole.headers["etag"]

    assert (await client.get(where, headers={"if-none-match": tag})).status_code == 304
    for asked, expected in (
        ("bytes=0-9", whole.content[:10]),
        ("bytes=10-", whole.content[10:]),
        ("bytes=-5", whole.content[-5:]),
        (f"bytes={size - 3}-{size + 100}", whole.content[-3:]),
    ):
        part = await client.get(where, headers={"range": asked})
        assert (part.status_code, part.content) == (206, expected), asked
        first = whole.content.index(expected) if len(expected) > 5 else size - len(expected)
        assert part.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{size}"
    for ignored in ("bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=x"):
        assert (await client.get(where, headers={"range": ignored})).status_code == 200
    for gone in (f"bytes={size}-", "bytes=9-3", "bytes=-0", "bytes=" + "9" * 40 + "-"):
        refused = await client.get(where, headers={"range": gone})
        assert (refused.status_code, refused.json()["code"]) == (416, "range_not_satisfiable")
        assert refused.headers["content-range"] == f"bytes */{size}"
    other = await client.get(where, headers={"range": "bytes=0-9", "if-range": '"older"'})
    assert other.status_code == 200
    head = await client.head(where)
    assert (head.headers["content-length"], head.content) == (str(size), b"")


def test_ranges_are_read_as_the_rfc_says() -> None:
    assert serving.part(None, 10) is None
    assert serving.part("bytes=-20", 10) == (0, 9)
    with pytest.raises(RangeNotSatisfiable):
        serving.part("bytes=10-", 10)


async def test_a_smaller_copy_is_made_once_and_from_the_ladder(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    where = path(await upload(client, staff, picture(size=(1000, 500))))
    answers = await asyncio.gather(*(client.get(where, params={"w": 300, "format": "webp"}) for _ in range(6)))
    assert {(one.status_code, one.headers["content-type"]) for one in answers} == {(200, "image/webp")}
    assert len({one.content for one in answers}) == 1
    with Image.open(io.BytesIO(answers[0].content)) as small:
        assert small.size == (320, 160)
    same_rung = await client.get(where, params={"w": 320})
    assert same_rung.content == answers[0].content
    for kind in ("avif", "jpeg"):
        other = await client.get(where, params={"w": 160, "format": kind})
        assert (other.status_code, other.headers["content-type"]) == (200, f"image/{kind}")
    never_larger = await client.get(where, params={"w": 4000})
    with Image.open(io.BytesIO(never_larger.content)) as large:
        assert large.width == 1000
    assert await shop.store.files.count({}) == 1 + 4
    assert await held(shop) == 1 + 4
    for wrong in ({"w": 0}, {"w": 5000}, {"format": "gif"}, {"w": "wide"}):
        assert (await client.get(where, params=wrong)).status_code == 422


async def test_a_picture_in_use_stays_and_a_deleted_one_is_gone_with_its_copies(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    kept = await upload(client, staff, picture())
    where, key = path(kept), kept.json()["id"]
    await client.get(where, params={"w": 160})
    brand = (await client.post("/brands", json={"name": "Sutvana", "image_id": key}, headers=staff.headers)).json()

    refused = await client.delete(where, headers=staff.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert (await client.get(where)).status_code == 200
    await client.put(f"/brands/{brand['id']}", json={"image_id": None}, headers=staff.headers)
    assert (await client.delete(where, headers=staff.headers)).status_code == 204

    assert (await client.get(where)).status_code == 404
    assert await shop.store.files.count({}) == 0
    assert await held(shop) == 0
    unknown = await client.post("/brands", json={"name": "X", "image_id": key}, headers=staff.headers)
    assert (unknown.status_code, unknown.json()["errors"][0]["loc"]) == (422, ["body", "image_id"])


async def test_a_picture_is_never_deleted_from_under_what_begins_to_name_it(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    for number in range(8):
        kept = await upload(client, staff, picture(size=(20, 20)))
        body = {"name": f"Brand {number}", "image_id": kept.json()["id"]}
        deleted, named = await asyncio.gather(
            client.delete(path(kept), headers=staff.headers), client.post("/brands", json=body, headers=staff.headers)
        )
        assert (deleted.status_code, named.status_code) in {(204, 422), (409, 201)}
    assert await shop.store.files.count({}) == await shop.store.db["brands"].count_documents(
        {"image_id": {"$ne": None}}
    )


async def test_a_shoppers_picture_is_for_them_and_staff(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person, shopper: make.Person
) -> None:
    where = path(await upload(client, shopper, picture()))
    other = await make.person(shop)
    assert (await client.get(where)).status_code == 404
    assert (await client.get(where, headers=other.headers)).status_code == 404
    mine = await client.get(where, headers=shopper.headers)
    assert mine.status_code == 200
    assert mine.headers["cache-control"].startswith("private")
    assert (await client.get(where, headers=staff.headers)).status_code == 200
    assert (await client.delete(where, headers=other.headers)).status_code == 404
    assert (await client.delete(where, headers=shopper.headers)).status_code == 204


async def test_bytes_of_a_broken_off_upload_are_swept_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(Files, "add", crash)
        with pytest.raises(ConnectionError):
            await service.keep(shop.store, shop.storage, io.BytesIO(b"bytes"), "image/png")
    assert await held(shop) == 1
    assert (await audit(shop)).breaches == []  # somebody will see to it
    await shop.store.outbox.collection.update_many({}, {"$set": {"due_at": datetime(2020, 1, 1, tzinfo=UTC)}})
    await Worker(shop.store.outbox, handlers(shop)).drain()
    assert await held(shop) == 0
