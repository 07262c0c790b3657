"""/returns and /exchanges."""

from typing import Annotated

from fastapi import Response

from truestyle.auth.errors import StepUpRequired
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.deps import Db, OrderHolder, RepeatDep, ShopDep, SignedInCaller, Version, allowed, require_step_up
from truestyle.infra.http.route import changing, gathered, router
from truestyle.inventory.repository import InsufficientStock
from truestyle.kit.errors import Forbidden, NotFound, VersionConflict, responses
from truestyle.kit.idempotency import IdempotencyInProgress, IdempotencyKeyReused
from truestyle.kit.paging import Page, PageQuery, paging
from truestyle.kit.types import Id
from truestyle.orders.access import Holder
from truestyle.orders.errors import NotEditable
from truestyle.payments.refunding import RefundExceedsCaptured
from truestyle.returns import moving, service
from truestyle.returns.errors import NotReturnable, ReturnWindowClosed
from truestyle.returns.flow import SETTLING, InvalidMove, Kind, ReturnStatus
from truestyle.returns.models import (
    ExchangeAnswer,
    ExchangeCreate,
    Return,
    ReturnAnswer,
    ReturnCancel,
    ReturnChange,
    ReturnCreate,
    ReturnMove,
)
from truestyle.returns.parties import Party
from truestyle.returns.reading import exchange_answer, return_answer
from truestyle.returns.service import Filters
from truestyle.shop import Shop

returns = router("/returns", tag="Returns")
exchanges = router("/exchanges", tag="Returns")
Staff = Annotated[Caller, allowed(Permission.RETURNS_WRITE)]
Paged = Annotated[PageQuery, paging("-created_at", "created_at")]
Narrowed = Annotated[Filters, gathered(Filters)]
REFUSALS = responses(NotFound, NotReturnable, ReturnWindowClosed, IdempotencyInProgress, IdempotencyKeyReused)
MOVES = responses(NotFound, Forbidden, InvalidMove, RefundExceedsCaptured, StepUpRequired)
EXCHANGE_MOVES = responses(NotFound, Forbidden, InvalidMove, InsufficientStock, RefundExceedsCaptured, StepUpRequired)
CHANGES = responses(NotFound, NotEditable, VersionConflict)


async def _placed(
    shop: Shop, holder: Holder, body: ReturnCreate | ExchangeCreate, repeat: RepeatDep, path: str
) -> Response:
    done = await service.place(shop.store, Party.of(holder), body, repeat)
    shop.worker.wake()
    headers = {"location": f"{shop.settings.shop.api_v1_prefix}{path}/{done.order_id}"}
    if done.replayed:
        headers["idempotency-replayed"] = "true"
    return Response(done.body, 201, headers, "application/json")


async def _moved(shop: Shop, holder: Holder, kind: Kind, key: Id, body: ReturnMove) -> Return:
    if holder.caller is not None and body.status is SETTLING[kind]:  # which gives money back
        await require_step_up(shop, holder.caller)
    moved = await moving.move(shop.store, Party.of(holder), kind, key, body)
    shop.worker.wake()
    return moved


@returns.post("", status_code=201, response_model=ReturnAnswer, responses=REFUSALS)
async def create_return(body: ReturnCreate, shop: ShopDep, holder: OrderHolder, repeat: RepeatDep) -> Response:
    """Ask to send goods of an order back for their money."""
    return await _placed(shop, holder, body, repeat, "/returns")


@returns.get("")
async def list_returns(store: Db, holder: OrderHolder, filters: Narrowed, query: Paged) -> Page[ReturnAnswer]:
    """One's own returns; with `returns:read`, everybody's; a guest's of the order that their token names."""
    return (await service.find(store, Party.of(holder), Kind.RETURN, filters, query)).map(return_answer).page()


@returns.get("/{return_id}", responses=responses(NotFound))
async def get_return(return_id: Id, store: Db, holder: OrderHolder) -> ReturnAnswer:
    """One return."""
    return return_answer(await service.get(store, Party.of(holder), Kind.RETURN, return_id))


