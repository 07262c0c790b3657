"""The application: middleware, errors, lifespan, routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from truestyle import aliases, health, measuring, routes
from truestyle.auth import page
from truestyle.auth import routes as auth
from truestyle.cms.content import CONTENT
from truestyle.infra import telemetry, tracing
from truestyle.infra.http import docs, openapi, problems
from truestyle.infra.http.clients import Clients
from truestyle.infra.http.conditional import Conditional
from truestyle.infra.http.door import Doorkeeper
from truestyle.infra.http.edge import BodyLimit, Edge, Failures
from truestyle.infra.http.front import Front
from truestyle.infra.http.patience import Patience
from truestyle.infra.http.table import Table
from truestyle.kit import memory
from truestyle.mail import page as mail
from truestyle.settings import Settings
from truestyle.shop import Shop
from truestyle.sitemap import routes as sitemap

SMALL_BODY, LARGE_BODY = 64 * 1024, 1024 * 1024  # bytes
COMPRESSED_FROM = 1000  # bytes
EXPOSED = (
    *("X-Request-ID", "X-Cart-Token", "ETag", "Location", "Idempotency-Replayed"),
    *(
        "X-Store-Version",
        "Retry-After",
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
        "Content-Disposition",
    ),
)
DESCRIPTION = "The commerce backend a fashion store runs on. Money is a decimal string, times are UTC, ids are 24 hex."


def create_app(settings: Settings, *, work: bool = True, prepared: bool = False, reads_only: bool = False) -> FastAPI:
    """The app for these settings. `work`: deliver the outbox too; `prepared`: migrated and seeded already.

    `reads_only`: nothing is written but what requests ask for.
    """
    limits = settings.limits
    patience = Patience(limits.header_timeout_seconds, limits.body_timeout_seconds, limits.max_connections)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        shop = app.state.shop = Shop(settings, reads_only=reads_only)
        app.state.admit = shop.limits.admit if limits.rate_limit_enabled else None
        try:
            await shop.open(work=work and settings.serving.run_worker)
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
        # Ours are in infra/tracing.py and measuring.py; these would tell addresses with tokens in them.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    prefix = settings.shop.api_v1_prefix
    table = Table(app)
    routes.install(table, prefix)
    aliases.install(app, table, prefix)
    if settings.docs:
        docs.install(app)
    page.install(app, prefix)
    sitemap.install(app)
    if settings.metrics:
        measuring.install(app)
    if settings.mail.mail_page:
        mail.install(app, settings)
    openapi.install(app, prefix, auth.BODIES)
    problems.install(app)
    # The last added is the outermost.
    app.add_middleware(Conditional)
    app.add_middleware(Doorkeeper, door=lambda: app.state.shop.door if hasattr(app.state, "shop") else None)
    app.add_middleware(
        BodyLimit,
        default=SMALL_BODY,
        larger={
            f"{prefix}/products": LARGE_BODY,
            f"{prefix}/payments/webhooks": LARGE_BODY,
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

    def observe(facts: dict[str, Any]) -> None:
        measuring.saw(facts)
        tracing.tell(facts)
        if settings.data.log_requests and hasattr(app.state, "shop"):
            app.state.shop.requests.saw(facts)

    clients = Clients(limits.trusted_proxies, limits.forwarded_header)
    app.add_middleware(Edge, secure=settings.production, clients=clients, observe=observe)

    _put_in_front(app, settings, clients)
    return app


def _put_in_front(app: FastAPI, settings: Settings, clients: Clients) -> None:
    """The cache of public answers, outside everything else."""

    def tell(facts: list[dict[str, Any]]) -> None:
        telemetry.requests(facts)
        measuring.saw_kept(facts)

    app.add_middleware(
        Front,
        shelf=lambda: app.state.shop.shelf if hasattr(app.state, "shop") else None,
        certain=lambda: app.state.shop.door.wide_open,
        prefix=settings.shop.api_v1_prefix,
        places=routes.PUBLIC,
        brief=routes.SCHEDULED,
        origins=frozenset(one.encode() for one in settings.auth.cors_origins),
        clients=clients,
        gate=lambda: app.state.shop.limits.read if settings.limits.rate_limit_enabled else None,
        tell=tell,
    )
    if settings.observing.otel_enabled:
        app.add_middleware(tracing.Traced)


def served(settings: Settings) -> FastAPI:
    """The app of a process that does nothing but serve it, on a store that is prepared."""
    app = create_app(settings, prepared=True)
    memory.stays()
    return app


def from_environment() -> FastAPI:
    """For `uvicorn --factory` and worker processes. Raises SettingsRefusedError."""
    settings = Settings.load()
    if settings.production:
        settings.require_safe()
    telemetry.configure(json=settings.production)
    return served(settings)
