"""Orders that are paid beforehand: set aside, paid once, confirmed."""

from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.orders.buying import refused, untouched
from tests.payments.paying import UTR, Till
from truestyle.inventory.models import Reason
from truestyle.orders.flow import OrderStatus, is_path
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import Charge, ProviderAwayError, State
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def test_an_unpaid_order_sets_its_goods_aside_and_can_be_paid(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    assert await till.stock() == (5, 2, 3)
    assert (order["status"], order["amount_paid"]) == ("placed", "0.00")
    assert order["allowed_actions"] == ["pay", "cancel", "edit"]
    [moved] = [one async for one in shop.store.movements.every({"reason": {"$ne": "opening"}})]
    assert (moved.reason, moved.on_hand_delta, moved.reserved_delta) == (Reason.RESERVED, 0, 2)
    assert order["payment"]["expires_at"] is not None


async def test_paid_it_is_confirmed_sold_and_told(till: Till) -> None:
    order = await till.order("upi")
    confirmed = await till.confirm(order)
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "paid"), confirmed.text
    [entry] = confirmed.json()["ledger"]
    assert (entry["kind"], entry["amount"], entry["reference"]) == ("capture", "2998.00", UTR)
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["payment"]["status"]) == ("confirmed", "2998.00", "paid")
    assert (now["payment"]["action"], now["payment"]["expires_at"]) == (None, None)
    assert [one["status"] for one in now["status_history"]] == ["placed", "confirmed"]
    assert await till.stock() == (3, 0, 3)
    assert await till.mails() == ["order_confirmation", "order_paid"]


