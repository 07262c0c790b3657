"""Errors are classes that carry their status and their stable code; one handler renders them (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, Field


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem, and so do we
    """Something the caller can be told about. Keyword arguments become members of the answer."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    detail: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail or self.detail)
        self.text = detail or self.detail
        self.headers = dict(headers or {})
        self.members = members


class FieldError(BaseModel):
    """One thing wrong with a request, without the refused value."""

    loc: list[str | int]
    msg: str
    type: str


class ProblemBody(BaseModel):
    """An RFC 9457 problem. Some codes add members of their own."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str
    code: str = Field(description="A stable machine word.")
    instance: str
    request_id: str


class ValidationProblemBody(ProblemBody):
    """A problem with the request itself."""

    errors: list[FieldError]


class ValidationFailed(Problem):
    """The request is malformed.

    The `type` of an error tells programs whose fault it is. `rule` is for what the OpenAPI document cannot tell (it
    depends on another field, or on what the store has); everything else violates the document.
    """

    status, code, detail = 422, "validation_error", "The request is not valid."

    def __init__(self, msg: str, loc: tuple[str | int, ...] = ("body",), kind: str = "rule") -> None:
        super().__init__(errors=[{"loc": list(loc), "msg": msg, "type": kind}])


class NotFound(Problem):
    """There is no such thing, or none that the caller may know of."""

    status, code, detail = 404, "not_found", "There is nothing here."


class Duplicate(Problem):
    """A value that must be unique is taken."""

    status, code, detail = 409, "duplicate", "This value is already taken."

    def __init__(self, field: str) -> None:
        super().__init__(f"Another record already has this {field}.", field=field)


class InUse(Problem):
    """Something else depends on it."""

    status, code, detail = 409, "in_use", "This is in use and cannot be removed or changed."


class VersionConflict(Problem):
    """`If-Match` named an older version."""

    status, code, detail = 412, "version_conflict", "This has changed since you read it."


class Unavailable(Problem):
    """A part that the store needs does not answer, or is too busy."""

    status, code, detail = 503, "service_unavailable", "The store is busy or a part of it is away. Try again shortly."

    def __init__(self, detail: str | None = None, *, retry_after: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Forbidden(Problem):
    """The caller is known but may not do this."""

    status, code, detail = 403, "forbidden", "You may not do this."


class BodyTooLarge(Problem):
    """The body is over the limit of its route."""

    status, code, detail = 413, "body_too_large", "The request body is too large."


class RequestTimeout(Problem):
    """The client took too long to send its request."""

    status, code, detail = 408, "request_timeout", "The request did not arrive in time."


class UnsupportedMediaType(Problem):
    """The body is of a type that this route does not read."""

    status, code, detail = 415, "unsupported_media_type", "This route does not read bodies of this type."


def title(status: int) -> str:
    """The standard phrase of a status."""
    return HTTPStatus(status).phrase


def responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """What a route declares: each problem under its status, for the OpenAPI document."""
    found: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        body = ValidationProblemBody if problem.status == ValidationFailed.status else ProblemBody
        entry = found.setdefault(problem.status, {"description": "", "model": body})
        entry["description"] = " · ".join(filter(None, [entry["description"], f"`{problem.code}`"]))
    return found
