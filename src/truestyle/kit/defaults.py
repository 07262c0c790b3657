"""Rows of which every user has exactly one default: addresses, ways to pay.

Whoever calls holds the user first (`tx.users.touch`), so that changes to one book take turns; a partial unique index
keeps a user from ever having two defaults.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from bson import ObjectId
from pymongo import IndexModel

from truestyle.kit.documents import Document
from truestyle.kit.errors import NotFound, ValidationFailed, VersionConflict
from truestyle.kit.repository import Repository
from truestyle.kit.types import Id


class Defaulted(Document):
    """A row of somebody's book."""

    user_id: Id
    is_default: bool = False


D = TypeVar("D", bound=Defaulted)
INDEXES = (
    IndexModel([("user_id", 1), ("_id", -1)]),
    IndexModel("user_id", unique=True, partialFilterExpression={"is_default": True}, name="one_default"),
)


class Book(Repository[D]):
    """The books of all users."""

    async def put(self, row: D) -> D:
        """Add a row; a user's first is the default, whatever it says. Raises Duplicate."""
        first = await self.first({"user_id": row.user_id, "is_default": True}) is None
        if row.is_default:
            await self._clear_default(row.user_id)
        return await self.add(row.model_copy(update={"is_default": first or row.is_default}))

    async def edit(self, user_id: ObjectId, key: ObjectId, values: Mapping[str, Any], version: int | None) -> D:
        """Change a row of the user's. Raises NotFound, Duplicate, VersionConflict, ValidationFailed."""
        before = await self.get(key, user_id=user_id)
        if version is not None and before.version != version:
            raise VersionConflict
        if before.is_default and values.get("is_default") is False:
            raise ValidationFailed("make another the default instead", ("body", "is_default"))
        if not values:
            return before
        if values.get("is_default"):
            await self._clear_default(user_id)
        changed = await self.change(key, {"$set": values})
        if changed is None:
            raise NotFound
        return changed

    async def drop(self, user_id: ObjectId, key: ObjectId) -> None:
        """Take a row out; if it was the default, the newest left takes over. Raises NotFound."""
        gone = await self.get(key, user_id=user_id)
        await self.remove(key)
        if gone.is_default:
            newest = await self.collection.find_one({"user_id": user_id}, sort=[("_id", -1)], session=self.session)
            if newest is not None:
                await self.change(newest["_id"], {"$set": {"is_default": True}})

    async def remove_all(self, user_id: ObjectId) -> None:
        """The whole book of a user."""
        await self.collection.delete_many({"user_id": user_id}, session=self.session)

    async def _clear_default(self, user_id: ObjectId) -> None:
        await self.collection.update_many(
            {"user_id": user_id, "is_default": True}, {"$set": {"is_default": False}}, session=self.session
        )
