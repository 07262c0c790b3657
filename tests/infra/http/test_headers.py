"""The security headers over every kind of answer, in production and elsewhere; private answers are not kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripts.contract import Document, filled

from tests import make
from tests.conftest import make_settings
from tests.files.pictures import picture
from truestyle.main import create_app
from truestyle.shop import Shop

CLOSED = "default-src 'none'; frame-ancestors 'none'"
HSTS = "max-age=63072000; includeSubDomains"
PRIVATE, SHARED, FOR_EVER = "no-store", "public, no-cache", "public, max-age=31536000, immutable"
# Kind of answer: method, path, status, its Cache-Control.
KINDS: dict[str, tuple[str, str, int, str]] = {
    "private JSON": ("GET", "/api/v1/auth/me", 200, PRIVATE),
    "public JSON": ("GET", "/api/v1/brands", 200, SHARED),
    "a list that is still the same": ("GET", "/api/v1/order-status", 304, SHARED),
    "HEAD of private JSON": ("HEAD", "/api/v1/auth/me", 200, PRIVATE),
    "HEAD of public JSON": ("HEAD", "/api/v1/brands", 200, SHARED),
    "what was created": ("POST", "/api/v1/brands", 201, PRIVATE),
    "nothing": ("DELETE", "/api/v1/cart/clear", 200, PRIVATE),
    "a guest's cart": ("GET", "/api/v1/cart", 200, PRIVATE),
    "no token": ("GET", "/api/v1/orders", 401, PRIVATE),
    "another site": ("POST", "/api/v1/auth/token/refresh", 403, PRIVATE),
    "not found": ("GET", "/api/v1/products/65af0b12c4a1d2e3f4a5b6c7", 404, PRIVATE),
    "no route": ("GET", "/api/v1/nowhere", 404, PRIVATE),
    "outside the prefix": ("GET", "/nowhere", 404, PRIVATE),
    "another method": ("DELETE", "/api/v1/products", 405, PRIVATE),
    "too large": ("POST", "/api/v1/cart/add", 413, PRIVATE),
    "another media type": ("POST", "/api/v1/cart/sync", 415, PRIVATE),
    "malformed": ("POST", "/api/v1/auth/login", 422, PRIVATE),
    "a failure": ("GET", "/api/v1/products", 500, PRIVATE),
    "a file": ("GET", "/api/v1/files/{file}", 200, FOR_EVER),
    "a part of a file": ("GET", "/api/v1/files/{file}", 206, FOR_EVER),
    "a file that is still the same": ("GET", "/api/v1/files/{file}", 304, FOR_EVER),
    "HEAD of a file": ("HEAD", "/api/v1/files/{file}", 200, FOR_EVER),
    "an export": ("GET", "/api/v1/products/export?format=csv", 200, PRIVATE),
    "health": ("GET", "/health", 200, PRIVATE),
    "the root": ("GET", "/", 200, PRIVATE),
    "the document": ("GET", "/openapi.json", 200, PRIVATE),
    "the docs": ("GET", "/docs", 200, "no-cache"),
    "where Swagger signs in": ("GET", "/docs/oauth2-redirect", 200, "no-cache"),
    "the reference": ("GET", "/redoc", 200, "no-cache"),
    "a script of the docs": ("GET", "/docs-assets/swagger-ui.css", 200, PRIVATE),
    "the page for a new password": ("GET", "/reset-password", 200, "no-cache"),
    "sent mail": ("GET", "/dev/mail", 200, PRIVATE),
    "a sample of a mail": ("GET", "/dev/mail/samples/reset_password.html", 200, PRIVATE),
    "the text of a mail": ("GET", "/dev/mail/samples/reset_password.txt", 200, PRIVATE),
    "a preflight": ("OPTIONS", "/api/v1/products", 200, PRIVATE),
    "a refused preflight": ("OPTIONS", "/api/v1/products", 400, PRIVATE),
}
PAGES = {"/docs", "/docs/oauth2-redirect", "/redoc", "/reset-password", "/dev/mail"}
SENT: dict[str, dict[str, Any]] = {
    "what was created": {"json": {"name": "Sutvana"}},
    "another site": {"headers": {"origin": "https://evil.example"}},
    "too large": {"content": b"x" * 70_000},
    "another media type": {"content": b"<a/>", "headers": {"content-type": "text/xml"}},
    "malformed": {"json": {}},
    "a part of a file": {"headers": {"range": "bytes=0-9"}},
    "a list that is still the same": {"headers": {"if-none-match": "*"}},
    "a file that is still the same": {"headers": {"if-none-match": "*"}},
    "a preflight": {"headers": {"origin": "https://app.example", "access-control-request-method": "PUT"}},
    "a refused preflight": {"headers": {"origin": "https://evil.example", "access-control-request-method": "PUT"}},
}
SIGNED_IN = {"private JSON", "HEAD of private JSON", "what was created", "an export"}


@pytest.fixture(params=["production", "test"])
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def asking(environment: str, mongo_uri: str, tmp_path: Path, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a store in this environment; the docs are open, and sent mail is shown where that is allowed."""
    del shop
    more = {"environment": environment, "docs_enabled": True, "mail_page": environment == "test"}
    settings = make_settings(mongo_uri, tmp_path, cors_origins=["https://app.example"], **more)
    app = create_app(settings, work=False, prepared=True)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


