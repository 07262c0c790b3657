"""The figures, read: a few small rows for each answer, however many orders there are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

from truestyle.dashboard import counting, periods
from truestyle.dashboard.figures import ELSEWHERE, PENDING, amounts
from truestyle.dashboard.models import (
    Behaviour,
    GrowthDay,
    LowSku,
    LowStock,
    Overview,
    PaymentMix,
    PaymentShare,
    ProductRank,
    Region,
    Regions,
    Sales,
    SalesAnalytics,
    SalesDay,
    SalesSpan,
    Stats,
    TopProduct,
    TopProducts,
    TopUser,
    UserAnalytics,
    UserGrowth,
)
from truestyle.dashboard.periods import Period, mean, percent
from truestyle.kit import clock
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.repository import Row
from truestyle.orders.models import OrderAnswer
from truestyle.orders.reading import answer
from truestyle.returns.flow import Kind
from truestyle.store import Store
from truestyle.users.addresses import STATE_CODES
from truestyle.users.models import UserStatus

LOW = 10  # pieces
POPULAR = 5
STATES = {code: name.title() for name, code in STATE_CODES.items()} | {ELSEWHERE: "Elsewhere"}


def today(store: Store) -> date:
    """The day it is in the store."""
    return clock.now().astimezone(store.shop.zone).date()


async def overview(store: Store) -> Overview:
    """The store at a glance."""
    total = await _total(store)
    statuses = {name: total.get(f"statuses.{name}", 0) for name in _statuses(total)}
    return Overview(
        users=total.get("users", 0),
        products=await store.products.active(),
        orders=total.get("orders", 0),
        orders_by_status=statuses,
        returns=await store.returns.how_many(Kind.RETURN),
        exchanges=await store.returns.how_many(Kind.EXCHANGE),
        revenue=total.get("revenue", 0),
        refunded=total.get("refunded", 0),
        aov=mean(total.get("revenue", 0), total.get("orders", 0)),
        pending_orders=_pending(total),
    )


async def _total(store: Store) -> dict[str, int]:
    await counting.catch_up(store)
    return amounts(await store.figures.total())


def _statuses(total: Mapping[str, int]) -> Iterable[str]:
    return (name.removeprefix("statuses.") for name in total if name.startswith("statuses."))


def _pending(total: Mapping[str, int]) -> int:
    return sum(total.get(f"statuses.{status}", 0) for status in PENDING)


async def _days(store: Store, days: int, *fields: str) -> dict[date, Row]:
    """The rows of the last `days` days, an empty one for a day on which nothing happened."""
    await counting.catch_up(store)
    until = today(store)
    wanted = [until - timedelta(days=back) for back in range(days - 1, -1, -1)]
    rows = await store.figures.between(wanted[0].isoformat(), until.isoformat(), fields)
    return {day: rows.get(day.isoformat(), {}) for day in wanted}


async def sales(store: Store, days: int) -> Sales:
    """Sales of each of the last days."""
    rows = await _days(store, days, "orders", "revenue")
    items = [
        SalesDay(date=day, orders=row.get("orders", 0), revenue=row.get("revenue", 0)) for day, row in rows.items()
    ]
    return Sales(
        items=items,
        orders=sum(one.orders for one in items),
        revenue=sum(one.revenue for one in items),
        timezone=store.shop.store_timezone,
    )


async def user_growth(store: Store, days: int) -> UserGrowth:
    """Accounts opened on each of the last days."""
    rows = await _days(store, days, "users")
    items = [GrowthDay(date=day, users=row.get("users", 0)) for day, row in rows.items()]
    return UserGrowth(
        items=items,
        new_users=sum(one.users for one in items),
        total_users=(await store.figures.total()).get("users", 0),
        timezone=store.shop.store_timezone,
    )


async def sales_by(store: Store, period: Period, count: int | None) -> SalesAnalytics:
    """Sales of each of the last days, weeks, months or years. Raises ValidationFailed for too many."""
    count = count or periods.USUAL[period]
    if count > periods.MOST[period]:
        raise ValidationFailed(f"must be at most {periods.MOST[period]} for {period}", ("query", "count"))
    await counting.catch_up(store)
    spans = periods.last(period, count + 1, today(store))  # one more, to compare the first with
    rows = await store.figures.between(spans[0].first.isoformat(), spans[-1].last.isoformat(), ("orders", "revenue"))
    sums = {span.label: [0, 0] for span in spans}
    labels = {day.isoformat(): span.label for span in spans for day in _each_day(span)}
    for day, row in rows.items():
        sums[labels[day]][0] += row.get("orders", 0)
        sums[labels[day]][1] += row.get("revenue", 0)
    items = []
    for before, span in pairwise(spans):
        (orders, revenue), previous = sums[span.label], sums[before.label][1]
        items.append(
            SalesSpan(
                label=span.label,
                first=span.first,
                last=span.last,
                orders=orders,
                revenue=revenue,
                aov=mean(revenue, orders),
                growth=percent(revenue - previous, previous),
            )
        )
    orders, revenue = sum(one.orders for one in items), sum(one.revenue for one in items)
    return SalesAnalytics(
        period=period,
        items=items,
        orders=orders,
        revenue=revenue,
        aov=mean(revenue, orders),
        timezone=store.shop.store_timezone,
    )


def _each_day(span: periods.Span) -> Iterable[date]:
    return (span.first + timedelta(days=step) for step in range((span.last - span.first).days + 1))


async def top_products(store: Store, by: ProductRank, limit: int, days: int | None = None) -> TopProducts:
    """What sold best, in all or in the last days."""
    await counting.catch_up(store)
    return TopProducts(items=await _top_products(store, by, limit, days))


async def _top_products(store: Store, by: ProductRank, limit: int, days: int | None = None) -> list[TopProduct]:
    if days is None:
        rows = await store.figure_products.best(by, limit)
    else:
        until = today(store)
        first = until - timedelta(days=days - 1)
        rows = await store.figure_products.best_between(first.isoformat(), until.isoformat(), by, limit)
    names = await store.products.names(row["product_id"] for row in rows)
    return [
        TopProduct(
            product_id=row["product_id"],
            name=names.get(row["product_id"]),
            quantity=row.get("quantity", 0),
            revenue=row.get("revenue", 0),
        )
        for row in rows
    ]


async def low_stock(store: Store, threshold: int, limit: int) -> LowStock:
    """The SKUs of active products with `threshold` pieces or fewer, the scarcest first."""
    hidden = await store.products.not_active()
    rows = await store.stock.low(threshold, limit, hidden)
    products = await store.products.by_ids({row.product_id for row in rows})
    items = []
    for row in rows:
        product = products.get(row.product_id)
        variant = product.variant(row.sku) if product else None
        items.append(
            LowSku(
                **row.model_dump(include={"product_id", "sku", "available", "reserved", "low_stock_at"}),
                name=product.name if product else None,
                size=variant.size if variant else None,
                color=variant.color if variant else None,
            )
        )
    return LowStock(items=items, total=await store.stock.count_low(threshold, hidden), threshold=threshold)


async def _by(store: Store, kind: str, days: int | None) -> dict[str, dict[str, int]]:
    """Orders and revenue by payment type or state, in all or in the last days, without those that have none."""
    if days is None:
        await counting.catch_up(store)
        rows: list[Row] = [await store.figures.total()]
    else:
        rows = list((await _days(store, days, kind)).values())
    found: dict[str, dict[str, int]] = defaultdict(lambda: {"orders": 0, "revenue": 0})
    for row in rows:
        for name, figures in row.get(kind, {}).items():
            found[name]["orders"] += figures.get("orders", 0)
            found[name]["revenue"] += figures.get("revenue", 0)
    return {name: figures for name, figures in found.items() if figures["orders"]}


async def payment_mix(store: Store, days: int | None) -> PaymentMix:
    """How sales were paid."""
    found = await _by(store, "payments", days)
    orders = sum(one["orders"] for one in found.values())
    items = [PaymentShare(type=name, **one, share=percent(one["orders"], orders)) for name, one in found.items()]
    return PaymentMix(items=sorted(items, key=lambda one: (-one.orders, one.type)))


async def regions(store: Store, days: int | None) -> Regions:
    """Where sales went."""
    found = await _by(store, "states", days)
    revenue = sum(one["revenue"] for one in found.values())
    items = [
        Region(state_code=code, state=STATES.get(code, code), **one, share=percent(one["revenue"], revenue))
        for code, one in found.items()
    ]
    return Regions(items=sorted(items, key=lambda one: (-one.revenue, one.state_code)))


async def user_analytics(store: Store, limit: int) -> UserAnalytics:
    """Who buys, and how."""
    total = await _total(store)
    rows = await store.figure_buyers.best(limit)
    people = {row["_id"]: row for row in await store.users.rows([row["_id"] for row in rows], ("full_name", "email"))}
    buyers, again = total.get("buyers", 0), total.get("repeat_buyers", 0)
    guests = {name: total.get(f"guests.{name}", 0) for name in ("orders", "revenue")}
    by_account = {name: total.get(name, 0) - guests[name] for name in guests}
    return UserAnalytics(
        users=total.get("users", 0),
        active_users=await _active(store, total),
        top_users=[
            TopUser(
                user_id=row["_id"],
                full_name=people.get(row["_id"], {}).get("full_name"),
                email=people.get(row["_id"], {}).get("email"),
                orders=row.get("orders", 0),
                revenue=row["revenue"],
            )
            for row in rows
        ],
        behaviour=Behaviour(
            buyers=buyers,
            one_time_buyers=buyers - again,
            repeat_buyers=again,
            repeat_rate=percent(again, buyers),
            guest_orders=guests["orders"],
            guest_revenue=guests["revenue"],
            orders_per_buyer=_ratio(by_account["orders"], buyers),
            revenue_per_buyer=mean(by_account["revenue"], buyers),
        ),
    )


def _ratio(part: int, whole: int) -> str | None:
    return str((Decimal(part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)) if whole else None


async def _active(store: Store, total: Mapping[str, Any]) -> int:
    return int(total.get("users", 0)) - await store.users.count({"status": UserStatus.SUSPENDED})


async def stats(store: Store) -> Stats:
    """What an administrator looks at first."""
    total = await _total(store)
    return Stats(
        users=total.get("users", 0),
        active_users=await _active(store, total),
        orders=total.get("orders", 0),
        pending_orders=_pending(total),
        revenue=total.get("revenue", 0),
        aov=mean(total.get("revenue", 0), total.get("orders", 0)),
        inventory_alerts=await store.stock.count_low(LOW, await store.products.not_active()),
        popular_products=await _top_products(store, ProductRank.QUANTITY, POPULAR),
    )


async def pending_orders(store: Store, query: PageQuery) -> Found[OrderAnswer]:
    """One page of the orders that wait to be paid or sent."""
    where = {"status": {"$in": list(PENDING)}, "archived_at": None}
    return (await store.orders.find(where, query)).map(lambda one: answer(one, store.shop.return_window_days))
