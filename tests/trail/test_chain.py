"""The chain: sealed once, in one line, and whoever tampers is found out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests import make

from truestyle.audit.report import Breach
from truestyle.audit.service import audit
from truestyle.kit.trail import digest
from truestyle.shop import Shop
from truestyle.trail.chain import key_from
from truestyle.trail.repository import TrailHead
from truestyle.trail.service import Sealer

Tamper = Callable[[Shop], Awaitable[Any]]


@pytest.fixture
async def told(shop: Shop, admin: make.Person) -> int:
    """Six sealed entries at least."""
    del admin
    for _ in range(3):
        await make.product(shop)
    return await shop.sealer.seal()


async def breaches(shop: Shop) -> list[Breach]:
    return [one for one in (await audit(shop)).breaches if one.invariant == "I11"]


async def test_each_entry_is_sealed_once_and_the_books_are_clean(shop: Shop, told: int) -> None:
    assert told >= 4
    assert await shop.sealer.seal() == 0
    rows = await shop.store.trail.collection.find(sort=[("seq", 1)]).to_list()
    assert [row["seq"] for row in rows] == list(range(1, told + 1))
    assert [row["previous"] for row in rows[1:]] == [row["seal"] for row in rows[:-1]]
    report = await audit(shop)
    assert report.breaches == []
    assert report.checked["I11 the audit trail is whole"] == told


async def test_many_who_seal_at_once_make_one_chain(shop: Shop, told: int) -> None:
    for number in range(3):
        await asyncio.gather(*(make.product(shop, name=f"Kurta {number} {at}") for at in range(5)))
        assert sum(await asyncio.gather(*(shop.sealer.seal() for _ in range(8)))) == 5
    assert await shop.store.trail.count({"sealed": True}) == told + 15
    assert await breaches(shop) == []


async def test_without_the_head_two_sealers_would_collide(
    shop: Shop, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off: every sealer believes the chain ends where it began, and the unique place stops it."""

    async def stay(_self: TrailHead, _seq: int, _seal: bytes) -> None:
        return

    monkeypatch.setattr(TrailHead, "move", stay)
    await make.product(shop)
    assert await shop.sealer.seal() == 1
    await make.product(shop)
    with pytest.raises(Exception, match="E11000"):
        await shop.sealer.seal()
    assert told


async def _change_details(shop: Shop) -> None:
    where = {"seq": 2}
    await shop.store.trail.collection.update_one(where, {"$set": {"details": '{"before":null,"after":{}}'}})


async def _change_details_and_digest(shop: Shop) -> None:
    row: Any = await shop.store.trail.collection.find_one({"seq": 2})
    fresh = {"details": "{}", "digest": digest(row["salt"], "{}")}
    await shop.store.trail.collection.update_one({"seq": 2}, {"$set": fresh})


async def _change_actor(shop: Shop) -> None:
    await shop.store.trail.collection.update_one({"seq": 2}, {"$set": {"actor.kind": "command"}})


async def _empty_details(shop: Shop) -> None:
    await shop.store.trail.collection.update_one({"seq": 2}, {"$set": {"details": None, "salt": None}})


async def _leave_out(shop: Shop) -> None:
    await shop.store.trail.collection.delete_one({"seq": 2})


async def _cut_off(shop: Shop) -> None:
    await shop.store.trail.collection.delete_many({"seq": {"$gte": 3}})


async def _forge_with_another_key(shop: Shop) -> None:
    """Somebody with the database and not the key makes the whole chain anew."""
    await shop.store.trail.collection.update_many({}, {"$set": {"sealed": False}, "$unset": {"seq": 1, "seal": 1}})
    await shop.store.trail_head.collection.delete_many({})
    await shop.store.trail.collection.delete_one({})
    await Sealer(shop.store, [key_from("some other pepper")]).seal()


async def _swap(shop: Shop) -> None:
    rows = await shop.store.trail.collection.find({"seq": {"$in": [2, 3]}}, sort=[("seq", 1)]).to_list()
    for row in rows:
        await shop.store.trail.collection.update_one({"_id": row["_id"]}, {"$set": {"seq": -row["seq"]}})
    for row, other in zip(rows, reversed(rows), strict=True):
        await shop.store.trail.collection.update_one({"_id": row["_id"]}, {"$set": {"seq": other["seq"]}})


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (_change_details, "details of an entry were changed"),
        (_change_details_and_digest, "an entry was changed"),
        (_change_actor, "an entry was changed"),
        (_empty_details, "details of an entry are gone"),
        (_leave_out, "an entry is missing before this one"),
        (_cut_off, "ends elsewhere"),
        (_forge_with_another_key, "a key that this store does not have"),
        (_swap, "an entry was changed"),
    ],
    ids=lambda one: one.__name__.strip("_") if callable(one) else "",
)
async def test_tampering_shows(shop: Shop, told: int, tamper: Tamper, message: str) -> None:
    assert told
    assert await breaches(shop) == []
    await tamper(shop)
    found = await breaches(shop)
    assert any(message in one.message for one in found), found
