"""/user-reviews: one a person and product, moderated, with photos and votes."""

import asyncio
import io
from typing import Any

import httpx
import pytest
from bson import ObjectId
from PIL import Image
from tests import make
from tests.orders.buying import Buyer, Staff

from truestyle.audit.service import audit
from truestyle.catalog.products.models import Product
from truestyle.shop import Shop

WORDS = {"title": "Lovely cotton", "body": "Runs a little small.", "rating": 4}


async def write(client: httpx.AsyncClient, who: make.Person, product: Product, **more: Any) -> httpx.Response:
    body = {"product_id": str(product.id), **WORDS, **more}
    return await client.post("/user-reviews", json=body, headers=who.headers)


async def written(client: httpx.AsyncClient, who: make.Person, product: Product, **more: Any) -> dict[str, Any]:
    made = await write(client, who, product, **more)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def moderate(client: httpx.AsyncClient, staff: make.Person, key: str, status: str = "approved") -> httpx.Response:
    return await client.put(
        f"/user-reviews/{key}/status", json={"status": status, "note": "seen"}, headers=staff.headers
    )


async def upload(client: httpx.AsyncClient, who: make.Person) -> str:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "indigo").save(picture, "PNG")
    files = {"file": ("a.png", picture.getvalue(), "image/png")}
    sent = await client.post("/files/upload", files=files, headers=who.headers)
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


async def stars(client: httpx.AsyncClient, product: Product) -> tuple[float, int]:
    found = (await client.get(f"/products/{product.id}")).json()["rating"]
    assert set(found) == {"average", "count"}
    return found["average"], found["count"]


async def clean(shop: Shop) -> None:
    assert [one for one in (await audit(shop)).breaches if one.invariant != "I7"] == []


async def test_the_stars_count_at_once_and_the_words_wait(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person
) -> None:
    product = await make.product(shop)
    review = await written(client, shopper, product)
    assert (review["status"], review["author"], review["verified"]) == ("pending", "Test P.", False)
    assert await stars(client, product) == (4.0, 1)
    assert (await client.get(f"/products/{product.id}/reviews")).json()["total"] == 0
    assert (await client.get(f"/user-reviews/{review['id']}")).status_code == 404
    assert (await client.get(f"/user-reviews/{review['id']}", headers=shopper.headers)).json() == review
    assert (await moderate(client, staff, review["id"])).json()["status"] == "approved"
    shown = (await client.get(f"/products/{product.id}/reviews")).json()["items"]
    assert [one["title"] for one in shown] == ["Lovely cotton"]
    assert (shown[0]["user_id"], shown[0]["order_id"], shown[0]["note"]) == (None, None, None)
    assert shopper.user.email not in str(shown)
    await clean(shop)


