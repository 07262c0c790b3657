"""What holds for every answer: request ids, security headers, slashes, HEAD, compression, unknown routes."""

import gzip
import re

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop


@pytest.mark.parametrize("path", ["/products", "/products/", "/products//", "/cart/", "/brands/"])
async def test_a_path_answers_with_and_without_its_slash(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert not answer.history


async def test_a_write_answers_with_a_slash_too(client: AsyncClient, admin: make.Person) -> None:
    answer = await client.post("/brands/", json={"name": "Neelkanth"}, headers=admin.headers)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/brands/{answer.json()['id']}"


@pytest.mark.parametrize("path", ["/products", "/brands/", "/address/560001", "http://test/health/live"])
async def test_head_is_get_without_the_body(client: AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers.get("etag") == got.headers.get("etag")


async def test_head_of_what_is_not_there_is_404_without_a_body(client: AsyncClient) -> None:
    head = await client.head("/products/nothing")
    assert (head.status_code, head.content) == (404, b"")


@pytest.mark.parametrize("path", ["/nowhere", "/products/a/b/c", "http://test/nowhere"])
async def test_an_unknown_route_is_a_problem(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "instance", "request_id"}


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/products"), ("PATCH", "/cart"), ("POST", "/auth/me")])
async def test_another_method_is_405_and_names_the_right_ones(client: AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/cart/add", "POST"),
        ("PUT", "/cart/clear", "DELETE"),
        ("PATCH", "/products/compare", "GET, HEAD"),
        ("DELETE", "/brands/reorder", "PUT"),
        ("TRACE", "/users/profile", "GET, HEAD"),
        ("DELETE", "/user/info", "GET, HEAD"),
        ("PATCH", "/products/65af0b12c4a1d2e3f4a5b6c7/stock", "PUT"),
    ],
)
async def test_a_name_among_ids_is_never_taken_for_an_id(
    client: AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("sane", ["abc-123", "a" * 64, "018f3c2e.x_1"])
async def test_a_sane_request_id_is_kept(client: AsyncClient, sane: str) -> None:
    answer = await client.get("/nowhere", headers={"x-request-id": sane})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == sane


@pytest.mark.parametrize("odd", ["a" * 65, "a b", "<script>", "a;b", ""])
async def test_another_request_id_is_replaced(client: AsyncClient, odd: str) -> None:
    answer = await client.get("/products", headers={"x-request-id": odd})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


@pytest.mark.parametrize("path", ["/products", "/nowhere", "/auth/me", "/products?x=1"])
async def test_every_answer_has_the_security_headers(client: AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert "strict-transport-security" not in headers  # only in production
    assert headers["cache-control"] in {"no-store", "public, no-cache"}


async def test_private_answers_are_not_to_be_stored(client: AsyncClient, shopper: make.Person) -> None:
    for path in ("/auth/me", "/orders", "/cart", "/user-address"):
        assert (await client.get(path, headers=shopper.headers)).headers["cache-control"] == "no-store"


async def test_json_of_a_kilobyte_is_compressed_as_negotiated(client: AsyncClient, shop: Shop) -> None:
    await make.product(shop, description="long " * 400)
    product = (await client.get("/products", headers={"accept-encoding": "identity"})).json()["items"][0]["id"]
    async with client.stream("GET", f"/products/{product}", headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    plain = await client.get(f"/products/{product}", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert gzip.decompress(raw) == plain.content
    assert "content-encoding" not in plain.headers
    assert packed.headers["etag"] == plain.headers["etag"]


async def test_a_small_answer_is_not_compressed(client: AsyncClient) -> None:
    answer = await client.get("/nowhere", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_an_unforeseen_failure_tells_nothing_and_names_the_request(
    client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("mongodb://secret-host:27017 exploded")

    monkeypatch.setattr(type(shop.store.products), "cards", breaks)
    answer = await client.get("/products", headers={"x-request-id": "me"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == "me"
    assert "secret-host" not in answer.text
    assert "Traceback" not in answer.text


TOKEN = "q8Vn3Xc6Lz1Rb5Tk9Wm2Jf7Hd4Gs0Py-q8Vn3Xc6L_z"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"/auth/verify-email/{TOKEN}", "/api/v1/auth/verify-email/{token}"),
        (f"/auth/verify-email/{TOKEN[:-1]}", "/api/v1/auth/verify-email/{token}"),
        (f"/auth/verify-email/{TOKEN}.", "/api/v1/auth/verify-email/{token}"),
        (f"/auth/verify-email/{TOKEN}/x", "/api/v1/auth/verify-email/…/x"),
        (f"/verify-email/{TOKEN}?a=1", "/api/v1/verify-email/…"),
        ("/products/slug/a-very-long-name-of-a-product-in-small-letters", None),
        ("/products/65AF0B12C4A1D2E3F4A5B6C7", None),
    ],
)
async def test_a_token_in_a_path_is_not_in_the_log_even_where_the_path_leads_nowhere(
    client: AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str, logged: str | None
) -> None:
    seen: list[dict[str, object]] = []
    monkeypatch.setattr(shop.requests, "saw", seen.append)
    for method in ("GET", "HEAD", "POST"):
        await client.request(method, path)
    await client.request("GET", path, content=b"x" * 70_000)  # refused before it is known where it leads
    assert [one["path"] for one in seen[:3]] == [logged or f"/api/v1{path}"] * 3
    assert TOKEN[:-1] not in str(seen)


class TestConditionalReads:
    async def tag(self, client: AsyncClient, path: str) -> str:
        answer = await client.get(path)
        assert answer.headers["cache-control"] == "public, no-cache"
        return str(answer.headers["etag"])

    async def test_a_read_that_is_still_the_same_is_304_without_a_body(self, client: AsyncClient, shop: Shop) -> None:
        product = await make.product(shop)
        for path in ("/products", f"/products/{product.id}", f"/products/slug/{product.slug}", "/order-status"):
            tag = await self.tag(client, path)
            again = await client.get(path, headers={"if-none-match": tag})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert "content-type" not in again.headers

    async def test_a_change_gives_another_tag(self, client: AsyncClient, shop: Shop, admin: make.Person) -> None:
        product = await make.product(shop)
        tag = await self.tag(client, f"/products/{product.id}")
        await client.put(f"/products/{product.id}", json={"name": "New"}, headers=admin.headers)
        again = await client.get(f"/products/{product.id}", headers={"if-none-match": tag})
        assert again.status_code == 200
        assert again.headers["etag"] != tag

    @pytest.mark.parametrize("known", ["*", 'W/"x", {}', "{strong}"])
    async def test_lists_stars_and_strong_forms_of_the_tag_match(self, client: AsyncClient, known: str) -> None:
        tag = await self.tag(client, "/order-status")
        sent = known.replace("{}", tag).replace("{strong}", tag.removeprefix("W/"))
        assert (await client.get("/order-status", headers={"if-none-match": sent})).status_code == 304

    async def test_neither_errors_nor_private_answers_have_a_tag(
        self, client: AsyncClient, shopper: make.Person
    ) -> None:
        answers: list[httpx.Response] = [
            await client.get("/products/nothing"),
            await client.get("/cart"),
            await client.get("/auth/me", headers=shopper.headers),
        ]
        assert [("etag" in one.headers) for one in answers] == [False] * 3
