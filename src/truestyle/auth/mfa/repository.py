"""Second factors in MongoDB. Every guard is in the filter of the write."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId
from pymongo import IndexModel
from pymongo.errors import DuplicateKeyError

from truestyle.auth.mfa.models import RecoveryCode, SecondFactor
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate
from truestyle.kit.repository import Repository
from truestyle.kit.trail import Watch

ENABLED = {"enabled_at": {"$ne": None}}


class SecondFactors(Repository[SecondFactor]):
    """At most one row an account; without `enabled_at` it is only being set up."""

    document, name = SecondFactor, "second_factors"
    watch = Watch(secret=frozenset({"locked", "recovery"}), upkeep=frozenset({"last_step", "locked_by"}))
    indexes = (IndexModel("user_id", unique=True), IndexModel([("locked_by", 1), ("_id", 1)]))

    async def of(self, user_id: ObjectId) -> SecondFactor | None:
        """An account's, if it is switched on."""
        return await self.first({"user_id": user_id, **ENABLED})

    async def pending(self, user_id: ObjectId) -> SecondFactor | None:
        """An account's, if it is only being set up."""
        return await self.first({"user_id": user_id, "enabled_at": None})

    async def set_up(self, user_id: ObjectId, locked: bytes, locked_by: str) -> None:
        """Put a secret in place of one that is only being set up. Raises Duplicate where one is switched on."""
        moment = clock.now()
        values = {"locked": locked, "locked_by": locked_by, "last_step": 0, "recovery": [], "updated_at": moment}
        update = {"$set": values, "$setOnInsert": {"created_at": moment}, "$inc": {"version": 1}}
        try:
            where = {"user_id": user_id, "enabled_at": None}
            await self.collection.update_one(where, update, upsert=True, session=self.session)
        except DuplicateKeyError as error:
            raise Duplicate("user_id") from error

    async def enable(self, factor: SecondFactor, step: int, recovery: Sequence[bytes]) -> SecondFactor | None:
        """Switch on the very secret that a code was compared with; None if it was replaced or switched on meanwhile."""
        codes = [RecoveryCode(hash=one).model_dump() for one in recovery]
        values = {"enabled_at": clock.now(), "last_step": step, "recovery": codes}
        return await self.change(factor.id, {"$set": values}, where={"locked": factor.locked, "enabled_at": None})

    async def take_step(self, factor: SecondFactor, step: int) -> SecondFactor | None:
        """Use up the code of a step, and of those before it; None if that was done."""
        where = {**ENABLED, "last_step": {"$lt": step}}
        return await self.change(factor.id, {"$set": {"last_step": step}}, where=where)

    async def use_recovery(self, factor: SecondFactor, code: bytes, moment: datetime) -> SecondFactor | None:
        """Use up a recovery code; None if that was done."""
        where = {**ENABLED, "recovery": {"$elemMatch": {"hash": code, "used_at": None}}}
        return await self.change(factor.id, {"$set": {"recovery.$.used_at": moment}}, where=where)

    async def renew(self, factor: SecondFactor, recovery: Sequence[bytes]) -> SecondFactor | None:
        """Other recovery codes in place of all there were."""
        codes = [RecoveryCode(hash=one).model_dump() for one in recovery]
        return await self.change(factor.id, {"$set": {"recovery": codes}}, where=ENABLED)

    async def forget(self, user_id: ObjectId) -> bool:
        """Whatever an account has; whether there was something."""
        return (await self.collection.delete_many({"user_id": user_id}, session=self.session)).deleted_count > 0

    async def locked_otherwise(self, locked_by: str, skip: int, limit: int) -> list[SecondFactor]:
        """Some whose secrets are locked by another key, in a lasting order."""
        order = [("locked_by", 1), ("_id", 1)]
        found = self.collection.find({"locked_by": {"$ne": locked_by}}, sort=order, skip=skip, limit=limit)
        return [SecondFactor.load(row) async for row in found]

    async def relock(self, factor: SecondFactor, locked: bytes, locked_by: str) -> None:
        """The same secret under another key, unless it changed meanwhile."""
        where = {"_id": factor.id, "locked": factor.locked}
        await self.unwatched.update_one(where, {"$set": {"locked": locked, "locked_by": locked_by}})  # the same secret
