"""What integrators hear of, and that they hear of each thing once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from bson import ObjectId

from tests import make
from tests.hooks.conftest import Hooks
from tests.hooks.receiver import Receiver
from tests.orders.buying import Buyer, Staff
from tests.payments.refunding import Cashier
from truestyle.hooks import announcing
from truestyle.hooks.repository import HookCursor
from truestyle.infra.outbox import event
from truestyle.inventory.repository import Stocks
from truestyle.kit import clock
from truestyle.kit.errors import Unavailable
from truestyle.shop import Shop
from truestyle.store import Store


@pytest.fixture
async def order(client: httpx.AsyncClient, shop: Shop, shopper: make.Person, hooks: Hooks) -> dict[str, Any]:
    assert hooks
    await make.product(shop, stock=7, variants=[{"sku": "A"}])
    return await Buyer(client, shop, shopper).order(A=2)


async def test_the_way_of_an_order_is_told_step_by_step(
    receiver: Receiver, hooks: Hooks, shop: Shop, client: httpx.AsyncClient, shopper: make.Person, admin: make.Person
) -> None:
    await make.product(shop, stock=7, variants=[{"sku": "A"}])
    await hooks.add(receiver.url(), ["order.placed", "order.status_changed", "payment.captured", "refund.completed"])
    order = await Buyer(client, shop, shopper).order(A=2)
    for status in ("packed", "shipped", "out_for_delivery", "delivered"):
        moved = await client.put(f"/orders/{order['id']}/status", json={"status": status}, headers=admin.headers)
        assert moved.status_code == 200, moved.text
    refund = {"amount": "100.00", "reason": "A button was missing", "refund_to": "store_credit"}
    done = await client.post(f"/orders/{order['id']}/refund", json=refund, headers=admin.headers)
    assert done.status_code in {200, 201}, done.text
    await hooks.work()
    by_type: dict[str, list[dict[str, Any]]] = {}
    for one in receiver.got:
        by_type.setdefault(one.told["type"], []).append(one.told["data"])
    assert {name: len(found) for name, found in by_type.items()} == {
        "order.placed": 1,
        "order.status_changed": 4,
        "payment.captured": 1,
        "refund.completed": 1,
    }
    placed = by_type["order.placed"][0]["order"]
    assert (placed["id"], placed["number"], placed["total"]) == (order["id"], order["number"], order["total"])
    assert [(one["sku"], one["quantity"]) for one in placed["items"]] == [("A", 2)]
    steps = sorted((one["previous_status"], one["status"]) for one in by_type["order.status_changed"])
    assert steps == [
        ("confirmed", "packed"),
        ("out_for_delivery", "delivered"),
        ("packed", "shipped"),
        ("shipped", "out_for_delivery"),
    ]
    captured = by_type["payment.captured"][0]
    assert (captured["capture"]["amount"], captured["payment"]["order_id"]) == (order["total"], order["id"])
    assert by_type["refund.completed"][0]["refund"]["amount"] == "100.00"


async def test_nobody_is_told_who_the_buyer_is(
    receiver: Receiver, hooks: Hooks, shop: Shop, client: httpx.AsyncClient, shopper: make.Person
) -> None:
    await make.product(shop, stock=7, variants=[{"sku": "A"}])
    await hooks.add(receiver.url())
    order = await Buyer(client, shop, shopper).order(A=1)
    await client.put(f"/orders/{order['id']}", json={"notes": "Ring twice"}, headers=shopper.headers)
    await hooks.work()
    assert {"order.placed", "order.updated"} <= set(receiver.events)
    sent = b"".join(one.body for one in receiver.got).decode()
    address = make.ADDRESS
    for private in (shopper.user.email, str(shopper.user.id), address["full_name"], address["line1"], "Ring twice"):
        assert private not in sent
    assert address["phone"][1:] not in sent


async def test_products_and_stock(
    receiver: Receiver, hooks: Hooks, shop: Shop, client: httpx.AsyncClient, admin: make.Person
) -> None:
    endpoint = await hooks.add(
        receiver.url(),
        ["product.created", "product.updated", "product.deleted", "stock.changed", "stock.low"],
    )
    product = await make.product(shop, stock=7, variants=[{"sku": "A"}])
    path = f"/products/{product.id}"
    assert (await client.patch(path, json={"price": "999.00"}, headers=admin.headers)).status_code == 200
    body = {"sku": "A", "delta": -4, "reason": "damaged"}
    assert (await client.put(f"{path}/stock", json=body, headers=admin.headers)).status_code == 200
    await hooks.work()
    assert (await client.delete(path, headers=admin.headers)).status_code == 204
    await hooks.work()
    moved = [one.told["data"]["stock"] for one in receiver.got if one.told["type"] == "stock.changed"]
    told = {one.told["type"]: one.told["data"] for one in receiver.got}
    assert sorted(receiver.events) == [
        "product.created",
        "product.deleted",
        "product.updated",
        "stock.changed",
        "stock.changed",  # what was left went with the product
        "stock.low",
    ]
    assert told["product.updated"]["changed"] == ["price", "variants"]
    assert told["product.deleted"]["product"]["id"] == str(product.id)
    assert [one["delta"] for one in moved] == [-4, -3]
    stock = {**moved[0], "product_id": ""}
    figures = {"on_hand": 3, "reserved": 0, "available": 3}
    assert stock == {"sku": "A", "product_id": "", "reason": "damaged", "delta": -4, **figures}
    assert {one["status"] for one in await hooks.deliveries(endpoint)} == {"delivered"}


async def test_who_did_not_ask_is_not_told(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    await hooks.add(receiver.url(), ["order.placed"])
    await hooks.add(receiver.url("/off"), ["product.created"], active=False)
    await make.product(shop)
    await hooks.work()
    assert receiver.got == []
    assert await shop.store.hook_deliveries.count({}) == 0


async def test_what_was_before_an_endpoint_is_not_told_to_it(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    await make.product(shop)
    await hooks.add(receiver.url(), ["product.created"])
    await make.product(shop)
    await hooks.work()
    assert len(receiver.got) == 1


async def test_an_order_that_came_back_from_a_backup_is_no_news(
    receiver: Receiver, hooks: Hooks, shop: Shop, order: dict[str, Any]
) -> None:
    await hooks.work()
    await hooks.add(receiver.url(), ["order.placed", "payment.captured"])
    for age, told in ((timedelta(days=3), []), (timedelta(minutes=5), ["order.placed"])):
        row = await shop.store.db["orders"].find_one_and_delete({"_id": ObjectId(order["id"])})
        assert row is not None
        await shop.store.orders.collection.insert_one({**row, "created_at": clock.now() - age})
        await hooks.work()
        assert receiver.events == told


async def test_a_refund_that_failed_is_told_with_what_it_was_for(
    receiver: Receiver, hooks: Hooks, shop: Shop, client: httpx.AsyncClient, order: dict[str, Any], admin: make.Person
) -> None:
    await Staff(client, admin).bring_to(order["id"], "delivered")
    await hooks.work()
    await hooks.add(receiver.url(), ["refund.created", "refund.failed"])
    cashier = Cashier(client, admin)
    await cashier.refund(order["id"], amount="100.00", refund_to="asha@upi")
    [refund] = await cashier.refunds(order["id"])
    failed = await cashier.settle(refund, "fail", reason="The bank sent it back")
    assert failed.status_code == 200, failed.text
    await hooks.work()
    told = {one.told["type"]: one.told["data"]["refund"]["amount"] for one in receiver.got}
    assert told == {"refund.created": "100.00", "refund.failed": "100.00"}


async def test_stock_is_not_read_for_who_listens_to_something_else(
    receiver: Receiver, hooks: Hooks, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hooks.add(receiver.url(), ["order.placed", "stock.changed"])
    read: list[Any] = []

    async def of(_: Stocks, skus: Any) -> dict[str, Any]:
        read.append(skus)
        return {}

    monkeypatch.setattr(Stocks, "of", of)
    for topic in ("stock.low", "stock.changed"):
        await announcing.tell_stock(shop.store, event(topic, {"sku": "A"}))
    assert read == [["A"]]


async def make_some(shop: Shop, hooks: Hooks, receiver: Receiver) -> None:
    await hooks.add(receiver.url("/a"), ["product.created"])
    await hooks.add(receiver.url("/b"), ["product.created"])
    for _ in range(6):
        await make.product(shop)
    await shop.sealer.seal()


async def test_of_many_workers_each_thing_is_told_once(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    await make_some(shop, hooks, receiver)
    written = await asyncio.gather(*(announcing.announce(shop.store) for _ in range(8)))
    assert sum(written) == 12
    await asyncio.gather(*(shop.worker.drain() for _ in range(3)))
    assert sorted(one.path for one in receiver.got) == ["/a"] * 6 + ["/b"] * 6
    assert len({one.headers["truestyle-webhook-id"] for one in receiver.got}) == 6
    assert await announcing.announce(shop.store) == 0


async def test_without_the_place_in_the_filter_things_are_told_again(
    receiver: Receiver, hooks: Hooks, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards off: the place that was seen, and what each endpoint has already."""
    await make_some(shop, hooks, receiver)

    async def careless(self: HookCursor, _: int | None, seq: int) -> bool:
        return self is not None and seq >= 0

    async def forgetful(*_: Any) -> set[Any]:
        return set()

    monkeypatch.setattr(HookCursor, "move", careless)
    monkeypatch.setattr(shop.store.hook_deliveries.__class__, "known", forgetful)
    await shop.store.hook_deliveries.collection.drop_index("endpoint_id_1_message_id_1")
    try:
        assert await shop.store.transaction(announcing._step) == 12  # noqa: SLF001
        assert await shop.store.transaction(announcing._step) == 12  # noqa: SLF001
    finally:
        await shop.store.hook_deliveries.collection.delete_many({})
        await shop.store.hook_deliveries.collection.create_indexes(list(shop.store.hook_deliveries.indexes))


