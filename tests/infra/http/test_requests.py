"""What a request may look like: media types, strict JSON, unknown members, sizes, and what a refusal says."""

from collections.abc import AsyncIterator

import httpx
import pytest
from httpx import AsyncClient

from tests import make
from truestyle.shop import Shop

JSON = {"content-type": "application/json"}
NOWHERE = "65af0b12c4a1d2e3f4a5b6c7"


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "A", "name": "B"}',
        b'{"name": "A", "sort_order": NaN}',
        b'{"name": "A", "sort_order": Infinity}',
        b'{"name": ' + b"[" * 25 + b"]" * 25 + b"}",
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}',
        b'{"name": "\xff"}',
        b'{"name": "A", "sort_order": ' + b"1" * 400 + b"}",
        b'{"name": "A", "sort_order": 1e99999999999999999999}',
        b'{"name": "A"',
        b"[]",
        b'"text"',
        b"null",
        b"{" + b",".join(b'"k%d":1' % at for at in range(301)) + b"}",
    ],
)
async def test_json_that_is_ambiguous_or_hostile_creates_nothing(
    client: AsyncClient, admin: make.Person, shop: Shop, body: bytes
) -> None:
    answer = await client.post("/brands", content=body, headers=admin.headers | JSON)
    assert problem(answer, 422, "validation_error")["errors"]
    assert await shop.store.db["brands"].count_documents({}) == 0


@pytest.mark.parametrize(
    "field", [{"sort_order": "5"}, {"sort_order": 5.0}, {"sort_order": True}, {"is_active": 1}, {"name": 5}]
)
async def test_values_of_another_type_are_not_coerced(
    client: AsyncClient, admin: make.Person, field: dict[str, object]
) -> None:
    answer = await client.post("/brands", json={"name": "Neelkanth", **field}, headers=admin.headers)
    errors = problem(answer, 422, "validation_error")["errors"]
    assert [one["loc"] for one in errors] == [["body", next(iter(field))]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [10**9 + 1, -(10**9) - 1, 10**17])
async def test_integers_are_bounded(client: AsyncClient, admin: make.Person, number: int) -> None:
    answer = await client.post("/brands", json={"name": "N", "sort_order": number}, headers=admin.headers)
    problem(answer, 422, "validation_error")


@pytest.mark.parametrize("text", ["a\u202eb", "a\u0007b", "a\nb", "", "   ", "x" * 201])
async def test_lines_have_no_control_characters_and_a_length(
    client: AsyncClient, admin: make.Person, text: str
) -> None:
    problem(await client.post("/brands", json={"name": text}, headers=admin.headers), 422, "validation_error")


async def test_text_is_stripped_and_normalised(client: AsyncClient, admin: make.Person) -> None:
    answer = await client.post("/brands", json={"name": "  Cafe\u0301  "}, headers=admin.headers)
    assert answer.json()["name"] == "Caf\u00e9"


@pytest.mark.parametrize("field", ["id", "version", "created_at", "is_system", "role", "_id"])
async def test_fields_that_are_ours_cannot_be_smuggled_in(client: AsyncClient, admin: make.Person, field: str) -> None:
    answer = await client.post("/brands", json={"name": "N", field: "x"}, headers=admin.headers)
    errors = problem(answer, 422, "validation_error")["errors"]
    assert errors == [  # exact: loc, msg and type, nothing else
        {"loc": ["body", field], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}
    ]


async def test_a_refusal_names_at_most_twenty_errors_and_never_the_value(client: AsyncClient) -> None:
    secret = "4111 1111 1111 1111"
    body = {"email": secret, "password": [secret], "full_name": "\u0007" + secret, "phone": secret}
    answer = await client.post("/auth/register", json=body | {f"k{at}": secret for at in range(60)})
    errors = problem(answer, 422, "validation_error")["errors"]
    assert len(errors) == 20  # type: ignore[arg-type]
    assert all(set(one) == {"loc", "msg", "type"} for one in errors)  # type: ignore[attr-defined]
    assert secret not in answer.text


async def test_a_refused_query_parameter_is_named_but_its_value_is_not(client: AsyncClient) -> None:
    answer = await client.get("/products?sort=4111111111111111&page=4111111111111112")
    problem(answer, 422, "validation_error")
    assert "41111" not in answer.text


@pytest.mark.parametrize("body", ["1.5", "1e-40", "1", '"x"', "[]", "true", "null"])
async def test_a_body_that_is_no_object_is_refused(client: AsyncClient, admin: make.Person, body: str) -> None:
    made = await client.post("/brands", json={"name": "N"}, headers=admin.headers)
    path, headers = f"/brands/{made.json()['id']}", admin.headers | JSON
    problem(await client.patch(path, content=body, headers=headers), 422, "validation_error")


@pytest.mark.parametrize("inner", ["1.5", "1", "[]", '{"unit": "cm", "columns": [], "rows": [], "bogus": 1}'])
async def test_a_part_of_a_body_is_as_strict_as_the_whole(client: AsyncClient, admin: make.Person, inner: str) -> None:
    body = f'{{"name": "N", "size_chart": {inner}}}'
    answer = await client.post("/product-types", content=body, headers=admin.headers | JSON)
    problem(answer, 422, "validation_error")


