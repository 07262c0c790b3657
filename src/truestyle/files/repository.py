"""The facts of files in MongoDB."""

from typing import Any

from bson import ObjectId
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from truestyle.files.models import File, Format
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate
from truestyle.kit.repository import Repository, duplicate_field, holding
from truestyle.kit.trail import Watch


class Files(Repository[File]):
    """One row a file; one rendition of a kind for each source."""

    document, name = File, "files"
    public = True
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

    async def add(self, document: File) -> File:
        """Store a new file. Raises Duplicate."""
        if document.source_id is None:
            return await super().add(document)
        try:
            await self.unwatched.insert_one(document.dump(), session=self.session)  # it follows from its source
        except DuplicateKeyError as error:
            raise Duplicate(duplicate_field(error)) from error
        return document

    async def drop_renditions(self, source: ObjectId) -> list[ObjectId]:
        """Delete the rows of everything made from a file; their ids."""
        of_it = {"source_id": source}
        rows = await self.collection.find(of_it, {"_id": 1}, session=self.session).to_list()
        await self.unwatched.delete_many(of_it, session=self.session)  # they go with their source
        return [row["_id"] for row in rows]

    async def hold(self, key: ObjectId, **where: Any) -> bool:
        """Mark a file as used in this transaction, so that a delete at this moment conflicts.

        False if it is gone, or not within `where`.
        """
        done = await self.quiet.update_one(  # a lock
            {"_id": key, "source_id": None, **where}, {"$set": {"used_at": clock.now()}}, session=self.session
        )
        return done.matched_count == 1

    async def disown(self, owner_id: ObjectId) -> None:
        """The files of somebody who has left are nobody's."""
        await self.collection.update_many({"owner_id": owner_id}, {"$set": {"owner_id": None}}, session=self.session)

    async def is_named(self, key: ObjectId, places: tuple[tuple[str, str], ...]) -> bool:
        """Whether a row of these (collection, field) pairs names the file."""
        for collection, field in places:
            found = await self.collection.database[collection].find_one({field: key}, {"_id": 1}, session=self.session)
            if found is not None:
                return True
        return False
