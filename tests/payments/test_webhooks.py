"""The door for webhooks, and what the sandbox does through it."""

import asyncio
from typing import Any

import orjson
import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests.orders.buying import refused
from tests.payments.paying import Till
from truestyle.orders import expiring, paying
from truestyle.payments import webhooks
from truestyle.payments.models import PaymentStatus
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")
DOOR = "/payments/webhooks/sandbox"


async def body_for(till: Till, order: dict[str, Any], result: str = "paid", **more: Any) -> bytes:
    payment = await till.payment(order)
    said = {
        "id": f"evt-{result}",
        "result": result,
        "reference": payment.provider_reference,
        "payment_id": str(payment.id),
        "amount": payment.amount,
        "currency": "INR",
    }
    return orjson.dumps(said | more)


async def test_it_is_kept_before_it_is_acknowledged_and_applied_afterwards(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    answer = await till.webhook(await body_for(till, order))
    assert (answer.status_code, answer.json()) == (200, {"message": "Received"})
    assert await shop.store.webhooks.count({"applied_at": None}) == 1
    assert (await till.see(order))["status"] == "placed"
    await shop.worker.drain()
    assert await shop.store.webhooks.count({"applied_at": None}) == 0
    assert (await till.see(order))["status"] == "confirmed"


async def test_the_same_event_many_times_is_kept_and_applied_once(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    body = await body_for(till, order)
    answers = await asyncio.gather(*(till.webhook(body) for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    assert await shop.store.webhooks.count({}) == 1
    assert await shop.store.outbox.count({"topic": webhooks.TOLD}) == 1
    await shop.worker.drain()
    assert (await till.payment(order)).captured_amount == 299800
    assert await till.stock() == (3, 0, 3)


@pytest.mark.parametrize("headers", [{"x-sandbox-signature": "0" * 64}, {"x-sandbox-signature": ""}, {}], ids=str)
async def test_without_the_right_signature_nothing_is_kept(
    till: Till, shop: Shop, client: AsyncClient, headers: dict[str, str]
) -> None:
    order = await till.sandbox("challenge")
    answer = await client.post(DOOR, content=await body_for(till, order), headers=headers)
    refused(answer, 400, "webhook_signature_invalid")
    assert await shop.store.webhooks.count({}) == 0


async def test_the_signature_is_of_the_bytes_as_they_came(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    body = await body_for(till, order)
    sandbox: Any = shop.providers["sandbox"]  # type: ignore[index]
    answer = await till.webhook(body + b" ", **{"x-sandbox-signature": sandbox.sign(body)})
    refused(answer, 400, "webhook_signature_invalid")


@pytest.mark.parametrize("provider", ["cod", "upi", "card", "stripe", "exchange"])
async def test_who_sends_none_has_no_door(till: Till, client: AsyncClient, shop: Shop, provider: str) -> None:
    shop.providers = {one: who for one, who in shop.providers.items() if one != "stripe"}
    refused(await client.post(f"/payments/webhooks/{provider}", content=b"{}"), 404, "not_found")
    assert till.sku


async def test_an_unknown_provider_is_404_and_query_parameters_are_the_providers_business(
    till: Till, client: AsyncClient
) -> None:
    refused(await client.post("/payments/webhooks/nobody", content=b"{}"), 404, "not_found")
    order = await till.sandbox("challenge")
    body = await body_for(till, order)
    assert (await till.webhook(body)).status_code == 200
    answer = await client.post(DOOR + "?source=x&y=1", content=body, headers={"x-sandbox-signature": "no"})
    refused(answer, 400, "webhook_signature_invalid")


async def test_up_to_a_megabyte_is_read(till: Till, client: AsyncClient) -> None:
    fits, too_much = b" " * 1_000_000, b" " * (1024 * 1024 + 1)
    assert (await till.webhook(fits)).status_code == 422  # rightly signed, but no JSON
    refused(await client.post(DOOR, content=too_much), 413, "body_too_large")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"result": "paid"}', b'{"result": 1}', b"\xff"], ids=repr)
async def test_what_is_signed_but_no_webhook_is_refused(till: Till, shop: Shop, body: bytes) -> None:
    refused(await till.webhook(body), 422, "validation_error")
    assert await shop.store.webhooks.count({}) == 0


async def test_in_any_order_the_payment_ends_paid(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    for result in ("paid", "authorized", "failed", "pending"):
        await till.webhook(await body_for(till, order, result))
    await shop.worker.drain()
    assert (await till.see(order))["payment"]["status"] == "paid"


async def test_a_failure_that_comes_first_does_not_stand_in_the_way(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    await till.webhook(await body_for(till, order, "failed"))
    await shop.worker.drain()
    assert (await till.see(order))["payment"]["status"] == "failed"
    await till.webhook(await body_for(till, order, "paid"))
    await shop.worker.drain()
    assert (await till.see(order))["status"] == "confirmed"


async def test_what_names_no_payment_of_ours_waits_for_people(till: Till, shop: Shop) -> None:
    order = await till.sandbox("challenge")
    body = await body_for(till, order, payment_id=str(ObjectId()), reference="sbx_nobody")
    assert (await till.webhook(body)).status_code == 200
    await shop.worker.drain()
    [waiting] = [one async for one in shop.store.outbox.every({"topic": webhooks.TOLD})]
    assert (waiting.status, waiting.attempts) == ("waiting", 1)
    assert "UnknownPaymentError" in (waiting.error or "")


# What the sandbox plays


async def test_approved_it_is_paid_in_the_same_answer(till: Till, shop: Shop) -> None:
    order = await till.sandbox("approve")
    assert (order["status"], order["amount_paid"]) == ("confirmed", "2998.00")
    await shop.worker.drain()  # its webhook says the same again
    assert (await till.payment(order)).captured_amount == 299800


async def test_declined_the_order_waits_for_another_way(till: Till, shop: Shop) -> None:
    order = await till.sandbox("decline")
    assert (order["status"], order["payment"]["status"]) == ("placed", "failed")
    assert "pay" in order["allowed_actions"]
    assert (await till.payment(order)).failure == "declined by the bank"
    await shop.worker.drain()
    assert (await till.see(order))["status"] == "placed"
    assert await till.stock() == (5, 2, 3)


@pytest.mark.parametrize(("passed", "status"), [(True, "confirmed"), (False, "placed")])
async def test_challenged_the_shopper_decides(
    till: Till, shop: Shop, client: AsyncClient, passed: bool, status: str
) -> None:
    order = await till.sandbox("challenge")
    action = order["payment"]["action"]
    path = action["url"].removeprefix("http://test/api/v1")
    assert action["kind"] == "challenge"
    assert (await client.post(path, json={"passed": passed})).status_code == 200
    refused(await client.post(path, json={"passed": not passed}), 404, "not_found")
    await shop.worker.drain()
    now = await till.see(order)
    assert (now["status"], now["payment"]["status"]) == (status, "paid" if passed else "failed")


@pytest.mark.parametrize("scenario", ["webhook_twice", "out_of_order"])
async def test_webhooks_that_misbehave_pay_once(till: Till, shop: Shop, scenario: str) -> None:
    order = await till.sandbox(scenario)
    assert order["payment"]["action"] == {"kind": "wait"}
    await shop.worker.drain()
    assert (await till.see(order))["payment"]["status"] == "paid"
    assert await shop.store.webhooks.count({}) == (1 if scenario == "webhook_twice" else 2)
    assert await till.stock() == (3, 0, 3)


async def test_late_the_order_is_revived(till: Till, shop: Shop) -> None:
    order = await till.sandbox("late")
    await till.window_over(order)
    await expiring.sweep(shop)
    assert (await till.see(order))["status"] == "cancelled"
    await shop.worker.drain()
    assert (await till.see(order))["status"] == "cancelled"  # not yet
    await till.due()
    await shop.worker.drain()
    assert (await till.see(order))["status"] == "confirmed"
    assert await till.stock() == (3, 0, 3)


async def test_sold_out_by_then_the_money_goes_back(till: Till, shop: Shop) -> None:
    order = await till.sandbox("sold_out")
    await till.window_over(order)
    await expiring.sweep(shop)
    await till.due()
    await shop.worker.drain()
    assert (await till.see(order))["status"] == "cancelled"
    payment = await till.payment(order)
    assert (payment.status, payment.surplus) == (PaymentStatus.REFUNDED, True)
    assert [one.state for one in payment.ledger] == ["done", "done"]  # the sandbox gave it back
    assert payment.ledger[1].reference == f"sbr_{payment.ledger[1].id}"
    assert await till.stock() == (0, 0, 0)


async def test_another_amount_is_a_mismatch_also_when_the_sweep_asks(till: Till, shop: Shop) -> None:
    order = await till.sandbox("mismatch")
    await shop.worker.drain()
    assert (await till.see(order))["payment"]["status"] == "mismatch"
    await till.due()
    await expiring.sweep(shop)
    assert (await till.see(order))["status"] == "placed"
    assert await shop.store.outbox.count({"topic": paying.MISMATCH}) == 1


async def test_without_the_sandbox_there_is_no_challenge(till: Till, shop: Shop, client: AsyncClient) -> None:
    order = await till.sandbox("challenge")
    shop.providers = {one: who for one, who in shop.providers.items() if one != "sandbox"}
    path = order["payment"]["action"]["url"].removeprefix("http://test/api/v1")
    refused(await client.post(path, json={"passed": True}), 404, "not_found")