async def test_what_a_route_keeps_to_itself_is_no_parameter(client: AsyncClient) -> None:
    for path in ("/brands", "/order-status"):
        errors = problem(await client.get(f"{path}?viewer="), 422, "validation_error")["errors"]
        assert errors == [{"loc": ["query", "viewer"], "msg": "is not a parameter here", "type": "extra"}]


@pytest.mark.parametrize("version", ["x", "7.0", '"7"x', "-1", "W/7, 8", "\u0667"])
async def test_a_version_that_is_none_is_refused(client: AsyncClient, admin: make.Person, version: str) -> None:
    made = await client.post("/brands", json={"name": "N"}, headers=admin.headers)
    headers = [*admin.headers.items(), ("if-match", version.encode())]
    answer = await client.patch(f"/brands/{made.json()['id']}", json={"name": "M"}, headers=headers)  # type: ignore[arg-type]
    problem(answer, 422, "validation_error")


async def test_unknown_query_parameters_are_refused_by_name(client: AsyncClient) -> None:
    many = "&".join(f"x{at}=secret" for at in range(30))
    answer = await client.get(f"/products?{many}")
    errors = problem(answer, 422, "validation_error")["errors"]
    assert len(errors) == 20  # type: ignore[arg-type]
    assert errors[0]["loc"] == ["query", "x0"]  # type: ignore[index]
    assert "secret" not in answer.text


async def test_a_parameter_given_twice_is_no_way_around_its_bounds(client: AsyncClient) -> None:
    problem(await client.get("/brands?page_size=5&page_size=500"), 422, "validation_error")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"]
)
async def test_a_json_route_reads_no_other_type(client: AsyncClient, admin: make.Person, kind: str) -> None:
    headers = admin.headers | {"content-type": kind}
    answer = await client.post("/brands", content=b'{"name": "N"}', headers=headers)
    problem(answer, 415, "unsupported_media_type")


async def test_a_json_route_reads_json_with_a_charset_or_a_suffix(client: AsyncClient, admin: make.Person) -> None:
    for name, kind in (("A", "application/json; charset=utf-8"), ("B", "application/merge-patch+json")):
        headers = admin.headers | {"content-type": kind}
        answer = await client.post("/brands", content=b'{"name": "%s"}' % name.encode(), headers=headers)
        assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("kind", [None, "application/json", "text/plain"])
async def test_a_missing_body_is_a_malformed_request_at_once(
    client: AsyncClient, admin: make.Person, kind: str | None
) -> None:
    headers = admin.headers | ({"content-type": kind} if kind else {})
    answer = await client.request("POST", "/brands", headers=headers, timeout=2)
    problem(answer, 422, "validation_error")


async def test_a_form_route_reads_no_json(client: AsyncClient, shopper: make.Person) -> None:
    answer = await client.put("/users/profile-update", json={"full_name": "X"}, headers=shopper.headers)
    problem(answer, 415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused_before_it_is_read(client: AsyncClient, admin: make.Person) -> None:
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while len(read) < 10_000:
            read.append(8192)
            yield b" " * 8192

    answer = await client.post("/brands", content=endless(), headers=admin.headers | JSON)
    problem(answer, 413, "body_too_large")
    assert sum(read) < 200_000

    declared = await client.post("/brands", content=b" " * 65_537, headers=admin.headers | JSON)
    problem(declared, 413, "body_too_large")


async def test_the_limit_itself_is_allowed(client: AsyncClient, admin: make.Person) -> None:
    body = b'{"name": "N"}'.ljust(64 * 1024)
    assert (await client.post("/brands", content=body, headers=admin.headers | JSON)).status_code == 201


async def test_products_may_be_larger_but_not_endless(client: AsyncClient, admin: make.Person) -> None:
    body = b'{"name": "N", "price": "1.00"}'
    large = await client.post("/products", content=body.ljust(1024 * 1024), headers=admin.headers | JSON)
    assert large.status_code == 201, large.text
    over = await client.post("/products", content=body.ljust(1024 * 1024 + 1), headers=admin.headers | JSON)
    problem(over, 413, "body_too_large")


@pytest.mark.parametrize("length", ["-1", "1e3", "²", "abc"])
async def test_a_nonsense_content_length_is_refused(client: AsyncClient, admin: make.Person, length: str) -> None:
    headers = [(k, v.encode("latin-1")) for k, v in (admin.headers | JSON | {"content-length": length}).items()]
    answer = await client.post("/brands", content=b"{}", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code in {413, 422}


@pytest.mark.parametrize("path", ["/products/", "/orders/", "/brands/", "/user-address/", "/cart-items/"])
@pytest.mark.parametrize("ident", ["1", "x" * 24, "0" * 23, "%00", "null", "..%2f", "\u0967" * 24])
async def test_a_malformed_id_in_a_path_is_not_found(
    client: AsyncClient, shopper: make.Person, path: str, ident: str
) -> None:
    problem(await client.get(path + ident, headers=shopper.headers), 404, "not_found")


async def test_an_unknown_id_looks_like_a_malformed_one(client: AsyncClient) -> None:
    headers = {"x-request-id": "same"}
    malformed = await client.get("/products/nonsense", headers=headers)
    unknown = await client.get(f"/products/{NOWHERE}", headers=headers)
    assert malformed.text.replace("nonsense", NOWHERE) == unknown.text
