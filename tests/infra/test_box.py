"""The locked box of the outbox."""

import pytest

from truestyle.infra.box import Box, BoxLockedError

OLD, NEW = "an old pepper of some length 0123", "a newer pepper of some length 456"


def test_it_opens_for_whom_it_was_locked_only() -> None:
    box = Box([NEW])
    locked = box.lock({"code": "012345"}, "asha@example.com")
    assert b"012345" not in locked
    assert locked != box.lock({"code": "012345"}, "asha@example.com")
    assert box.open(locked, "asha@example.com") == {"code": "012345"}
    with pytest.raises(BoxLockedError):
        box.open(locked, "eve@example.com")
    with pytest.raises(BoxLockedError):
        box.open(locked[:-1] + bytes([locked[-1] ^ 1]), "asha@example.com")


def test_keys_rotate() -> None:
    locked = Box([OLD]).lock({"token": "t"}, "asha@example.com")
    assert Box([NEW, OLD]).open(locked, "asha@example.com") == {"token": "t"}
    with pytest.raises(BoxLockedError):
        Box([NEW]).open(locked, "asha@example.com")
