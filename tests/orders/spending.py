"""Buying with store credit."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from tests import make
from tests.orders.buying import Buyer
from tests.payments.refunding import balance
from truestyle.payments import credit
from truestyle.payments.credit_models import CreditCause
from truestyle.payments.models import Payment
from truestyle.shop import Shop

PREPAID: dict[str, Any] = {"payment": {"type": "upi"}, "use_store_credit": True}
COD: dict[str, Any] = {"payment": {"type": "cod"}, "use_store_credit": True}


async def give(shop: Shop, who: make.Person, amount: int) -> None:
    """Credit in paise."""
    await shop.store.transaction(lambda tx: credit.shift(tx, who.user.id, amount, CreditCause.GRANTED))


@dataclass
class Spender:
    """Somebody with a cart of two kurtas, 2998.00, and some credit."""

    buyer: Buyer
    shop: Shop

    async def with_credit(self, amount: int, **body: Any) -> dict[str, Any]:
        await give(self.shop, self.buyer.person, amount)
        await self.buyer.fill(K_M=2)
        answer = await self.buyer.check_out(**body)
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()["order"]
        return order

    async def left(self) -> str:
        return await balance(self.buyer.client, self.buyer.person)

    async def payments(self, order: dict[str, Any]) -> list[Payment]:
        return await self.shop.store.payments.of_order(ObjectId(order["id"]))
