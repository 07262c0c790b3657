"""What people collect: cash on delivery, cards at a terminal on the counter, and what comes by UPI (`upi.Upi`)."""

from collections.abc import Mapping, Sequence

from truestyle.kit.errors import NotFound
from truestyle.payments.models import PaymentType
from truestyle.payments.providers.base import Charge, Notice, Repayment, Result, State


class ByHand:
    """Nothing happens by itself: staff say when the money is there, and pay out what goes back."""

    def __init__(self, type_: PaymentType) -> None:
        self.type = type_

    async def start(self, charge: Charge) -> State:
        """It waits for staff."""
        return State(Result.PENDING, charge.payment_id, payment_id=charge.payment_id)

    async def ask(self, charge: Charge, provider_reference: str) -> State:
        """It still does."""
        return State(Result.PENDING, provider_reference, payment_id=charge.payment_id)

    async def call_off(self, charge: Charge, provider_reference: str) -> State:
        """Nobody waits any more."""
        return State(Result.CANCELLED, provider_reference, payment_id=charge.payment_id)

    async def repay(self, repayment: Repayment) -> State:
        """People pay it out."""
        return State(Result.PENDING, repayment.provider_reference, refund_id=repayment.refund_id)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """Nobody sends any. Raises NotFound."""
        del body, headers
        raise NotFound

    async def close(self) -> None:
        """Nothing is open."""
