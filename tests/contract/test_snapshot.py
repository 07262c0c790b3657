"""The OpenAPI document as it was last written down, and the words for what has changed since."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripts import openapi
from scripts.differences import Change, changes, told

ROOT = Path(__file__).parents[2]
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def part() -> dict[str, Any]:
    """A few operations of it, so that comparing is quick."""
    document: dict[str, Any] = json.loads((ROOT / openapi.SNAPSHOT).read_text())
    kept = ("/api/v1/products", "/api/v1/products/slug/{slug}", "/api/v1/cart-items", "/api/v1/checkout")
    return document | {"paths": {path: document["paths"][path] for path in kept}}


def test_the_document_is_the_one_that_was_written_down() -> None:
    written, now = json.loads((ROOT / openapi.SNAPSHOT).read_text()), openapi.document()
    found = changes(written, now)
    assert found == [], f"If it is meant, run `make openapi` and tell it in CHANGELOG.md.\n{told(found)}"
    assert (ROOT / openapi.SNAPSHOT).read_text() == openapi.text(now), "run `make openapi`"


def operation(document: dict[str, Any], name: str) -> Any:
    return next(one for methods in document["paths"].values() for one in methods.values() if one["operationId"] == name)


def parameter(document: dict[str, Any], of: str, name: str) -> Any:
    return next(one for one in operation(document, of)["parameters"] if one["name"] == name)


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


# What is used in requests and answers, or has a default too: that is told beside it.
BOTH = {"enum of an answer grown", "enum of a request shrunk", "field of a body with another type"}
LIST, CHECKOUT = "GET /api/v1/products", "POST /api/v1/checkout"
EDITS: dict[str, tuple[Edit, str, str, bool]] = {
    "operation removed": (
        lambda d: d["paths"]["/api/v1/products"].pop("get"),
        LIST,
        "the operation was removed",
        True,
    ),
    "operation added": (
        lambda d: d["paths"].update({"/api/v1/new": {"get": {"operationId": "x", "responses": {}}}}),
        "GET /api/v1/new",
        "a new operation",
        False,
    ),
    "operation renamed": (
        lambda d: operation(d, "list_products").update(operationId="all_products"),
        LIST,
        "`list_products` is called `all_products` now",
        True,
    ),
    "parameter removed": (
        lambda d: operation(d, "list_products")["parameters"].remove(parameter(d, "list_products", "q")),
        LIST,
        "query parameter `q` was removed",
        True,
    ),
    "parameter required": (
        lambda d: parameter(d, "list_products", "q").update(required=True),
        LIST,
        "query parameter `q` is required now",
        True,
    ),
    "parameter narrowed": (
        lambda d: parameter(d, "list_products", "q")["schema"].update(maxLength=20),
        LIST,
        "query parameter `q` maxLength was `200` and is `20` now",
        True,
    ),
    "parameter widened": (
        lambda d: parameter(d, "list_products", "q")["schema"].update(maxLength=300),
        LIST,
        "query parameter `q` maxLength was `200` and is `300` now",
        False,
    ),
    "sign-in wanted": (
        lambda d: operation(d, "list_products").update(security=[{"bearer": []}]),
        LIST,
        "wants a signed-in caller now",
        True,
    ),
    "new error": (
        lambda d: operation(d, "list_products")["responses"].update(
            {"418": {"description": "`teapot`", "content": {}}}
        ),
        LIST,
        "can answer 418 `teapot` now",
        False,
    ),
    "answer gone": (
        lambda d: operation(d, "list_products")["responses"].pop("200"),
        LIST,
        "does not answer 200 any more",
        True,
    ),
    "field of an answer removed": (
        lambda d: schema(d, "ProductCard")["properties"].pop("slug"),
        "ProductCard",
        "field `slug` was removed (in answers of",
        True,
    ),
    "field of an answer optional": (
        lambda d: schema(d, "ProductCard")["required"].remove("slug"),
        "ProductCard",
        "field `slug` can be missing now (in answers of",
        True,
    ),
    "field of an answer null": (
        lambda d: schema(d, "ProductCard")["properties"].update(slug={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "ProductCard",
        "`slug` can be null now (in answers of",
        True,
    ),
    "field added to an answer": (
        lambda d: schema(d, "ProductCard")["properties"].update(more={"type": "string"}),
        "ProductCard",
        "new field `more` (in answers of",
        False,
    ),
    "field of a body required": (
        lambda d: schema(d, "OrderPlace").setdefault("required", []).append("address"),
        "OrderPlace",
        f"field `address` is required now (in requests of {CHECKOUT}",
        True,
    ),
    "field of a body with another type": (
        lambda d: schema(d, "CartAdd")["properties"].update(quantity={"type": "string"}),
        "CartAdd",
        "`quantity` was integer and is string now (in requests of",
        True,
    ),
    "branch of a union narrowed": (
        lambda d: parameter(d, "list_products", "price_min")["schema"]["anyOf"][1].update(minimum=1),
        LIST,
        "query parameter `price_min` minimum was `0` and is `1` now",
        True,
    ),
    "field added to a body": (
        lambda d: schema(d, "CartAdd")["properties"].update(more={"type": "string"}),
        "CartAdd",
        "new field `more` (in requests of",
        False,
    ),
    "enum of an answer grown": (
        lambda d: schema(d, "ProductGender")["enum"].append("pets"),
        "ProductGender",
        "can be `pets` now (in answers of",
        True,
    ),
    "enum of a request shrunk": (
        lambda d: schema(d, "ProductGender")["enum"].remove("women"),
        "ProductGender",
        "is never `women` any more (in requests of",
        True,
    ),
    "words": (
        lambda d: operation(d, "list_products").update(summary="Other words"),
        "document",
        "only its words, examples or order",
        False,
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_is_told_in_words(edit: str, part: dict[str, Any]) -> None:
    change, where, what, breaking = EDITS[edit]
    other = json.loads(json.dumps(part))
    change(other)
    found = changes(part, other)
    assert [one.breaking for one in found if one.where == where and one.what.startswith(what)] == [breaking], told(
        found
    )
    assert edit in BOTH or {one.breaking for one in found} == {breaking}, told(found)


def test_what_breaks_comes_first() -> None:
    mild, hard = Change("GET /a", "a new operation", breaking=False), Change("GET /b", "is gone", breaking=True)
    assert told([mild, hard]) == "2 changed, 1 of it breaking:\n  BREAKING GET /b: is gone\n  GET /a: a new operation"
