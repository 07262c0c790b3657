"""The second factor: switching it on and off, asking for it, and what a fresh code allows.

Two things make a code work once: a wrong one is counted before it is looked at (`auth/lockout.py`), and a right one is
used up by a guarded write in the transaction of what it allows. So neither a crowd of guesses nor one code sent many
times at once gets further than one after the other.
"""

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from bson import ObjectId

from truestyle.auth import letters
from truestyle.auth.errors import AccountSuspended, MfaInvalid, TokenInvalid, TokenRevoked
from truestyle.auth.mfa import totp
from truestyle.auth.mfa.models import MfaSetup, MfaStatus, SecondFactor
from truestyle.auth.models import Caller
from truestyle.auth.service import Device, Issued, Keys, end_sessions_in, forget_all, open_session, require_password
from truestyle.auth.tokens import MFA_LIFE
from truestyle.infra.box import Box, BoxLockedError
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate, Forbidden, InUse, NotFound
from truestyle.kit.trail import ActorKind, acting, acting_now
from truestyle.logs.models import LogKind
from truestyle.logs.service import told
from truestyle.store import Store
from truestyle.users.models import User, UserStatus

STEP_UP = timedelta(minutes=10)
CODES, CODE_LENGTH = 10, 10
LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # none that looks like another; 10 of them are 49 bits
RELOCK_BATCH, RELOCK_EVERY = 100, timedelta(minutes=1)
log = structlog.get_logger("mfa")


@dataclass(frozen=True)
class Shown:
    """A right code: which one it was."""

    factor: SecondFactor
    step: int | None = None
    recovery: bytes | None = None


@dataclass(frozen=True)
class Secrets:
    """What is in the locked box of a factor."""

    totp: str
    recovery: str

    @classmethod
    def of(cls, box: Box, factor: SecondFactor) -> "Secrets":
        """Raises BoxLockedError."""
        found = box.open(factor.locked, _bound(factor.user_id))
        return cls(found["totp"], found["recovery"])

    def lock(self, box: Box, user_id: ObjectId) -> bytes:
        """Into a box that opens for this account alone."""
        return box.lock({"totp": self.totp, "recovery": self.recovery}, _bound(user_id))

    def hashed(self, code: str) -> bytes:
        """How a recovery code is stored: nobody without the box can try codes on a copy of the database."""
        return hmac.digest(self.recovery.encode(), code.encode(), "sha256")

    def matched(self, factor: SecondFactor, code: str) -> Shown | None:
        """Which code of the factor this is, used or not."""
        if len(code) == 6 and code.isdigit():  # noqa: PLR2004 - a code of six digits
            step = totp.step_of(self.totp, code)
            return None if step is None else Shown(factor, step=step)
        mine, found = self.hashed(code), None
        for one in factor.recovery:
            if hmac.compare_digest(one.hash, mine):
                found = Shown(factor, recovery=one.hash)
        return found


def _bound(user_id: ObjectId) -> str:
    return f"mfa:{user_id}"


async def status(store: Store, keys: Keys, caller: Caller) -> MfaStatus:
    """Whether the caller's account asks for codes."""
    factor = await store.second_factors.of(caller.user_id)
    return MfaStatus(
        enabled=factor is not None,
        enabled_at=factor.enabled_at if factor else None,
        recovery_codes_left=factor.recovery_codes_left if factor else 0,
        required=keys.gate.requires_mfa(caller.role),
    )


async def set_up(store: Store, keys: Keys, caller: Caller) -> MfaSetup:
    """A new secret, which counts only once a code of it was shown. Raises InUse where MFA is on."""
    user, fresh = await store.users.get(caller.user_id), Secrets(totp.new_secret(), secrets.token_hex(32))
    locked = fresh.lock(keys.box, user.id)

    async def work(tx: Store) -> None:
        if not await tx.users.touch(user.id):  # being deleted
            raise NotFound
        await tx.second_factors.set_up(user.id, locked, keys.box.newest)

    try:
        await store.transaction(work)
    except Duplicate as error:
        msg = "MFA is on. Switch it off before you set it up anew."
        raise InUse(msg) from error
    address = totp.uri(fresh.totp, user.email, store.shop.project_name)
    return MfaSetup(secret=fresh.totp, otpauth_uri=address, qr_svg=totp.qr(address))


