"""The list of products: each filter alone and with others, words, and what a card says."""

from dataclasses import dataclass
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop

CARD = {
    *("id", "name", "slug", "brand", "price", "mrp", "discount", "currency", "image", "rating", "in_stock"),
    *("sizes", "colors"),
}


@dataclass
class Shelf:
    """Three products that differ in everything, and the rows they name."""

    client: AsyncClient
    ids: dict[str, str]
    rows: dict[str, str]

    async def found(self, query: str) -> set[str]:
        answer = await self.client.get(f"/products?{query.format(**self.rows)}")
        assert answer.status_code == 200, answer.text
        names = {key: name for name, key in self.ids.items()}
        page = answer.json()
        assert page["total"] == len(page["items"])
        return {names[one["id"]] for one in page["items"]}


async def _row(client: AsyncClient, admin: make.Person, path: str, **body: Any) -> str:
    return str((await client.post(path, json=body, headers=admin.headers)).json()["id"])


@pytest.fixture
async def shelf(client: AsyncClient, shop: Shop, admin: make.Person, vendor: make.Person) -> Shelf:
    rows: dict[str, Any] = {
        "neel": await _row(client, admin, "/brands", name="Neelkanth"),
        "kabir": await _row(client, admin, "/brands", name="Kabir Textiles"),
        "women": await _row(client, admin, "/categories", name="Women"),
        "men": await _row(client, admin, "/categories", name="Men"),
        "work": await _row(client, admin, "/occasions", name="Office"),
        "party": await _row(client, admin, "/occasions", name="Gala"),
        "kind": await _row(client, admin, "/product-types", name="Kurta"),
        "vendor": str(vendor.user.id),
    }
    rows["ethnic"] = await _row(client, admin, "/categories", name="Ethnic", parent_id=rows["women"])
    rows["kurtas"] = await _row(client, admin, "/categories", name="Kurtas", parent_id=rows["ethnic"])
    kurta = await make.product(
        shop,
        name="Indigo block-print kurta",
        description="Hand-printed cotton, straight cut",
        brand_id=rows["neel"],
        category_ids=[rows["kurtas"]],
        product_type_id=rows["kind"],
        occasion_ids=[rows["work"], rows["party"]],
        gender="women",
        tags=["cotton", "Block Print"],
        mrp="1999",
        price="1499",
        variants=[{"sku": "K-M", "size": "M", "color": "Indigo"}, {"sku": "K-L", "size": "L", "color": "Sky Blue"}],
    )
    shirt = await make.product(
        shop,
        name="Linen shirt",
        description="A breezy shirt of linen",
        brand_id=rows["kabir"],
        category_ids=[rows["men"]],
        occasion_ids=[rows["work"]],
        gender="men",
        tags=["linen"],
        mrp="2499",
        price="2499",
        stock=0,
        variants=[{"sku": "S-L", "size": "L", "color": "White"}],
    )
    saree = await make.product(
        shop,
        name="Silk saree",
        caller=vendor.caller,
        category_ids=[rows["women"]],
        gender="women",
        mrp="9999",
        price="8999",
        variants=[{"sku": "SAREE", "color": "Indigo"}],
    )
    ratings = {kurta.id: 4.5, shirt.id: 3.0, saree.id: 0.0}
    for key, stars in ratings.items():
        await shop.store.products.collection.update_one({"_id": key}, {"$set": {"rating.average": stars}})
    return Shelf(client, {"kurta": str(kurta.id), "shirt": str(shirt.id), "saree": str(saree.id)}, rows)


