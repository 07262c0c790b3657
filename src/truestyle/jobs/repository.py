"""Jobs in MongoDB."""

from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import IndexModel, ReturnDocument

from truestyle.jobs.models import Job, JobStatus
from truestyle.kit import clock
from truestyle.kit.repository import Repository


class Jobs(Repository[Job]):
    """One row a job."""

    document, name = Job, "jobs"
    unaudited = "progress; what a job changes is in the trail"
    indexes = (IndexModel([("owner_id", 1), ("_id", -1)]), IndexModel([("kind", 1), ("_id", -1)]))

    async def claim(self, key: ObjectId, dead_before: datetime) -> Job | None:
        """Take a job that waits, or whose worker has not said a word since `dead_before`; None otherwise."""
        row = await self.collection.find_one_and_update(
            {
                "_id": key,
                "$or": [
                    {"status": JobStatus.WAITING},
                    {"status": JobStatus.RUNNING, "updated_at": {"$lt": dead_before}},
                ],
            },
            {"$set": {"status": JobStatus.RUNNING, "updated_at": clock.now()}},
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else Job.load(row)

    async def last(self, kind: str, **where: Any) -> Job | None:
        """The newest of a kind, within `where`."""
        row = await self.collection.find_one({"kind": kind, **where}, sort=[("_id", -1)])
        return None if row is None else Job.load(row)

    async def alive(self, key: ObjectId) -> None:
        """Say that a running job is still being worked on."""
        await self.collection.update_one(
            {"_id": key, "status": JobStatus.RUNNING}, {"$set": {"updated_at": clock.now()}}
        )

    async def release(self, key: ObjectId) -> None:
        """Give a claimed job back, for a later try."""
        await self.collection.update_one(
            {"_id": key, "status": JobStatus.RUNNING},
            {"$set": {"status": JobStatus.WAITING, "updated_at": clock.now()}},
        )

    async def progress(self, key: ObjectId, done: int, total: int) -> None:
        """Say how far it is, unless it has ended."""
        await self.collection.update_one(
            {"_id": key, "status": {"$in": [JobStatus.WAITING, JobStatus.RUNNING]}},
            {
                "$set": {
                    "status": JobStatus.RUNNING,
                    "progress": {"done": done, "total": total},
                    "updated_at": clock.now(),
                }
            },
        )

    async def put_back(self, job: Job) -> None:
        """Write a job down again, as the collection is another one."""
        await self.collection.replace_one({"_id": job.id}, job.dump(), upsert=True)

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
            session=self.session,
        )
