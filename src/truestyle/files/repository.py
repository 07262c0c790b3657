"""The facts of files in MongoDB."""

from bson import ObjectId
from pymongo import IndexModel

from truestyle.files.models import File, Format
from truestyle.kit import clock
from truestyle.kit.repository import Repository, holding
from truestyle.kit.trail import Watch


class Files(Repository[File]):
    """One row a file; one rendition of a kind for each source."""

    document, name = File, "files"
    watch = Watch(subject="owner_id")
    indexes = (
        IndexModel([("owner_id", 1), ("_id", -1)]),
        IndexModel("sha256"),
        IndexModel(
            [("source_id", 1), ("rendition_width", 1), ("rendition_format", 1)],
            unique=True,
            partialFilterExpression=holding("source_id"),
        ),
    )

    async def rendition(self, source: ObjectId, width: int, kind: Format) -> File | None:
        """The rendition that was made before."""
        return await self.first({"source_id": source, "rendition_width": width, "rendition_format": kind})

    async def renditions(self, source: ObjectId) -> list[ObjectId]:
        """The ids of everything made from a file."""
        rows = await self.collection.find({"source_id": source}, {"_id": 1}, session=self.session).to_list()
        return [row["_id"] for row in rows]

    async def hold(self, key: ObjectId) -> bool:
        """Mark a file as used in this transaction, so that a delete at this moment conflicts; False if it is gone."""
        done = await self.unwatched.update_one(  # a lock
            {"_id": key, "source_id": None}, {"$set": {"used_at": clock.now()}}, session=self.session
        )
        return done.matched_count == 1

    async def is_named(self, key: ObjectId, places: tuple[tuple[str, str], ...]) -> bool:
        """Whether a row of these (collection, field) pairs names the file."""
        for collection, field in places:
            found = await self.collection.database[collection].find_one({field: key}, {"_id": 1}, session=self.session)
            if found is not None:
                return True
        return False
