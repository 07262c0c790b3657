"""The seeds' password hashes: passlib's `bcrypt_sha256` (both versions) and plain bcrypt.

Format and construction: passlib's documentation of `bcrypt_sha256`. Version 2 gives bcrypt the base64 of
HMAC-SHA256(salt, password), version 1 that of SHA256(password), so that no password is too long for bcrypt.
"""

import base64
import hashlib
import hmac
import re

import bcrypt

ROUNDS = 12
LONGEST_PLAIN = 72  # bytes that bcrypt itself looks at; older libraries dropped the rest in silence
_V2 = re.compile(r"\$bcrypt-sha256\$v=2,t=(2[aby]),r=(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})")
_V1 = re.compile(r"\$bcrypt-sha256\$(2[aby]),(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})")
_PLAIN = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")


def identify(stored: str) -> bool:
    """Whether a stored hash is of one of these kinds."""
    return any(kind.fullmatch(stored) for kind in (_V2, _V1, _PLAIN))


def is_current(stored: str) -> bool:
    """Whether `hash_password` would make its like: version 2 with ROUNDS."""
    found = _V2.fullmatch(stored)
    return found is not None and int(found[2]) == ROUNDS


def hash_password(password: str, rounds: int = ROUNDS) -> str:
    """A new hash in passlib's version 2 format."""
    salt = bcrypt.gensalt(rounds).rsplit(b"$", 1)[1].decode()
    return f"$bcrypt-sha256$v=2,t=2b,r={rounds}${salt}${_checksum(_keyed(password, salt), '2b', rounds, salt)}"


def verify(password: str, stored: str) -> bool:
    """Whether `stored` is a hash of the password; False for what is no such hash."""
    if found := _V2.fullmatch(stored):
        kind, rounds, salt, checksum = found.groups()
        return hmac.compare_digest(_checksum(_keyed(password, salt), kind, int(rounds), salt), checksum)
    if found := _V1.fullmatch(stored):
        kind, rounds, salt, checksum = found.groups()
        plain = base64.b64encode(hashlib.sha256(password.encode()).digest())
        return hmac.compare_digest(_checksum(plain, kind, int(rounds), salt), checksum)
    if _PLAIN.fullmatch(stored):
        return bcrypt.checkpw(password.encode()[:LONGEST_PLAIN], stored.encode())
    return False


def _keyed(password: str, salt: str) -> bytes:
    return base64.b64encode(hmac.digest(salt.encode(), password.encode(), "sha256"))


def _checksum(secret: bytes, kind: str, rounds: int, salt: str) -> str:
    return bcrypt.hashpw(secret, f"${kind}${rounds:02d}${salt}".encode()).decode()[-31:]
