"""Sales a day, by the rules of the dashboard (`docs/concepts/figures.md`), counted from the orders themselves."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

from truestyle.dashboard.figures import ORDER_FIELDS, day_of, of_day, order_facts
from truestyle.exports.columns import Column, Kind, Values
from truestyle.exports.models import SalesAsk
from truestyle.exports.sources import Batches, Plan, Source, between, given, read
from truestyle.infra.snapshot import Snapshot
from truestyle.kit import clock
from truestyle.kit.errors import ValidationFailed
from truestyle.store import Store

MOST_DAYS = 3660
ONE = timedelta(days=1)
COLUMNS = (
    Column("date", Kind.DAY, 12, "Day"),
    Column("orders", Kind.NUMBER, 8, "Orders", 0.7),
    Column("pieces", Kind.NUMBER, 8, "Pieces", 0.7),
    Column("gross", Kind.MONEY, printed="Gross"),
    Column("discount", Kind.MONEY, printed="Discount"),
    Column("shipping", Kind.MONEY, printed="Shipping"),
    Column("total", Kind.MONEY, printed="Total"),
    Column("tax", Kind.MONEY, printed="Tax in it"),
    Column("refunded", Kind.MONEY, printed="Refunded"),
    Column("net", Kind.MONEY, printed="Net"),
)


async def plan(store: Store, ask: SalesAsk) -> Plan:
    """The orders of the time. Raises ValidationFailed."""
    span = between(ask, store)
    if "$gte" in span and min(span.get("$lt", clock.now()), clock.now()) - span["$gte"] > MOST_DAYS * ONE:
        raise ValidationFailed(f"must be at most {MOST_DAYS} days back", ("body", "from"))
    where = {**({"placed_at": span} if span else {}), **given(payment__type=ask.payment_type)}
    return Plan(store.orders, where, "placed_at")


async def batches(store: Store, snapshot: Snapshot, ask: SalesAsk, plan: Plan) -> Batches:
    """A row a day, also for days without a sale: from the first asked for (or of an order) to the last, or today."""
    zone, (start, end) = store.shop.zone, ask.span(store.shop.zone)
    now = clock.now()
    last = date.fromisoformat(day_of(min(end - timedelta(milliseconds=1), now) if end else now, zone))
    day = date.fromisoformat(day_of(start, zone)) if start else None
    sums = Counter[str]()
    async for rows in read(snapshot, plan, ORDER_FIELDS):
        told: list[Values] = []
        for row in rows:
            facts = order_facts(row, zone)
            of = date.fromisoformat(facts["day"])
            day = of if day is None else day
            if of > day:
                told.append(_told(day, sums))
                told += _empty(day + ONE, of)
                day, sums = of, Counter()
            sums.update(dict(_amounts(of_day(facts))))
        yield len(rows), told
    if day is not None and (day <= last or sums):
        yield 0, [_told(day, sums), *_empty(day + ONE, last + ONE)]


def _amounts(pairs: Iterator[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    return (pair for pair in pairs if "." not in pair[0])


def _empty(first: date, end: date) -> Iterator[Values]:
    """Rows of days without a sale."""
    return (_told(first + step * ONE, Counter()) for step in range((end - first).days))


def _told(day: date, sums: Counter[str]) -> Values:
    total = sums["revenue"] + sums["refunded"]
    return [
        day.isoformat(),
        sums["orders"],
        sums["pieces"],
        total + sums["discount"] - sums["shipping"],
        sums["discount"],
        sums["shipping"],
        total,
        sums["tax"],
        sums["refunded"],
        sums["revenue"],
    ]


SOURCE = Source("Sales", COLUMNS, plan, batches)
