"""Every step but the last: who may take it, what is kept ready and what is let go."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.files.pictures import picture, upload
from tests.orders.buying import Buyer, refused
from tests.post import Post
from tests.returns.returning import NOWHERE, Anything, Desk, ask, asking, delivered, made, moved, patiently, stock
from truestyle.inventory.repository import Stocks
from truestyle.returns.flow import NEXT, Kind, ReturnStatus, is_path
from truestyle.returns.repository import Returns
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books", "kurta")
ON_THE_WAY = ("approved", "picked_up", "received")


def test_every_way_begins_with_requested_and_ends() -> None:
    for kind, moves in NEXT.items():
        assert not is_path(kind, [])
        assert not is_path(kind, [ReturnStatus.APPROVED])
        assert {one for one, after in moves.items() if not after} == {
            *(ReturnStatus.REJECTED, ReturnStatus.COMPLETED, ReturnStatus.CANCELLED)
        }
    assert ReturnStatus.REPLACEMENT_SHIPPED not in NEXT[Kind.RETURN]


async def test_steps_go_one_by_one(buyer: Buyer, desk: Desk) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1)))
    for status in ("picked_up", "received", "completed", "requested", "replacement_shipped"):
        body = refused(await desk.move(path, status), 409, "invalid_transition")
        assert (body["from"], body["to"]) == ("requested", status)
        assert body["allowed"] == ["approved", "rejected", "cancelled"]
    for status in ON_THE_WAY:
        assert (await desk.move(path, status, note="seen")).json()["status"] == status
        refused(await desk.move(path, status), 409, "invalid_transition")
    found = await desk.see(path)
    assert [one["status"] for one in found["status_history"]] == ["requested", *ON_THE_WAY]
    assert {one["note"] for one in found["status_history"][1:]} == {"seen"}
    assert found["allowed_actions"] == ["status:completed", "status:rejected"]


async def test_a_return_is_no_exchange(client: AsyncClient, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=2)
    returned, exchanged = await made(buyer, asking(order, 1)), await made(buyer, asking(order, 1, new="K-L"))
    crossed = [returned.replace("returns", "exchanges"), exchanged.replace("exchanges", "returns")]
    for path in crossed:
        refused(await client.get(path, headers=desk.headers), 404, "not_found")
        refused(await desk.move(path, "approved"), 404, "not_found")
        refused(await client.put(path, json={"comment": "x"}, headers=desk.headers), 404, "not_found")
        refused(await client.delete(path, headers=desk.headers), 404, "not_found")
    assert (await client.get("/returns", headers=buyer.headers)).json()["total"] == 1
    assert (await client.get("/exchanges", headers=buyer.headers)).json()["total"] == 1


async def test_buyers_only_cancel_and_others_see_nothing(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1)))
    other = await make.person(shop)
    for status in ("approved", "rejected", "completed"):
        answer = await client.put(f"{path}/status", json={"status": status}, headers=buyer.headers)
        refused(answer, 403, "forbidden")
    refused(await client.delete(path, headers=buyer.headers), 403, "forbidden")
    for method, to, body in (
        ("GET", "", None),
        ("PUT", "", {"comment": "mine?"}),
        ("PUT", "/status", {"status": "cancelled"}),
        ("POST", "/cancel", {}),
    ):
        theirs = await client.request(method, path + to, json=body, headers=other.headers)
        missing = await client.request(method, f"/returns/{NOWHERE}{to}", json=body, headers=other.headers)
        assert {**theirs.json(), "instance": "", "request_id": ""} == {
            **missing.json(),
            "instance": "",
            "request_id": "",
        }
        refused(theirs, 404, "not_found")
    assert (await client.get("/returns", headers=other.headers)).json()["total"] == 0
    listed = await client.get("/returns", params={"user_id": str(buyer.person.user.id)}, headers=other.headers)
    assert listed.json()["total"] == 0
    assert (await desk.see(path))["status"] == "requested"
    answer = await client.put(f"{path}/status", json={"status": "cancelled"}, headers=buyer.headers)
    assert answer.json()["status"] == "cancelled"


@pytest.mark.parametrize("new", [None, "K-L"])
async def test_goods_that_fail_the_check_go_back_and_nothing_is_given(
    new: str | None, shop: Shop, buyer: Buyer, desk: Desk, post: Post
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order, new=new))
    await desk.bring_to(path, "received")
    assert (await desk.move(path, "rejected", note="Worn for weeks.")).status_code == 200
    assert await stock(shop, "K-M", "K-L") == {"K-M": (9, 0), "K-L": (10, 0)}
    expected = [("K-L reserved", 0, 1), ("K-L released", 0, -1)] if new else []
    assert await moved(shop, path.rpartition("/")[2]) == expected
    after = await buyer.see(order["id"])
    assert (after["amount_refunded"], after["items"][0]["returnable_quantity"]) == ("0.00", 1)
    assert await shop.store.credit_notes.count({}) == 0
    kind = "exchange" if new else "return"
    text = await post.text(order["email"], f"Your {kind} of order {order['number']}: rejected")
    assert "The goods are on their way back to you." in text
    refused(await desk.move(path, "completed"), 409, "invalid_transition")


async def test_what_is_picked_up_can_no_longer_be_cancelled(client: AsyncClient, buyer: Buyer, desk: Desk) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1)))
    await desk.bring_to(path, "picked_up")
    refused(await client.post(f"{path}/cancel", json={}, headers=buyer.headers), 409, "invalid_transition")


@pytest.mark.parametrize("end", ["rejected", "cancelled"])
async def test_what_is_called_off_can_be_asked_for_again(
    end: str, client: AsyncClient, buyer: Buyer, desk: Desk
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order))
    assert (await desk.move(path, end, note="Worn.")).status_code == 200
    assert (await buyer.see(order["id"]))["items"][0]["returnable_quantity"] == 1
    await made(buyer, asking(order))


async def test_words_and_pictures_change_while_it_is_only_requested(
    client: AsyncClient, buyer: Buyer, desk: Desk
) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1), comment="Tight."))
    photo = (await upload(client, buyer.person, picture())).json()["id"]
    answer = await client.put(path, json={"image_ids": [photo]}, headers=buyer.headers)
    assert (answer.json()["image_ids"], answer.json()["comment"]) == ([photo], "Tight.")
    answer = await client.patch(path, json={"comment": None, "image_ids": [photo]}, headers=buyer.headers)
    assert (answer.json()["image_ids"], answer.json()["comment"]) == ([photo], None)
    stale = await client.put(path, json={"comment": "x"}, headers={**buyer.headers, "if-match": '"1"'})
    refused(stale, 412, "version_conflict")
    answer = await client.put(path, json={"comment": "By telephone."}, headers=desk.headers)
    assert answer.json()["comment"] == "By telephone."
    await desk.bring_to(path, "approved")
    refused(await client.put(path, json={"comment": "Late."}, headers=buyer.headers), 409, "not_editable")
    assert (await client.put(path, json={}, headers=buyer.headers)).status_code == 200


async def test_only_what_was_called_off_is_put_away_and_nothing_is_erased(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1)))
    refused(await client.delete(path, headers=desk.headers), 409, "not_editable")
    await desk.move(path, "rejected")
    assert (await client.delete(path, headers=desk.headers)).status_code == 204
    refused(await client.delete(path, headers=desk.headers), 404, "not_found")
    assert (await client.get("/returns", headers=buyer.headers)).json()["total"] == 0
    assert await shop.store.returns.count({}) == 1


async def test_lists_are_narrowed(client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=3)
    first = await made(buyer, asking(order, 1, reason="defective"))
    second = await made(buyer, asking(order, 1))
    await desk.move(second, "approved")
    other = Buyer(client, shop, await make.person(shop))
    third = await made(other, asking(await delivered(other, desk, K_L=1)))
    paths = {"first": first, "second": second, "third": third}

    async def listed(headers: dict[str, str], **params: str) -> set[str]:
        answer = await client.get("/returns", params=params, headers=headers)
        found = {f"/returns/{one['id']}" for one in answer.json()["items"]}
        return {name for name, path in paths.items() if path in found}

    assert await listed(desk.headers) == {"first", "second", "third"}
    assert await listed(buyer.headers) == {"first", "second"}
    assert await listed(desk.headers, status="approved") == {"second"}
    assert await listed(desk.headers, reason="defective") == {"first"}
    assert await listed(desk.headers, order_id=order["id"]) == {"first", "second"}
    assert await listed(desk.headers, user_id=str(other.person.user.id)) == {"third"}


@pytest.mark.parametrize("field", ["status", "order_id", "reason", "user_id", None])
async def test_every_list_has_its_index(field: str | None, shop: Shop) -> None:
    where: dict[str, Any] = {"kind": Kind.RETURN, "archived_at": None}
    if field:
        where[field] = ObjectId() if field.endswith("_id") else "approved"
    plan = await shop.store.returns.collection.find(where).sort("_id", -1).explain()
    stages = str(plan["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in stages
    assert "COLLSCAN" not in stages
    assert "'SORT'" not in stages


async def test_the_buyer_is_told_of_each_step(buyer: Buyer, desk: Desk, post: Post) -> None:
    order = await delivered(buyer, desk, K_M=1)
    path = await made(buyer, asking(order))
    for status in ON_THE_WAY:
        await desk.move(path, status)
    subjects = [one for one in await post.subjects(order["email"]) if "return" in one]
    about = f"Your return of order {order['number']}"
    assert subjects == [f"{about}: {one}" for one in ("requested", "approved", "picked up", "received")]


async def test_an_approved_exchange_keeps_its_pieces_ready(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=2), new="K-L"))
    assert await stock(shop, "K-L", "K-M") == {"K-L": (10, 0), "K-M": (8, 0)}
    await desk.bring_to(path, "approved")
    assert await stock(shop, "K-L", "K-M") == {"K-L": (10, 2), "K-M": (8, 0)}
    key = path.rpartition("/")[2]
    assert await moved(shop, key) == [("K-L reserved", 0, 2)]
    await client.post(f"{path}/cancel", json={}, headers=buyer.headers)
    assert await stock(shop, "K-L", "K-M") == {"K-L": (10, 0), "K-M": (8, 0)}
    assert await moved(shop, key) == [("K-L reserved", 0, 2), ("K-L released", 0, -2)]


async def test_an_exchange_names_its_new_pieces_and_what_they_cost_more(buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=1, K_XL=1)
    dearer = (await ask(buyer, buyer.client, asking(order, 1, 0, new="K-XL"))).json()
    assert (dearer["amount"], dearer["price_difference"]) == ("1499.00", "200.00")
    assert [(one["sku"], one["new_sku"]) for one in dearer["items"]] == [("K-M", "K-XL")]
    assert dearer["items"][0]["replacement"]["unit_price"] == "1699.00"
    cheaper = (await ask(buyer, buyer.client, asking(order, 0, 1, new="K-S"))).json()
    assert (cheaper["amount"], cheaper["price_difference"]) == ("1699.00", "-200.00")
    assert (cheaper["replacement_order_id"], cheaper["replacement_number"]) == (None, None)


async def test_a_price_that_changed_for_all_since_is_nobodys_difference(
    client: AsyncClient, buyer: Buyer, desk: Desk, kurta: str
) -> None:
    order = await delivered(buyer, desk, K_M=1)
    answer = await client.put(f"/products/{kurta}", json={"price": "999.00"}, headers=desk.headers)
    assert answer.status_code == 200, answer.text
    found = (await ask(buyer, client, asking(order, new="K-L"))).json()
    assert found["price_difference"] == "0.00"
    assert found["items"][0]["replacement"]["unit_price"] == "1499.00"


async def test_other_pieces_are_of_the_same_product_and_the_same_only_where_it_is_our_fault(
    client: AsyncClient, shop: Shop, buyer: Buyer, desk: Desk
) -> None:
    await make.product(shop, variants=[{"sku": "OTHER"}])
    order = await delivered(buyer, desk, K_M=2)
    for sku in ("OTHER", "NEVER-WAS"):
        refused(await ask(buyer, client, asking(order, 1, new=sku)), 404, "not_found")
    refused(await ask(buyer, client, asking(order, 1, new="K-M")), 422, "validation_error")
    assert await shop.store.returns.count({}) == 0
    assert (await ask(buyer, client, asking(order, 1, new="K-M", reason="defective"))).status_code == 201


async def test_what_is_sold_out_cannot_be_promised(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    path = await made(buyer, asking(await delivered(buyer, desk, K_M=2), new="K-L"))
    await shop.store.stock.collection.update_one({"_id": "K-L"}, {"$inc": {"on_hand": -9, "available": -9}})
    body = refused(await desk.move(path, "approved"), 409, "insufficient_stock")
    assert body["items"] == [{"sku": "K-L", "requested": 2, "available": 1}]
    assert (await desk.see(path))["status"] == "requested"
    assert await moved(shop, path.rpartition("/")[2]) == []
    await shop.store.stock.collection.update_one({"_id": "K-L"}, {"$inc": {"on_hand": 9, "available": 9}})


async def for_the_last(buyer: Buyer, desk: Desk, count: int) -> list[str]:
    """So many exchanges for the one K-L that is left."""
    order = await delivered(buyer, desk, K_M=count)
    paths = [await made(buyer, asking(order, 1, new="K-L")) for _ in range(count)]
    left = {"sku": "K-L", "on_hand": 1}
    await desk.client.put(f"/products/{order['items'][0]['product_id']}/stock", json=left, headers=desk.headers)
    return paths


async def test_twenty_approvals_and_one_piece(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    paths = await for_the_last(buyer, desk, 10)
    answers = await asyncio.gather(*(patiently(desk.move, path, "approved") for path in paths * 2))
    assert Counter(one.status_code for one in answers) == {200: 1, 409: 19}
    assert sorted([(await desk.see(path))["status"] for path in paths]) == ["approved", *["requested"] * 9]
    assert await stock(shop, "K-L") == {"K-L": (1, 1)}
    assert await shop.store.movements.count({"reason": "reserved"}) == 1


async def test_without_the_guard_the_piece_is_promised_more_than_once(
    buyer: Buyer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Availability looked at before, outside the transaction, as it is often written."""

    async def looked_at(self: Stocks, skus: Any) -> dict[str, int]:
        return dict.fromkeys(skus, 1)

    async def reserve(self: Stocks, demand: dict[str, int], moment: Any) -> bool:
        for sku, count in demand.items():
            await self.collection.update_one(
                {"_id": sku}, {"$inc": {"reserved": count, "available": -count}}, session=self.session
            )
        return True

    paths = await for_the_last(buyer, desk, 4)
    with monkeypatch.context() as off:
        off.setattr(Stocks, "lock", looked_at)
        off.setattr(Stocks, "reserve", reserve)
        answers = await asyncio.gather(*(patiently(desk.move, path, "approved") for path in paths))
    assert Counter(one.status_code for one in answers)[200] > 1
    for path in paths:
        await desk.client.post(f"{path}/cancel", json={}, headers=desk.headers)