async def test_one_a_person_and_product_also_at_once(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person
) -> None:
    product = await make.product(shop)
    answers = await asyncio.gather(*(write(client, shopper, product) for _ in range(8)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 7
    refused = next(one.json() for one in answers if one.status_code == 409)
    assert (refused["code"], refused["field"]) == ("duplicate", "product_id")
    assert await stars(client, product) == (4.0, 1)
    assert await shop.store.ratings.count({}) == await shop.store.reviews.count({}) == 1
    await clean(shop)


async def test_changing_the_words_waits_again_and_changing_the_stars_does_not(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person
) -> None:
    product = await make.product(shop)
    review = await written(client, shopper, product)
    await moderate(client, staff, review["id"])
    path = f"/user-reviews/{review['id']}"
    changed = (await client.put(path, json={"rating": 2}, headers=shopper.headers)).json()
    assert (changed["status"], changed["rating"]) == ("approved", 2)
    assert await stars(client, product) == (2.0, 1)
    changed = (await client.patch(path, json={"body": "Shrank."}, headers=shopper.headers)).json()
    assert (changed["status"], changed["note"], changed["title"]) == ("pending", None, WORDS["title"])
    assert (await client.put(path, json={}, headers=shopper.headers)).json() == changed
    stale = await client.put(path, json={"rating": 1}, headers={**shopper.headers, "if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    await clean(shop)


@pytest.mark.parametrize("status", ["placed", "delivered"])
async def test_verified_is_who_was_delivered_the_product(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person, status: str
) -> None:
    product = await make.product(shop)
    await make.cart(shop, shopper, {product.variants[0].sku: 1})
    placed = (await client.post("/checkout", json=make.COD, headers=shopper.headers)).json()
    if status == "delivered":
        for step in ("packed", "shipped", "out_for_delivery", "delivered"):
            await client.put(f"/orders/{placed['order_id']}/status", json={"status": step}, headers=staff.headers)
    review = await written(client, shopper, product, order_id=placed["order_id"])
    assert review["verified"] is (status == "delivered")
    assert review["order_id"] == placed["order_id"]
    await clean(shop)


async def test_who_never_confirmed_an_address_reviews_only_what_was_delivered(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    product, stranger = await make.product(shop), await make.person(shop, email_verified=False)
    buyer = Buyer(client, shop, stranger)
    order = await buyer.order(**{product.variants[0].sku.replace("-", "_"): 1})
    refused = await write(client, stranger, product)
    assert (refused.status_code, refused.json()["code"]) == (403, "email_not_verified")
    assert await stars(client, product) == (0, 0)
    await Staff(client, staff).bring_to(order["id"], "delivered")
    assert (await written(client, stranger, product))["verified"] is True


async def test_an_order_must_be_ones_own_and_have_the_product(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, vendor: make.Person
) -> None:
    product, other = await make.product(shop), await make.product(shop)
    await make.cart(shop, shopper, {product.variants[0].sku: 1})
    placed = (await client.post("/checkout", json=make.COD, headers=shopper.headers)).json()["order_id"]
    refused = [
        await write(client, vendor, product, order_id=placed),
        await write(client, shopper, other, order_id=placed),
        await write(client, shopper, product, order_id=str(ObjectId())),
    ]
    assert [one.status_code for one in refused] == [422] * 3
    assert [one.json()["errors"][0]["loc"] for one in refused] == [["body", "order_id"]] * 3
    assert await shop.store.reviews.count({}) == await shop.store.ratings.count({}) == 0


@pytest.mark.parametrize("status", ["draft", "archived"])
async def test_what_is_not_for_sale_is_not_reviewed(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, status: str
) -> None:
    product = await make.product(shop, status=status)
    assert (await write(client, shopper, product)).status_code == 404
    assert (await client.get(f"/products/{product.id}/reviews")).status_code == 404
    assert await shop.store.reviews.count({}) == 0


async def test_photos_are_the_authors_and_public_once_approved(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, vendor: make.Person, staff: make.Person
) -> None:
    product = await make.product(shop)
    photo, foreign = await upload(client, shopper), await upload(client, vendor)
    for wrong in ([foreign], [str(ObjectId())], [photo, photo]):
        assert (await write(client, shopper, product, image_ids=wrong)).status_code == 422
    review = await written(client, shopper, product, image_ids=[photo])
    assert review["images"][0]["id"] == photo
    assert (await client.get(f"/files/{photo}")).status_code == 404
    in_use = await client.delete(f"/files/{photo}", headers=shopper.headers)
    assert (in_use.status_code, in_use.json()["code"]) == (409, "in_use")
    await moderate(client, staff, review["id"])
    assert (await client.get(f"/files/{photo}")).status_code == 200
    await moderate(client, staff, review["id"], "rejected")
    assert (await client.get(f"/files/{photo}")).status_code == 404
    assert (await client.delete(f"/user-reviews/{review['id']}", headers=shopper.headers)).status_code == 204
    assert (await client.delete(f"/files/{photo}", headers=shopper.headers)).status_code == 204
    await clean(shop)


async def test_each_finds_a_review_helpful_once_and_nobody_their_own(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, staff: make.Person
) -> None:
    product = await make.product(shop)
    review = await written(client, shopper, product)
    path = f"/user-reviews/{review['id']}/helpful"
    assert (await client.post(path, headers=staff.headers)).status_code == 404  # not shown yet
    await moderate(client, staff, review["id"])
    people = [await make.person(shop) for _ in range(5)]
    answers = await asyncio.gather(*(client.post(path, headers=one.headers) for one in people for _ in range(3)))
    assert {one.status_code for one in answers} == {200}
    assert (await client.get(f"/user-reviews/{review['id']}")).json()["helpful"] == 5
    taken = await asyncio.gather(*(client.delete(path, headers=people[0].headers) for _ in range(3)))
    assert {one.status_code for one in taken} == {204}
    assert (await client.get(f"/user-reviews/{review['id']}")).json()["helpful"] == 4
    assert (await client.post(path, headers=shopper.headers)).status_code == 403
    assert await shop.store.votes.count({}) == 4
    await clean(shop)


async def test_somebody_elses_review_is_read_and_not_touched(
    client: httpx.AsyncClient, shop: Shop, shopper: make.Person, vendor: make.Person, staff: make.Person
) -> None:
    product = await make.product(shop)
    review = await written(client, shopper, product)
    path = f"/user-reviews/{review['id']}"
    for method in ("PUT", "DELETE"):
        hidden = await client.request(
            method, path, json={"rating": 1} if method == "PUT" else None, headers=vendor.headers
        )
        assert hidden.status_code == 404
    assert (await moderate(client, vendor, review["id"])).status_code == 403
    await moderate(client, staff, review["id"])
    for method in ("PUT", "DELETE"):
        shown = await client.request(
            method, path, json={"rating": 1} if method == "PUT" else None, headers=vendor.headers
        )
        assert shown.status_code == 403
    assert (await client.put(path, json={"rating": 1}, headers=staff.headers)).status_code == 403
    assert (await client.delete(path, headers=staff.headers)).status_code == 204
    assert await stars(client, product) == (4.0, 1)  # the stars stay


async def test_lists_are_filtered_sorted_and_only_what_one_may_read(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    product = await make.product(shop)
    people = [await make.person(shop) for _ in range(4)]
    made = [await written(client, one, product, rating=at + 1) for at, one in enumerate(people)]
    for one in made[:3]:
        await moderate(client, staff, one["id"])

    async def seen(who: make.Person | None = None, **query: str) -> list[int]:
        answer = await client.get("/user-reviews", params=query, headers=who.headers if who else {})
        assert answer.status_code == 200, answer.text
        return [one["rating"] for one in answer.json()["items"]]

    assert await seen(sort="created_at") == [1, 2, 3]
    assert await seen(people[3], sort="-rating") == [4, 3, 2, 1]
    assert await seen(staff, sort="rating", product_id=str(product.id)) == [1, 2, 3, 4]
    assert await seen(staff, status="pending") == [4]
    assert await seen(people[3], status="pending") == [4]
    assert await seen(people[0], status="pending") == await seen(status="pending") == []
    assert await seen(people[3], user_id=str(people[3].user.id)) == [4]
    assert await seen(people[3], user_id=str(people[0].user.id)) == await seen(user_id=str(people[0].user.id)) == []
    assert await seen(staff, user_id=str(people[0].user.id)) == [1]
    assert await seen(rating="2") == [2]
    assert await seen(verified="true") == []
    for sort in ("-created_at", "-rating", "-helpful"):
        first = (await client.get("/user-reviews", params={"sort": sort, "page_size": "2"})).json()
        rest = await client.get(
            "/user-reviews", params={"sort": sort, "page_size": "2", "cursor": first["next_cursor"]}
        )
        assert len({one["id"] for one in first["items"] + rest.json()["items"]}) == 3


@pytest.mark.parametrize("sort", ["_id", "rating", "helpful"])
@pytest.mark.parametrize("keys", [("status",), ("product_id", "status"), ("user_id", "status")], ids="-".join)
async def test_no_list_scans_the_collection(shop: Shop, keys: tuple[str, ...], sort: str) -> None:
    where = {key: "approved" if key == "status" else ObjectId() for key in keys}
    order = [(sort, -1)] if sort == "_id" else [(sort, -1), ("_id", -1)]
    plan = await shop.store.reviews.collection.find(where, sort=order, limit=21).explain()
    chosen = str(plan["queryPlanner"]["winningPlan"])
    assert "COLLSCAN" not in chosen
    assert "'SORT'" not in chosen


async def test_who_leaves_takes_stars_words_and_votes_along(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, staff: make.Person, shopper: make.Person
) -> None:
    product = await make.product(shop)
    leaver = await make.person(shop)
    await written(client, leaver, product, rating=1)
    stays = await written(client, shopper, product, rating=5)
    await moderate(client, staff, stays["id"])
    await client.post(f"/user-reviews/{stays['id']}/helpful", headers=leaver.headers)
    assert await stars(client, product) == (3.0, 2)
    exported = (await client.get("/users/me/export", headers=leaver.headers)).json()
    assert (len(exported["reviews"]), len(exported["ratings"])) == (1, 1)
    assert (await client.delete(f"/users/{leaver.user.id}", headers=admin.headers)).status_code == 204
    assert await stars(client, product) == (5.0, 1)
    assert (await client.get(f"/user-reviews/{stays['id']}")).json()["helpful"] == 0
    await clean(shop)


async def test_a_product_that_goes_takes_its_reviews_along(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person, shopper: make.Person
) -> None:
    product = await make.product(shop)
    await written(client, shopper, product)
    assert (await client.delete(f"/products/{product.id}", headers=admin.headers)).status_code == 204
    assert await shop.store.reviews.count({}) == await shop.store.ratings.count({}) == 0
    await clean(shop)
