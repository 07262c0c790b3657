"""What the OpenAPI document says of itself: typed, bounded, described, and with examples that agree with it."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from scripts.contract import CODES, PROBLEM, Document

from tests.test_matrix import ANYONE, MAY
from truestyle.infra.http.paths import routes_of
from truestyle.kit.errors import Problem

INTERNAL = {"internal_error"}  # of the 500 that nobody should ever see


@pytest.fixture
def document(app: FastAPI) -> Document:
    return Document(app.openapi())


def test_a_patch_is_the_function_of_its_put(app: FastAPI) -> None:
    done = {
        (method, one.path_format): one.original_route.endpoint
        for one in routes_of(app)
        if isinstance(one.original_route, APIRoute) and one.include_in_schema
        for method in one.methods or ()
    }
    patches = {path: function for (method, path), function in done.items() if method == "PATCH"}
    assert len(patches) > 40
    assert patches == {path: done["PUT", path] for path in patches}


def within(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from within(one)


def reachable(document: Document, schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every component below a schema, with its name."""
    seen: set[str] = set()
    waiting = [schema]
    while waiting:
        for part in within(waiting.pop()):
            name = part.get("$ref", "").rsplit("/", 1)[-1]
            if name and name not in seen:
                seen.add(name)
                waiting.append(document.schemas[name])
                yield name, document.schemas[name]


def bounded(schema: dict[str, Any], document: Document) -> bool:
    schema = {**document.resolved(schema), **schema}
    if "anyOf" in schema:
        return all(bounded(one, document) for one in schema["anyOf"])
    if schema.keys() & {"enum", "const"} or schema.get("type") == "boolean":
        return True
    if schema.get("type") == "string":
        return bool(schema.keys() & {"maxLength", "pattern", "format"})
    if schema.get("type") == "array":
        return "maxItems" in schema and bounded(schema["items"], document)
    return {"minimum", "maximum"} <= schema.keys()


def test_every_parameter_is_described_and_bounded(document: Document) -> None:
    wrong = [
        (operation.name, parameter["name"])
        for operation in document.operations()
        for parameter in operation.told.get("parameters", [])
        if not parameter.get("description") or not bounded(parameter["schema"], document)
    ]
    assert wrong == []


def test_no_parameter_can_be_null(document: Document) -> None:
    assert [
        operation.name
        for operation in document.operations()
        for parameter in operation.told.get("parameters", [])
        if {"type": "null"} in parameter["schema"].get("anyOf", [parameter["schema"]])
    ] == []


def test_every_body_is_typed_and_closed(document: Document) -> None:
    wrong = []
    for operation in document.operations():
        for kind, schema in operation.body.items():
            if operation.name == "login" and kind.endswith("urlencoded"):
                continue  # whatever else Swagger sends
            parts = list(reachable(document, schema))
            assert parts, (operation.name, "has a body without a name")
            wrong += [
                (operation.name, name)
                for name, one in parts
                if one.get("type") == "object" and one.get("additionalProperties") is not False
            ]
    assert wrong == []


def test_every_success_is_typed_and_every_error_a_problem(document: Document) -> None:
    wrong = []
    for operation in document.operations():
        for status, answer in operation.told["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if status >= "400":
                    known = operation.name in {"health", "ready"} or kind == PROBLEM
                else:
                    known = kind != "application/json" or bool(content.get("schema"))
                if not known:
                    wrong.append((operation.name, status, kind))
            if status < "300" and status != "204" and not answer.get("content"):
                wrong.append((operation.name, status, "no content"))
            if not answer.get("description"):
                wrong.append((operation.name, status, "no description"))
    assert wrong == []


def test_every_example_agrees_with_its_schema(document: Document) -> None:
    wrong = {}
    for name, schema in document.schemas.items():
        for shown in [schema[key] for key in ("example",) if key in schema] + list(schema.get("examples", [])):
            if errors := document.errors({"$ref": f"#/components/schemas/{name}"}, shown):
                wrong[name] = errors
        for part, one in schema.get("properties", {}).items():
            for shown in one.get("examples", []):
                if errors := document.errors(one, shown):
                    wrong[f"{name}.{part}"] = errors
    assert wrong == {}


def test_where_signing_in_is_optional_the_document_says_so(document: Document) -> None:
    for operation in document.operations():
        security = operation.told.get("security", [])
        if security:
            assert ({} in security) == (MAY.get(operation.name) == ANYONE), operation.name


def test_every_operation_has_one_tag_and_every_tag_is_described(document: Document) -> None:
    tags = {one["name"]: one["description"] for one in document.all["tags"]}
    assert all(tags.values())
    used = {operation.name: operation.told["tags"] for operation in document.operations()}
    assert {name: one for name, one in used.items() if len(one) != 1} == {}
    assert {one for (one,) in used.values()} == set(tags)


def test_components_have_plain_names(document: Document) -> None:
    assert [name for name in document.schemas if not name.isalnum() or not name[0].isupper()] == []


def test_every_reference_leads_somewhere_and_nothing_is_left_over(document: Document) -> None:
    used = {name for name, _ in reachable(document, document.all["paths"])}
    assert used == set(document.schemas)


def problems(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for one in of.__subclasses__():
        if one.__module__.startswith("truestyle."):
            yield one
            yield from problems(one)


def test_every_problem_speaks_the_vocabulary(app: FastAPI) -> None:
    assert app.routes
    spoken = {(one.code, one.status) for one in problems()}
    assert {(code, status) for code, status in spoken if CODES.get(code) != status and code not in INTERNAL} == set()


def test_every_documented_code_is_of_the_vocabulary(document: Document) -> None:
    wrong = [
        (operation.name, status, code)
        for operation in document.operations()
        for status, answer in operation.told["responses"].items()
        if status >= "400" and PROBLEM in answer.get("content", {})
        for code in answer["description"].replace("`", "").split(" · ")
        if CODES.get(code) != int(status)
    ]
    assert wrong == []