async def test_every_kind_of_answer_has_the_security_headers(
    asking: httpx.AsyncClient, shop: Shop, admin: make.Person, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    production = environment == "production"

    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    sent = {"file": ("a.png", picture(), "image/png")}
    kept = await asking.post("/api/v1/files/upload", files=sent, headers=admin.headers)
    file = kept.json()["id"]
    product = await make.product(shop)
    attached = {"product_id": str(product.id), "file_id": file}
    assert (await asking.post("/api/v1/product-images", json=attached, headers=admin.headers)).status_code == 201
    monkeypatch.setattr(type(shop.store.products), "cards", breaks)
    wrong = []
    for kind, (method, path, status, kept_for) in KINDS.items():
        if production and path.startswith("/dev/mail"):
            assert (await asking.get(path)).status_code == 404
            continue
        asked = {**SENT.get(kind, {})}
        asked["headers"] = {**asked.get("headers", {}), **(admin.headers if kind in SIGNED_IN else {})}
        answer = await asking.request(method, path.format(file=file), **asked)
        page = path in PAGES or path.startswith("/dev/mail")
        wrong += [(kind, one) for one in problems(answer, status, kept_for, page=page, production=production)]
    assert wrong == []


def problems(answer: httpx.Response, status: int, kept_for: str, *, page: bool, production: bool) -> list[str]:
    """How an answer departs from what each must have."""
    headers = answer.headers
    policy = headers.get("content-security-policy", "none")
    wanted = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "strict-transport-security": HSTS if production else None,
        "cache-control": kept_for,
    }
    found = [f"{name}: {headers.get(name)}" for name, value in wanted.items() if headers.get(name) != value]
    if answer.status_code != status:
        found.append(f"{answer.status_code} {answer.text[:200]}")
    if "x-request-id" not in headers:
        found.append("no request id")
    if "server" in headers or "x-powered-by" in headers:
        found.append("it says what it runs on")
    if page:
        if "default-src" not in policy or "frame-ancestors 'none'" not in policy or "*" in policy:
            found.append(policy)
    elif policy not in {CLOSED, "default-src 'none'; sandbox"}:
        found.append(policy)
    return found


async def test_no_private_answer_may_be_kept_and_no_shared_one_is_private(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    """Every GET of the document, as an administrator: what needs a sign-in is `no-store`."""
    document = Document((await client.get("http://test/openapi.json")).json())
    wrong, private = [], 0
    for one in document.operations():
        needs = one.told.get("security")
        if one.method != "GET" or not needs or {} in needs:
            continue
        answer = await client.get(f"http://test{filled(one.path)}", headers=admin.headers)
        private += 1
        if answer.headers["cache-control"] != PRIVATE:
            wrong.append((one.name, answer.status_code, answer.headers["cache-control"]))
    assert wrong == []
    assert private > 30


async def test_a_public_list_asked_for_by_somebody_is_not_given_to_others(
    client: httpx.AsyncClient, shop: Shop, admin: make.Person
) -> None:
    """Staff see drafts where everybody reads: a cache must tell them apart, and ask again each time."""
    draft = await make.product(shop, name="Not yet for sale", status="draft")
    for path in ("/products", "/brands", f"/products/{draft.id}"):
        answer = await client.get(path, headers=admin.headers)
        assert answer.headers["cache-control"] == SHARED
        assert "authorization" in answer.headers["vary"].lower()
    hidden = await client.get(f"/products/{draft.id}", headers={"if-none-match": answer.headers["etag"]})
    assert hidden.status_code == 404
