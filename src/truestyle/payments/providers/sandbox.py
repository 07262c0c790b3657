"""The sandbox: a make-believe gateway that moves no money and does what it is told to (`Scenario`).

It keeps books of its own, as a gateway would, answers when it is asked, and tells what happened by signed webhooks
through the same door as the others. So whoever builds a shop on us can try every turn that a payment takes.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from truestyle.infra.outbox import event
from truestyle.kit.errors import NotFound, ValidationFailed
from truestyle.payments.models import PaymentType, SandboxCharge, Scenario
from truestyle.payments.providers.base import Charge, Notice, Repayment, Result, State, WebhookSignatureInvalid
from truestyle.store import Store

TELLS = "payment.sandbox"  # the outbox event: the sandbox sends webhooks
SIGNATURE = "x-sandbox-signature"  # the HMAC-SHA256 of the raw body, in hexadecimal
NEVER_PAYS = {Scenario.DECLINE: "declined by the bank"}
AT_ONCE = {Scenario.APPROVE: Result.PAID, Scenario.DECLINE: Result.FAILED, Scenario.CLOSED_TAB: Result.PAID}
AFTER_THE_END = {Scenario.LATE, Scenario.SOLD_OUT}
TOO_LATE = timedelta(seconds=2)
WRONG = 100  # paise too much, where the amount shall not fit
Telling = tuple[str, Result, int]  # id of the event, what it says, amount


class Sandbox:
    """`sandbox`. `page`: where a shopper shows that they are who they are, by the payment's id."""

    type = PaymentType.SANDBOX

    def __init__(self, store: Store, secret: bytes, page: str) -> None:
        self._store, self._secret, self._page = store, secret, page

    async def start(self, charge: Charge) -> State:
        """Open a charge, once a payment, and plan what its scenario wants told."""
        named = (charge.source or "").removeprefix("tok_")  # also the token of a kept card
        scenario = Scenario(named) if named in set(Scenario) else Scenario.APPROVE
        opened = SandboxCharge(
            payment_id=charge.payment_id,
            reference=f"sbx_{charge.payment_id}",
            amount=charge.amount + (WRONG if scenario is Scenario.MISMATCH else 0),
            currency=charge.currency,
            result=AT_ONCE.get(scenario, Result.PENDING),
            scenario=scenario,
            ends_at=charge.expires_at,
        )

        async def work(tx: Store) -> SandboxCharge:
            before = await tx.sandbox.first({"payment_id": charge.payment_id})
            if before is not None:
                return before
            await tx.sandbox.add(opened)
            await _plan(tx, opened, _tellings(opened))
            return opened

        row = await self._store.transaction(work)
        if row.scenario is Scenario.CLOSED_TAB:  # the shopper pays, and is gone before anybody hears of it
            return State(Result.PENDING, row.reference, action=self._action(row), payment_id=row.payment_id)
        return self._state(row)

    async def ask(self, charge: Charge, provider_reference: str) -> State:
        """What the books say."""
        del charge
        return self._state(await self._row(provider_reference))

    async def call_off(self, charge: Charge, provider_reference: str) -> State:
        """Nothing is taken any more, but where the scenario wants it to be."""
        row = await self._row(provider_reference)
        if row.scenario not in AFTER_THE_END:
            await self._store.sandbox.go_to(provider_reference, Result.CANCELLED, [Result.PENDING, Result.AUTHORIZED])
        return await self.ask(charge, provider_reference)

    async def repay(self, repayment: Repayment) -> State:
        """Give back at once."""
        row = await self._row(repayment.provider_reference)
        await self._store.sandbox.note_refund(row.reference, repayment.refund_id)
        reference = f"sbr_{repayment.refund_id}"
        return State(
            Result.REFUNDED, row.reference, repayment.amount, reference=reference, refund_id=repayment.refund_id
        )

    async def challenge(self, payment_id: str, *, passed: bool) -> None:
        """How the shopper did at the 3-D Secure page, once. Raises NotFound."""

        async def work(tx: Store) -> None:
            row = await tx.sandbox.first({"payment_id": payment_id, "scenario": Scenario.CHALLENGE})
            result = Result.PAID if passed else Result.FAILED
            moved = row and await tx.sandbox.go_to(row.reference, result, [Result.PENDING])
            if not moved:
                raise NotFound
            await _plan(tx, moved, [(f"{moved.reference}.{result}", result, moved.amount)])

        await self._store.transaction(work)

    def notices(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Notice]:
        """What a webhook of ours says. Raises WebhookSignatureInvalid, ValidationFailed."""
        if not hmac.compare_digest(self.sign(body), headers.get(SIGNATURE, "")):
            raise WebhookSignatureInvalid
        try:
            said = orjson.loads(body)
            state = State(
                Result(said["result"]),
                said["reference"],
                said["amount"],
                said["currency"],
                reference=said["reference"] if said["result"] == Result.PAID else None,
                failure=said.get("failure"),
                payment_id=said["payment_id"],
            )
            return [Notice(str(said["id"]), f"charge.{state.result}", state)]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise ValidationFailed("is not a webhook of the sandbox") from error

    def sign(self, body: bytes) -> str:
        """The signature of a raw body."""
        return hmac.new(self._secret, body, hashlib.sha256).hexdigest()

    async def close(self) -> None:
        """Nothing is open."""

    async def _row(self, reference: str) -> SandboxCharge:
        row = await self._store.sandbox.first({"reference": reference})
        if row is None:
            raise NotFound
        return row

    def _action(self, row: SandboxCharge) -> dict[str, str] | None:
        if row.scenario is Scenario.CHALLENGE:
            return {"kind": "challenge", "url": self._page.format(row.payment_id)}
        return {"kind": "wait"}

    def _state(self, row: SandboxCharge) -> State:
        result = Result(row.result)
        return State(
            result,
            row.reference,
            row.amount,
            row.currency,
            reference=row.reference if result is Result.PAID else None,
            action=self._action(row) if result is Result.PENDING else None,
            failure=NEVER_PAYS.get(row.scenario, "not confirmed by the shopper") if result is Result.FAILED else None,
            payment_id=row.payment_id,
        )


def _tellings(row: SandboxCharge) -> list[Telling]:
    paid: Telling = (f"{row.reference}.paid", Result.PAID, row.amount)
    authorized: Telling = (f"{row.reference}.authorized", Result.AUTHORIZED, row.amount)
    return {
        Scenario.APPROVE: [paid],
        Scenario.DECLINE: [(f"{row.reference}.failed", Result.FAILED, row.amount)],
        Scenario.WEBHOOK_TWICE: [paid, paid],
        Scenario.OUT_OF_ORDER: [paid, authorized],
        Scenario.LATE: [paid],
        Scenario.SOLD_OUT: [paid],
        Scenario.MISMATCH: [paid],
    }.get(row.scenario, [])


async def _plan(tx: Store, row: SandboxCharge, tellings: Sequence[Telling]) -> None:
    if not tellings:
        return
    planned = event(TELLS, {"reference": row.reference, "tell": [list(one) for one in tellings]}, lane="payments")
    if row.scenario in AFTER_THE_END and row.ends_at is not None:
        planned = planned.model_copy(update={"due_at": row.ends_at + TOO_LATE})
    await tx.outbox.write([planned])


def webhook(row: SandboxCharge, told: Sequence[Any], moment: datetime) -> bytes:
    """The body of a webhook."""
    event_id, result, amount = told
    return orjson.dumps(
        {
            "id": event_id,
            "sent": moment,
            "result": result,
            "reference": row.reference,
            "payment_id": row.payment_id,
            "amount": amount,
            "currency": row.currency,
        }
    )
