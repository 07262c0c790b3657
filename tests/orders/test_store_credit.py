"""Store credit at the checkout: what it pays, what is left to pay, and how it comes back."""

import asyncio
import re
from collections import Counter
from typing import Any

import pytest
from bson import ObjectId
from httpx import AsyncClient

from tests import make
from tests.mail.test_writing import text_of
from tests.orders.buying import Buyer, Staff, refused, settle, untouched
from tests.orders.spending import COD, PREPAID, Spender, give
from tests.payments.paying import Till
from tests.payments.refunding import balance, insist
from tests.post import Post
from truestyle.cart import service as carts
from truestyle.cart.service import Owner
from truestyle.orders.checkout import Placement, place_batch
from truestyle.orders.models import Order
from truestyle.payments.models import PaymentType
from truestyle.shipping.service import service_to
from truestyle.shop import Shop
from truestyle.users.addresses import AddressWrite

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def packer(client: AsyncClient, staff: make.Person) -> Staff:
    return Staff(client, staff)


async def test_enough_pays_everything_and_the_order_is_confirmed(spender: Spender, till: Till) -> None:
    order = await spender.with_credit(300000, **PREPAID)
    assert (order["status"], order["total"], order["amount_paid"]) == ("confirmed", "2998.00", "2998.00")
    assert (order["payment"]["type"], order["payment"]["status"], order["payment"]["expires_at"]) == (
        *("store_credit", "paid", None),
    )
    assert await spender.left() == "2.00"
    [payment] = await spender.payments(order)
    assert (str(payment.id), payment.type, payment.status, payment.captured_amount, payment.reference) == (
        *(order["payment"]["id"], "store_credit", "paid", 299800, f"credit:{order['id']}"),
    )
    assert await till.stock() == (3, 0, 3)
    page = (await till.client.get("/store-credit", headers=till.buyer.headers)).json()
    assert (page["items"][0]["delta"], page["items"][0]["cause"], page["items"][0]["order_id"]) == (
        *("-2998.00", "spent", order["id"]),
    )


async def test_exactly_enough_leaves_nothing(spender: Spender) -> None:
    order = await spender.with_credit(299800, **PREPAID)
    assert (order["status"], await spender.left()) == ("confirmed", "0.00")


async def test_the_rest_is_paid_as_was_chosen(spender: Spender, till: Till) -> None:
    order = await spender.with_credit(100000, **PREPAID)
    assert (order["status"], order["amount_paid"], order["payment"]["type"], order["payment"]["status"]) == (
        *("placed", "1000.00", "upi", "pending"),
    )
    assert await spender.left() == "0.00"
    assert {one.type: (one.amount, one.status) for one in await spender.payments(order)} == {
        "store_credit": (100000, "paid"),
        "upi": (199800, "pending"),
    }
    assert await till.stock() == (5, 2, 3)
    assert (await till.confirm(order)).status_code == 200
    seen = await till.see(order)
    assert (seen["status"], seen["amount_paid"], seen["payment"]["type"]) == ("confirmed", "2998.00", "upi")
    assert await till.stock() == (3, 0, 3)


async def test_another_attempt_is_of_the_rest_too(spender: Spender, till: Till) -> None:
    order = await spender.with_credit(100000, **PREPAID)
    again = await till.pay(order, "sandbox", scenario="approve")
    assert again.status_code == 200, again.text
    await till.shop.worker.drain()
    seen = await till.see(order)
    assert (seen["status"], seen["amount_paid"]) == ("confirmed", "2998.00")
    assert sum(one.captured_amount for one in await spender.payments(order)) == 299800


async def test_on_delivery_the_rest_is_collected(spender: Spender, till: Till, packer: Staff) -> None:
    order = await spender.with_credit(100000, **COD)
    assert (order["status"], order["amount_paid"], order["payment"]["type"]) == ("confirmed", "1000.00", "cod")
    await packer.bring_to(order["id"], "delivered")
    seen = await till.see(order)
    assert (seen["amount_paid"], seen["payment"]["status"]) == ("2998.00", "paid")
    assert {one.type: one.captured_amount for one in await spender.payments(order)} == {
        "store_credit": 100000,
        "cod": 199800,
    }


async def test_the_mails_say_what_is_left_to_pay(spender: Spender, till: Till, packer: Staff, post: Post) -> None:
    order = await spender.with_credit(100000, **COD)
    await packer.bring_to(order["id"], "out_for_delivery")
    mails = [text_of(one) for one in await post.of(till.buyer.person.user.email)]
    assert sum("Please have ₹1,998.00 ready for the courier" in one for one in mails) == 1
    [placed] = [one for one in mails if "thank you for your order" in one]
    assert re.search(r"Paid +₹1,000.00\nTo pay +₹1,998.00", placed)


