"""Taking data out: at once while it is little, by a worker when it is much; and fetching what the worker made."""

import tempfile
from typing import IO, TYPE_CHECKING

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.exports import job, making
from truestyle.exports.making import Made, OnProgress
from truestyle.exports.models import Ask, Export, Subject
from truestyle.exports.sources import Plan
from truestyle.files.models import File
from truestyle.jobs.models import Job
from truestyle.jobs.service import visible
from truestyle.kit import clock
from truestyle.kit.errors import Forbidden, NotFound

if TYPE_CHECKING:
    from truestyle.shop import Shop

MAY = {
    Subject.ORDERS: Permission.EXPORTS_ORDERS,
    Subject.PRODUCTS: Permission.EXPORTS_PRODUCTS,
    Subject.USERS: Permission.EXPORTS_USERS,
    Subject.SALES: Permission.EXPORTS_SALES,
}
PERSONAL = frozenset({Subject.ORDERS, Subject.USERS})  # a second factor is asked for again


async def export(shop: "Shop", caller: Caller, subject: Subject, ask: Ask) -> tuple[Export, Made, IO[bytes]] | Job:
    """The file, open at its beginning and to be closed by the caller; or the job that makes it.

    Raises ValidationFailed.
    """
    asked = making.new(subject, ask, owner_id=caller.user_id)
    plan = await making.planned(shop, asked)
    most = shop.settings.exports.export_direct_rows
    if ask.as_job or await plan.of.count(plan.where, most + 1) > most:
        return await job.submit(shop, asked)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the answer closes it
    try:
        made = await written(shop, asked, plan, file)
    except BaseException:
        file.close()
        raise
    return asked, made, file


async def written(shop: "Shop", asked: Export, plan: Plan, file: IO[bytes], tell: OnProgress | None = None) -> Made:
    """Write the file, and down who took what; without that there is no file. Raises ValidationFailed."""
    made = await making.make(shop, asked, plan, file, tell)
    await shop.store.exports.add(asked.model_copy(update=vars(made)))
    return made


async def finished(shop: "Shop", caller: Caller, job_id: ObjectId) -> tuple[Export, File]:
    """The export whose file a job made, and the file while the store has it. Raises NotFound, Forbidden."""
    await shop.store.jobs.get(job_id, **visible(caller))
    found = await shop.store.exports.first({"job_id": job_id, "expires_at": {"$gt": clock.now()}})
    if found is None or found.file_id is None:
        raise NotFound
    if not caller.may(MAY[found.subject]):
        raise Forbidden
    return found, await shop.store.files.get(found.file_id)