async def enable(store: Store, keys: Keys, caller: Caller, code: str) -> list[str]:
    """Ask for codes from now on; every other session ends. The recovery codes, told once. Raises MfaInvalid."""
    user = await store.users.get(caller.user_id)
    factor = await store.second_factors.pending(user.id)
    if factor is None:
        raise MfaInvalid
    kept = _opened(keys, factor)
    step = totp.step_of(kept.totp, code)
    if step is None:
        raise MfaInvalid
    codes = _new_codes()

    async def work(tx: Store) -> list[ObjectId]:
        if await tx.second_factors.enable(factor, step, [kept.hashed(one) for one in codes]) is None:
            raise MfaInvalid
        await _switch(tx, keys, user, on=True)
        return await end_sessions_in(tx, keys, {"user_id": user.id, "_id": {"$ne": caller.session_id}})

    forget_all(keys, await store.transaction(work))
    keys.gate.forget(user=user.id)
    return [_shown(one) for one in codes]


async def disable(store: Store, keys: Keys, caller: Caller, device: Device, password: str, code: str) -> None:
    """Ask for no codes any more; every other session ends. Raises InvalidCredentials, MfaInvalid, AccountLocked."""
    user = await store.users.get(caller.user_id)
    await require_password(keys, user, password, device)
    shown = await _prove(store, keys, user, code)

    async def work(tx: Store) -> list[ObjectId]:
        await _use_up(tx, user, shown)
        await tx.second_factors.forget(user.id)
        await _switch(tx, keys, user, on=False)
        return await end_sessions_in(tx, keys, {"user_id": user.id, "_id": {"$ne": caller.session_id}})

    forget_all(keys, await store.transaction(work))
    keys.gate.forget(user=user.id)


async def take_away(store: Store, keys: Keys, helper: Caller, user_id: ObjectId) -> None:
    """Switch off the second factor of somebody who lost theirs; all their sessions end. Raises NotFound, Forbidden."""
    if user_id == helper.user_id:
        msg = "Your own is switched off with your password: POST /auth/mfa/disable."
        raise Forbidden(msg)

    async def work(tx: Store) -> list[ObjectId]:
        user = await tx.users.get(user_id)
        if not user.mfa_enabled:
            raise NotFound
        await tx.second_factors.forget(user_id)
        await _switch(tx, keys, user, on=False)
        return await end_sessions_in(tx, keys, {"user_id": user_id})

    forget_all(keys, await store.transaction(work))
    keys.gate.forget(user=user_id)
    await keys.lockout.forgive_codes(user_id)


async def verify(store: Store, keys: Keys, token: str, code: str, device: Device) -> Issued:
    """The second half of signing in.

    Raises TokenInvalid, TokenExpired, TokenRevoked, AccountSuspended, MfaInvalid, AccountLocked, InvalidCredentials.
    """
    halfway = keys.tokens.read_mfa(token)
    user = await store.users.first({"_id": halfway.user_id})
    if user is None or not user.mfa_enabled or not keys.tokens.of_password(halfway, user.password_hash):
        raise TokenInvalid
    if user.status is not UserStatus.ACTIVE:
        raise AccountSuspended
    try:
        shown = await _prove(store, keys, user, code)
    except MfaInvalid:
        facts = {"user_id": user.id, "email": user.email, "ip": device.ip, "user_agent": device.user_agent}
        await store.outbox.write([told(LogKind.LOGIN, outcome="failure", message="wrong code", **facts)])
        raise

    async def use_up(tx: Store) -> None:
        await _use_up(tx, user, shown)
        try:
            await tx.revocations.use_mfa(halfway.key, user.id, clock.now() + MFA_LIFE)
        except Duplicate as error:
            raise TokenRevoked from error

    with acting(replace(acting_now(), kind=ActorKind.USER, id=user.id)):
        return await open_session(store, keys, user, device, use_up)


async def step_up(store: Store, keys: Keys, caller: Caller, code: str) -> datetime:
    """Let this session do for STEP_UP what asks for a fresh code. Raises MfaInvalid, AccountLocked, TokenRevoked."""
    user = await store.users.get(caller.user_id)
    shown, until = await _prove(store, keys, user, code), clock.now() + STEP_UP

    async def work(tx: Store) -> None:
        await _use_up(tx, user, shown)
        if not await tx.sessions.step_up(caller.session_id, user.id, until):
            raise TokenRevoked

    await store.transaction(work)
    return until


