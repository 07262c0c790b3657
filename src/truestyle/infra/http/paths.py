"""What the app answers where, those paths outside the OpenAPI document too."""

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts


def routes_of(app: FastAPI) -> list[RouteContext]:
    """Every HTTP route with its whole path."""
    return [one for one in iter_route_contexts(app.routes) if one.methods]


def methods_at(app: FastAPI, path: str) -> set[str]:
    """Every method that some route answers at this path (Starlette only names those of the first that fits)."""
    found = {method for one in routes_of(app) if one.path_regex.match(path) for method in one.methods or ()}
    return found | {"HEAD"} if "GET" in found else found
