"""/jobs: watching long work."""

from typing import Annotated

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, allowed
from truestyle.infra.http.route import router
from truestyle.jobs.models import Job
from truestyle.jobs.service import visible
from truestyle.kit.errors import NotFound, responses
from truestyle.kit.types import Id

routes = router("/jobs", tag="Jobs")
Reader = Annotated[Caller, allowed(Permission.JOBS_READ)]


@routes.get("/{job_id}", responses=responses(NotFound))
async def get_job(job_id: Id, store: Db, caller: Reader) -> Job:
    """How far a job is, and how it ended."""
    return await store.jobs.get(job_id, **visible(caller))
