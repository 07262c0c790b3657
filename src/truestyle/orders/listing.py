"""Lists of orders, with their filters."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query

from truestyle.auth.models import Caller
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.types import Id, Line, Timestamp
from truestyle.orders.access import within
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import OrderAnswer
from truestyle.orders.reading import answer
from truestyle.payments.models import PaymentStatus
from truestyle.store import Store


@dataclass(frozen=True)
class Filters:
    """What a list of orders is narrowed to."""

    status: Annotated[OrderStatus | None, Query(description="Where the order stands.")] = None
    user_id: Annotated[Id | None, Query(description="Whose (one's own, without `orders:read`).")] = None
    payment_status: Annotated[PaymentStatus | None, Query(description="Where its payment stands.")] = None
    from_: Annotated[Timestamp | None, Query(alias="from", description="Placed at or after.")] = None
    to: Annotated[Timestamp | None, Query(description="Placed before.")] = None
    q: Annotated[Line | None, Query(max_length=100, description="An order number, or its beginning, or an e-mail.")] = (
        None
    )


async def find(store: Store, caller: Caller, filters: Filters, query: PageQuery) -> Found[OrderAnswer]:
    """One page of the orders that the caller may see."""
    where: dict[str, Any] = {"archived_at": None}
    named = {"status": filters.status, "user_id": filters.user_id, "payment.status": filters.payment_status}
    where |= {name: value for name, value in named.items() if value is not None}
    span: dict[str, datetime] = {}
    if filters.from_ is not None:
        span["$gte"] = filters.from_
    if filters.to is not None:
        span["$lt"] = filters.to
    if span:
        where["placed_at"] = span
    if filters.q:
        where |= {"email": filters.q.casefold()} if "@" in filters.q else {"number": _beginning(filters.q.upper())}
    return (await store.orders.find(where | within(caller), query)).map(
        lambda one: answer(one, store.shop.return_window_days)
    )


def _beginning(text: str) -> dict[str, Any]:
    return {"$regex": "^" + re.escape(text)}


async def history(store: Store, caller: Caller, query: PageQuery) -> Found[OrderAnswer]:
    """One page of the caller's own orders."""
    return (await store.orders.find({"user_id": caller.user_id, "archived_at": None}, query)).map(
        lambda one: answer(one, store.shop.return_window_days)
    )
