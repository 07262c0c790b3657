"""Accounts in MongoDB."""

from collections.abc import Sequence
from typing import Any

from bson import ObjectId
from pymongo import IndexModel

from truestyle.auth.permissions import Role
from truestyle.kit import clock, defaults
from truestyle.kit.defaults import Book
from truestyle.kit.repository import Repository, Row, holding
from truestyle.kit.trail import Watch
from truestyle.users.addresses import Address
from truestyle.users.models import User, UserStatus


class Users(Repository[User]):
    """One row an account; the canonical e-mail is unique."""

    document, name = User, "users"
    watch = Watch(subject="_id", secret=frozenset({"password_hash"}), upkeep=frozenset({"words"}))
    indexes = (
        IndexModel("email", unique=True),
        IndexModel([("role", 1), ("status", 1), ("_id", -1)]),
        IndexModel([("status", 1), ("_id", -1)]),
        IndexModel([("words", 1), ("_id", -1)]),
        IndexModel([("created_at", 1), ("_id", 1)]),
        IndexModel(
            [("google.issuer", 1), ("google.subject", 1)],
            unique=True,
            partialFilterExpression=holding("google.subject", ""),
        ),
        IndexModel("image_id", partialFilterExpression=holding("image_id")),
    )

    async def by_email(self, email: str) -> User | None:
        """The account with this canonical e-mail."""
        return await self.first({"email": email})

    async def by_google(self, issuer: str, subject: str) -> User | None:
        """The account that this person of Google's signs in to."""
        return await self.first({"google.issuer": issuer, "google.subject": subject})

    async def standing(self, user_id: ObjectId) -> Row | None:
        """Only `role`, `status` and `mfa_enabled`: what every request needs."""
        return (await self.standings([user_id])).get(user_id)

    async def standings(self, ids: Sequence[ObjectId]) -> dict[ObjectId, Row]:
        """The same of several."""
        return {row["_id"]: row for row in await self.rows(ids, ("role", "status", "mfa_enabled"))}

    async def emails(self, ids: Sequence[ObjectId]) -> dict[ObjectId, str]:
        """The addresses of these accounts, but of those that are gone."""
        return {row["_id"]: row["email"] for row in await self.rows(ids, ("email",)) if row.get("email")}

    async def touch(self, user_id: ObjectId, **where: Any) -> bool:
        """Take the write lock of an account, so that what belongs to it changes one at a time; whether it matched."""
        done = await self.unwatched.update_one(  # a lock
            {"_id": user_id, **where}, {"$set": {"touched_at": clock.now()}}, session=self.session
        )
        return done.matched_count == 1

    async def hold_admins(self) -> None:
        """Take the write lock of every admin: who may stop being one is decided by one request at a time."""
        await self.unwatched.update_many(  # a lock
            {"role": Role.ADMIN}, {"$set": {"touched_at": clock.now()}}, session=self.session
        )

    async def active_admins(self) -> int:
        """How many people can still administer the store."""
        return await self.count({"role": Role.ADMIN, "status": UserStatus.ACTIVE})

    async def rows(self, ids: Sequence[ObjectId], fields: Sequence[str]) -> list[Row]:
        """Some fields of these accounts; the missing are left out."""
        found = self.collection.find({"_id": {"$in": list(ids)}}, dict.fromkeys(fields, 1), session=self.session)
        return await found.to_list()

    async def ids(self, after: ObjectId | None, limit: int) -> list[ObjectId]:
        """The ids that follow, in their order."""
        where = {} if after is None else {"_id": {"$gt": after}}
        found = self.collection.find(where, {"_id": 1}, sort=[("_id", 1)], limit=limit, session=self.session)
        return [row["_id"] async for row in found]


class Addresses(Book[Address]):
    """The address books."""

    document, name = Address, "addresses"
    indexes = defaults.INDEXES
