"""What FastAPI cannot know about our OpenAPI document: problem bodies, and the errors that every route shares."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from truestyle.infra.http.limits import described
from truestyle.infra.http.paths import routes_of
from truestyle.kit.errors import ProblemBody, ValidationProblemBody

Dependency = TypeVar("Dependency", bound=Callable[..., Any])
REF = "#/components/schemas/"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

SHARED = {
    "401": "`invalid_credentials` · `token_expired` · `token_invalid` · `token_revoked`",
    "403": "`forbidden` · `mfa_setup_required`",
    "404": "`not_found`",
    "413": "`body_too_large`",
    "415": "`unsupported_media_type`",
    "422": "`validation_error`",
    "429": "`rate_limited`",
    "503": "`service_unavailable`",
}


def answers(told: dict[str, str]) -> Callable[[Dependency], Dependency]:
    """Marks a dependency because of which a route can answer these statuses too."""

    def mark(dependency: Dependency) -> Dependency:
        cast("Any", dependency).told = told
        return dependency

    return mark


def install(app: FastAPI, prefix: str, bodies: Iterable[type[BaseModel]] = ()) -> None:
    """Generate the document once, then serve it from memory. `bodies`: models that routes read by themselves."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, prefix, bodies)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, prefix: str, bodies: Iterable[type[BaseModel]]) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document["components"]["schemas"]
    models: tuple[type[BaseModel], ...] = (ProblemBody, ValidationProblemBody, *bodies)
    for model in models:
        schema = model.model_json_schema(ref_template=REF + "{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    flow = document["components"]["securitySchemes"]["bearer"]["flows"]["password"]
    flow["tokenUrl"] = f"{prefix}/auth/login"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    for route in [one for one in routes_of(app) if one.include_in_schema]:
        for depends in getattr(route, "dependencies", ()):
            for status, words in getattr(depends.dependency, "told", {}).items():
                for method in route.methods or ():
                    document["paths"][route.path_format][method.lower()]["responses"][status] = {"description": words}
    _close_forms(document)
    return _renamed(document)


def _complete(path: str, operation: dict[str, Any]) -> None:
    operation.pop("x-any-query", None)
    # A route's docstring is one line and says what the route is for: that is its summary.
    words, _, rest = operation.get("description", "").partition("\n")
    if words:
        operation["summary"] = words.rstrip(".")
        if rest.strip():
            operation["description"] = rest.strip()
        else:
            del operation["description"]
    answers = operation["responses"]
    for status in _shared(path, operation):
        own = answers.get(status, {}).get("description", "")
        if own == "Validation Error":
            own = ""
        codes = dict.fromkeys(filter(None, [*SHARED[status].split(" · "), *own.split(" · ")]))
        answers[status] = {"description": " · ".join(codes), "content": _content(status, own)}
    for status, answer in answers.items():
        if status >= "400" and "application/json" in answer.get("content", {}):
            answer["content"] = {"application/problem+json": answer["content"].pop("application/json")}
    if "429" in answers:
        answers["429"]["headers"] = described()  # the RateLimit ones are in every answer of the route
    operation["responses"] = dict(sorted(answers.items()))

    for parameter in operation.get("parameters", ()):
        _tell(parameter)


def _tell(parameter: dict[str, Any]) -> None:
    """A parameter is there or not, but never null; and an id in a path is an id."""
    _not_null(parameter["schema"])
    if parameter["in"] == "path" and parameter["name"].endswith("_id"):
        parameter.setdefault("description", f"Id of the {parameter['name'].removesuffix('_id').replace('_', ' ')}.")


def _close_forms(document: dict[str, Any]) -> None:
    """A form has the fields that it has, and no others: we refuse them."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                if kind in FORMS and "$ref" in content["schema"]:
                    schema = document["components"]["schemas"][content["schema"]["$ref"].removeprefix(REF)]
                    schema["additionalProperties"] = False
                    for one in schema["properties"].values():
                        _not_null(one)


def _not_null(schema: dict[str, Any]) -> None:
    kinds = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        schema |= kinds[0] | schema
    elif kinds:
        schema["anyOf"] = kinds


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Components under names that clients generated from them can bear."""
    schemas = document["components"]["schemas"]
    names = {name: _plain(name) for name in schemas}
    document["components"]["schemas"] = {names[name]: schemas[name] for name in sorted(schemas)}
    for one in _within(document):
        if "$ref" in one:
            one["$ref"] = REF + names[one["$ref"].removeprefix(REF)]
    for name, schema in document["components"]["schemas"].items():
        _untitled(schema)
        schema["title"] = name
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _untitled(parameter["schema"])
            for one in (operation.get("requestBody", {}), *operation["responses"].values()):
                for content in one.get("content", {}).values():
                    _untitled(content.get("schema"))
    return document


def _untitled(schema: Any) -> None:
    """Without Pydantic's titles: they only repeat names, and generators make names of them that clash."""
    if not isinstance(schema, dict):
        return
    schema.pop("title", None)
    parts = [schema.get("items"), schema.get("additionalProperties"), *schema.get("properties", {}).values()]
    for kind in ("anyOf", "oneOf", "allOf", "prefixItems"):
        parts += schema.get(kind, ())
    for part in parts:
        _untitled(part)


def _plain(name: str) -> str:
    """`Place-Input` → `PlaceWrite`, `Place-Output` → `Place`, `Page_Order_` → `OrderPage`, `Body_a_b` → `ABForm`."""
    name = re.sub("^Page_(.+)_$", r"\1Page", name)
    name = re.sub("-Input$", "Write", name).removesuffix("-Output")
    if name.startswith("Body_"):
        name = "".join(part.title() for part in name.removeprefix("Body_").split("_")) + "Form"
    return name


def _within(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _within(one)


def _shared(path: str, operation: dict[str, Any]) -> list[str]:
    """The statuses that a route can answer for what it is, not for what it does."""
    found = ["422", "503"]
    if operation.get("security"):
        found.append("401")
        if any(scopes for need in operation["security"] for scopes in need.values()):
            found.append("403")
    if "{" in path:
        found.append("404")
    if "x-rate-limit" in operation:
        found.append("429")
    if "requestBody" in operation:
        found += ["413", "415"]
    return found


def _content(status: str, own: str) -> dict[str, Any]:
    """A malformed request lists its errors; another 422 of the route's own is a plain problem."""
    plain, listing = ({"$ref": REF + name} for name in ("ProblemBody", "ValidationProblemBody"))
    schema = plain if status != "422" else {"anyOf": [listing, plain]} if own else listing
    return {"application/problem+json": {"schema": schema}}
