"""django-oscar: its own pages, and the JSON of django-oscar-api; gunicorn, PostgreSQL, Whoosh for its search."""

import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import httpx

from benchmarks.peers.catalogue import QUERY
from benchmarks.peers.peer import ADD, CHECKOUT, DETAIL, LIST, SEARCH, Open, Outcome, Place, Read, Write, prepared
from benchmarks.peers.services import Postgres, free_port, named, process, run
from benchmarks.peers.tools import ADDRESS, CONNECTIONS, Ask, uv

FILES = Path(__file__).parent / "files" / "oscar"
PINS = (
    "django==5.2.19",
    "django-oscar==4.2.1",
    "django-oscar-api==3.3.0",
    "djangorestframework==3.18.3",
    "sorl-thumbnail==13.4.0",
    "whoosh==2.7.4",
    "psycopg[binary]==3.3.9",
    "gunicorn==27.0.1",
)
THREADS = 4
TOKEN = "a" * 32  # Django compares the cookie with the header, and keeps nothing
JSON, PAGE = "JSON", "page"
TO = {
    "first_name": "Asha",
    "last_name": "Rao",
    "line1": ADDRESS["line1"],
    "line4": ADDRESS["city"],
    "state": ADDRESS["state"],
    "postcode": ADDRESS["pincode"],
    "phone_number": ADDRESS["phone"],
}