@changing(returns, "/{return_id}", responses=CHANGES)
async def change_return(
    return_id: Id, body: ReturnChange, store: Db, holder: OrderHolder, version: Version
) -> ReturnAnswer:
    """Change the comment or the pictures while it is only requested."""
    return return_answer(await service.change(store, Party.of(holder), Kind.RETURN, return_id, body, version))


@returns.put("/{return_id}/status", responses=MOVES)
async def move_return(return_id: Id, body: ReturnMove, shop: ShopDep, caller: SignedInCaller) -> ReturnAnswer:
    """Take a return to its next status; who is not staff can only cancel their own."""
    return return_answer(await _moved(shop, Holder(caller), Kind.RETURN, return_id, body))


@returns.post("/{return_id}/cancel", responses=responses(NotFound, InvalidMove))
async def cancel_return(return_id: Id, body: ReturnCancel, shop: ShopDep, holder: OrderHolder) -> ReturnAnswer:
    """Call a return off before it is picked up."""
    asked = ReturnMove(status=ReturnStatus.CANCELLED, note=body.reason)
    return return_answer(await _moved(shop, holder, Kind.RETURN, return_id, asked))


@returns.delete("/{return_id}", status_code=204, responses=responses(NotFound, NotEditable))
async def archive_return(return_id: Id, store: Db, _: Staff) -> None:
    """Put a rejected or cancelled return away; it is never erased."""
    await service.archive(store, Kind.RETURN, return_id)


@exchanges.post("", status_code=201, response_model=ExchangeAnswer, responses=REFUSALS)
async def create_exchange(body: ExchangeCreate, shop: ShopDep, holder: OrderHolder, repeat: RepeatDep) -> Response:
    """Ask to send goods of an order back for others of the same product."""
    return await _placed(shop, holder, body, repeat, "/exchanges")


@exchanges.get("")
async def list_exchanges(store: Db, holder: OrderHolder, filters: Narrowed, query: Paged) -> Page[ExchangeAnswer]:
    """One's own exchanges; with `returns:read`, everybody's; a guest's of the order that their token names."""
    return (await service.find(store, Party.of(holder), Kind.EXCHANGE, filters, query)).map(exchange_answer).page()


@exchanges.get("/{exchange_id}", responses=responses(NotFound))
async def get_exchange(exchange_id: Id, store: Db, holder: OrderHolder) -> ExchangeAnswer:
    """One exchange."""
    return exchange_answer(await service.get(store, Party.of(holder), Kind.EXCHANGE, exchange_id))


@changing(exchanges, "/{exchange_id}", responses=CHANGES)
async def change_exchange(
    exchange_id: Id, body: ReturnChange, store: Db, holder: OrderHolder, version: Version
) -> ExchangeAnswer:
    """Change the comment or the pictures while it is only requested."""
    return exchange_answer(await service.change(store, Party.of(holder), Kind.EXCHANGE, exchange_id, body, version))


@exchanges.put("/{exchange_id}/status", responses=EXCHANGE_MOVES)
async def move_exchange(exchange_id: Id, body: ReturnMove, shop: ShopDep, caller: SignedInCaller) -> ExchangeAnswer:
    """Take an exchange to its next status; who is not staff can only cancel their own."""
    return exchange_answer(await _moved(shop, Holder(caller), Kind.EXCHANGE, exchange_id, body))


@exchanges.post("/{exchange_id}/cancel", responses=responses(NotFound, InvalidMove))
async def cancel_exchange(exchange_id: Id, body: ReturnCancel, shop: ShopDep, holder: OrderHolder) -> ExchangeAnswer:
    """Call an exchange off before it is picked up."""
    asked = ReturnMove(status=ReturnStatus.CANCELLED, note=body.reason)
    return exchange_answer(await _moved(shop, holder, Kind.EXCHANGE, exchange_id, asked))


@exchanges.delete("/{exchange_id}", status_code=204, responses=responses(NotFound, NotEditable))
async def archive_exchange(exchange_id: Id, store: Db, _: Staff) -> None:
    """Put a rejected or cancelled exchange away; it is never erased."""
    await service.archive(store, Kind.EXCHANGE, exchange_id)
