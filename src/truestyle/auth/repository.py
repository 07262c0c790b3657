"""Sessions, ended tokens and RBAC in MongoDB."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from truestyle.auth.models import (
    Ended,
    Grant,
    PermissionRow,
    Revocation,
    RoleRow,
    Session,
)
from truestyle.auth.permissions import GRANTS, Permission, Role
from truestyle.kit import clock
from truestyle.kit.repository import Collection, Repository

SUBJECT, PREPARED = "rbac", "prepared"
RELEASE = 1  # of the indexes and essential rows


class Sessions(Repository[Session]):
    """One row a signed-in device, dropped by MongoDB some time after its end."""

    document, name = Session, "sessions"
    unaudited = "signing in and out is in the logs; a row holds hashes of tokens"
    indexes = (
        IndexModel([("user_id", 1), ("revoked_at", 1), ("_id", -1)]),
        IndexModel("expires_at", expireAfterSeconds=86_400),
    )

    async def live(self, ids: Iterable[ObjectId], moment: datetime) -> dict[ObjectId, ObjectId]:
        """Whose those of these sessions are that may still be used."""
        where = {"_id": {"$in": list(ids)}, "revoked_at": None, "expires_at": {"$gt": moment}}
        rows = await self.collection.find(where, {"user_id": 1}, session=self.session).to_list()
        return {row["_id"]: row["user_id"] for row in rows}

    async def step_up(self, session_id: ObjectId, user_id: ObjectId, until: datetime) -> bool:
        """Let a live session do what asks for a fresh code, for a time; whether it was there."""
        where = {"user_id": user_id, "revoked_at": None}
        return await self.change(session_id, {"$set": {"stepped_up_until": until}}, where=where) is not None

    async def stepped_up(self, session_id: ObjectId, moment: datetime) -> bool:
        """Whether it may."""
        where = {"_id": session_id, "revoked_at": None, "stepped_up_until": {"$gt": moment}}
        return await self.collection.find_one(where, {"_id": 1}, session=self.session) is not None

    async def rotate(self, session_id: ObjectId, used: bytes, successor: bytes, moment: datetime) -> Session | None:
        """Make `successor` current if `used` is; None if it is not, or the session ended."""
        row = await self.collection.find_one_and_update(
            {"_id": session_id, "refresh_hash": used, "revoked_at": None, "expires_at": {"$gt": moment}},
            {
                "$set": {
                    "refresh_hash": successor,
                    "previous_hash": used,
                    "rotated_at": moment,
                    "last_used_at": moment,
                    "updated_at": moment,
                }
            },
            return_document=ReturnDocument.AFTER,
        )
        return None if row is None else Session.load(row)

    async def is_new_device(self, user_id: ObjectId, user_agent: str | None) -> bool:
        """Whether the user was signed in lately, and never with this client."""
        mine = {"user_id": user_id}
        if await self.collection.find_one(mine, {"_id": 1}, session=self.session) is None:
            return False
        return (
            await self.collection.find_one({**mine, "user_agent": user_agent}, {"_id": 1}, session=self.session) is None
        )

    async def remove_all(self, user_id: ObjectId) -> None:
        """Every session of a user, ended or not."""
        await self.collection.delete_many({"user_id": user_id}, session=self.session)

    async def end(self, where: dict[str, Any], moment: datetime) -> list[ObjectId]:
        """Revoke the live sessions that match; their ids."""
        matching = {**where, "revoked_at": None}
        rows = await self.collection.find(matching, {"_id": 1}, session=self.session).to_list()
        ids = [row["_id"] for row in rows]
        await self.collection.update_many(
            {"_id": {"$in": ids}, "revoked_at": None}, {"$set": {"revoked_at": moment}}, session=self.session
        )
        return ids


class Revocations(Repository[Revocation]):
    """What ended early. Every process hears of new rows through the change stream."""

    document, name = Revocation, "token_revocations"
    unaudited = "tells processes what ended, after a change that is in the trail itself"
    indexes = (
        IndexModel([("kind", 1), ("subject", 1)], unique=True),
        IndexModel("expires_at", expireAfterSeconds=0),
    )

    async def used(self, token_hash: bytes, session_id: ObjectId, expires_at: datetime) -> None:
        """Remember a used refresh token. Safe to repeat."""
        await self.collection.update_one(
            {"kind": Ended.REFRESH, "subject": token_hash},
            {"$setOnInsert": {"session_id": session_id, "expires_at": expires_at, "created_at": clock.now()}},
            upsert=True,
        )

    async def use_mfa(self, key: bytes, user_id: ObjectId, expires_at: datetime) -> None:
        """Use the token between password and code, once. Raises Duplicate."""
        await self.add(Revocation(kind=Ended.MFA, subject=key, user_id=user_id, expires_at=expires_at))

    async def used_at(self, token_hashes: Sequence[bytes], session_id: ObjectId) -> datetime | None:
        """When this refresh token of this session was first used; None if it never was."""
        where = {"kind": Ended.REFRESH, "subject": {"$in": list(token_hashes)}, "session_id": session_id}
        row = await self.collection.find_one(where, {"created_at": 1})
        return row["created_at"] if row else None

    async def once(self, state_hash: bytes, expires_at: datetime) -> bool:
        """Use up a sign-in with Google; whether it was not used before."""
        row = {"kind": Ended.OAUTH, "subject": state_hash, "expires_at": expires_at, "created_at": clock.now()}
        try:
            await self.collection.insert_one(row)
        except DuplicateKeyError:
            return False
        return True

    async def ended(self, sessions: Iterable[ObjectId], life: timedelta) -> None:
        """Tell every process that the access tokens of these sessions are over."""
        moment = clock.now()
        writes = [
            UpdateOne(
                {"kind": Ended.SESSION, "subject": one},
                {"$setOnInsert": {"session_id": one, "expires_at": moment + life, "created_at": moment}},
                upsert=True,
            )
            for one in sessions
        ]
        if writes:
            await self.collection.bulk_write(writes, session=self.session)

    async def changed(self, user_id: ObjectId, life: timedelta) -> None:
        """Tell every process to look at this user again: the role changed, or the account is gone."""
        moment = clock.now()
        await self.collection.update_one(
            {"kind": Ended.USER, "subject": user_id},
            {
                "$set": {"user_id": user_id, "expires_at": moment + life, "updated_at": moment},
                "$setOnInsert": {"created_at": moment, "version": 1},
            },
            upsert=True,
            session=self.session,
        )


class Roles(Repository[RoleRow]):
    """Roles as data."""

    document, name = RoleRow, "roles"
    indexes = (IndexModel("code", unique=True),)

    async def seed(self) -> None:
        """Add the built-in roles that are missing."""
        moment = clock.now()
        stamp = {"is_system": True, "created_at": moment, "updated_at": moment, "version": 1}
        await self.unwatched.bulk_write(  # what a release brings, nobody did
            [UpdateOne({"code": r}, {"$setOnInsert": {"name": r.capitalize(), **stamp}}, upsert=True) for r in Role]
        )


class Permissions(Repository[PermissionRow]):
    """Permissions as data."""

    document, name = PermissionRow, "permissions"
    indexes = (IndexModel("code", unique=True),)

    async def missing(self) -> list[str]:
        """The codes that this release knows and the store does not."""
        known = {row["code"] async for row in self.collection.find({}, {"code": 1})}
        return [str(one) for one in Permission if one not in known]

    async def seed(self, fresh: Sequence[str]) -> None:
        """Add these codes to the vocabulary."""
        moment = clock.now()
        stamp = {"is_system": True, "created_at": moment, "updated_at": moment, "version": 1}
        parts = {code: dict(zip(("resource", "action"), code.split(":"), strict=True)) for code in fresh}
        writes = [UpdateOne({"code": code}, {"$setOnInsert": {**parts[code], **stamp}}, upsert=True) for code in fresh]
        if writes:
            await self.unwatched.bulk_write(writes)  # what a release brings, nobody did


class RolePermissions(Repository[Grant]):
    """Which role holds which permission."""

    document, name = Grant, "role_permissions"
    indexes = (IndexModel([("role", 1), ("permission", 1)], unique=True),)

    async def forget_role(self, role: str) -> None:
        """All grants of a role."""
        await self.collection.delete_many({"role": role}, session=self.session)

    async def of(self, role: str) -> list[str]:
        """The permissions of a role."""
        return [row["permission"] async for row in self.collection.find({"role": role}, {"permission": 1})]

    async def seed(self, fresh: Sequence[str]) -> int:
        """Give each new permission to the built-in roles that are meant to have it; how many grants were new.

        What an owner took from a role stays taken: only permissions that this release brings are granted.
        """
        moment = clock.now()
        stamp = {"created_at": moment, "updated_at": moment, "version": 1}
        writes = [
            UpdateOne({"role": role, "permission": one}, {"$setOnInsert": stamp}, upsert=True)
            for role, held in GRANTS.items()
            for one in fresh
            if one in held
        ]
        if not writes:
            return 0
        return (await self.unwatched.bulk_write(writes)).upserted_count  # what a release brings, nobody did


class Versions(Collection):
    """One counter a subject; bumping it makes every process drop what it cached under the old one."""

    name = "versions"
    unaudited = "counters that drop caches"
    release = RELEASE

    async def prepared(self) -> None:
        """Note that indexes and essential rows of this release are in place."""
        await self.collection.update_one({"_id": PREPARED}, {"$set": {"n": RELEASE}}, upsert=True)

    async def is_prepared(self) -> bool:
        """Whether they are."""
        return await self.collection.find_one({"_id": PREPARED, "n": {"$gte": RELEASE}}) is not None

    async def was_prepared(self) -> bool:
        """Whether those of any release ever were."""
        return await self.collection.find_one({"_id": PREPARED}) is not None

    async def of(self, subject: str) -> int:
        """The counter of a subject; 0 for one that never was."""
        row = await self.collection.find_one({"_id": subject}, session=self.session)
        return int(row["n"]) if row else 0

    async def leap(self) -> None:
        """Bring every counter past whatever it was in another life of this store: caches may still know that one."""
        moment = int(clock.now().timestamp())
        for row in await self.collection.find({"_id": {"$ne": PREPARED}}).to_list():
            await self.collection.update_one({"_id": row["_id"]}, {"$set": {"n": max(row["n"] + 1, moment)}})

    async def bump(self, subject: str) -> int:
        """Count up, inside the surrounding transaction if there is one."""
        row: Any = await self.collection.find_one_and_update(
            {"_id": subject},
            {"$inc": {"n": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=self.session,
        )
        return int(row["n"])
