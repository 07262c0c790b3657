"""One-time codes and links: six digits for a person to type, or a long token for a link. Stored as keyed hashes.

A code is for one purpose and one account, works once, for a time, and may be tried MAX_TRIES times in all, however many
clients try. A new one replaces the old. Tries cannot be had by asking again and again: there are MAX_SENT codes in an
hour, and MAX_GUESSES tries in a day, after which only the link works. What is wrong, used up, or asked for by nobody
looks the same.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from truestyle.auth.errors import OtpExpired, OtpInvalid
from truestyle.auth.models import OneTimeCode, Purpose
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate
from truestyle.store import Store

LIFE = {
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=10),
    Purpose.CHANGE_EMAIL: timedelta(minutes=10),
    Purpose.ORDER: timedelta(minutes=10),
}


@dataclass(frozen=True)
class Issued:
    """What goes into the mail, and nowhere else."""

    code: str
    token: str
    expires_at: datetime


class Codes:
    """Makes and checks codes, with the peppers of the settings (newest first)."""

    def __init__(self, peppers: Sequence[str]) -> None:
        self._peppers = [one.encode() for one in peppers]

    def _hashes(self, *parts: object) -> list[bytes]:
        text = "\0".join(str(part) for part in parts).encode()
        return [hmac.new(one, text, hashlib.sha256).digest() for one in self._peppers]

    async def issue(self, tx: Store, user_id: ObjectId, purpose: Purpose, email: str) -> Issued | None:
        """A new code that replaces the one before, or None when too many were sent; outside a transaction."""
        code, token, moment = f"{secrets.randbelow(1_000_000):06d}", secrets.token_urlsafe(32), clock.now()
        issued = Issued(code, token, moment + LIFE[purpose])
        row = {
            "code_hash": self._hashes(purpose, user_id, code)[0],
            "token_hash": self._hashes(purpose, token)[0],
            "email": email,
            "tries": 0,
            "expires_at": issued.expires_at,
            "used_at": None,
            "updated_at": moment,
        }
        try:
            await tx.codes.issue(user_id, purpose, row, moment)
        except Duplicate:
            return None
        return issued

    async def check(self, store: Store, user_id: ObjectId | None, purpose: Purpose, code: str) -> OneTimeCode:
        """Try a typed code: it counts, right or wrong. Raises OtpInvalid, OtpExpired (only for the right code)."""
        who = user_id or ObjectId()  # nobody's code is looked for just as long
        row = await store.codes.take_try(who, purpose)
        hashes = self._hashes(purpose, who, code)
        if row is None or not any(hmac.compare_digest(row.code_hash, one) for one in hashes):
            raise OtpInvalid
        return _in_time(row)

    async def check_token(self, store: Store, purpose: Purpose, token: str) -> OneTimeCode:
        """Look up the token of a link. Raises OtpInvalid, OtpExpired."""
        row = await store.codes.first(
            {"token_hash": {"$in": self._hashes(purpose, token)}, "purpose": purpose, "used_at": None}
        )
        if row is None:
            raise OtpInvalid
        return _in_time(row)


async def use_up(tx: Store, row: OneTimeCode) -> None:
    """Use a checked code, in the transaction of what it allows. Raises OtpInvalid if somebody was quicker."""
    where: dict[str, Any] = {"used_at": None, "code_hash": row.code_hash}
    if await tx.codes.change(row.id, {"$set": {"used_at": clock.now()}}, where=where) is None:
        raise OtpInvalid


def _in_time(row: OneTimeCode) -> OneTimeCode:
    if row.expires_at <= clock.now():
        raise OtpExpired
    return row
