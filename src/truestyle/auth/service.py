"""Accounts and sessions: what /auth does."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bson import ObjectId

from truestyle.auth.errors import (
    AccountSuspended,
    InvalidCredentials,
    RefreshReused,
    TokenInvalid,
    TokenRevoked,
)
from truestyle.auth.gate import Gate
from truestyle.auth.lockout import Lockout
from truestyle.auth.models import Caller, Session
from truestyle.auth.passwords import Passwords, require_strong
from truestyle.auth.permissions import Role
from truestyle.auth.tokens import Tokens
from truestyle.cart.models import Cart, Wishlist
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate
from truestyle.kit.types import object_id
from truestyle.logs.models import LogKind
from truestyle.logs.service import told
from truestyle.store import Store
from truestyle.users.models import Register, User, UserStatus

GRACE = timedelta(seconds=10)


@dataclass(frozen=True)
class Keys:
    """The parts that signing in needs beside the store."""

    tokens: Tokens
    passwords: Passwords
    gate: Gate
    lockout: Lockout
    session_life: timedelta


@dataclass(frozen=True)
class Device:
    """Where a request comes from."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True)
class Issued:
    """Fresh tokens of a session."""

    user: User
    session: Session
    access: str
    refresh: str


async def register(store: Store, keys: Keys, body: Register, role: str = Role.CUSTOMER) -> User:
    """A new account with its cart and wishlist, in one transaction. Raises WeakPassword, Duplicate."""
    require_strong(body.password, body.email)
    if await store.users.by_email(body.email) is not None:
        raise Duplicate("email")
    user = User(
        email=body.email,
        password_hash=await keys.passwords.hash(body.password),
        full_name=body.full_name,
        phone=body.phone,
        role=role,
    )

    async def work(tx: Store) -> None:
        await tx.users.add(user)
        await tx.carts.add(Cart(user_id=user.id))
        await tx.wishlists.add(Wishlist(user_id=user.id))
        registered = event("user.registered", {"user_id": user.id}, f"user.registered:{user.id}")
        await tx.outbox.write([registered, told(LogKind.REGISTER, user_id=user.id, email=user.email)])

    await store.transaction(work)
    return user


async def login(store: Store, keys: Keys, email: str, password: str, device: Device) -> Issued:
    """Sign in. Raises InvalidCredentials, AccountLocked, and AccountSuspended only after the right password."""
    user = await store.users.by_email(email)
    stored = user.password_hash if user else None
    right = await keys.lockout.right(email, device.ip, lambda: keys.passwords.verify(password, stored))
    if user is None or not right:
        facts = {"email": email, "ip": device.ip, "user_agent": device.user_agent}
        await store.outbox.write([told(LogKind.LOGIN, outcome="failure", user_id=user.id if user else None, **facts)])
        raise InvalidCredentials
    if user.status is UserStatus.SUSPENDED:
        raise AccountSuspended
    if user.password_hash is not None and keys.passwords.outdated(user.password_hash):
        user = await _renew_hash(store, keys, user, password)
    return await open_session(store, keys, user, device)


async def _renew_hash(store: Store, keys: Keys, user: User, password: str) -> User:
    """The account with a hash of today's scheme, unless its password changed meanwhile."""
    fresh = await keys.passwords.hash(password)
    where = {"password_hash": user.password_hash}
    return await store.users.change(user.id, {"$set": {"password_hash": fresh}}, where=where) or user


async def open_session(store: Store, keys: Keys, user: User, device: Device) -> Issued:
    """A new family of refresh tokens for a user, unless their standing or password changed since they were read.

    Both that change and this write the account, so whichever comes second sees the first. Raises InvalidCredentials.
    """
    moment, session_id = clock.now(), ObjectId()
    refresh = keys.tokens.first_refresh(session_id)
    session = Session(
        id=session_id,
        user_id=user.id,
        refresh_hash=keys.tokens.hash(refresh),
        rotated_at=moment,
        last_used_at=moment,
        expires_at=moment + keys.session_life,
        ip=device.ip,
        user_agent=(device.user_agent or "")[:300] or None,
    )

    async def work(tx: Store) -> None:
        if not await tx.users.touch(user.id, status=UserStatus.ACTIVE, password_hash=user.password_hash):
            raise InvalidCredentials
        await tx.sessions.add(session)
        facts = {"user_id": user.id, "email": user.email, "ip": session.ip, "user_agent": session.user_agent}
        await tx.outbox.write([told(LogKind.LOGIN, outcome="success", **facts)])

    await store.transaction(work)
    return Issued(user, session, keys.tokens.access(user.id, session.id), refresh)


