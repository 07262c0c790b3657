"""Accounts and sessions: what /auth does."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from bson import ObjectId

from truestyle.auth import letters
from truestyle.auth.codes import Codes
from truestyle.auth.errors import (
    AccountSuspended,
    EmailNotVerified,
    InvalidCredentials,
    RefreshReused,
    TokenInvalid,
    TokenRevoked,
)
from truestyle.auth.gate import Gate
from truestyle.auth.lockout import Lockout
from truestyle.auth.models import Caller, Purpose, Session, SessionAnswer
from truestyle.auth.passwords import Passwords, require_strong
from truestyle.auth.permissions import Role
from truestyle.auth.tokens import Tokens
from truestyle.cart.models import Cart, Wishlist
from truestyle.infra.box import Box
from truestyle.infra.outbox import event
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate, NotFound
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import object_id
from truestyle.logs.models import LogKind
from truestyle.logs.service import told
from truestyle.store import Store
from truestyle.users.models import Register, User, UserStatus

GRACE = timedelta(seconds=10)
log = structlog.get_logger("auth")


@dataclass(frozen=True)
class Keys:
    """The parts that signing in needs beside the store."""

    tokens: Tokens
    passwords: Passwords
    gate: Gate
    lockout: Lockout
    codes: Codes
    box: Box
    session_life: timedelta
    verification_required: bool = False


@dataclass(frozen=True)
class Device:
    """Where a request comes from."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True)
class CodeAsked:
    """There is no session yet: a code of the second factor is wanted, with this token."""

    token: str


@dataclass(frozen=True)
class Issued:
    """Fresh tokens of a session."""

    user: User
    session: Session
    access: str
    refresh: str


async def register(
    store: Store, keys: Keys, body: Register, role: str = Role.CUSTOMER, *, verified: bool = False
) -> User:
    """A new account with its cart and wishlist, in one transaction. Raises WeakPassword, Duplicate.

    Unless its address counts as `verified`, a code goes there.
    """
    require_strong(body.password, body.email)
    if await store.users.by_email(body.email) is not None:
        raise Duplicate("email")
    user = User(
        email=body.email,
        password_hash=await keys.passwords.hash(body.password),
        full_name=body.full_name,
        phone=body.phone,
        role=role,
        email_verified=verified,
    )

    async def work(tx: Store) -> None:
        await open_account(tx, user)
        if not verified:
            await tx.outbox.write([event(letters.CODE_ASKED, {"purpose": Purpose.VERIFY, "email": user.email})])

    await store.transaction(work)
    return user


async def open_account(tx: Store, user: User) -> None:
    """Store a new account with its cart and wishlist, in a transaction. Raises Duplicate."""
    await tx.users.add(user)
    await tx.carts.add(Cart(user_id=user.id))
    await tx.wishlists.add(Wishlist(user_id=user.id))
    registered = event("user.registered", {"user_id": user.id}, f"user.registered:{user.id}")
    await tx.outbox.write([registered, told(LogKind.REGISTER, user_id=user.id, email=user.email)])


async def login(store: Store, keys: Keys, email: str, password: str, device: Device) -> Issued | CodeAsked:
    """Sign in with a password.

    Raises InvalidCredentials, AccountLocked, and only after the right password AccountSuspended or EmailNotVerified.
    """
    user = await store.users.by_email(email)
    stored = user.password_hash if user else None
    right = await keys.lockout.right(email, device.ip, lambda: keys.passwords.verify(password, stored))
    if user is None or not right:
        facts = {"email": email, "ip": device.ip, "user_agent": device.user_agent}
        await store.outbox.write([told(LogKind.LOGIN, outcome="failure", user_id=user.id if user else None, **facts)])
        raise InvalidCredentials
    if user.password_hash is not None and keys.passwords.outdated(user.password_hash):
        user = await _renew_hash(store, keys, user, password)
    return await let_in(store, keys, user, device)


async def let_in(store: Store, keys: Keys, user: User, device: Device) -> Issued | CodeAsked:
    """Sign in somebody who has just shown who they are, by password or otherwise: every way of signing in ends here.

    A session for an account as it was read, or first the question for a code. Raises AccountSuspended,
    EmailNotVerified, and InvalidCredentials as `open_session` does.
    """
    if user.status is UserStatus.SUSPENDED:
        raise AccountSuspended
    if keys.verification_required and not user.email_verified:
        raise EmailNotVerified
    if user.mfa_enabled:
        return CodeAsked(keys.tokens.mfa(user.id, user.password_hash))
    return await open_session(store, keys, user, device)


async def _renew_hash(store: Store, keys: Keys, user: User, password: str) -> User:
    """The account with a hash of today's scheme, unless its password changed meanwhile."""
    fresh = await keys.passwords.hash(password)
    where = {"password_hash": user.password_hash}
    return await store.users.change(user.id, {"$set": {"password_hash": fresh}}, where=where) or user


