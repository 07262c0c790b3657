"""Working figures out again where an audit found them wrong: on a live store, one row at a time."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bson import ObjectId

from truestyle.dashboard.counting import MOST, recount
from truestyle.dashboard.figures import ALL, Tally, amounts, nested, present
from truestyle.kit import clock
from truestyle.store import Store


async def mend(store: Store, found: Sequence[dict[str, Any]]) -> int:
    """Mend what I12 told (the documents of its breaches); how many rows were worked out again.

    First what orders and accounts are counted as, then the sums of that: of products and buyers, of days, of all days.
    """
    named = {name: {one[name] for one in found if name in one} for name in WORK}
    products = {key.partition(":")[2] for key in named["product_day"]}
    named["product_day"] |= {f"{ALL}:{one}" for one in products}
    named["popularity"] |= {ObjectId(one) for one in products}
    for name, work in WORK.items():
        rows = sorted(named[name])  # days come before ALL, which sums them
        size = MOST if name in {"counted", "popularity"} else 1
        for first in range(0, len(rows), size):
            part = rows[first : first + size]

            async def mended(tx: Store, part: list[Any] = part, work: Work = work) -> None:
                await tx.figures.lock(clock.now())
                await work(tx, part)

            await store.transaction(mended)
    return len(found)


async def _counted(tx: Store, ids: Sequence[Any]) -> None:
    await recount(tx, orders=ids, users=ids)


async def _product_day(tx: Store, keys: Sequence[str]) -> None:
    for key in keys:
        day, _, ident = key.partition(":")
        product_id = ObjectId(ident)
        if day == ALL:
            sums: Counter[str] = Counter()
            for one in await tx.figure_products.days_of(product_id):
                sums.update({name: one.get(name, 0) for name in ("quantity", "revenue")})
        else:
            tally = Tally()
            for facts in await tx.counted.where(day=day):
                tally.add(facts)
            sums = tally.products[day, product_id]
        await tx.figure_products.put(key, {"day": day, "product_id": product_id, **present(sums)})


async def _buyer(tx: Store, ids: Sequence[Any]) -> None:
    for key in ids:
        tally = Tally()
        for facts in await tx.counted.where(sale__user_id=key):
            tally.add(facts)
        await tx.figure_buyers.put(key, present(tally.buyers[key]))


async def _day(tx: Store, days: Sequence[str]) -> None:
    for day in days:
        if day == ALL:
            continue
        tally = Tally()
        for facts in await tx.counted.where(day=day):
            tally.add(facts)
        await tx.figures.put(day, nested(present(tally.days[day])))
    await _all(tx)


async def _all(tx: Store) -> None:
    sums: Counter[str] = Counter()
    for row in await tx.figures.every_day():
        sums.update(amounts(row))
    sums["buyers"] = await tx.figure_buyers.more_often_than(0)
    sums["repeat_buyers"] = await tx.figure_buyers.more_often_than(1)
    before = await tx.figures.total()
    kept: dict[str, Any] = {name: before[name] for name in ("rules", "counted_at") if name in before}
    await tx.figures.put(ALL, {**nested(present(sums)), **kept})


async def _popularity(tx: Store, ids: Sequence[Any]) -> None:
    sold = await tx.figure_products.sold(ids)
    await tx.products.sold({key: sold.get(key, 0) for key in ids})


Work = Callable[[Store, Sequence[Any]], Awaitable[None]]
WORK: dict[str, Work] = {
    "counted": _counted,
    "product_day": _product_day,
    "buyer": _buyer,
    "day": _day,
    "popularity": _popularity,
}
