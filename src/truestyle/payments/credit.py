"""Store credit: balances that are guarded in the filter of the write, and rows that tell each change."""

from bson import ObjectId

from truestyle.kit.errors import NotFound, Unavailable
from truestyle.kit.idempotency import Claim
from truestyle.kit.paging import PageQuery
from truestyle.payments.credit_models import CreditAnswer, CreditCause, CreditEntry, CreditGrant, CreditPage
from truestyle.store import Store


async def shift(
    tx: Store,
    user_id: ObjectId,
    delta: int,
    cause: CreditCause,
    *,
    order_id: ObjectId | None = None,
    refund_id: ObjectId | None = None,
    reason: str | None = None,
) -> CreditEntry:
    """Add `delta` paise to a balance (or take them), with its row; inside the transaction of the cause.

    Raises Unavailable if there is less than should be taken, which nobody asks for.
    """
    left = await tx.credit_balances.shift(user_id, delta)
    if left is None:
        raise Unavailable
    entry = CreditEntry(
        user_id=user_id,
        delta=delta,
        balance_after=left,
        cause=cause,
        order_id=order_id,
        refund_id=refund_id,
        reason=reason,
    )
    await tx.credit.write([entry])
    return entry


async def granted(store: Store, body: CreditGrant, claim: Claim | None) -> str:
    """Give somebody credit; the JSON of the row, which is the answer kept under `claim`.

    Raises NotFound: there is no such account.
    """

    async def work(tx: Store) -> str:
        if not await tx.users.touch(body.user_id):  # nobody deletes the account meanwhile
            msg = "There is no such account."
            raise NotFound(msg)
        entry = await shift(tx, body.user_id, body.amount, CreditCause.GRANTED, reason=body.reason)
        said = answer(entry).model_dump_json()
        if claim is not None:
            await tx.claims.answer([(claim, said)])
        return said

    return await store.transaction(work)


def answer(entry: CreditEntry) -> CreditAnswer:
    """A change as it is read."""
    return CreditAnswer.model_validate(entry.model_dump(include=set(CreditAnswer.model_fields)))


async def statement(store: Store, user_id: ObjectId, query: PageQuery) -> CreditPage:
    """A balance, and one page of how it came about."""
    found = (await store.credit.find({"user_id": user_id}, query)).map(answer).page()
    return CreditPage(**found.model_dump(), balance=await store.credit_balances.of(user_id))
