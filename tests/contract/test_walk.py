"""Every operation as everybody, with its example and with hostile bodies: only documented answers, and no failure."""

import httpx
import pytest
from fastapi import FastAPI
from scripts.contract import Document
from scripts.walk import walk

from tests import make
from tests.contract.driving import EXAMPLES
from tests.test_matrix import PEOPLE
from truestyle.shop import Shop


async def furnished(client: httpx.AsyncClient, shop: Shop, person: make.Person | None) -> None:
    """Something in the shop and something that is the caller's, so that reads have something to show."""
    product = await make.product(shop)
    headers = person.headers if person else {}
    if person is not None:
        for path, body in (
            ("/user-address", make.ADDRESS),
            ("/wishlist-items", {"product_id": str(product.id)}),
        ):
            made = await client.post(f"/api/v1{path}", json=body, headers=headers)
            assert made.status_code == 201, made.text
        await make.cart(shop, person, {product.variants[0].sku: 1})
        assert (await client.post("/api/v1/checkout", json=make.COD, headers=headers)).status_code == 201
        await make.cart(shop, person, {product.variants[0].sku: 2})


@pytest.mark.parametrize("who", PEOPLE)
async def test_every_answer_is_as_documented(app: FastAPI, shop: Shop, who: str) -> None:
    person = None if who == "nobody" else await make.person(shop, who)
    document = Document(app.openapi())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        await furnished(client, shop, person)
        wrong, walked = [], set()
        async for visit in walk(client, document, person.headers if person else {}, brief=not EXAMPLES):
            walked.add(visit.operation.name)
            if visit.wrong:
                wrong.append(visit.told())
    assert wrong == []
    assert walked == {one.name for one in document.operations()}
