"""Wrong passwords, counted: for an account from one address, for an account, and for an address.

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

from truestyle.auth.errors import AccountLocked
from truestyle.auth.repository import Failures, Taken
from truestyle.infra.http.clients import key_of
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.setting_groups import LimitSettings

PAIR_FAILURES = 5
LOCKED = timedelta(minutes=15)
PATIENCE, LOOK = 10.0, 0.1  # seconds to wait for tries that are under way, and how often to look


class Lockout:
    """Counts wrong passwords and locks. `hashed`: a keyed hash."""

    def __init__(self, failures: Failures, hashed: Callable[[str], bytes], settings: LimitSettings) -> None:
        self._failures, self._hashed, self._settings = failures, hashed, settings
        # As many as can be under way go and look; in one process the others need not ask MongoDB when it is their turn.
        self._turns = WeakValueDictionary[bytes, asyncio.Semaphore]()

    async def right(self, email: str, address: str | None, check: Callable[[], Awaitable[bool]]) -> bool:
        """What `check` says of a password, unless there were too many wrong ones. Raises AccountLocked, Unavailable."""
        pair = self._hashed(f"pair:{key_of(address)}:{email}")
        turn = self._turns.setdefault(pair, asyncio.Semaphore(PAIR_FAILURES))
        try:
            async with asyncio.timeout(PATIENCE):
                await turn.acquire()
        except TimeoutError as error:
            raise Unavailable from error
        try:
            return await self._counted(pair, email, key_of(address), check)
        finally:
            turn.release()

    async def forgive(self, email: str) -> None:
        """Let the owner of an account in again, from everywhere: they proved who they are in another way."""
        await self._failures.forget(self._hashed(f"account:{email}"))

    async def _counted(self, pair: bytes, email: str, client: str, check: Callable[[], Awaitable[bool]]) -> bool:
        account, address = self._hashed(f"account:{email}"), self._hashed(f"address:{client}")
        # Always in this order: two who wait for each other's tries would wait for ever.
        counted = {
            pair: (PAIR_FAILURES, account),
            account: (self._settings.lockout_account_failures, account),
            address: (self._settings.lockout_address_failures, None),
        }
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
            await self._failures.failed(key, most, moment, LOCKED, doubles=key != pair)
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