async def refresh(store: Store, keys: Keys, token: str) -> Issued:
    """Rotate. Raises TokenInvalid, TokenRevoked, RefreshReused.

    The used token is remembered first, so that no crash between the two writes lets it be used again unnoticed.
    Within GRACE a used token gives the same successor again: an answer may have been lost on the way.
    """
    try:
        session_id = object_id(token.partition(".")[0])
    except ValueError as error:
        raise TokenInvalid from error
    known, moment = keys.tokens.hashes(token), clock.now()
    session = await store.sessions.first({"_id": session_id})
    if session is None or session.expires_at <= moment:
        raise TokenInvalid
    if session.refresh_hash in known:
        used = session.refresh_hash
        await store.revocations.used(used, session_id, session.expires_at)
        fresh = keys.tokens.hash(keys.tokens.successors(token)[0])
        session = await store.sessions.rotate(session_id, used, fresh, moment) or await store.sessions.get(session_id)
    if session.revoked_at is not None:
        raise TokenRevoked
    successor = _successor(keys.tokens, token, session)
    if successor is None or moment - session.rotated_at > GRACE:
        used_at = await store.revocations.used_at(known, session_id)
        if used_at is None:
            raise TokenInvalid
        if moment - used_at > GRACE:
            await end_sessions(store, keys, {"_id": session_id})
            raise RefreshReused
    user = await store.users.first({"_id": session.user_id})
    if user is None or user.status is not UserStatus.ACTIVE:
        raise TokenRevoked
    successor = successor or keys.tokens.successors(token)[0]
    return Issued(user, session, keys.tokens.access(user.id, session.id), successor)


def _successor(tokens: Tokens, token: str, session: Session) -> str | None:
    """The token that followed `token`, if the session stands there; made with whichever secret was the newest then."""
    return next((one for one in tokens.successors(token) if session.refresh_hash in tokens.hashes(one)), None)


async def end_sessions(store: Store, keys: Keys, where: dict[str, object]) -> int:
    """Revoke sessions and their access tokens, here at once and everywhere within a second; how many there were."""
    ids = await store.transaction(lambda tx: _end(tx, keys, where))
    for one in ids:
        keys.gate.forget(session=one)
    return len(ids)


async def _end(tx: Store, keys: Keys, where: dict[str, object]) -> list[ObjectId]:
    ids = await tx.sessions.end(where, clock.now())
    await tx.revocations.ended(ids, keys.tokens.life)
    return ids


async def logout(store: Store, keys: Keys, caller: Caller, *, everywhere: bool) -> None:
    """End this session, or all of the caller's."""
    await end_sessions(store, keys, {"user_id": caller.user_id} if everywhere else {"_id": caller.session_id})
    message = "everywhere" if everywhere else None
    await store.outbox.write([told(LogKind.LOGOUT, user_id=caller.user_id, message=message)])


async def require_password(keys: Keys, user: User, password: str, device: Device) -> None:
    """Somebody who is signed in proves once more who they are. Raises InvalidCredentials, AccountLocked."""
    check = partial(keys.passwords.verify, password, user.password_hash)
    if not await keys.lockout.right(user.email, device.ip, check):
        raise InvalidCredentials


async def change_password(store: Store, keys: Keys, caller: Caller, device: Device, current: str, new: str) -> None:
    """A new password; every other session ends. Raises InvalidCredentials, AccountLocked, WeakPassword."""
    user = await store.users.get(caller.user_id)
    await require_password(keys, user, current, device)
    require_strong(new, user.email)
    fresh = await keys.passwords.hash(new)

    async def work(tx: Store) -> list[ObjectId]:
        where = {"password_hash": user.password_hash}
        if await tx.users.change(user.id, {"$set": {"password_hash": fresh}}, where=where) is None:
            raise InvalidCredentials
        return await _end(tx, keys, {"user_id": user.id, "_id": {"$ne": caller.session_id}})

    for one in await store.transaction(work):
        keys.gate.forget(session=one)
