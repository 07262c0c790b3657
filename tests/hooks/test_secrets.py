"""Secrets of endpoints while TOKEN_HASH_PEPPER is being replaced."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from tests.hooks.conftest import Hooks
from tests.hooks.receiver import Receiver
from truestyle.hooks.models import Endpoint
from truestyle.hooks.sending import Relocker, secrets_of
from truestyle.infra.box import Box
from truestyle.kit import clock
from truestyle.shop import Shop

NEW, OTHER = "a-new-pepper-that-is-long-enough-0123456789", "one-that-nobody-has-listed-0123456789-abcdef"


@pytest.fixture
def old(shop: Shop) -> Iterator[str]:
    """The pepper until now; the store's box is put back."""
    before = shop.box
    yield shop.settings.auth.token_hash_pepper.get_secret_value()
    shop.box = before


async def the_one(shop: Shop) -> Endpoint:
    found = await shop.store.hooks.first({})
    assert found is not None
    return found


async def another(hooks: Hooks, made: dict[str, Any]) -> dict[str, Any]:
    changed = await hooks.post(f"/{made['id']}/secret", {"overlap_hours": 2})
    assert changed.status_code == 200, changed.text
    found: dict[str, Any] = changed.json()
    return found


async def test_a_change_locks_the_secret_before_under_the_newest_pepper_too(
    receiver: Receiver, hooks: Hooks, shop: Shop, old: str
) -> None:
    made = await hooks.add(receiver.url())
    shop.box = Box([NEW, old])
    second = await another(hooks, made)
    assert secrets_of(Box([NEW]), await the_one(shop)) == [second["secret"], made["secret"]]


async def test_a_secret_that_nothing_opens_is_replaced_and_signs_no_more(
    receiver: Receiver, hooks: Hooks, shop: Shop, old: str
) -> None:
    made = await hooks.add(receiver.url())
    shop.box = Box([NEW])
    assert old != NEW
    second = await another(hooks, made)
    assert second["old_until"] is None
    assert secrets_of(shop.box, await the_one(shop)) == [second["secret"]]


async def test_a_secret_before_that_nothing_opens_keeps_nothing_from_being_sent_or_locked_anew(
    receiver: Receiver, hooks: Hooks, shop: Shop, old: str
) -> None:
    made = await hooks.add(receiver.url())
    second = await another(hooks, made)
    lost = Box([OTHER]).lock({"secret": made["secret"]}, "webhook:x")
    await shop.store.hooks.unwatched.update_one({}, {"$set": {"old_locked": lost}})
    assert secrets_of(shop.box, await the_one(shop)) == [second["secret"]]
    assert await Relocker(shop.store, Box([NEW, old])).relock() == 1
    after = await the_one(shop)
    assert (secrets_of(Box([NEW]), after), after.old_locked) == ([second["secret"]], None)


async def test_one_whose_time_is_over_is_not_locked_anew(
    receiver: Receiver, hooks: Hooks, shop: Shop, old: str
) -> None:
    await another(hooks, await hooks.add(receiver.url()))
    with time_machine.travel(clock.now() + timedelta(hours=3)):
        assert await Relocker(shop.store, Box([NEW, old])).relock() == 1
    assert (await the_one(shop)).old_locked is None
