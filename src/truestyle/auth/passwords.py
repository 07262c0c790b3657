"""Password hashing in a small pool of its own, and the rule for new passwords.

argon2id with 19 MiB, t=2, p=1 (OWASP Password Storage Cheat Sheet), or the seeds' bcrypt_sha256 where a setting says
so. Hashes of the other kinds are verified too, and replaced when their owner signs in. Hashing is slow on purpose: two
threads at the lowest priority keep it from slowing everybody else, and a full queue is told to come back.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Literal, TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from truestyle.auth import bcrypt_sha256
from truestyle.auth.errors import WeakPassword
from truestyle.kit.errors import Unavailable

SHORTEST, LONGEST = 8, 128
QUEUE = 128
MEMORY = 19_456  # KiB of a hash
Result = TypeVar("Result")
Scheme = Literal["argon2id", "bcrypt_sha256"]
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

    def __init__(self, scheme: Scheme = "argon2id") -> None:
        self._scheme = scheme
        self._argon2 = Argon2Hasher(memory_cost=MEMORY, time_cost=2, parallelism=1)
        self._pool = ThreadPoolExecutor(2, "passwords", initializer=_lowest_priority)
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """A new hash. Raises Unavailable when too many wait."""
        new = self._argon2.hash if self._scheme == "argon2id" else bcrypt_sha256.hash_password
        return await self._run(lambda: new(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password is right. Without a stored hash it takes as long, and is wrong."""
        if stored is None:
            if self._nobody is None:
                self._nobody = await self.hash("nobody has this password")
            await self._run(lambda: self._check(password, self._nobody or ""))
            return False
        return await self._run(lambda: self._check(password, stored))

    def outdated(self, stored: str) -> bool:
        """Whether a hash should be replaced by one of today's scheme and cost."""
        if self._scheme == "argon2id":
            return not self._argon2.identify(stored) or self._argon2.check_needs_rehash(stored)
        return not bcrypt_sha256.is_current(stored)

    def _check(self, password: str, stored: str) -> bool:
        if self._argon2.identify(stored):
            return self._argon2.verify(password, stored)
        return bcrypt_sha256.verify(password, stored)

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
