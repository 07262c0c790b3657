"""/dashboard and /admin: how the store does, and how it is."""

from typing import Annotated

from fastapi import Query, Response

from truestyle.audit import job as integrity
from truestyle.audit.job import Integrity
from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.dashboard import service, system
from truestyle.dashboard.models import (
    LowStock,
    Overview,
    PaymentMix,
    ProductRank,
    Regions,
    Sales,
    SalesAnalytics,
    Stats,
    TopProducts,
    UserAnalytics,
    UserGrowth,
)
from truestyle.dashboard.periods import Period
from truestyle.dashboard.system import SystemHealth
from truestyle.deps import Db, ShopDep, allowed
from truestyle.infra.http.route import router
from truestyle.jobs.models import Job
from truestyle.kit.errors import InUse, NotFound, responses
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.orders.models import OrderAnswer
from truestyle.users import admin_routes as users

routes = router("/dashboard", tag="Dashboard")
admin = router("/admin", tag="Dashboard")
Reader = Annotated[Caller, allowed(Permission.DASHBOARD_READ)]
OrderReader = Annotated[Caller, allowed(Permission.ORDERS_READ)]
Auditor = Annotated[Caller, allowed(Permission.INTEGRITY_RUN)]
Days = Annotated[int, Query(ge=1, le=366, description="The last so many days, today among them.")]
Window = Annotated[int | None, Query(ge=1, le=366, description="Only the last so many days; all, when left out.")]
Limit = Annotated[int, Query(ge=1, le=100, description="At most so many.")]
By = Annotated[ProductRank, Query(description="What makes a product a top one.")]


@routes.get("/overview")
async def dashboard_overview(store: Db, _: Reader) -> Overview:
    """The store at a glance."""
    return await service.overview(store)


@routes.get("/sales")
async def dashboard_sales(store: Db, _: Reader, days: Days = 30) -> Sales:
    """Orders and revenue of each day; empty days are zeros."""
    return await service.sales(store, days)


@routes.get("/user-growth")
async def dashboard_user_growth(store: Db, _: Reader, days: Days = 30) -> UserGrowth:
    """Accounts opened on each day; empty days are zeros."""
    return await service.user_growth(store, days)


async def top_products(
    store: Db, _: Reader, limit: Limit = 10, days: Window = None, by: By = ProductRank.QUANTITY
) -> TopProducts:
    """What sells best, by pieces or by revenue."""
    return await service.top_products(store, by, limit, days)


routes.add_api_route("/top-products", top_products, name="dashboard_top_products")
admin.add_api_route("/analytics/products/top", top_products, name="analyse_top_products")


@routes.get("/low-stock")
async def dashboard_low_stock(
    store: Db,
    _: Reader,
    threshold: Annotated[int, Query(ge=0, le=10_000, description="This many pieces or fewer.")] = service.LOW,
    limit: Limit = 50,
) -> LowStock:
    """SKUs of active products that are nearly sold out, or are."""
    return await service.low_stock(store, threshold, limit)


@routes.get("/payment-mix")
async def dashboard_payment_mix(store: Db, _: Reader, days: Window = None) -> PaymentMix:
    """How sales were paid."""
    return await service.payment_mix(store, days)


async def system_health(shop: ShopDep, _: Reader) -> SystemHealth:
    """How the store's parts are."""
    return await system.system_health(shop)


routes.add_api_route("/system-health", system_health, name="dashboard_system_health")
admin.add_api_route("/system/health", system_health, name="admin_system_health")


@admin.get("/dashboard/stats")
async def admin_stats(store: Db, _: Reader) -> Stats:
    """What an administrator looks at first."""
    return await service.stats(store)


@admin.get("/analytics/sales")
async def analyse_sales(
    store: Db,
    _: Reader,
    period: Annotated[Period, Query(description="How long each span is.")] = Period.DAILY,
    count: Annotated[
        int | None, Query(ge=1, le=366, description="How many; usually 30 days, 12 weeks, 12 months, 5 years.")
    ] = None,
) -> SalesAnalytics:
    """Orders and revenue by day, week, month or year, with growth; empty ones are zeros."""
    return await service.sales_by(store, period, count)


@admin.get("/analytics/users")
async def analyse_users(store: Db, _: Reader, limit: Limit = 10) -> UserAnalytics:
    """Who buys most, and how people buy."""
    return await service.user_analytics(store, limit)


@admin.get("/analytics/regions")
async def analyse_regions(store: Db, _: Reader, days: Window = None) -> Regions:
    """Where sales go."""
    return await service.regions(store, days)


@admin.get("/orders/pending")
async def list_pending_orders(
    store: Db, _: OrderReader, query: Annotated[PageQuery, paging("created_at", "-created_at")]
) -> Page[OrderAnswer]:
    """Orders that wait to be paid or sent, the oldest first."""
    return (await service.pending_orders(store, query)).page()


admin.add_api_route("/users", users.list_users, name="list_accounts")
admin.add_api_route(
    "/users/{user_id}/role",
    users.set_user_role,
    methods=["PUT"],
    responses=responses(NotFound, InUse, StepUpRequired),
    name="set_account_role",
)


@admin.get("/integrity")
async def get_integrity(store: Db, _: Auditor) -> Integrity:
    """What the last audit of the whole store found."""
    return await integrity.last(store)


@admin.post("/integrity", status_code=202)
async def check_integrity(shop: ShopDep, response: Response, caller: Auditor) -> Job:
    """Have the whole store audited; the result is in `GET /admin/integrity`."""
    job = await integrity.submit(shop.store, caller)
    shop.worker.wake()
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/jobs/{job.id}"
    return job
