"""Mending what follows from other rows; never money, never stock on hand, never a row that somebody wrote.

Flags, prices and stars that lists show, uses of coupons, what can be bought of a SKU, how many found a review helpful,
figures. Each is worked out again from the rows as they are now, in a transaction that also writes the row it mends:
whoever changes it at the same time conflicts with us, and one of the two begins again.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bson import ObjectId

from truestyle.audit.report import Breach, Mend, Report
from truestyle.catalog.products.pricing import listing
from truestyle.dashboard import mending
from truestyle.inventory.service import refresh_flags
from truestyle.returns import fit
from truestyle.reviews import stars
from truestyle.shop import Shop
from truestyle.store import Store

# What a list shows of a product, worked out from its variants.
LISTED = ("mrp", "price", "discounted", "sizes", "colors", "option_keys", "sort_name")
SAYS = {
    Mend.PRODUCT: "what lists show of the product, from its variants, their stock and its ratings",
    Mend.HELPFUL: "how many found the review helpful, from their votes",
    Mend.COUPON: "the uses of the coupon, from its redemptions",
    Mend.AVAILABLE: "what can be bought of the SKU, from what is on hand and reserved",
    Mend.FIT: "how the product runs, from what came back for its size",
    Mend.FIGURES: "the figure, from what it counts",
}


def plan(report: Report) -> list[Breach]:
    """The breaches that can be mended; the others are for people."""
    return [one for one in report.breaches if one.mend is not None]


async def repair(shop: Shop, report: Report) -> int:
    """Mend what can be; how many breaches that was."""
    found = plan(report)
    for one in found:
        if one.mend is not None and one.mend is not Mend.FIGURES:
            await _mend(shop.store, ACTS[one.mend], one.documents)
    await mending.mend(shop.store, [one.documents for one in found if one.mend is Mend.FIGURES])
    return len(found)


Act = Callable[[Store, dict[str, Any]], Awaitable[None]]


async def _mend(store: Store, act: Act, documents: dict[str, Any]) -> None:
    await store.transaction(lambda tx: act(tx, documents))


async def _product(tx: Store, documents: dict[str, Any]) -> None:
    key: ObjectId = documents["product_id"]
    found = await tx.products.first({"_id": key})
    if found is not None:
        await tx.products.relist(key, listing(found).model_dump(include=set(LISTED)))
        await refresh_flags(tx, [key])
        await stars.count_again(tx, key)


async def _helpful(tx: Store, documents: dict[str, Any]) -> None:
    key: ObjectId = documents["review_id"]
    await tx.reviews.set_helpful(key, await tx.votes.count({"review_id": key}))


async def _coupon(tx: Store, documents: dict[str, Any]) -> None:
    key: ObjectId = documents["coupon_id"]
    await tx.coupons.recount(key, await tx.redemptions.count({"coupon_id": key, "released_at": None}))


async def _fit(tx: Store, documents: dict[str, Any]) -> None:
    await fit.count_again(tx, [documents["fit_of"]])


async def _available(tx: Store, documents: dict[str, Any]) -> None:
    await tx.stock.mend_available(documents["sku"])


ACTS: dict[Mend, Act] = {
    Mend.PRODUCT: _product,
    Mend.HELPFUL: _helpful,
    Mend.COUPON: _coupon,
    Mend.AVAILABLE: _available,
    Mend.FIT: _fit,
}


def told(found: Sequence[Breach]) -> list[str]:
    """What would be mended, a line each."""
    return [f"{one.invariant} {SAYS[one.mend]}: {one.documents}" for one in found if one.mend is not None]