async def open_session(
    store: Store, keys: Keys, user: User, device: Device, also: Callable[[Store], Awaitable[None]] | None = None
) -> Issued:
    """A new family of refresh tokens for a user, unless standing, password or MFA changed since they were read.

    Both that change and this write the account, so whichever comes second sees the first. `also` is done first, in the
    same transaction. Raises InvalidCredentials.
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
        if also is not None:
            await also(tx)
        as_read = {"password_hash": user.password_hash, "mfa_enabled": True if user.mfa_enabled else {"$ne": True}}
        if not await tx.users.touch(user.id, status=UserStatus.ACTIVE, **as_read):
            raise InvalidCredentials
        if await tx.sessions.is_new_device(user.id, session.user_agent):
            facts = {"name": user.full_name, "user_agent": session.user_agent, "ip": session.ip, "at": moment}
            await letters.write(tx, letters.NEW_DEVICE, user.email, facts)
        await tx.sessions.add(session)
        seen = {"ip": session.ip, "user_agent": session.user_agent}
        await tx.outbox.write([told(LogKind.LOGIN, outcome="success", user_id=user.id, email=user.email, **seen)])

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
            await _stolen(store, keys, session)
            raise RefreshReused
    user = await store.users.first({"_id": session.user_id})
    if user is None or user.status is not UserStatus.ACTIVE:
        raise TokenRevoked
    successor = successor or keys.tokens.successors(token)[0]
    return Issued(user, session, keys.tokens.access(user.id, session.id), successor)


async def _stolen(store: Store, keys: Keys, session: Session) -> None:
    """Somebody else has, or had, a refresh token of this session: it ends, and its owner hears of it."""

    async def work(tx: Store) -> list[ObjectId]:
        ended = await end_sessions_in(tx, keys, {"_id": session.id})
        user = await tx.users.first({"_id": session.user_id})
        if ended and user is not None:
            facts = {"name": user.full_name, "user_agent": session.user_agent, "at": clock.now()}
            await letters.write(tx, letters.REFRESH_REUSED, user.email, facts)
            seen = {"user_id": user.id, "email": user.email, "user_agent": session.user_agent}
            await tx.outbox.write([told(LogKind.LOGOUT, message="a refresh token was used twice", **seen)])
        return ended

    log.warning("refresh_reused", user_id=str(session.user_id), session_id=str(session.id))
    forget_all(keys, await store.transaction(work))


def _successor(tokens: Tokens, token: str, session: Session) -> str | None:
    """The token that followed `token`, if the session stands there; made with whichever secret was the newest then."""
    return next((one for one in tokens.successors(token) if session.refresh_hash in tokens.hashes(one)), None)


async def end_sessions(store: Store, keys: Keys, where: dict[str, object]) -> int:
    """Revoke sessions and their access tokens, here at once and everywhere within a second; how many there were."""
    ids = await store.transaction(lambda tx: end_sessions_in(tx, keys, where))
    forget_all(keys, ids)
    return len(ids)


def forget_all(keys: Keys, sessions: Iterable[ObjectId]) -> None:
    """Let go of what this process knows of ended sessions, after the commit."""
    for one in sessions:
        keys.gate.forget(session=one)


async def end_sessions_in(tx: Store, keys: Keys, where: dict[str, object]) -> list[ObjectId]:
    """Revoke sessions and their access tokens in a transaction; their ids, for `forget_all` after it."""
    ids = await tx.sessions.end(where, clock.now())
    await tx.revocations.ended(ids, keys.tokens.life)
    return ids


async def logout(store: Store, keys: Keys, caller: Caller, *, everywhere: bool) -> None:
    """End this session, or all of the caller's."""
    await end_sessions(store, keys, {"user_id": caller.user_id} if everywhere else {"_id": caller.session_id})
    message = "everywhere" if everywhere else None
    await store.outbox.write([told(LogKind.LOGOUT, user_id=caller.user_id, message=message)])


async def sessions(store: Store, caller: Caller, query: PageQuery) -> Found[SessionAnswer]:
    """One page of the devices that the caller is signed in on."""
    live = {"user_id": caller.user_id, "revoked_at": None}
    found = await store.sessions.find(live, query, also={"expires_at": {"$gt": clock.now()}})
    return found.map(lambda one: SessionAnswer(**one.model_dump(), current=one.id == caller.session_id))


async def end_session(store: Store, keys: Keys, caller: Caller, key: ObjectId) -> None:
    """Sign a device of the caller's out. Raises NotFound."""
    if not await end_sessions(store, keys, {"_id": key, "user_id": caller.user_id}):
        raise NotFound


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
        await letters.write(tx, letters.PASSWORD_CHANGED, user.email, {"name": user.full_name})
        return await end_sessions_in(tx, keys, {"user_id": user.id, "_id": {"$ne": caller.session_id}})

    forget_all(keys, await store.transaction(work))