async def test_somebody_pays_the_rest_of_a_delivery_beforehand(spender: Spender, till: Till) -> None:
    order = await spender.with_credit(100000, **COD)
    body = {"order_id": order["id"], "reference": "412345678901"}
    answer = await till.client.post("/payments", json=body, headers=till.staff.headers)
    assert (answer.status_code, answer.json()["amount"]) == (201, "1998.00"), answer.text
    seen = await till.see(order)
    assert (seen["amount_paid"], seen["payment"]["type"], seen["payment"]["status"]) == ("2998.00", "upi", "paid")
    assert seen["amount_refunded"] == "0.00"


async def test_what_is_delivered_for_nothing_costs_no_fee_for_collecting_it(
    spender: Spender, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, spender.shop, cod_fee=5000)
    await give(spender.shop, till.buyer.person, 299800)
    await till.buyer.fill(K_M=2)
    asked = {"pincode": "560038", "payment_type": "cod", "use_store_credit": True}
    quote = (await till.client.post("/checkout/quote", json=asked, headers=till.buyer.headers)).json()
    assert (quote["total"], quote["store_credit"], quote["to_pay"]) == ("2998.00", "2998.00", "0.00")
    answer = await till.buyer.check_out(**COD, expected_total="2998.00")
    assert answer.json()["order"]["payment"]["type"] == "store_credit"


async def test_the_quote_says_how_much_and_takes_nothing(spender: Spender, till: Till) -> None:
    await give(spender.shop, till.buyer.person, 100000)
    await till.buyer.fill(K_M=2)
    for use, used, to_pay in ((True, "1000.00", "1998.00"), (False, "0.00", "2998.00")):
        asked = {"pincode": "560038", "use_store_credit": use}
        quote = (await till.client.post("/checkout/quote", json=asked, headers=till.buyer.headers)).json()
        assert (quote["total"], quote["store_credit"], quote["to_pay"]) == ("2998.00", used, to_pay)
    assert await spender.left() == "1000.00"


async def test_nobody_spends_without_saying_so(spender: Spender) -> None:
    order = await spender.with_credit(100000, payment={"type": "upi"})
    assert (order["amount_paid"], await spender.left()) == ("0.00", "1000.00")


async def test_without_credit_it_changes_nothing(spender: Spender) -> None:
    await spender.buyer.fill(K_M=2)
    answer = await spender.buyer.check_out(**PREPAID)
    assert (answer.status_code, answer.json()["order"]["status"]) == (201, "placed")
    assert len(await spender.payments(answer.json()["order"])) == 1


async def test_what_is_refused_spends_nothing(spender: Spender, shop: Shop) -> None:
    await give(shop, spender.buyer.person, 300000)
    await spender.buyer.fill(K_M=2)
    refused(await spender.buyer.check_out(**PREPAID, expected_total="1.00"), 409, "price_changed")
    await spender.buyer.fill(K_M=6)
    refused(await spender.buyer.check_out(**PREPAID), 409, "insufficient_stock")
    assert await spender.left() == "3000.00"
    assert await shop.store.credit.count({"cause": "spent"}) == 0


@pytest.mark.parametrize("path", ["/checkout", "/checkout/quote"])
async def test_guests_have_none(spender: Spender, client: AsyncClient, shop: Shop, path: str) -> None:
    token = {"x-cart-token": "guest-token-0123456789-0123456789-01"}
    product = next(iter(await shop.store.products.by_skus(["K-M"])))
    added = await client.post("/cart/add", json={"product_id": str(product.id), "sku": "K-M"}, headers=token)
    headers = {"x-cart-token": added.headers["x-cart-token"]}
    place = {**make.COD, "email": "guest@example.com"} if path == "/checkout" else {"pincode": "560038"}
    body = refused(
        await client.post(path, json={**place, "use_store_credit": True}, headers=headers), 422, "validation_error"
    )
    assert body["errors"][0]["loc"] == ["body", "use_store_credit"]
    await untouched(shop, K_M=5)


async def test_once_it_is_used_lines_and_address_stay(spender: Spender, till: Till) -> None:
    order = await spender.with_credit(100000, **COD)
    assert "edit_items" not in order["allowed_actions"]
    line = {"order_item_id": order["items"][0]["id"], "quantity": 1}
    answer = await till.client.patch(f"/orders/{order['id']}", json={"items": [line]}, headers=till.buyer.headers)
    refused(answer, 409, "not_editable")


