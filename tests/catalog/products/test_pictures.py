"""Pictures on products, products like a product, and products side by side."""

import io

import httpx
from PIL import Image

from tests import make
from truestyle.shop import Shop


def picture(color: str = "teal") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 50), color).save(out, "PNG")
    return out.getvalue()


async def uploaded(client: httpx.AsyncClient, who: make.Person) -> str:
    answer = await client.post("/files/upload", files={"file": ("a.png", picture())}, headers=who.headers)
    return str(answer.json()["id"])


async def test_the_life_of_a_product_picture(client: httpx.AsyncClient, shop: Shop, staff: make.Person) -> None:
    product = await make.product(shop)
    key, file = str(product.id), await uploaded(client, staff)

    body = {"product_id": key, "file_id": file, "alt": "From the front"}
    made = await client.post("/product-images", json=body, headers=staff.headers)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/api/v1/product-images/{file}"
    assert (made.json()["alt"], made.json()["position"]) == ("From the front", 0)
    again = await client.post("/product-images", json=body, headers=staff.headers)
    assert (again.status_code, again.json()["code"]) == (409, "duplicate")
    second = await client.post(
        f"/products/{key}/upload-image", files={"file": ("b.png", picture("tan"))}, headers=staff.headers
    )
    assert (second.status_code, second.json()["position"]) == (201, 1)

    shown = (await client.get(f"/products/{key}")).json()["images"]
    assert [one["id"] for one in shown] == [file, second.json()["id"]]
    small = await client.get(shown[0]["thumbnails"]["160"].removeprefix("http://test/api/v1"))
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    card = (await client.get("/products")).json()["items"][0]
    assert card["image"]["id"] == file

    moved = await client.put(f"/product-images/{file}", json={"position": 9, "alt": None}, headers=staff.headers)
    assert (moved.json()["position"], moved.json()["alt"]) == (9, None)
    listed = (await client.get("/product-images", params={"product_id": key})).json()
    assert (listed["total"], [one["id"] for one in listed["items"]]) == (2, [second.json()["id"], file])
    assert (await client.get(f"/product-images/{file}")).json() == moved.json()

    assert (await client.delete(f"/files/{file}", headers=staff.headers)).status_code == 409
    assert (await client.delete(f"/product-images/{file}", headers=staff.headers)).status_code == 204
    assert (await client.get(f"/product-images/{file}")).status_code == 404
    assert (await client.delete(f"/files/{file}", headers=staff.headers)).status_code == 204


async def test_a_vendor_hangs_pictures_on_its_own_products_only(
    client: httpx.AsyncClient, shop: Shop, vendor: make.Person
) -> None:
    mine, others = await make.product(shop, caller=vendor.caller), await make.product(shop)
    file = await uploaded(client, vendor)
    refused = await client.post(
        "/product-images", json={"product_id": str(others.id), "file_id": file}, headers=vendor.headers
    )
    assert refused.status_code == 404
    taken = await client.post(
        f"/products/{others.id}/upload-image", files={"file": ("b.png", picture())}, headers=vendor.headers
    )
    assert taken.status_code == 404
    hung = await client.post(
        "/product-images", json={"product_id": str(mine.id), "file_id": file}, headers=vendor.headers
    )
    assert hung.status_code == 201
    assert (await client.get(f"/products/{others.id}")).json()["images"] == []


async def test_a_picture_that_is_not_there_cannot_be_hung(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    product = await make.product(shop)
    body = {"product_id": str(product.id), "file_id": "65af0b12c4a1d2e3f4a5b6c7"}
    assert (await client.post("/product-images", json=body, headers=staff.headers)).status_code == 422
    variants = [{"sku": "V-1", "size": "M", "image_id": body["file_id"]}]
    made = await client.post("/products", json={"name": "K", "mrp": 1, "variants": variants}, headers=staff.headers)
    assert (made.status_code, made.json()["errors"][0]["loc"]) == (422, ["body", "variants", 0, "image_id"])


async def test_related_products_share_a_category_then_a_brand(
    client: httpx.AsyncClient, shop: Shop, staff: make.Person
) -> None:
    brand = (await client.post("/brands", json={"name": "Sutvana"}, headers=staff.headers)).json()["id"]
    kurtas = (await client.post("/categories", json={"name": "Kurtas"}, headers=staff.headers)).json()["id"]
    one = await make.product(shop, category_ids=[kurtas], brand_id=brand)
    popular = await make.product(shop, category_ids=[kurtas])
    quiet = await make.product(shop, category_ids=[kurtas])
    same_brand = await make.product(shop, brand_id=brand)
    await make.product(shop, category_ids=[kurtas], status="draft")
    await make.product(shop)
    await shop.store.products.sold({popular.id: 5})

    found = (await client.get(f"/products/{one.id}/related")).json()["items"]

    assert [card["id"] for card in found] == [str(popular.id), str(quiet.id), str(same_brand.id)]
    limited = (await client.get(f"/products/{one.id}/related", params={"limit": 1})).json()["items"]
    assert [card["id"] for card in limited] == [str(popular.id)]
    assert (await client.get("/products/65af0b12c4a1d2e3f4a5b6c7/related")).status_code == 404


async def test_products_side_by_side(client: httpx.AsyncClient, shop: Shop) -> None:
    one, other = await make.product(shop), await make.product(shop, price="999.00")
    draft = await make.product(shop, status="draft")
    both = (await client.get("/products/compare", params={"ids": f"{other.id},{one.id}"})).json()
    assert [item["id"] for item in both["items"]] == [str(other.id), str(one.id)]
    assert both["differences"] == ["price"]
    repeated = await client.get("/products/compare", params=[("ids", str(one.id)), ("ids", str(other.id))])
    assert repeated.status_code == 200
    hidden = await client.get("/products/compare", params={"ids": f"{one.id},{draft.id}"})
    assert hidden.status_code == 404
    for wrong in (str(one.id), f"{one.id},{one.id}", "x,y", ""):
        assert (await client.get("/products/compare", params={"ids": wrong})).status_code == 422
