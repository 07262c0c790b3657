"""What goes by mail: confirming an address, a forgotten password, another address.

A request only writes an event; the worker looks whether there is such an account and sends the code. So requests answer
the same, in the same time, for every address, and no code is in a log, or in clear in a row.
"""

from bson import ObjectId

from truestyle.auth import letters
from truestyle.auth.codes import Issued, use_up
from truestyle.auth.errors import OtpInvalid
from truestyle.auth.models import Caller, OneTimeCode, Purpose
from truestyle.auth.passwords import require_strong
from truestyle.auth.service import Device, Keys, end_sessions_in, forget_all, require_password
from truestyle.infra.outbox import Event, event
from truestyle.mail.service import letter
from truestyle.store import Store
from truestyle.users.models import User, UserStatus, searchable


def code_asked(purpose: Purpose, email: str) -> Event:
    """The event after which the worker sends a code to the account of this address, if there is one."""
    return event(letters.CODE_ASKED, {"purpose": purpose, "email": email})


async def ask(store: Store, purpose: Purpose, email: str) -> None:
    """Ask for a code: the same for every address."""
    await store.outbox.write([code_asked(purpose, email)])


async def send_code(store: Store, keys: Keys, asked: Event) -> None:
    """Handle the event: issue a code and write the mail, if the account is there and wants it."""
    purpose, email = Purpose(asked.payload["purpose"]), asked.payload["email"]
    user = await store.users.by_email(email)
    if user is None or user.status is not UserStatus.ACTIVE or (purpose is Purpose.VERIFY and user.email_verified):
        return
    issued = await keys.codes.issue(store, user.id, purpose, user.email)
    if issued is not None:
        await _write(store, keys, letters.CODE[purpose], user, user.email, issued)


async def _write(store: Store, keys: Keys, kind: str, user: User, to: str, issued: Issued) -> None:
    facts = {"name": user.full_name, "expires_at": issued.expires_at}
    secret = {"code": issued.code, "token": issued.token}
    await store.outbox.write([letter(kind, to, facts, box=keys.box, secret=secret)])


async def verify_by_code(store: Store, keys: Keys, email: str, code: str) -> None:
    """Confirm an address with the code. Raises OtpInvalid, OtpExpired."""
    user = await store.users.by_email(email)
    row = await keys.codes.check(store, user.id if user else None, Purpose.VERIFY, code)
    await _verified(store, row)


async def verify_by_token(store: Store, keys: Keys, token: str) -> None:
    """Confirm an address with the link. Raises OtpInvalid, OtpExpired."""
    await _verified(store, await keys.codes.check_token(store, Purpose.VERIFY, token))


async def _verified(store: Store, row: OneTimeCode) -> None:
    async def work(tx: Store) -> None:
        await use_up(tx, row)
        update = {"$set": {"email_verified": True}}
        if await tx.users.change(row.user_id, update, where={"email": row.email}) is None:
            raise OtpInvalid  # the address is another one by now

    await store.transaction(work)


async def reset_by_code(store: Store, keys: Keys, email: str, code: str, password: str) -> None:
    """Set a new password with the code. Raises WeakPassword, OtpInvalid, OtpExpired."""
    require_strong(password, email)
    user = await store.users.by_email(email)
    row = await keys.codes.check(store, user.id if user else None, Purpose.RESET, code)
    await _reset(store, keys, row, password)


async def reset_by_token(store: Store, keys: Keys, token: str, password: str) -> None:
    """Set a new password with the link. Raises WeakPassword, OtpInvalid, OtpExpired."""
    row = await keys.codes.check_token(store, Purpose.RESET, token)
    require_strong(password, row.email)
    await _reset(store, keys, row, password)


async def _reset(store: Store, keys: Keys, row: OneTimeCode, password: str) -> None:
    """Whoever reads the account's mail owns it: the address counts as confirmed, and every session ends."""
    fresh = await keys.passwords.hash(password)

    async def work(tx: Store) -> list[ObjectId]:
        await use_up(tx, row)
        values = {"password_hash": fresh, "email_verified": True}
        user = await tx.users.change(row.user_id, {"$set": values}, where={"email": row.email})
        if user is None:
            raise OtpInvalid
        await letters.write(tx, letters.PASSWORD_CHANGED, user.email, {"name": user.full_name})
        return await end_sessions_in(tx, keys, {"user_id": user.id})

    forget_all(keys, await store.transaction(work))
    await keys.lockout.forgive(row.email)


async def ask_for_another_address(
    store: Store, keys: Keys, caller: Caller, device: Device, email: str, password: str
) -> None:
    """Send a code to the new address, and word to the old one. The answer is the same where the new one is taken.

    Raises InvalidCredentials, AccountLocked.
    """
    user = await store.users.get(caller.user_id)
    await require_password(keys, user, password, device)
    if email == user.email:
        return
    taken = await store.users.by_email(email) is not None
    issued = None if taken else await keys.codes.issue(store, user.id, Purpose.CHANGE_EMAIL, email)
    if issued is not None:
        await _write(store, keys, letters.CODE[Purpose.CHANGE_EMAIL], user, email, issued)
        await letters.write(store, letters.EMAIL_CHANGING, user.email, {"name": user.full_name, "new_email": email})


async def confirm_address(store: Store, keys: Keys, caller: Caller, code: str) -> User:
    """Change the address with the code that went there. Raises OtpInvalid, OtpExpired, Duplicate."""
    row = await keys.codes.check(store, caller.user_id, Purpose.CHANGE_EMAIL, code)

    async def work(tx: Store) -> User:
        await use_up(tx, row)
        before = await tx.users.get(caller.user_id)
        values = {"email": row.email, "email_verified": True, "words": searchable(before.full_name, row.email)}
        changed = await tx.users.change(before.id, {"$set": values}, where={"email": before.email})
        if changed is None:
            raise OtpInvalid
        facts = {"name": before.full_name, "new_email": row.email}
        await letters.write(tx, letters.EMAIL_CHANGED, before.email, facts)
        return changed

    return await store.transaction(work)