async def renew_codes(store: Store, keys: Keys, caller: Caller, code: str) -> list[str]:
    """Other recovery codes, told once; those before are void. Raises MfaInvalid, AccountLocked."""
    user = await store.users.get(caller.user_id)
    shown = await _prove(store, keys, user, code)
    kept, codes = _opened(keys, shown.factor), _new_codes()

    async def work(tx: Store) -> None:
        await _use_up(tx, user, shown)
        if await tx.second_factors.renew(shown.factor, [kept.hashed(one) for one in codes]) is None:
            raise MfaInvalid

    await store.transaction(work)
    return [_shown(one) for one in codes]


async def _prove(store: Store, keys: Keys, user: User, code: str) -> Shown:
    """Look at a code, and count it if it is wrong; `_use_up` a right one. Raises MfaInvalid, AccountLocked."""
    factor = await store.second_factors.of(user.id)
    if factor is None:
        raise MfaInvalid
    kept, found = _opened(keys, factor), None
    plain = code.replace(" ", "").replace("-", "").lower()

    async def check() -> bool:
        nonlocal found
        found = kept.matched(factor, plain)
        return found is not None

    async def locked() -> None:
        log.warning("mfa_guessed", user_id=str(user.id))
        await letters.write(store, letters.MFA_GUESSED, user.email, {"name": user.full_name, "at": clock.now()})

    await keys.lockout.code_right(user.id, check, locked)
    if found is None:
        raise MfaInvalid
    return found


async def _use_up(tx: Store, user: User, shown: Shown) -> None:
    """In the transaction of what a code allows. Raises MfaInvalid if it, or a later one, was used."""
    moment = clock.now()
    if shown.step is not None:
        left = await tx.second_factors.take_step(shown.factor, shown.step)
    else:
        left = await tx.second_factors.use_recovery(shown.factor, shown.recovery or b"", moment)
    if left is None:
        raise MfaInvalid
    if shown.recovery is not None:
        facts = {"name": user.full_name, "at": moment, "left": left.recovery_codes_left}
        await letters.write(tx, letters.RECOVERY_CODE_USED, user.email, facts)


async def _switch(tx: Store, keys: Keys, user: User, *, on: bool) -> None:
    """Mark the account, which every sign-in under way looks at too; tell its owner and every process."""
    await tx.users.change(user.id, {"$set": {"mfa_enabled": on}})
    await tx.revocations.changed(user.id, keys.tokens.life)
    kind = letters.MFA_ENABLED if on else letters.MFA_DISABLED
    await letters.write(tx, kind, user.email, {"name": user.full_name, "at": clock.now()})


def _opened(keys: Keys, factor: SecondFactor) -> Secrets:
    try:
        return Secrets.of(keys.box, factor)
    except BoxLockedError as error:
        log.error("mfa_locked_under_an_unlisted_pepper", user_id=str(factor.user_id))  # noqa: TRY400 - no trace needed
        raise MfaInvalid from error


def _new_codes() -> list[str]:
    return ["".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH)) for _ in range(CODES)]


def _shown(code: str) -> str:
    return f"{code[:5]}-{code[5:]}"


class Relocker:
    """Locks secrets anew after TOKEN_HASH_PEPPER was replaced, so that its old value can go."""

    def __init__(self, store: Store, box: Box) -> None:
        self._store, self._box, self._next = store, box, clock.now()
        self._lost = 0  # passed over: their pepper is not listed, which `_opened` tells when they are needed

    async def relock(self) -> int:
        """A batch of them; how many. Begins anew every RELOCK_EVERY: a process with the old setting may still write."""
        if clock.now() < self._next:
            return 0
        rows = await self._store.second_factors.locked_otherwise(self._box.newest, self._lost, RELOCK_BATCH)
        done = 0
        for one in rows:
            try:
                kept = Secrets.of(self._box, one)
            except BoxLockedError:
                self._lost += 1
                continue
            await self._store.second_factors.relock(one, kept.lock(self._box, one.user_id), self._box.newest)
            done += 1
        if len(rows) < RELOCK_BATCH:
            self._lost, self._next = 0, clock.now() + RELOCK_EVERY
        return done
