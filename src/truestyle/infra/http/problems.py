"""Every error as `application/problem+json`, from one place."""

import errno
from collections.abc import Sequence
from typing import Any, cast

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pymongo.errors import ConnectionFailure, ExecutionTimeout, NetworkTimeout, PyMongoError, WTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from truestyle.infra.http.paths import methods_at
from truestyle.kit.errors import (
    BodyTooLarge,
    NotFound,
    Problem,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
    title,
)

MOST_ERRORS = 20
CODES = {401: "token_invalid", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
FULL = {errno.ENOSPC, errno.EDQUOT}
log = structlog.get_logger("errors")


def render(problem: Problem, path: str, request_id: str) -> Response:
    """The answer for a problem."""
    body = {
        "type": "about:blank",
        "title": title(problem.status),
        "status": problem.status,
        "detail": problem.text,
        "code": problem.code,
        "instance": path,
        "request_id": request_id,
        **problem.members,
    }
    return Response(
        orjson.dumps(body, default=_member), problem.status, problem.headers, media_type="application/problem+json"
    )


def _member(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(PyMongoError, _mongo)
    app.add_exception_handler(OSError, _system)


def _answer(request: Request, problem: Problem) -> Response:
    request.scope["state"]["problem"] = problem.code  # for the log and the counts
    return render(problem, request.scope["path"], request.scope["state"]["request_id"])


async def _problem(request: Request, error: Exception) -> Response:
    return _answer(request, cast("Problem", error))


async def _invalid(request: Request, error: Exception) -> Response:
    errors = cast("RequestValidationError", error).errors()
    if any(one["loc"] and one["loc"][0] == "path" for one in errors):
        return _answer(request, NotFound())
    return _answer(request, validation_failed(errors))


def validation_failed(errors: Sequence[Any]) -> ValidationFailed:
    """Pydantic's errors as our problem: at most 20, without the refused values."""
    problem = ValidationFailed("")
    problem.members["errors"] = [
        {"loc": [_short(part) for part in one["loc"]], "msg": _message(one), "type": one["type"]}
        for one in errors[:MOST_ERRORS]
    ]
    return problem


def _short(part: Any) -> str | int:
    return part if isinstance(part, int) else str(part)[:80]


def _message(one: Any) -> str:
    if one["type"] == "json_invalid":
        return str(one.get("ctx", {}).get("error", one["msg"]))
    return str(one["msg"]).removeprefix("Value error, ")[:300]


async def _http(request: Request, error: Exception) -> Response:
    failed = cast("HTTPException", error)
    known: dict[int, Problem] = {404: NotFound(), 413: BodyTooLarge(), 415: UnsupportedMediaType()}
    problem = known.get(failed.status_code)
    if problem is None and failed.status_code == 400:  # noqa: PLR2004 - an unreadable body is a malformed request
        problem = ValidationFailed("cannot be read")
    if problem is None:
        headers = dict(failed.headers or {})
        if failed.status_code == 405:  # noqa: PLR2004
            headers["Allow"] = ", ".join(sorted(methods_at(request.app, request.scope["path"])))
        problem = Problem(title(failed.status_code), headers=headers)
        problem.status, problem.code = failed.status_code, CODES.get(failed.status_code, "error")  # type: ignore[misc]
    return _answer(request, problem)


async def _mongo(request: Request, error: Exception) -> Response:
    away = isinstance(error, ConnectionFailure | NetworkTimeout | ExecutionTimeout | WTimeoutError)
    if not away and not cast("PyMongoError", error).timeout:
        raise error
    log.warning("mongo_unavailable", error=type(error).__name__, request_id=request.scope["state"]["request_id"])
    return _answer(request, Unavailable())


async def _system(request: Request, error: Exception) -> Response:
    """A disk without room, say for an upload on its way, is nobody's mistake who asks."""
    if cast("OSError", error).errno not in FULL:
        raise error
    log.error("disk_full", error=str(error), request_id=request.scope["state"]["request_id"])
    return _answer(request, Unavailable())
