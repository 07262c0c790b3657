"""The door for webhooks: what a provider tells is kept before it is acknowledged, and applied once afterwards."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from bson import ObjectId

from truestyle.infra.outbox import Event, event
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason
from truestyle.kit import clock
from truestyle.kit.errors import Duplicate, NotFound
from truestyle.orders import goods, paying
from truestyle.payments import repaying
from truestyle.payments.models import PaymentType, SandboxCharge, Scenario, Webhook
from truestyle.payments.providers.base import Notice, Result, State
from truestyle.payments.providers.sandbox import SIGNATURE, Sandbox, webhook
from truestyle.store import Store

if TYPE_CHECKING:
    from truestyle.shop import Shop

TOLD = "payment.told"  # the outbox event: apply a webhook that was kept
KEPT = timedelta(days=90)
log = structlog.get_logger("payments")


async def receive(shop: "Shop", name: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Keep what a provider tells, each event of it once. Raises NotFound, WebhookSignatureInvalid, ValidationFailed."""
    provider = shop.providers.get(PaymentType(name)) if name in set(PaymentType) else None
    if provider is None or provider.type != name:
        raise NotFound
    notices = {one.event_id: one for one in provider.notices(body, headers)}
    if not notices:
        return

    async def work(tx: Store) -> None:
        known = await tx.webhooks.known(name, list(notices))
        rows = [_row(provider.type, one, body) for key, one in notices.items() if key not in known]
        await tx.webhooks.write(rows)
        await tx.outbox.write(
            [event(TOLD, {"webhook_id": one.id}, f"{TOLD}:{one.id}", lane="payments") for one in rows]
        )

    try:
        await shop.store.transaction(work)
    except Duplicate:  # told twice at the same moment: the other one keeps it
        await shop.store.transaction(work)


def _row(provider: PaymentType, notice: Notice, body: bytes) -> Webhook:
    return Webhook(
        provider=provider,
        event_id=notice.event_id,
        kind=notice.kind,
        state=asdict(notice.state) if notice.state else None,
        body=body,
        expires_at=clock.now() + KEPT,
    )


async def apply(shop: "Shop", one: Event) -> None:
    """Handle `payment.told`. Raises UnknownPaymentError: it is tried again, and in the end people look."""
    row = await shop.store.webhooks.get(one.payload["webhook_id"])
    state = _state(row.state)
    if state is not None and state.refund_id is not None:
        await repaying.settle_refund(shop.store, state, provider=row.provider)
    elif state is not None and state.result is not Result.REFUNDED:  # refunds that are none of ours need nothing
        await paying.settle(shop.store, state, provider=row.provider)
    await shop.store.webhooks.change(row.id, {"$set": {"applied_at": clock.now()}})


def _state(stored: dict[str, Any] | None) -> State | None:
    return None if stored is None else State(**{**stored, "result": Result(stored["result"])})


async def tell(shop: "Shop", one: Event) -> None:
    """Handle `payment.sandbox`: the sandbox does what its scenario says, and sends its webhooks through the door."""
    sandbox = shop.providers.get(PaymentType.SANDBOX)
    row = await shop.store.sandbox.first({"reference": one.payload["reference"]})
    if not isinstance(sandbox, Sandbox) or row is None:
        return
    if any(Result(result) is Result.PAID for _, result, _ in one.payload["tell"]):
        await shop.store.transaction(lambda tx: _pay(tx, row))
    for told in one.payload["tell"]:
        body = webhook(row, told, clock.now())
        await receive(shop, sandbox.type, body, {SIGNATURE: sandbox.sign(body)})


async def _pay(tx: Store, row: SandboxCharge) -> None:
    moved = await tx.sandbox.go_to(row.reference, Result.PAID, [Result.PENDING])
    if moved is None or row.scenario is not Scenario.SOLD_OUT:
        return
    payment = await tx.payments.get(ObjectId(row.payment_id))
    order = await tx.orders.get(payment.order_id)
    there = await tx.stock.lock(sorted(goods.pieces(order)))
    gone = {sku: count for sku, count in there.items() if count > 0}
    if gone and await tx.stock.take(gone, clock.now()):
        products = {item.sku: item.product_id for item in order.items}
        await inventory.record(
            tx,
            [
                Movement(
                    sku=sku,
                    product_id=products[sku],
                    on_hand_delta=-count,
                    reason=Reason.CORRECTION,
                    note="sandbox: somebody else has it",
                )
                for sku, count in gone.items()
            ],
        )
        await inventory.refresh_flags(tx, set(products.values()))


async def tell_people(one: Event) -> None:
    """Handle `payment.mismatch`: people must look."""
    log.error("payment_mismatch", number=one.payload["number"], why=one.payload["why"])
