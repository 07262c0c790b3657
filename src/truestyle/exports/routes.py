"""POST /admin/export/… and GET /jobs/{id}/file."""

from typing import Annotated, Any

from fastapi import Request, Response

from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import ShopDep, allowed, require_step_up
from truestyle.exports import service
from truestyle.exports.models import MEDIA_TYPES, Ask, OrdersAsk, ProductsAsk, SalesAsk, Subject, UsersAsk
from truestyle.exports.sending import Sent, called
from truestyle.files.models import RangeNotSatisfiable
from truestyle.files.serving import respond
from truestyle.infra.http.limits import Limit, limited
from truestyle.infra.http.route import router
from truestyle.jobs.models import Job
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.types import Id
from truestyle.shop import Shop

admin = router("/admin/export", tag="Exports")
jobs = router("/jobs", tag="Exports")
OfOrders = Annotated[Caller, allowed(Permission.EXPORTS_ORDERS, step_up=True)]
OfProducts = Annotated[Caller, allowed(Permission.EXPORTS_PRODUCTS)]
OfUsers = Annotated[Caller, allowed(Permission.EXPORTS_USERS, step_up=True)]
OfSales = Annotated[Caller, allowed(Permission.EXPORTS_SALES)]
Reader = Annotated[Caller, allowed(Permission.JOBS_READ)]
BINARY: dict[str, Any] = {
    kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()
}
Answers = dict[int | str, dict[str, Any]]
FILE: Answers = {200: {"description": "The file.", "content": BINARY}}
ANSWERS: Answers = {**FILE, 202: {"description": "A job that makes it.", "model": Job}}
CAREFUL: Answers = {**ANSWERS, **responses(StepUpRequired)}


@admin.post("/orders", response_class=Response, responses=CAREFUL)
@limited(Limit.EXPORT)
async def export_orders(body: OrdersAsk, shop: ShopDep, caller: OfOrders) -> Response:
    """Orders as a file, or a job that makes it."""
    return await _answered(shop, caller, Subject.ORDERS, body)


@admin.post("/products", response_class=Response, responses=ANSWERS)
@limited(Limit.EXPORT)
async def export_catalogue(body: ProductsAsk, shop: ShopDep, caller: OfProducts) -> Response:
    """Products as a file, a row a variant, or a job that makes it."""
    return await _answered(shop, caller, Subject.PRODUCTS, body)


@admin.post("/users", response_class=Response, responses=CAREFUL)
@limited(Limit.EXPORT)
async def export_users(body: UsersAsk, shop: ShopDep, caller: OfUsers) -> Response:
    """Accounts as a file, or a job that makes it."""
    return await _answered(shop, caller, Subject.USERS, body)


@admin.post("/sales", response_class=Response, responses=ANSWERS)
@limited(Limit.EXPORT)
async def export_sales(body: SalesAsk, shop: ShopDep, caller: OfSales) -> Response:
    """Sales a day as a file, or a job that makes it."""
    return await _answered(shop, caller, Subject.SALES, body)


async def _answered(shop: Shop, caller: Caller, subject: Subject, body: Ask) -> Response:
    found = await service.export(shop, caller, subject, body)
    if isinstance(found, Job):
        where = {"location": f"{shop.settings.shop.api_v1_prefix}/jobs/{found.id}"}
        return Response(found.model_dump_json(), 202, where, "application/json")
    export, made, file = found
    return Sent(file, made, export, shop.settings.shop.zone)


@jobs.get(
    "/{job_id}/file",
    response_class=Response,
    responses={
        **FILE,
        206: {"description": "The part that `Range` asked for.", "content": BINARY},
        304: {"description": "Not modified."},
        **responses(NotFound, RangeNotSatisfiable, StepUpRequired),
    },
)
async def get_job_file(job_id: Id, request: Request, shop: ShopDep, caller: Reader) -> Response:
    """The file that an export's job made, until it expires."""
    export, file = await service.finished(shop, caller, job_id)
    if export.subject in service.PERSONAL:
        await require_step_up(shop, caller)
    await shop.store.exports.downloaded(export.id)
    answer = await respond(request, shop.storage, file, public=False)
    answer.headers.update(called(export, shop.settings.shop.zone))
    return answer
