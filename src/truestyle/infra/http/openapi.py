"""What FastAPI cannot know about our OpenAPI document: problem bodies, and the errors that every route shares."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from truestyle.kit.errors import ProblemBody, ValidationProblemBody

SHARED = {
    "401": "`invalid_credentials` · `token_expired` · `token_invalid` · `token_revoked`",
    "403": "`forbidden`",
    "404": "`not_found`",
    "413": "`body_too_large`",
    "415": "`unsupported_media_type`",
    "422": "`validation_error`",
    "503": "`service_unavailable`",
}


def install(app: FastAPI, prefix: str) -> None:
    """Generate the document once, then serve it from memory."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, prefix)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, prefix: str) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    schemas = document["components"]["schemas"]
    for model in (ProblemBody, ValidationProblemBody):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    flow = document["components"]["securitySchemes"]["bearer"]["flows"]["password"]
    flow["tokenUrl"] = f"{prefix}/auth/login"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return document


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
        if own and status != "422":
            continue
        codes = " · ".join(filter(None, [SHARED[status], own]))
        answers[status] = {"description": codes, "content": _content(status, own)}
    for status, answer in answers.items():
        if status >= "400" and "application/json" in answer.get("content", {}):
            answer["content"] = {"application/problem+json": answer["content"].pop("application/json")}
    operation["responses"] = dict(sorted(answers.items()))


def _shared(path: str, operation: dict[str, Any]) -> list[str]:
    """The statuses that a route can answer for what it is, not for what it does."""
    found = ["422", "503"]
    if operation.get("security"):
        found.append("401")
        if any(scopes for need in operation["security"] for scopes in need.values()):
            found.append("403")
    if "{" in path:
        found.append("404")
    if "requestBody" in operation:
        found += ["413", "415"]
    return found


def _content(status: str, own: str) -> dict[str, Any]:
    """A malformed request lists its errors; another 422 of the route's own is a plain problem."""
    plain, listing = ({"$ref": f"#/components/schemas/{name}"} for name in ("ProblemBody", "ValidationProblemBody"))
    schema = plain if status != "422" else {"anyOf": [listing, plain]} if own else listing
    return {"application/problem+json": {"schema": schema}}
