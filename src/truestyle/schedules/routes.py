"""/admin/schedules: recurring work."""

from typing import Annotated

from fastapi import Path, Response

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import ShopDep, allowed
from truestyle.infra.http.route import router
from truestyle.kit.errors import NotFound, responses
from truestyle.schedules.models import ScheduleAnswer, Schedules
from truestyle.schedules.service import AlreadyRunning

routes = router("/admin/schedules", tag="Operations")
Operator = Annotated[Caller, allowed(Permission.SCHEDULES_RUN)]
Name = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,40}$", description="The name of recurring work.")]


@routes.get("")
async def list_schedules(shop: ShopDep, _: Operator) -> Schedules:
    """Recurring work: when it is due, and how it went the last time."""
    return await shop.scheduler.find()


@routes.get("/{name}", responses=responses(NotFound))
async def get_schedule(name: Name, shop: ShopDep, _: Operator) -> ScheduleAnswer:
    """One piece of recurring work."""
    return await shop.scheduler.get(name)


@routes.post("/{name}/run", status_code=202, responses=responses(NotFound, AlreadyRunning))
async def run_schedule(name: Name, shop: ShopDep, response: Response, _: Operator) -> ScheduleAnswer:
    """Run it now, out of turn."""
    found = await shop.scheduler.ask(name)
    shop.worker.wake()
    response.headers["location"] = f"{shop.settings.shop.api_v1_prefix}/admin/schedules/{name}"
    return found