class TestBack:
    @pytest.mark.parametrize("paid", [100000, 299800])
    @pytest.mark.parametrize("body", [PREPAID, COD], ids=["upi", "cod"])
    async def test_by_cancelling(self, spender: Spender, till: Till, paid: int, body: dict[str, Any]) -> None:
        order = await spender.with_credit(paid, **body)
        assert (await till.cancel(order)).status_code == 200
        refused(await till.cancel(order), 409, "invalid_transition")
        assert await spender.left() == f"{paid // 100}.00"
        seen = await till.see(order)
        assert (seen["status"], seen["amount_refunded"]) == ("cancelled", f"{paid // 100}.00")
        assert await till.stock() == (5, 0, 5)

    async def test_what_was_paid_in_two_ways_goes_back_in_both(self, spender: Spender, till: Till) -> None:
        order = await spender.with_credit(100000, **PREPAID)
        await till.confirm(order)
        await till.cancel(order)
        assert await spender.left() == "1000.00"
        assert {one.type: (one.status, one.refunded_amount) for one in await spender.payments(order)} == {
            "store_credit": ("refunded", 100000),
            "upi": ("refunded", 199800),
        }

    async def test_by_a_refund_gateways_and_cash_first(self, spender: Spender, till: Till, packer: Staff) -> None:
        order = await spender.with_credit(100000, **COD)
        await packer.bring_to(order["id"], "delivered")
        path, why = f"/orders/{order['id']}/refund", {"reason": "A button was missing"}
        await till.client.post(path, json={**why, "amount": "2000.00"}, headers=till.staff.headers)
        assert {one.type: one.refunded_amount for one in await spender.payments(order)} == {
            "store_credit": 200,
            "cod": 199800,
        }
        assert await spender.left() == "2000.00"


class TestOneBalance:
    """1000.00, and twenty carts of 499.00 each that want it: two are paid, one gets 2.00, the others nothing."""

    @pytest.fixture
    async def placements(self, shop: Shop, buyer: Buyer) -> list[Placement]:
        await make.product(shop, stock=40, mrp="499.00", price="499.00", variants=[{"sku": "S-1"}])
        await give(shop, buyer.person, 100000)
        return [await self.placement(shop, buyer.person, number) for number in range(20)]

    async def placement(self, shop: Shop, who: make.Person, number: int) -> Placement:
        """A cart of a guest's, ordered by one person: their own is one cart at a time."""
        to = AddressWrite.model_validate(make.ADDRESS).fields()
        other = await make.person(shop)
        await make.cart(shop, other, {"S-1": 1})
        return Placement(
            cart=await carts.get(shop.store, Owner(other.user.id)),
            user_id=who.user.id,
            email=who.user.email,
            shipping=to,
            billing=to,
            payment=PaymentType.COD,
            service=await service_to(shop.store, to.state, to.pincode),
            use_store_credit=True,
            number=f"RACE-{number}",
        )

    async def check(self, shop: Shop, buyer: Buyer, orders: list[Any]) -> None:
        assert Counter(one.amount_paid for one in orders) == {49900: 2, 200: 1, 0: 17}
        assert Counter(one.payment.type for one in orders) == {"store_credit": 2, "cod": 18}
        assert await balance(buyer.client, buyer.person) == "0.00"
        assert await shop.store.credit.count({"cause": "spent"}) == 3

    async def test_in_twenty_transactions_at_once(self, shop: Shop, buyer: Buyer, placements: list[Placement]) -> None:
        async def place(one: Placement) -> Any:
            return (await shop.store.transaction(lambda tx: place_batch(tx, [one]), deadline=60))[0]

        await self.check(shop, buyer, await asyncio.gather(*(place(one) for one in placements)))

    async def test_in_one_transaction(self, shop: Shop, buyer: Buyer, placements: list[Placement]) -> None:
        orders = await shop.store.transaction(lambda tx: place_batch(tx, placements))
        assert [one.amount_paid for one in orders[:4] if isinstance(one, Order)] == [49900, 49900, 200, 0]
        await self.check(shop, buyer, orders)

    @pytest.mark.usefixtures("placements")
    async def test_one_cart_twenty_times(self, buyer: Buyer) -> None:
        await buyer.fill(S_1=1)
        answers = await asyncio.gather(*(insist(lambda: buyer.check_out(**COD)) for _ in range(20)))
        assert Counter(one.status_code for one in answers) == {201: 1, 409: 19}
        assert await balance(buyer.client, buyer.person) == "501.00"


async def test_refunding_and_cancelling_and_spending_at_once(spender: Spender, till: Till, shop: Shop) -> None:
    """What comes back is spent again, and nothing twice."""
    order = await spender.with_credit(299800, **PREPAID)
    await till.buyer.fill(K_M=2)
    why = {"reason": "A button was missing", "amount": "1000.00"}
    path = f"/orders/{order['id']}/refund"
    await asyncio.gather(
        insist(lambda: till.cancel(order)),
        insist(lambda: till.buyer.check_out(**COD)),
        *(insist(lambda: till.client.post(path, json=why, headers=till.staff.headers)) for _ in range(5)),
    )
    seen = await till.see(order)
    assert (seen["status"], seen["amount_refunded"]) == ("cancelled", "2998.00")
    rows = await shop.store.credit.collection.find({"cause": {"$ne": "granted"}}).to_list()
    assert sum(one["delta"] for one in rows if one["cause"] == "given_back") == 299800
    other = await shop.store.orders.first({"_id": {"$ne": ObjectId(order["id"])}})
    assert other is not None
    assert await spender.left() == f"{(299800 - other.amount_paid) / 100:.2f}"
