"""Streams in encrypted frames: nothing of them can be changed, moved, left out, added or cut off."""

import secrets
from collections.abc import Callable

import pytest

from truestyle.infra.frames import FRAME, LENGTH, MAGIC, SALT, TAG, Locking, NotOpenedError, unlocked

OLD, NEW, OTHER = "the-old-key-0123456789-0123456789", "the-new-key-0123456789-0123456789", "x" * 40
SIZES = (0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 5)
HEAD = len(MAGIC) + SALT
WHOLE = LENGTH + FRAME + TAG  # bytes of a full frame


def locked(content: bytes, key: str = NEW, bound: str = "mongo.orders", step: int = 700_001) -> bytes:
    out: list[bytes] = []
    locking = Locking(out.append, key, bound)
    for first in range(0, len(content), step):
        locking.write(content[first : first + step])
    locking.close()
    return b"".join(out)


def opened(content: bytes, *keys: str, bound: str = "mongo.orders", step: int = 999_983) -> bytes:
    pieces = (content[first : first + step] for first in range(0, len(content), step))
    return b"".join(unlocked(pieces, keys or (NEW,), bound))


FEW = 8  # bytes that may be in any others by chance


@pytest.mark.parametrize("size", SIZES)
def test_what_was_locked_comes_out(size: int) -> None:
    content = secrets.token_bytes(size)
    sealed = locked(content)
    assert opened(sealed) == content
    assert opened(sealed, OLD, NEW) == content
    assert content[:64] not in sealed or size < FEW


def test_the_same_twice_looks_different() -> None:
    assert locked(b"orders") != locked(b"orders")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c[: HEAD + WHOLE],  # cut off after a whole frame
        lambda c: c[: HEAD + 2 * WHOLE],
        lambda c: c[:-1],
        lambda c: c[:HEAD],
        lambda c: c[: HEAD - 1],
        lambda c: c[:0],
        lambda c: c + c[HEAD : HEAD + WHOLE],  # one more
        lambda c: c[:HEAD] + c[HEAD + WHOLE :],  # one fewer
        lambda c: c[:HEAD] + c[HEAD + WHOLE : HEAD + 2 * WHOLE] + c[HEAD : HEAD + WHOLE] + c[HEAD + 2 * WHOLE :],
        lambda c: c[: HEAD + 100] + bytes([c[HEAD + 100] ^ 1]) + c[HEAD + 101 :],
        lambda c: c[:5] + bytes([c[5] ^ 1]) + c[6:],  # the salt
        lambda c: c[:HEAD] + b"\xff\xff\xff\xff" + c[HEAD + 4 :],  # a length that would eat the memory
    ],
)
def test_what_was_changed_does_not_open(spoil: Callable[[bytes], bytes]) -> None:
    sealed = locked(secrets.token_bytes(2 * FRAME + 9))
    assert len(opened(sealed)) == 2 * FRAME + 9
    with pytest.raises(NotOpenedError):
        opened(spoil(sealed))


def test_another_key_or_name_does_not_open() -> None:
    sealed = locked(b"orders")
    for keys, bound in ((OTHER,), "mongo.orders"), ((NEW,), "mongo.users"):
        with pytest.raises(NotOpenedError):
            opened(sealed, *keys, bound=bound)