@dataclass
class OscarOpen:
    """The running shop."""

    url: str
    versions: Mapping[str, str]
    settings: Sequence[str]
    database: str
    postgres: Postgres
    ids: Mapping[str, tuple[int, int]]  # of the parent and of the child, by SKU
    page: str  # of a product

    @property
    def reads(self) -> Sequence[Read]:
        """The JSON of the API where it has any, and the pages."""
        parent, _ = next(iter(self.ids.values()))
        asked = f"/search/?q={QUERY.replace(' ', '+')}"
        return (
            Read(LIST, JSON, "/api/products/?structure=parent", "20 of name and UPC, no prices"),
            Read(LIST, PAGE, "/catalogue/", "20 cards as HTML: name, price, availability"),
            Read(SEARCH, PAGE, asked, "20 cards as HTML; its API has no search"),
            Read(DETAIL, JSON, f"/api/products/{parent}/", "product and sizes; price and stock are other requests"),
            Read(DETAIL, PAGE, self.page, "the product's page"),
        )

    @property
    def writes(self) -> Sequence[Write]:
        """As a guest."""
        bought = "guest; address and order in one request, no payment; stock is only looked at when adding"
        pages = "guest; the last of five pages, 'place order', no payment; looks at the stock again"
        return (
            Write(ADD, JSON, self._adds, "guest; answers the basket's totals"),
            Write(CHECKOUT, JSON, self._api, bought, proof='"number":'),
            Write(CHECKOUT, PAGE, self._pages, pages, expected=302, proof="/checkout/thank-you/"),
        )

    async def _adds(self, skus: Sequence[str]) -> list[Ask]:
        sessions = [_session() for _ in range(max(CONNECTIONS, len(skus) // 5))]
        async with self._client() as client:
            for one in sessions:
                (await client.get("/api/basket/", headers=one)).raise_for_status()
        return [
            Ask("POST", "/api/basket/add-product/", sessions[at % len(sessions)], self._wanted(sku))
            for at, sku in enumerate(skus)
        ]

    async def _api(self, skus: Sequence[str]) -> list[Ask]:
        async with self._client() as client:

            async def ready(sku: str) -> Ask:
                one = _session()
                added = await client.post("/api/basket/add-product/", headers=one, json=self._wanted(sku))
                body = {
                    "basket": added.raise_for_status().json()["url"],
                    "guest_email": f"{secrets.token_hex(6)}@example.com",
                    "shipping_address": {**TO, "country": f"{self.url}/api/countries/IN/"},
                }
                return Ask("POST", "/api/checkout/", one, body)

            return await prepared(ready, skus)

    async def _pages(self, skus: Sequence[str]) -> list[Ask]:
        return await prepared(self._at_the_last_page, skus)

    async def _at_the_last_page(self, sku: str) -> Ask:
        parent, child = self.ids[sku]
        async with self._client() as client:
            client.cookies.set("csrftoken", TOKEN)
            client.headers["x-csrftoken"] = TOKEN
            email = f"{secrets.token_hex(6)}@example.com"
            for path, form in (
                (f"/basket/add/{parent}/", {"child_id": child, "quantity": 1}),
                ("/checkout/", {"username": email, "options": "anonymous"}),
                ("/checkout/shipping-address/", TO),
            ):
                _require(await client.post(path, data=form), httpx.codes.FOUND)
            _require(await client.get("/checkout/shipping-method/"), httpx.codes.FOUND)
            kept = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = {"cookie": kept, "x-csrftoken": TOKEN, "content-type": "application/x-www-form-urlencoded"}
        return Ask("POST", "/checkout/preview/", headers, urlencode({"action": "place_order"}))

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60)

    def _wanted(self, sku: str) -> dict[str, object]:
        return {"url": f"{self.url}/api/products/{self.ids[sku][1]}/", "quantity": 1}

    async def outcome(self, sku: str) -> Outcome:
        """Orders with a line of it; what is in stock less what is allocated to orders."""
        found = await self.postgres.rows(
            self.database,
            "SELECT (SELECT count(DISTINCT order_id) FROM order_line WHERE stockrecord_id = s.id),"
            " s.num_in_stock - coalesce(s.num_allocated, 0) FROM partner_stockrecord s WHERE partner_sku = :sku",
            sku=sku,
        )
        orders, left = found[0]
        return Outcome(int(str(orders)), int(str(left)))


class Oscar:
    """django-oscar with django-oscar-api."""

    name = "oscar"
    title = "django-oscar"

    def lacks(self, cache: Path) -> str:
        """Not there, or in other versions."""
        return "" if _installed(cache / self.name) == "\n".join(PINS) else f"{', '.join(PINS[1:3])} not installed"

    def install(self, cache: Path) -> None:
        """Into a virtual environment of its own."""
        folder = cache / self.name
        shutil.rmtree(folder, ignore_errors=True)
        run([*uv(), "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], folder)
        python = str(folder / "venv" / "bin" / "python")
        run([*uv(), "pip", "install", "--quiet", "--python", python, *PINS], folder)
        (folder / "installed.txt").write_text("\n".join(PINS))

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncIterator[Open]:
        """The database, the index, gunicorn."""
        postgres = place.postgres()
        wares = place.catalogue.json()
        made = named(self.name, *PINS, wares, (FILES / "fill.py").read_text())
        index = place.cache / made
        folder = place.scratch / "shop"
        shutil.copytree(FILES, folder)
        (folder / "catalogue.json").write_text(wares)
        bin_ = place.cache / "venv" / "bin"
        env = {
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "SHOP_SECRET": secrets.token_hex(32),
            "SHOP_FOLDER": str(folder),
            "SHOP_INDEX": str(index),
            "SHOP_DATABASE_FOLDER": postgres.folder,
            "SHOP_DATABASE_USER": postgres.user,
        }
        fill = partial(_fill, bin_ / "python", folder, env, index)
        database = await postgres.fresh(made, fill)
        port = free_port()
        command = [str(bin_ / "gunicorn"), "shop_wsgi", "--bind", f"127.0.0.1:{port}"]
        command += ["--workers", str(place.workers), "--worker-class", "gthread", "--threads", str(THREADS)]
        url = f"http://127.0.0.1:{port}"
        with ExitStack() as stack:
            env["SHOP_DATABASE"] = database
            stack.enter_context(process(command, folder, "gunicorn", env, f"{url}/api/products/"))
            versions = dict(pin.split("==") for pin in PINS) | {"PostgreSQL": postgres.version}
            settings = (
                f"gunicorn, {place.workers} workers of {THREADS} threads (gthread, connections kept)",
                "DEBUG off, sessions in the database, mail thrown away",
                "its search by Whoosh, in each worker",
                "track_stock on; stock is allocated when the order is placed",
            )
            ids = await _ids(postgres, database)
            first = next(iter(ids.values()))[0]
            [[slug]] = await postgres.rows(database, "SELECT slug FROM catalogue_product WHERE id = :id", id=first)
            page = f"/catalogue/{slug}_{first}/"
            yield OscarOpen(url, versions, settings, database, postgres, ids, page)


def _fill(python: Path, folder: Path, env: Mapping[str, str], index: Path, database: str) -> None:
    shutil.rmtree(index, ignore_errors=True)
    run([str(python), "fill.py", "catalogue.json"], folder, **{**env, "SHOP_DATABASE": database})


async def _ids(postgres: Postgres, database: str) -> dict[str, tuple[int, int]]:
    query = "SELECT upc, parent_id, id FROM catalogue_product WHERE parent_id IS NOT NULL ORDER BY id"
    found = await postgres.rows(database, query)
    return {str(upc): (int(str(parent)), int(str(child))) for upc, parent, child in found}


def _installed(folder: Path) -> str:
    kept = folder / "installed.txt"
    return kept.read_text() if kept.exists() else ""


def _session() -> dict[str, str]:
    """A guest's session of the API, named by the client."""
    return {"session-id": f"SID:ANON:127.0.0.1:{secrets.token_hex(12)}"}


def _require(got: httpx.Response, status: int) -> None:
    if got.status_code != status:
        raise RuntimeError(f"{got.request.method} {got.request.url}: {got.status_code}: {got.text[:500]}")
