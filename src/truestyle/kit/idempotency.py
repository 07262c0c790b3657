"""`Idempotency-Key`: a claim with a lease first, the answer in the effect's own transaction.

A claim outlives a crash only until its lease ends; then the next request with the key takes it over.
Claims of a caller are looked up by a digest of (caller, key), so that the key itself is not stored.
Those who wait to be on disk anyway are written together, and given back together.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from bson import ObjectId
from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError

from truestyle.kit import clock
from truestyle.kit.errors import Problem, Unavailable
from truestyle.kit.gathering import Gather
from truestyle.kit.repository import Collection

KEPT = timedelta(hours=24)
DUPLICATE = 11000  # MongoDB's code for a key that is there


class IdempotencyKeyReused(Problem):
    """The same key came with another body."""

    status, code = 422, "idempotency_key_reused"
    detail = "This Idempotency-Key was used for a different request."


class IdempotencyInProgress(Problem):
    """The first request with the key has not finished."""

    status, code = 409, "idempotency_in_progress"
    detail = "The first request with this Idempotency-Key is still running."


@dataclass(frozen=True)
class Claim:
    """The right to act under a key until the lease ends."""

    id: bytes
    owner: ObjectId


@dataclass(frozen=True)
class _Wanted:
    """A claim that is to be written."""

    claim: Claim
    request: bytes
    moment: datetime
    lease: timedelta

    def row(self) -> dict[str, Any]:
        return {
            "_id": self.claim.id,
            "request": self.request,
            "body": None,
            "expires_at": self.moment + KEPT,
            **_lease(self.claim, self.moment + self.lease),
        }


@dataclass(frozen=True)
class Answered:
    """The first answer given under a key, and who claimed that."""

    body: str
    claim: Claim


class Claims(Collection):
    """One row a key: `{_id, request, owner, lease_until, body, expires_at}`."""

    name = "idempotency_keys"
    unaudited = "kept for a day, so that a repeated request gets its first answer"
    indexes = (IndexModel("expires_at", expireAfterSeconds=0),)

    async def claim(self, caller: str, key: str, request: bytes, lease: timedelta) -> Claim | Answered:
        """Take the key for this request until `lease` has passed, or return its first answer.

        Raises IdempotencyKeyReused, IdempotencyInProgress.
        """
        name = hashlib.sha256(f"{caller}\0{key}".encode()).digest()
        digest = hashlib.sha256(request).digest()
        mine, moment = Claim(name, ObjectId()), clock.now()
        if await self._writing.one(_Wanted(mine, digest, moment, lease)):
            return mine
        return await self._of_another(mine, digest, moment, lease)

    @cached_property
    def _writing(self) -> Gather[_Wanted, bool]:
        return Gather(self._write)

    async def _write(self, wanted: Sequence[_Wanted]) -> dict[_Wanted, bool]:
        """Whether each has its key now; of two who want the same, the first."""
        taken = set()
        try:
            await self.collection.insert_many([one.row() for one in wanted], ordered=False)
        except BulkWriteError as error:
            errors = error.details["writeErrors"]
            if any(one["code"] != DUPLICATE for one in errors) or error.details["writeConcernErrors"]:
                raise
            taken = {one["index"] for one in errors}
        return {one: at not in taken for at, one in enumerate(wanted)}

    @cached_property
    def _reading(self) -> Gather[bytes, dict[str, Any]]:
        return Gather(self._read)

    async def _read(self, ids: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        return {row["_id"]: row async for row in self.collection.find({"_id": {"$in": list(ids)}})}

    async def _of_another(self, mine: Claim, digest: bytes, moment: datetime, lease: timedelta) -> Claim | Answered:
        row = await self._reading.one(mine.id)
        if row is None:  # released a moment ago: the caller's next try will find it free
            raise IdempotencyInProgress(headers={"Retry-After": "1"})
        if row["request"] != digest:
            raise IdempotencyKeyReused
        if row["body"] is not None:
            return Answered(row["body"], Claim(mine.id, row["owner"]))
        taken = await self.collection.update_one(
            {"_id": mine.id, "body": None, "owner": row["owner"], "lease_until": {"$lt": moment}},
            {"$set": _lease(mine, moment + lease)},
        )
        if not taken.modified_count:
            raise IdempotencyInProgress(headers={"Retry-After": "1"})
        return mine

    async def held(self, claims: Sequence[Claim]) -> set[bytes]:
        """The ids of those claims that are still ours and unanswered."""
        rows = self.collection.find({"_id": {"$in": [claim.id for claim in claims]}}, session=self.session)
        owners = {claim.id: claim.owner for claim in claims}
        return {row["_id"] async for row in rows if row["body"] is None and row["owner"] == owners[row["_id"]]}

    async def answer(self, answers: Sequence[tuple[Claim, str]]) -> None:
        """Keep first answers, inside the transaction of their effects. Raises Unavailable if a lease was lost."""
        if not answers:
            return
        kept = await self.collection.bulk_write(
            [
                UpdateOne({"_id": claim.id, "owner": claim.owner, "body": None}, {"$set": {"body": body}})
                for claim, body in answers
            ],
            session=self.session,
        )
        if kept.modified_count != len(answers):
            raise Unavailable

    async def amend(self, claim: Claim, body: str) -> None:
        """Replace the answer that was kept under a claim: what came of it after the commit is now known too."""
        await self.collection.update_one(
            {"_id": claim.id, "owner": claim.owner, "body": {"$ne": None}}, {"$set": {"body": body}}
        )

    async def drop(self, claim: Claim) -> None:
        """Give the key back although an answer was kept: what came after the commit was no success."""
        await self.collection.delete_one({"_id": claim.id, "owner": claim.owner})

    async def release(self, claim: Claim) -> None:
        """Give the key back after an answer that is not kept (any but 2xx)."""
        await self._releasing.one(claim)

    @cached_property
    def _releasing(self) -> Gather[Claim, bool]:
        return Gather(self._release)

    async def _release(self, claims: Sequence[Claim]) -> dict[Claim, bool]:
        ids, owners = [one.id for one in claims], [one.owner for one in claims]  # an owner has one claim
        await self.collection.delete_many({"_id": {"$in": ids}, "owner": {"$in": owners}, "body": None})
        return {}


async def once(
    claims: Claims,
    caller: str,
    key: str | None,
    request: bytes,
    lease_seconds: int,
    act: Callable[[Claim | None], Awaitable[str]],
) -> tuple[str, bool]:
    """Do `act` once a key: its answer, and whether that was given before.

    `request` names the route as well as the body. `act` keeps its answer under the claim, in its own transaction.
    Raises IdempotencyKeyReused, IdempotencyInProgress, and what `act` raises.
    """
    if key is None:
        return await act(None), False
    claim = await claims.claim(caller, key, request, timedelta(seconds=lease_seconds))
    if isinstance(claim, Answered):
        return claim.body, True
    try:
        return await act(claim), False
    except Unavailable:
        raise  # what was to be done may yet be committed: the claim stays until its lease ends
    except Problem:
        await claims.release(claim)
        raise


def _lease(claim: Claim, until: datetime) -> dict[str, Any]:
    return {"owner": claim.owner, "lease_until": until}
