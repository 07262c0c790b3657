"""Wrong passwords, counted: for an account from one address, for an account, and for an address. And wrong codes.

The counts are in MongoDB, which a password check needs anyway: so they are exact over all processes, hold without
Redis, and nothing that is away can open this door. A try is counted before the password is looked at and given back if
it was right, so any number of guesses at once are no more guesses. An account that does not exist is counted like one
that does; what is stored is a keyed hash of the address that was typed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from bson import ObjectId

from truestyle.auth.errors import AccountLocked
from truestyle.auth.tries.repository import Failures, Taken
from truestyle.infra.http.clients import key_of
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.setting_groups import LimitSettings

PAIR_FAILURES = 5
CODE_FAILURES = 5  # for an account, from anywhere, whichever route they are sent to
LOCKED = timedelta(minutes=15)
PATIENCE, LOOK = 10.0, 0.1  # seconds to wait for tries that are under way, and how often to look

Check = Callable[[], Awaitable[bool]]
Counted = dict[bytes, tuple[int, bytes | None]]  # what is counted under: how many, and whose `forgive` forgets it


class Lockout:
    """Counts wrong passwords and locks. `hashed`: a keyed hash."""

    def __init__(self, failures: Failures, hashed: Callable[[str], bytes], settings: LimitSettings) -> None:
        self._failures, self._hashed, self._settings = failures, hashed, settings
        # As many as can be under way go and look; in one process the others need not ask MongoDB when it is their turn.
        self._turns = WeakValueDictionary[bytes, asyncio.Semaphore]()

    async def right(self, email: str, address: str | None, check: Check) -> bool:
        """What `check` says of a password, unless there were too many wrong ones. Raises AccountLocked, Unavailable."""
        client = key_of(address)
        pair = self._hashed(f"pair:{client}:{email}")
        account, machine = self._hashed(f"account:{email}"), self._hashed(f"address:{client}")
        # Always in this order: two who wait for each other's tries would wait for ever.
        counted: Counted = {
            pair: (PAIR_FAILURES, account),
            account: (self._settings.lockout_account_failures, account),
            machine: (self._settings.lockout_address_failures, None),
        }
        return await self._in_turn(counted, check, pair)

    async def code_right(self, user_id: ObjectId, check: Check, locked: Callable[[], Awaitable[None]]) -> bool:
        """What `check` says of a code of an account's second factor, unless there were too many wrong ones.

        A right one forgets none of the wrong ones before: somebody else may have sent those. `locked` is called after
        the wrong one that locks. Raises AccountLocked, Unavailable.
        """
        key = self._code_key(user_id)
        try:
            return await self._in_turn({key: (CODE_FAILURES, key)}, check, None, locked)
        except AccountLocked as error:
            raise AccountLocked(int(error.headers["Retry-After"]), "Too many wrong codes. Try again later.") from error

    async def forgive(self, email: str) -> None:
        """Let the owner of an account in again, from everywhere: they proved who they are in another way."""
        await self._failures.forget(self._hashed(f"account:{email}"))

    async def forgive_codes(self, user_id: ObjectId) -> None:
        """Let an account show codes again."""
        await self._failures.forget(self._code_key(user_id))

    def _code_key(self, user_id: ObjectId) -> bytes:
        return self._hashed(f"codes:{user_id}")

    async def _in_turn(
        self,
        counted: Counted,
        check: Check,
        pair: bytes | None,
        locked: Callable[[], Awaitable[None]] | None = None,
    ) -> bool:
        turn = self._turns.setdefault(next(iter(counted)), asyncio.Semaphore(PAIR_FAILURES))
        try:
            async with asyncio.timeout(PATIENCE):
                await turn.acquire()
        except TimeoutError as error:
            raise Unavailable from error
        try:
            return await self._counted(counted, check, pair, locked)
        finally:
            turn.release()

    async def _counted(
        self, counted: Counted, check: Check, pair: bytes | None, locked: Callable[[], Awaitable[None]] | None
    ) -> bool:
        taken: list[bytes] = []
        try:
            for key, (most, owner) in counted.items():
                await self._take(key, most, owner)
                taken.append(key)
            right = await check()
        except BaseException:
            await self._failures.give_back(taken)
            raise
        if right:
            await self._failures.give_back(taken, forgiven=pair)
            return True
        moment = clock.now()
        for key, (most, _) in counted.items():
            # The contract gives the pair 15 minutes; the others, which only an attack reaches, double each time.
            full = await self._failures.failed(key, most, moment, LOCKED, doubles=key != pair)
            if full and locked is not None:
                await locked()
        return False

    async def _take(self, key: bytes, most: int, account: bytes | None) -> None:
        ends = asyncio.get_running_loop().time() + PATIENCE
        while True:
            moment = clock.now()
            found = await self._failures.take(key, most, account, moment, LOCKED)
            if isinstance(found, datetime):
                raise AccountLocked(math.ceil((found - moment).total_seconds()))
            if found is Taken.YES:
                return
            if asyncio.get_running_loop().time() > ends:
                raise Unavailable
            await asyncio.sleep(LOOK)
