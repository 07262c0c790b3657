"""Jobs in MongoDB."""

from typing import Any

from bson import ObjectId
from pymongo import IndexModel

from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock
from truestyle.kit.repository import Repository


class Jobs(Repository[Job]):
    """One row a job."""

    document, name = Job, "jobs"
    indexes = (IndexModel([("owner_id", 1), ("_id", -1)]),)

    async def progress(self, key: ObjectId, done: int, total: int) -> None:
        """Say how far it is."""
        await self.collection.update_one(
            {"_id": key},
            {
                "$set": {
                    "status": JobStatus.RUNNING,
                    "progress": {"done": done, "total": total},
                    "updated_at": clock.now(),
                }
            },
        )

    async def finish(
        self, key: ObjectId, status: JobStatus, result: dict[str, Any], errors: list[dict[str, Any]]
    ) -> None:
        """Say how it ended."""
        moment = clock.now()
        await self.collection.update_one(
            {"_id": key},
            {
                "$set": {
                    "status": status,
                    "result": result,
                    "errors": errors,
                    "finished_at": moment,
                    "updated_at": moment,
                },
                "$inc": {"version": 1},
            },
        )