async def test_the_cursor_alone_lets_one_go_on(hooks: Hooks, shop: Shop) -> None:
    """Of several who saw the same place, whatever they would write."""
    assert hooks
    seen = await shop.store.hook_cursor.read()
    assert seen is not None
    moved = await asyncio.gather(*(shop.store.hook_cursor.move(seen, seen + 5) for _ in range(10)))
    assert sum(moved) == 1


async def test_a_worker_that_dies_before_the_commit_loses_nothing(
    receiver: Receiver, hooks: Hooks, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_some(shop, hooks, receiver)

    async def dies(_: Store, __: Any) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(announcing, "spread", dies)
        with pytest.raises(RuntimeError, match="killed"):
            await announcing.announce(shop.store)
    assert await shop.store.hook_deliveries.count({}) == 0
    assert await announcing.announce(shop.store) == 12


async def test_what_is_too_much_for_one_transaction_is_told_in_smaller_steps(
    receiver: Receiver, hooks: Hooks, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_some(shop, hooks, receiver)
    move, most = HookCursor.move, 3

    async def takes_too_long(self: HookCursor, seen: int | None, seq: int) -> bool:
        if seq - (seen or 0) > most:
            raise Unavailable
        return await move(self, seen, seq)

    monkeypatch.setattr(HookCursor, "move", takes_too_long)
    written = [await announcing.announce(shop.store) for _ in range(5)]
    assert sum(written) == 12
    await make.product(shop)
    await shop.sealer.seal()
    most = 0
    with pytest.raises(Unavailable):
        await announcing.announce(shop.store)


async def test_a_message_that_stock_sends_twice_is_written_once(receiver: Receiver, hooks: Hooks, shop: Shop) -> None:
    await hooks.add(receiver.url(), ["stock.changed"])
    product = await make.product(shop, stock=7, variants=[{"sku": "A"}])
    body = {"sku": "A", "delta": 1}
    headers = hooks.admin.headers
    assert (await hooks.client.put(f"/products/{product.id}/stock", json=body, headers=headers)).status_code == 200
    event = await shop.store.outbox.first({"topic": "stock.changed"})
    assert event is not None
    for _ in range(3):
        await announcing.tell_stock(shop.store, event)
    await hooks.work()
    assert receiver.events == ["stock.changed"]
