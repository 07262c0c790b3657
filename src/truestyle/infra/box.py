"""A locked box: what has to be kept in a row and must not be readable there."""

import secrets
from collections.abc import Mapping, Sequence

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM


class BoxLockedError(Exception):
    """None of the keys opens it."""


class Box:
    """AES-256-GCM under keys made from the peppers of the settings (newest first)."""

    def __init__(self, peppers: Sequence[str]) -> None:
        self._keys = [AESGCM(derived(one, b"truestyle outbox secrets", 32)) for one in peppers]
        self.newest = derived(peppers[0], b"truestyle box name", 8).hex() if peppers else ""
        """A name of the key that `lock` uses, which tells nothing about it."""

    def lock(self, values: Mapping[str, str], bound: str) -> bytes:
        """Put values in. `bound` is who they are for: the box opens for nobody else."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._keys[0].encrypt(nonce, orjson.dumps(dict(values)), bound.encode())

    def open(self, content: bytes, bound: str) -> dict[str, str]:
        """Take them out. Raises BoxLockedError."""
        for key in self._keys:
            try:
                values: dict[str, str] = orjson.loads(key.decrypt(content[:NONCE], content[NONCE:], bound.encode()))
            except InvalidTag:
                continue
            return values
        raise BoxLockedError


def derived(pepper: str, info: bytes, length: int, salt: bytes | None = None) -> bytes:
    """A key for one purpose (`info`), made from a secret of the settings (RFC 5869)."""
    return HKDF(SHA256(), length=length, salt=salt, info=info).derive(pepper.encode())
