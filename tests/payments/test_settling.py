"""What is said of a payment, by staff and by providers: it pays once, or not at all, or goes back."""

from typing import Any

import pytest

from tests.orders.buying import refused
from tests.payments.paying import UTR, Till
from truestyle.orders import paying
from truestyle.payments.models import PaymentStatus
from truestyle.payments.providers.base import Result, State
from truestyle.shop import Shop

pytestmark = pytest.mark.usefixtures("books")


async def test_a_reference_pays_once_in_the_whole_store(till: Till) -> None:
    one, other = await till.order("upi", 1), await till.order("upi", 1)
    assert (await till.confirm(one)).status_code == 200
    told = refused(await till.confirm(other), 409, "duplicate")
    assert told["field"] == "reference"
    assert (await till.see(other))["status"] == "placed"
    assert await till.stock() == (4, 1, 3)


async def test_a_gateway_that_names_anothers_reference_is_a_mismatch(till: Till, shop: Shop) -> None:
    one, other = await till.order("upi", 1), await till.order("upi", 1)
    await till.confirm(one)
    settled = await paying.settle(shop.store, await till.told(other, reference=UTR))
    assert settled.status is PaymentStatus.MISMATCH
    assert (await till.see(other))["status"] == "placed"


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 299700}, {"amount": 299900}, {"currency": "USD"}, {"provider_reference": "another"}],
    ids=str,
)
async def test_what_does_not_fit_never_pays(till: Till, shop: Shop, wrong: dict[str, Any]) -> None:
    order = await till.order("upi")
    for _ in range(2):
        settled = await paying.settle(shop.store, await till.told(order, **wrong))
        assert settled.status is PaymentStatus.MISMATCH
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["payment"]["status"]) == ("placed", "0.00", "mismatch")
    assert await till.stock() == (5, 2, 3)
    assert await shop.store.outbox.count({"topic": paying.MISMATCH}) == 1
    assert "order_paid" not in await till.mails()


async def test_the_event_of_another_provider_is_a_mismatch(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    settled = await paying.settle(shop.store, await till.told(order), provider="razorpay")
    assert settled.status is PaymentStatus.MISMATCH
    assert (await till.see(order))["status"] == "placed"


async def test_a_paid_payment_stays_paid_whatever_comes_later(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    await till.confirm(order)
    before = await till.payment(order)
    for result in (Result.PENDING, Result.AUTHORIZED, Result.FAILED, Result.CANCELLED):
        await paying.settle(shop.store, await till.told(order, result, reference=None))
    assert await till.payment(order) == before
    assert (await till.see(order))["payment"]["status"] == "paid"


async def test_what_is_of_no_payment_is_told_to_whoever_asked(shop: Shop) -> None:
    with pytest.raises(paying.UnknownPaymentError):
        await paying.settle(shop.store, State(Result.PAID, "nobody's", 1), provider="stripe")


async def test_a_second_capture_goes_back(till: Till, shop: Shop) -> None:
    order = await till.order("upi")
    await till.confirm(order)
    second = (await till.confirm(order, "412345678999")).json()
    assert (second["surplus"], second["status"], second["captured_amount"]) == (True, "refunded", "2998.00")
    assert [(one["kind"], one["amount"], one["state"]) for one in second["ledger"]] == [
        ("capture", "2998.00", "done"),
        ("refund", "-2998.00", "pending"),
    ]
    again = (await till.confirm(order, "412345678999")).json()
    assert again == second
    now = await till.see(order)
    assert (now["status"], now["amount_paid"], now["amount_refunded"]) == ("confirmed", "2998.00", "0.00")
    assert await shop.store.payments.count({}) == 2
    assert (await till.mails()).count("order_payment_returned") == 1
    assert await till.stock() == (3, 0, 3)


async def test_paid_at_two_attempts_one_goes_back(till: Till) -> None:
    first = await till.order("upi")
    second = (await till.pay(first, "upi")).json()
    assert (await till.confirm(second)).json()["surplus"] is False
    late = (await till.confirm(first, "412345678999")).json()
    assert (late["surplus"], late["status"]) == (True, "refunded")
    assert (await till.see(first))["amount_paid"] == "2998.00"


async def test_an_order_that_was_called_off_by_somebody_is_not_revived(till: Till) -> None:
    order = await till.order("upi")
    await till.cancel(order)
    late = (await till.confirm(order)).json()
    assert (late["surplus"], late["status"]) == (True, "refunded")
    assert (await till.see(order))["status"] == "cancelled"
    assert await till.stock() == (5, 0, 5)
