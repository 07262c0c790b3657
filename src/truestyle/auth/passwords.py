"""Password hashing in a small pool of its own, and the rule for new passwords.

argon2id with 19 MiB, t=2, p=1 (OWASP Password Storage Cheat Sheet). Hashing is slow on purpose: two threads at the
lowest priority keep it from slowing everybody else, and a full queue is told to come back.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from truestyle.auth.errors import WeakPassword
from truestyle.kit.errors import Unavailable

SHORTEST, LONGEST = 8, 128
QUEUE = 128
Result = TypeVar("Result")
_COMMON = frozenset(resources.files("truestyle.auth").joinpath("common_passwords.txt").read_text().split())


def require_strong(password: str, email: str) -> None:
    """Raises WeakPassword for one that is short, among the commonest, or the e-mail itself."""
    lowered = password.casefold()
    name = email.partition("@")[0]
    plain = len(set(lowered)) < 4  # noqa: PLR2004 - aaaaaaaa, abababab
    if not SHORTEST <= len(password) <= LONGEST or lowered in _COMMON or plain or lowered in {email, name}:
        raise WeakPassword


class Passwords:
    """Hashes and verifies off the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(memory_cost=19_456, time_cost=2, parallelism=1),))
        self._pool = ThreadPoolExecutor(2, "passwords", initializer=_lowest_priority)
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """A new hash. Raises Unavailable when too many wait."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is right. Without a stored hash it takes as long, and is wrong."""
        if stored is None:
            if self._nobody is None:
                self._nobody = await self.hash("nobody has this password")
            await self._run(lambda: self._hasher.verify(password, self._nobody or ""))
            return False
        return await self._run(lambda: self._hasher.verify(password, stored))

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= QUEUE:
            raise Unavailable
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)


def _lowest_priority() -> None:
    if sys.platform.startswith("linux"):
        os.setpriority(os.PRIO_PROCESS, 0, 19)  # on Linux: of this thread
