"""The application: middleware, errors, lifespan, routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from truestyle import aliases, health, measuring, routes
from truestyle.auth import page
from truestyle.auth import routes as auth
from truestyle.cms.content import CONTENT
from truestyle.infra import telemetry
from truestyle.infra.http import docs, openapi, problems
from truestyle.infra.http.clients import Clients
from truestyle.infra.http.conditional import Conditional
from truestyle.infra.http.edge import BodyLimit, Edge, Failures
from truestyle.infra.http.patience import Patience
from truestyle.infra.metrics import Metrics
from truestyle.mail import page as mail
from truestyle.settings import Settings
from truestyle.shop import Shop

SMALL_BODY, LARGE_BODY = 64 * 1024, 1024 * 1024  # bytes
COMPRESSED_FROM = 1000  # bytes
EXPOSED = (
    *("X-Request-ID", "X-Cart-Token", "ETag", "Location", "Idempotency-Replayed"),
    *("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Content-Disposition"),
)
DESCRIPTION = "The commerce backend a fashion store runs on. Money is a decimal string, times are UTC, ids are 24 hex."


def create_app(settings: Settings, *, work: bool = True, prepared: bool = False) -> FastAPI:
    """The app for these settings. `work`: deliver the outbox too; `prepared`: migrated and seeded already."""
    limits = settings.limits
    patience = Patience(limits.header_timeout_seconds, limits.body_timeout_seconds, limits.max_connections)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        shop = app.state.shop = Shop(settings)
        app.state.admit = shop.limits.admit if limits.rate_limit_enabled else None
        try:
            await shop.open(work=work)
            if not prepared:
                await shop.prepare()
            shop.search.start()
            yield {"patience": patience}
        finally:
            await shop.close()

    app = FastAPI(
        title=settings.shop.project_name,
        version=health.VERSION,
        description=DESCRIPTION,
        openapi_tags=routes.TAGS,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
    )
    prefix = settings.shop.api_v1_prefix
    routes.install(app, prefix)
    aliases.install(app, prefix)
    if settings.docs:
        docs.install(app)
    page.install(app, prefix)
    if settings.metrics:
        measuring.install(app)
    if settings.mail.mail_page:
        mail.install(app, settings)
    openapi.install(app, prefix, auth.BODIES)
    problems.install(app)
    # The last added is the outermost.
    app.add_middleware(Conditional)
    app.add_middleware(
        BodyLimit,
        default=SMALL_BODY,
        larger={
            f"{prefix}/products": LARGE_BODY,
            f"{prefix}/product": LARGE_BODY,
            **{prefix + one.path: LARGE_BODY for one in CONTENT},
            f"{prefix}/products/import": settings.data.import_max_bytes + SMALL_BODY,
        },
        multipart=settings.data.upload_max_bytes + SMALL_BODY,
    )
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=5)
    app.add_middleware(Failures)
    if settings.auth.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.auth.cors_origins,
            allow_credentials="*" not in settings.auth.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )

    app.state.metrics = Metrics()

    def observe(facts: dict[str, Any]) -> None:
        app.state.metrics.saw(facts)
        if settings.data.log_requests and hasattr(app.state, "shop"):
            app.state.shop.requests.saw(facts)

    clients = Clients(limits.trusted_proxies, limits.forwarded_header)
    app.add_middleware(Edge, secure=settings.production, clients=clients, observe=observe)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def from_environment() -> FastAPI:
    """For `uvicorn --factory` and worker processes. Raises SettingsRefusedError."""
    settings = Settings.load()
    if settings.production:
        settings.require_safe()
    telemetry.configure(json=settings.production)
    return create_app(settings, prepared=True)
