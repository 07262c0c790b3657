"""The paths of the other seeds: they reach the same handlers, outside the OpenAPI document."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from truestyle.cart import by_product
from truestyle.infra.http.paths import routes_of
from truestyle.infra.http.route import Route, router
from truestyle.infra.http.table import Table

KEPT = {"response_model", "response_class", "status_code", "dependencies", "openapi_extra"}
PARAMETER = re.compile(r"{\w+}")


@dataclass(frozen=True)
class Alias:
    """A seed's method and path, and ours. `through`: a handler that finds our path's id by what the seed sends."""

    method: str
    path: str
    to_method: str
    to_path: str
    through: Callable[..., Any] | None = None


ALIASES = (
    Alias("POST", "/auth/signup", "POST", "/auth/register"),
    Alias("POST", "/auth/signin", "POST", "/auth/login"),
    Alias("POST", "/auth/refresh", "POST", "/auth/token/refresh"),
    Alias("POST", "/auth/forgot-password", "POST", "/auth/forgot-password/request"),
    Alias("POST", "/auth/reset-password", "POST", "/auth/forgot-password/verify"),
    Alias("PUT", "/auth/reset-password", "POST", "/auth/forgot-password/verify"),
    Alias("POST", "/auth/verify-resend-otp", "POST", "/auth/verify-email/resend"),
    Alias("GET", "/user/info", "GET", "/users/profile"),
    Alias("PATCH", "/user/{}", "PATCH", "/users/{}"),
    Alias("DELETE", "/user/{}", "DELETE", "/users/{}"),
    Alias("POST", "/product/upload-image", "POST", "/files/upload"),
    Alias("POST", "/product", "POST", "/products"),
    Alias("GET", "/product/{}", "GET", "/products/{}"),
    Alias("PUT", "/product/{}", "PUT", "/products/{}"),
    Alias("PATCH", "/product/{}", "PATCH", "/products/{}"),
    Alias("DELETE", "/product/{}", "DELETE", "/products/{}"),
    Alias("PUT", "/cart/update/{}", "PUT", "/cart/{}", by_product.change_product_in_cart),
    Alias("DELETE", "/cart/remove/{}", "DELETE", "/cart/{}", by_product.remove_product_from_cart),
)


def install(app: FastAPI, table: Table, prefix: str) -> None:
    """Add every alias."""
    ours = {
        (method, shape(one.path_format or "")): one.original_route
        for one in routes_of(app)
        if isinstance(one.original_route, Route)
        for method in one.methods or ()
    }
    seeds = router(tag="Paths of the other seeds")
    for alias in ALIASES:
        target = ours[alias.to_method, prefix + alias.to_path]
        seeds.add_api_route(
            _named(alias, target),
            alias.through or target.endpoint,
            **{
                **{name: one for name, one in target.options.items() if name in KEPT},
                "methods": [alias.method],
                "include_in_schema": False,
                "name": f"alias_{alias.method.lower()}_{target.name}",
            },
        )
    table.add(seeds, prefix)


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return PARAMETER.sub("{}", path)


def _named(alias: Alias, target: Route) -> str:
    """The alias's path, its parameters named as its handler wants them."""
    names = ["{product_id}"] if alias.through else PARAMETER.findall(target.path_format)
    return alias.path.format(*names) if "{" in alias.path else alias.path
