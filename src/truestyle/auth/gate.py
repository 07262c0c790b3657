"""From a raw bearer token to a Caller, fast and never stale for long.

A token that was checked is remembered for at most 30 s, and forgotten at once when the change stream tells that its
session, its user's standing or any role's permissions changed. While the stream is unsure nothing is remembered.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from fastapi.security.utils import get_authorization_scheme_param

from truestyle.auth.errors import TokenRevoked
from truestyle.auth.models import Caller, Ended
from truestyle.auth.permissions import Permission, Role
from truestyle.auth.repository import SUBJECT
from truestyle.auth.tokens import Tokens
from truestyle.infra.cache import Cache
from truestyle.infra.push import Push
from truestyle.kit import clock
from truestyle.kit.gathering import Gather
from truestyle.kit.repository import Row
from truestyle.settings import Settings
from truestyle.store import Store
from truestyle.users.models import UserStatus

REMEMBERED = 30.0  # seconds
MOST = 10_000  # tokens


class Gate:
    """Resolves callers for one process."""

    def __init__(self, store: Store, tokens: Tokens, cache: Cache, push: Push, settings: Settings) -> None:
        self._store, self._tokens, self._cache, self._push = store, tokens, cache, push
        self._policy_seconds = settings.data.perm_cache_ttl_seconds
        self._mfa_of_admins = settings.auth.mfa_required_for_admins
        self._known: OrderedDict[str, tuple[float, int, Caller]] = OrderedDict()
        self._standing: Gather[tuple[ObjectId, ObjectId], Row] = Gather(self._standings)
        self.hits = self.misses = 0
        self._forgotten = 0  # how often: what was read before the last time must not be remembered after it
        push.on_revocation(self._revoked)

    async def caller(self, raw: str) -> Caller:
        """Who this token speaks for. Raises TokenInvalid, TokenExpired, TokenRevoked."""
        version = self._push.version(SUBJECT)
        kept = self._known.get(raw)
        if version is not None and kept is not None and kept[0] > time.monotonic() and kept[1] == version:
            self.hits += 1
            return kept[2]
        self.misses += 1
        access, forgotten = self._tokens.read_access(raw), self._forgotten
        standing = await self._standing.one((access.user_id, access.session_id))
        if standing is None or standing["status"] != UserStatus.ACTIVE:
            raise TokenRevoked
        role, mfa = standing["role"], bool(standing.get("mfa_enabled"))
        permissions, missing = await self.permissions(role), self.requires_mfa(role) and not mfa
        if missing:
            permissions &= {Permission.ACCOUNT}  # for what asks the caller rather than the guard
        caller = Caller(access.user_id, role, access.session_id, permissions, mfa=mfa, mfa_missing=missing)
        if version is not None and forgotten == self._forgotten:
            ends = time.monotonic() + min(REMEMBERED, access.expires - time.time())
            self._known[raw] = (ends, version, caller)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return caller

    async def _standings(self, asked: Sequence[tuple[ObjectId, ObjectId]]) -> dict[tuple[ObjectId, ObjectId], Row]:
        """How the users of (user, session) stand, where the session is theirs and live."""
        users, sessions = {user for user, _ in asked}, {session for _, session in asked}
        rows, live = await asyncio.gather(
            self._store.users.standings(sorted(users)), self._store.sessions.live(sessions, clock.now())
        )
        return {(user, session): rows[user] for user, session in asked if user in rows and live.get(session) == user}

    def requires_mfa(self, role: str) -> bool:
        """Whether accounts of this role must have a second factor before they may do anything."""
        return self._mfa_of_admins and role == Role.ADMIN

    async def permissions(self, role: str) -> frozenset[str]:
        """What a role may do; cached under the version of the RBAC rows."""
        version = self._push.version(SUBJECT)
        if version is None:
            return frozenset(await self._store.role_permissions.of(role))
        key = f"rbac:{version}:{role}"
        cached = await self._cache.get(key)
        if isinstance(cached, list) and all(isinstance(one, str) for one in cached):
            return frozenset(cached)
        found = await self._store.role_permissions.of(role)
        await self._cache.set(key, found, self._policy_seconds)
        return frozenset(found)

    def forget(self, *, session: ObjectId | None = None, user: ObjectId | None = None) -> None:
        """Drop what is remembered of a session or a user; of everybody when neither is given."""
        self._forgotten += 1
        everybody = session is None and user is None
        gone = [
            raw
            for raw, (_, _, caller) in self._known.items()
            if everybody or caller.session_id == session or caller.user_id == user
        ]
        for raw in gone:
            del self._known[raw]

    def _revoked(self, row: dict[str, Any]) -> None:
        if not row:
            self.forget()
        elif row["kind"] == Ended.SESSION:
            self.forget(session=row["subject"])
        elif row["kind"] == Ended.USER:
            self.forget(user=row["subject"])


def token_in(headers: Mapping[str, str]) -> str | None:
    """The bearer token of a request, if it has one."""
    scheme, raw = get_authorization_scheme_param(headers.get("authorization"))
    return raw if scheme.lower() == "bearer" and raw else None
