"""Encrypting what is too long to hold: AES-256-GCM in frames, none of which can be changed, moved, left out or added.

    magic (4) · salt (16) · frames: length (4, big endian) · ciphertext with its tag

Each stream has a key of its own, made from the secret and the salt. The nonce of a frame is its number and whether it
is the last, so a stream that was cut off at a frame does not open either (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from truestyle.infra.box import derived

MAGIC, SALT, LENGTH, TAG = b"TSE1", 16, 4, 16
FRAME = 1024 * 1024  # bytes of content
INFO = b"truestyle backup part"


class NotOpenedError(Exception):
    """None of the keys opens it, or it is not what was written."""


class Locking:
    """Encrypts what is written to it, for `out`. `bound` is what the stream is: it opens as that alone."""

    def __init__(self, out: Callable[[bytes], object], secret: str, bound: str) -> None:
        salt = secrets.token_bytes(SALT)
        self._out, self._bound, self._count = out, bound.encode(), 0
        self._key = AESGCM(derived(secret, INFO, 32, salt))
        self._waiting = bytearray()
        out(MAGIC + salt)

    def write(self, content: bytes) -> None:
        """Take content."""
        self._waiting += content
        while len(self._waiting) > FRAME:  # what is left may be the last frame
            self._frame(bytes(self._waiting[:FRAME]), last=False)
            del self._waiting[:FRAME]

    def close(self) -> None:
        """Write the last frame."""
        self._frame(bytes(self._waiting), last=True)

    def _frame(self, content: bytes, *, last: bool) -> None:
        sealed = self._key.encrypt(_nonce(self._count, last=last), content, self._bound)
        self._out(len(sealed).to_bytes(LENGTH, "big") + sealed)
        self._count += 1


def unlocked(content: Iterable[bytes], keys: Sequence[str], bound: str) -> Iterator[bytes]:
    """What was written, from what `Locking` made of it. Raises NotOpenedError."""
    taken = _Taken(content)
    head = taken.exactly(len(MAGIC) + SALT)
    if not head.startswith(MAGIC):
        raise NotOpenedError
    candidates = [AESGCM(derived(one, INFO, 32, head[len(MAGIC) :])) for one in keys]
    count, frame = 0, taken.frame()
    while frame:
        following = taken.frame()
        nonce = _nonce(count, last=not following)
        for key in candidates:
            try:
                piece = key.decrypt(nonce, frame, bound.encode())
            except InvalidTag:
                continue
            candidates = [key]
            break
        else:
            raise NotOpenedError
        yield piece
        count, frame = count + 1, following
    if count == 0:
        raise NotOpenedError


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])


class _Taken:
    """Pieces of any size, taken in sizes that are asked for."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._pieces, self._held = iter(content), bytearray()

    def _most(self, size: int) -> bytes:
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._held += piece
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    def exactly(self, size: int) -> bytes:
        found = self._most(size)
        if len(found) != size:
            raise NotOpenedError
        return found

    def frame(self) -> bytes:
        """The next frame; empty at the end."""
        head = self._most(LENGTH)
        if not head:
            return b""
        size = int.from_bytes(head, "big")
        if len(head) < LENGTH or not TAG <= size <= FRAME + TAG:
            raise NotOpenedError
        return self.exactly(size)
