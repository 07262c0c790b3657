"""Our route class: strict JSON, a media type that the route reads, no unknown query parameters, ids that are ids."""

import inspect
import json
import re
import warnings
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from typing import Any, TypeVar, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import compile_path

from truestyle.infra.http.limits import MARK, Limit
from truestyle.infra.http.problems import validation_failed
from truestyle.kit import strictjson
from truestyle.kit.errors import UnsupportedMediaType, ValidationFailed
from truestyle.kit.types import Id

Act = TypeVar("Act", bound=Callable[..., Any])
PARAMETER = re.compile(r"{(\w+)}")

# FastAPI silences it while it makes a field; the validators of ours are made later, when they are first used.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)


class IdConvertor(StringConvertor):
    """A segment of a path that can be an id: what cannot leads nowhere, so that `/cart/add` is never an item."""

    regex = "[0-9a-fA-F]{24}"


register_url_convertor("id", IdConvertor())


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
    """A route that refuses what it does not understand.

    What FastAPI makes of it (dependants, fields, validators) is made when it is first asked for: all of them together
    take a third of the time to start, and a process uses few.
    """

    _made = True  # of one whose attributes are not there yet, as a copy's

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        asked = inspect.signature(endpoint).parameters
        ids = {name for name, one in asked.items() if one.annotation == Id}
        self.path = PARAMETER.sub(lambda found: f"{{{found[1]}:id}}" if found[1] in ids else found[0], path)
        self.path_regex, self.path_format, self.param_convertors = compile_path(self.path)
        self.endpoint, self.options, self._made = endpoint, options, False
        self.name = options.get("name") or endpoint.__name__
        self.methods = {method.upper() for method in options.get("methods") or ("GET",)}

    def __getattr__(self, name: str) -> Any:
        """One of the things that FastAPI makes."""
        if self._made:
            raise AttributeError(name=name, obj=self)
        self._made = True
        super().__init__(self.path, self.endpoint, **self.options)
        if self.limit is not Limit.NONE:
            self.openapi_extra = {"x-rate-limit": self.limit, **(self.openapi_extra or {})}
        return getattr(self, name)

    def _class(self, chosen: Limit | None) -> Limit:
        """The class of a route that chose none: DEFAULT, but READ for a GET that needs no permission."""
        if chosen is not None:
            return chosen
        return Limit.READ if self.methods == {"GET"} and not _needs_permission(self.dependant) else Limit.DEFAULT

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind our checks."""
        handle = super().get_route_handler()
        known = frozenset(_names(self.dependant, "query_params"))
        reads_form = self.body_field is not None and isinstance(self.body_field.field_info, Form)
        reads_json = self.body_field is not None and not reads_form
        form_known = frozenset(_names(self.dependant, "body_params"))
        any_query = bool((self.openapi_extra or {}).get("x-any-query"))
        chosen, when = getattr(self.endpoint, MARK, (None, None))
        self.limit = limit = self._class(chosen)
        otherwise = self._class(None) if when else limit

        async def checked(request: Request) -> Response:
            admit, slip = request.app.state.admit, request.scope.get("slip")
            asked = limit if when is None or when in request.query_params else otherwise
            if slip is not None:
                slip.limit, slip.route = asked, getattr(request.scope.get("route"), "path_format", None)
            if admit is not None and limit is not Limit.NONE:
                await admit(request, asked)
            if not any_query and request.scope["query_string"]:
                _refuse_unknown("query", request.query_params, known)
            # One request for our checks and FastAPI's handler: a body can be read from the wire only once.
            request = StrictRequest(request.scope, request.receive)
            if reads_json and not is_json(request) and await request.body():
                raise UnsupportedMediaType
            if reads_form:
                if not _is_form(request) and await request.body():
                    raise UnsupportedMediaType
                form = await request.form()
                try:
                    _refuse_unknown("body", form, form_known)
                except ValidationFailed:
                    await form.close()
                    raise
            return await handle(request)

        return checked


def gathered(model: Callable[..., Any]) -> Any:
    """The dependency that makes `model` of the parameters which it names.

    `Depends(model)` would do the same in a thread, because a class is no coroutine function.
    """

    async def gather(**values: Any) -> Any:
        return model(**values)

    cast("Any", gather).__signature__ = inspect.signature(model)
    return Depends(gather)


def router(prefix: str = "", *, tag: str) -> APIRouter:
    """A router of our routes under one tag."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route, generate_unique_id_function=_operation_id)


def _operation_id(route: APIRoute) -> str:
    return route.name


def changing(routes: APIRouter, path: str, **options: Any) -> Callable[[Act], Act]:
    """Route a function named `change_…` as PUT, and as PATCH under the name `patch_…`: they do the same."""

    def add(act: Act) -> Act:
        name = act.__name__
        for method, called in (("PUT", name), ("PATCH", name.replace("change_", "patch_", 1))):
            routes.add_api_route(path, act, methods=[method], name=called, **options)
        return act

    return add


def _refuse_unknown(place: str, sent: Iterable[str], known: Collection[str]) -> None:
    unknown = [name for name in sent if name not in known]
    if unknown:
        raise validation_failed(
            [{"loc": (place, n), "msg": "is not a parameter here", "type": "extra"} for n in unknown]
        )


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON."""
    kind = _kind(request)
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _is_form(request: Request) -> bool:
    return _kind(request) in {"multipart/form-data", "application/x-www-form-urlencoded"}


def _needs_permission(dependant: Dependant) -> bool:
    return bool(dependant.own_oauth_scopes) or any(_needs_permission(one) for one in dependant.dependencies)


def _names(dependant: Dependant, place: str) -> Iterator[str]:
    for field in getattr(dependant, place):
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from (inner.alias or name for name, inner in model.model_fields.items())
        else:
            yield field.alias
    for inner_dependant in dependant.dependencies:
        yield from _names(inner_dependant, place)