async def test_told_again_nothing_happens(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    first = await till.confirm(order)
    events = await shop.store.outbox.count({})
    again = await till.confirm(order)
    assert (again.status_code, again.json()) == (200, first.json())
    assert await shop.store.outbox.count({}) == events
    assert await till.stock() == (3, 0, 3)


async def test_nobody_confirms_an_order_by_hand(till: Till, client: AsyncClient) -> None:
    order = await till.order("upi")
    path = f"/orders/{order['id']}/status"
    told = refused(
        await client.put(path, json={"status": "confirmed"}, headers=till.staff.headers), 409, "invalid_transition"
    )
    assert told["allowed"] == ["cancelled"]


@pytest.mark.parametrize("kind", ["stripe", "razorpay"])
async def test_a_provider_that_is_not_set_up_is_refused_before_anything_is_written(
    till: Till, shop: Shop, kind: str
) -> None:
    await till.buyer.fill(K_M=1)
    shop.providers = {one: who for one, who in shop.providers.items() if one != kind}
    answer = await till.buyer.check_out({"idempotency-key": "k"}, payment={"type": kind})
    refused(answer, 503, "service_unavailable")
    await untouched(shop, K_M=5)
    assert await shop.store.claims.count({}) == 0


@pytest.mark.parametrize(
    "payment",
    [
        {"type": "cod", "vpa": "asha@okbank"},
        {"type": "upi", "scenario": "decline"},
        {"type": "upi", "vpa": "asha@"},
        {"type": "upi", "card_id": "65af0b12c4a1d2e3f4a5b6c7"},
        {"type": "store_credit"},
        {"type": "exchange"},
        {"type": "sandbox", "scenario": "nonsense"},
        {},
    ],
    ids=str,
)
async def test_choices_that_do_not_fit_together_are_refused(till: Till, shop: Shop, payment: dict[str, Any]) -> None:
    await till.buyer.fill(K_M=1)
    refused(await till.buyer.check_out(payment=payment), 422, "validation_error")
    await untouched(shop, K_M=5)


async def test_a_gst_number_is_checked_and_kept(till: Till, shop: Shop) -> None:
    await till.buyer.fill(K_M=1)
    refused(await till.buyer.check_out(gstin="29AAGCB7383J1Z5"), 422, "validation_error")
    await untouched(shop, K_M=5)
    placed = (await till.buyer.check_out(gstin="29aagcb7383j1z4")).json()["order"]
    assert placed["gstin"] == "29AAGCB7383J1Z4"


async def test_a_card_is_ones_own(till: Till, shop: Shop, client: AsyncClient) -> None:
    other = await make.person(shop)
    card = {"token": "tok_approve", "holder_name": "A", "expiry_month": 12, "expiry_year": 2099}
    theirs = (await client.post("/card-details", json=card, headers=other.headers)).json()["id"]
    await till.buyer.fill(K_M=1)
    answers = [
        await till.buyer.check_out(payment={"type": "card", "card_id": one}) for one in (theirs, str(ObjectId()))
    ]
    bodies = [{**one.json(), "request_id": ""} for one in answers]
    assert bodies[0] == bodies[1]
    refused(answers[0], 404, "not_found")
    await untouched(shop, K_M=5)


async def test_a_card_without_a_gateway_waits_for_the_counter(till: Till) -> None:
    order = await till.order("card")
    assert (order["status"], order["payment"]["action"]) == ("placed", None)
    assert (await till.confirm(order, "TERMINAL-7/12")).status_code == 200
    assert (await till.see(order))["status"] == "confirmed"


async def test_a_kept_card_is_charged_by_its_token_where_there_is_a_gateway(
    till: Till, shop: Shop, client: AsyncClient
) -> None:
    shop.providers = {**shop.providers, PaymentType.CARD: shop.providers[PaymentType.SANDBOX]}
    card = {"token": "tok_decline", "holder_name": "A", "expiry_month": 12, "expiry_year": 2099}
    kept = (await client.post("/card-details", json=card, headers=till.buyer.headers)).json()["id"]
    declined = await till.order("card", 1, card_id=kept)
    assert (declined["status"], declined["payment"]["status"]) == ("placed", "failed")
    paid = await till.order("card", 1)
    assert (paid["status"], paid["payment"]["type"]) == ("confirmed", "card")
    assert (await till.payment(paid)).provider == "sandbox"
    refused(await till.confirm(declined), 409, "not_editable")


async def test_a_guest_pays_beforehand_too(client: AsyncClient, shop: Shop, till: Till) -> None:
    [product] = await shop.store.products.by_skus(["K-M"])
    added = await client.post("/cart/add", json={"product_id": str(product.id)})
    guest = {"x-cart-token": added.headers["x-cart-token"]}
    body = {**make.COD, "payment": {"type": "upi"}, "email": "g@example.com"}
    order = (await client.post("/checkout", json=body, headers=guest)).json()["order"]
    assert order["payment"]["action"]["link"].startswith("upi://pay?")
    assert (await till.confirm(order)).json()["status"] == "paid"


class Away:
    """A provider who does not answer."""

    type = PaymentType.SANDBOX

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def start(self, _: Charge) -> State:
        raise self.error


@pytest.mark.parametrize("error", [ProviderAwayError(), RuntimeError("a bug of its own")], ids=repr)
async def test_a_provider_who_is_away_loses_no_order(till: Till, shop: Shop, error: Exception) -> None:
    sandbox = shop.providers[PaymentType.SANDBOX]
    shop.providers = {**shop.providers, PaymentType.SANDBOX: Away(error)}  # type: ignore[dict-item]
    await till.buyer.fill(K_M=1)
    key = {"idempotency-key": "once"}
    order = (await till.buyer.check_out(key, payment={"type": "sandbox", "scenario": "challenge"})).json()["order"]
    assert (order["status"], order["payment"]["action"]) == ("placed", None)
    shop.providers = {**shop.providers, PaymentType.SANDBOX: sandbox}
    again = await till.buyer.check_out(key, payment={"type": "sandbox", "scenario": "challenge"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["order"]["payment"]["action"]["kind"] == "challenge"
    third = await till.buyer.check_out(key, payment={"type": "sandbox", "scenario": "challenge"})
    assert third.content == again.content
    assert await shop.store.orders.count({}) == 1


async def test_the_kept_answer_has_the_action(till: Till) -> None:
    await till.buyer.fill(K_M=1)
    key, body = {"idempotency-key": "once"}, {"type": "upi"}
    first, again = [await till.buyer.check_out(key, payment=body) for _ in range(2)]
    assert first.json()["order"]["payment"]["action"]["link"].startswith("upi://")
    assert again.content == first.content


def test_the_one_way_back_is_a_path_only_for_what_expired() -> None:
    S = OrderStatus  # noqa: N806
    back = [S.PLACED, S.CANCELLED, S.CONFIRMED, S.PACKED]
    assert is_path(back, {1})
    assert not is_path(back)
    assert not is_path([S.PLACED, S.CONFIRMED, S.CANCELLED, S.CONFIRMED], {1})


async def test_figures_do_not_know_of_unpaid_orders(till: Till, client: AsyncClient, shop: Shop) -> None:
    order = await till.order("upi")
    await shop.worker.drain()
    before = (await client.get("/dashboard/overview", headers=till.staff.headers)).json()
    assert (before["orders"], before["revenue"]) == (0, "0.00")
    await till.confirm(order)
    await shop.worker.drain()
    after = (await client.get("/dashboard/overview", headers=till.staff.headers)).json()
    assert (after["orders"], after["revenue"]) == (1, "2998.00")