KURTA, SHIRT, SAREE = {"kurta"}, {"shirt"}, {"saree"}
ALONE = [
    ("", KURTA | SHIRT | SAREE),
    ("brand={neel}", KURTA),
    ("brand=neelkanth", KURTA),
    ("brand=NEELKANTH", KURTA),
    ("brand=neelkanth&brand={kabir}", KURTA | SHIRT),
    ("brand=unknown", set()),
    ("category={women}", KURTA | SAREE),
    ("category=women", KURTA | SAREE),
    ("category=women-ethnic", KURTA),
    ("category={kurtas}", KURTA),
    ("category=men&category={kurtas}", KURTA | SHIRT),
    ("category=unknown", set()),
    ("occasion={work}", KURTA | SHIRT),
    ("occasion=gala", KURTA),
    ("product_type=kurta", KURTA),
    ("product_type={kind}", KURTA),
    ("gender=women", KURTA | SAREE),
    ("gender=women&gender=men", KURTA | SHIRT | SAREE),
    ("gender=kids", set()),
    ("tag=cotton", KURTA),
    ("tag=BLOCK%20print", KURTA),
    ("tag=cotton&tag=linen", KURTA | SHIRT),
    ("size=l", KURTA | SHIRT),
    ("size=XXL", set()),
    ("color=indigo", KURTA | SAREE),
    ("color=sky%20blue", KURTA),
    ("vendor={vendor}", SAREE),
    ("vendor=nonsense", set()),
    ("price_min=1499", KURTA | SHIRT | SAREE),
    ("price_min=1499.01", SHIRT | SAREE),
    ("price_max=2499.00", KURTA | SHIRT),
    ("price_min=1500&price_max=2500", SHIRT),
    ("price_min=3000&price_max=1", set()),
    ("rating_min=3", KURTA | SHIRT),
    ("rating_min=4.5", KURTA),
    ("in_stock=true", KURTA | SAREE),
    ("in_stock=false", SHIRT),
    ("discounted=true", KURTA | SAREE),
    ("discounted=false", SHIRT),
    ("q=kurta", KURTA),
    ("q=shirts", SHIRT),
    ("q=neelkanth", KURTA),
    ("q=ethnic", KURTA | SAREE),  # by the category above, and by what the data calls so
    ("q=cotton%20linen", KURTA | SHIRT),
    ("q=zzz", set()),
]
TOGETHER = [
    ("color=indigo&size=m", KURTA),
    ("category=women&in_stock=true&price_max=5000", KURTA),
    ("brand={neel}&brand={kabir}&gender=men", SHIRT),
    ("occasion={work}&discounted=true", KURTA),
    ("q=linen&gender=women", set()),
    ("q=indigo&category=women&sort=price", KURTA | SAREE),
    ("q=straight&category=women&sort=price", KURTA),
    ("vendor={vendor}&gender=women&color=indigo&rating_min=0&in_stock=true&price_min=1&discounted=true", SAREE),
]


@pytest.mark.parametrize(("query", "expected"), ALONE + TOGETHER)
async def test_a_filter_finds_exactly_these(shelf: Shelf, query: str, expected: set[str]) -> None:
    assert await shelf.found(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "gender=robot",
        "price_min=-1",
        "price_min=abc",
        "price_min=1e999999",
        "price_max=1.999",
        "rating_min=6",
        "rating_min=nan",
        "rating_min=-0.1",
        "in_stock=perhaps",
        "sort=cost",
        "page=0",
        "page=51",
        "page_size=0",
        "page_size=101",
        "page=x",
        "page=1&cursor=abc",
        "cursor=",
        "cursor=%F0%9F%98%80",
        "q=" + "x" * 201,
        "q=%00",
        "q=%20",
        "brand=",
        "colour=red",
        "status=draft",
        "&".join(["tag=x"] * 51),
        "page_size=99999999999999999999999",
    ],
)
async def test_a_malformed_question_is_refused(client: AsyncClient, query: str) -> None:
    answer = await client.get(f"/products?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


@pytest.mark.parametrize("words", ["-kurta", '"', "$where", "(", "the", "a-b-c", "\\", "*", '""', "-", "\u0928"])
async def test_odd_words_find_something_or_nothing_but_never_fail(shelf: Shelf, words: str) -> None:
    answer = await shelf.client.get("/products", params={"q": words})
    assert answer.status_code == 200, answer.text


async def test_a_card_has_these_fields_and_the_cheapest_price(shelf: Shelf) -> None:
    [card] = (await shelf.client.get("/products?q=kurta")).json()["items"]
    assert set(card) == CARD
    assert (card["price"], card["mrp"], card["currency"]) == ("1499.00", "1999.00", "INR")
    assert (card["sizes"], card["colors"]) == (["M", "L"], ["Indigo", "Sky Blue"])
    assert card["brand"] == {"id": shelf.rows["neel"], "name": "Neelkanth"}
    assert (card["image"], card["discount"], card["in_stock"]) == (None, None, True)
    assert card["rating"] == {"average": 4.5, "count": 0}


async def test_words_in_the_name_count_more_than_in_the_description(client: AsyncClient, shop: Shop) -> None:
    described = await make.product(shop, name="Shirt", description="goes well with a scarf")
    named = await make.product(shop, name="Woollen scarf")
    ids = [one["id"] for one in (await client.get("/products?q=scarf")).json()["items"]]
    assert ids == [str(named.id), str(described.id)]
    newest = [one["id"] for one in (await client.get("/products?q=scarf&sort=name")).json()["items"]]
    assert newest == [str(described.id), str(named.id)]


async def test_a_page_tells_where_it_stands(client: AsyncClient, shop: Shop) -> None:
    for _ in range(5):
        await make.product(shop)
    page = (await client.get("/products?page=2&page_size=2")).json()
    assert (page["total"], page["page"], page["page_size"], page["pages"]) == (5, 2, 2, 3)
    last = (await client.get("/products?page=3&page_size=2")).json()
    assert (len(last["items"]), last["next_cursor"]) == (1, None)
    beyond = (await client.get("/products?page=9&page_size=2")).json()
    assert (beyond["items"], beyond["total"], beyond["next_cursor"]) == ([], 5, None)
    none = (await client.get(f"/products?brand={ObjectId()}")).json()
    assert none == {"items": [], "total": 0, "page": 1, "page_size": 20, "pages": 0, "next_cursor": None}