async def both(buyer: Buyer, desk: Desk, path: str) -> list[int]:
    answers = await asyncio.gather(
        buyer.client.post(f"{path}/cancel", json={}, headers=buyer.headers), desk.move(path, "approved")
    )
    return [one.status_code for one in answers]


async def test_cancelled_and_approved_at_the_same_time(shop: Shop, buyer: Buyer, desk: Desk) -> None:
    order = await delivered(buyer, desk, K_M=6)
    for _ in range(6):
        path = await made(buyer, asking(order, 1, new="K-L"))
        codes = await both(buyer, desk, path)
        found = await desk.see(path)
        # Approved first, it can still be cancelled; cancelled first, it is over.
        assert (found["status"], codes) in [("cancelled", [200, 200]), ("cancelled", [200, 409])]
        assert await stock(shop, "K-L") == {"K-L": (10, 0)}


async def test_without_the_guard_what_is_cancelled_stays_promised(
    shop: Shop, buyer: Buyer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The move without its condition, and no look before it: approving what was cancelled keeps pieces for nobody."""

    async def unguarded(self: Returns, found: Any, _: Any, step: Any, more: Any = None) -> Any:
        update = {"$set": {"status": step.status, **(more or {})}, "$push": {"status_history": step.model_dump()}}
        return await self.change(found.id, update)

    path = await made(buyer, asking(await delivered(buyer, desk, K_M=1), new="K-L"))
    await buyer.client.post(f"{path}/cancel", json={}, headers=buyer.headers)
    with monkeypatch.context() as off:
        off.setattr(Returns, "move", unguarded)
        off.setattr("truestyle.returns.moving.NEXT", Anything())
        assert (await desk.move(path, "approved")).status_code == 200
    assert await stock(shop, "K-L") == {"K-L": (10, 1)}
    key = ObjectId(path.rpartition("/")[2])
    await shop.store.returns.unwatched.delete_one({"_id": key})
    await shop.store.movements.collection.delete_many({"return_id": key})
    await shop.store.stock.collection.update_one({"_id": "K-L"}, {"$inc": {"reserved": -1, "available": 1}})
