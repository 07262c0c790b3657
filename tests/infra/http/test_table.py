"""The table of routes: what it finds, what it leaves to the app, what it refuses to hold."""

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import FastAPIError

from truestyle import routes
from truestyle.infra.http.paths import routes_of
from truestyle.infra.http.route import router
from truestyle.infra.http.table import Table


@pytest.fixture
def app() -> FastAPI:
    """An app whose own router answers nothing that the table has."""
    app = FastAPI(openapi_url=None)
    things = router("/things", tag="Things")

    @things.get("")
    async def list_things() -> str:
        return "all"

    @things.get("/newest")
    async def newest() -> str:
        return "newest"

    @things.get("/{name}")
    async def thing(name: str) -> str:
        return f"thing {name}"

    @things.post("/{name}/parts", status_code=201)
    async def add_part(name: str) -> str:
        return f"part of {name}"

    @app.get("/outside")
    async def outside() -> str:
        return "outside"

    app.state.admit = None
    app.state.table = Table(app)
    app.state.table.add(things, "/api/v1")
    return app


async def ask(app: FastAPI, method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://store") as client:
        return await client.request(method, path)


async def test_requests_find_their_routes(app: FastAPI) -> None:
    for path, answer in (("", "all"), ("/newest", "newest"), ("/hat", "thing hat"), ("/caf%C3%A9", "thing café")):
        assert (await ask(app, "GET", f"/api/v1/things{path}")).json() == answer
    made = await ask(app, "POST", "/api/v1/things/hat/parts")
    assert (made.status_code, made.json()) == (201, "part of hat")
    assert (await ask(app, "GET", "/outside")).json() == "outside"


async def test_what_is_not_there_is_said_as_ever(app: FastAPI) -> None:
    for path in ("/api/v1", "/api/v1/", "/api/v1/thing", "/api/v1/things/hat/parts/1", "/things", "/api/v2/things"):
        assert (await ask(app, "GET", path)).status_code == 404, path
    refused = await ask(app, "DELETE", "/api/v1/things/hat")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert (await ask(app, "GET", "/api/v1/things/hat/parts")).headers["allow"] == "POST"


async def test_the_routers_of_a_prefix_do_not_hide_each_other(app: FastAPI) -> None:
    more = router("/things", tag="Things")

    @more.delete("/{name}")
    async def remove(name: str) -> str:
        return f"no {name}"

    app.state.table.add(more, "/api/v1")
    assert (await ask(app, "GET", "/api/v1/things/hat")).json() == "thing hat"
    assert (await ask(app, "DELETE", "/api/v1/things/hat")).json() == "no hat"
    assert {one.path for one in routes_of(app)} >= {"/api/v1/things/{name}", "/outside"}


@pytest.mark.parametrize("path", ["/{anything}", "/files/{rest:path}"])
def test_a_route_without_a_shape_is_refused(path: str) -> None:
    vague = APIRouter()
    vague.add_api_route(path, lambda: None)
    with pytest.raises(ValueError, match="has no shape"):
        Table(FastAPI()).add(vague)


async def test_no_request_below_the_prefix_is_left_to_the_routers_own_search() -> None:
    app, asked = FastAPI(openapi_url=None), list[str]()
    table = Table(app)
    routes.install(table, "/api/v1")
    for one in routes_of(app):
        path = (one.path_format or "").replace("{", "").replace("}", "")
        found = table.led_to(path)
        assert any(placed.path_format == one.path_format for placed in found), path
        asked.append(path)
    assert len(asked) > 400
    assert max(len(table.led_to(path)) for path in asked) < 40


async def test_what_fastapi_makes_of_a_route_is_made_when_it_is_asked_for(app: FastAPI) -> None:
    async def fits() -> str:
        return "made"

    async def fits_nothing(thing: FastAPI) -> None:
        """Wants what no request can hold."""

    fine, wrong = router("/fine", tag="Things"), router("/wrong", tag="Things")
    fine.add_api_route("", fits, methods=["GET"])
    wrong.add_api_route("", fits_nothing, methods=["GET"])
    for one in (fine, wrong):
        app.state.table.add(one, "/api/v1")
    assert not any(vars(route)["_made"] for one in (fine, wrong) for route in one.routes)
    assert (await ask(app, "GET", "/api/v1/fine")).json() == "made"
    with pytest.raises(FastAPIError, match="Invalid args"):
        await ask(app, "GET", "/api/v1/wrong")
