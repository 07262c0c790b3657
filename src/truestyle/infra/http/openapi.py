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
    answers = operation["responses"]
    operation.pop("x-any-query", None)
    wanted = ["422", "503"]
    if operation.get("security"):
        wanted += ["401"]
        if any(scopes for need in operation["security"] for scopes in need.values()):
            wanted += ["403"]
    if "{" in path:
        wanted += ["404"]
    if "requestBody" in operation:
        wanted += ["413", "415"]
    for status in wanted:
        name = "ValidationProblemBody" if status == "422" else "ProblemBody"
        content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        own = answers.get(status, {}).get("description", "")
        words = SHARED[status] if not own or own == "Validation Error" else own
        answers[status] = {"description": words, "content": content}
    for status, answer in answers.items():
        if status >= "400" and "application/json" in answer.get("content", {}):
            answer["content"] = {"application/problem+json": answer["content"].pop("application/json")}
    operation["responses"] = dict(sorted(answers.items()))
