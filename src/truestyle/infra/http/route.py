"""Our route class: strict JSON, a media type that the route reads, and no unknown query parameters."""

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BaseModel

from truestyle.infra.http.problems import validation_failed
from truestyle.kit import strictjson
from truestyle.kit.errors import UnsupportedMediaType


class StrictRequest(Request):
    """A request whose JSON is read by our parser."""

    async def json(self) -> Any:
        """The body. Raises JSONDecodeError, which FastAPI turns into a validation error."""
        if not hasattr(self, "_json"):
            try:
                self._json = strictjson.loads(await self.body())
            except strictjson.MalformedJsonError as error:
                raise json.JSONDecodeError(str(error), "", 0) from error
        return self._json


class Route(APIRoute):
    """A route that refuses what it does not understand."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind our checks."""
        handle = super().get_route_handler()
        known = frozenset(_query_names(self.dependant))
        reads_json = self.body_field is not None and not isinstance(self.body_field.field_info, Form)
        any_query = bool((self.openapi_extra or {}).get("x-any-query"))

        async def checked(request: Request) -> Response:
            if not any_query and request.scope["query_string"]:
                unknown = [name for name in request.query_params if name not in known]
                if unknown:
                    errors = [{"loc": ("query", n), "msg": "is not a parameter here", "type": "extra"} for n in unknown]
                    raise validation_failed(errors)
            if reads_json and not _is_json(request) and await request.body():
                raise UnsupportedMediaType
            return await handle(StrictRequest(request.scope, request.receive))

        return checked


def router(prefix: str = "", *, tag: str) -> APIRouter:
    """A router of our routes under one tag."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route, redirect_slashes=False)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _query_names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (inner.alias or name for name, inner in model.model_fields.items())
        else:
            yield field.alias
    for inner_dependant in dependant.dependencies:
        yield from _query_names(inner_dependant)
