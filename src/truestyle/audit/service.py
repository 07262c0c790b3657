"""Checking a live store against its invariants: read-only, streaming, all as of one moment."""

from collections.abc import Callable

from truestyle.audit import coupons, figures, links, orders, stars, stock, trail
from truestyle.audit.contents import of_files
from truestyle.audit.report import Breach, Check, Report
from truestyle.dashboard import mending
from truestyle.infra.snapshot import snapshot
from truestyle.inventory.service import refresh_flags
from truestyle.reviews import stars as reviews
from truestyle.shop import Shop
from truestyle.store import Store

Progress = Callable[[Check, int], None]
BATCH = 200


def checks(shop: Shop) -> tuple[Check, ...]:
    """The invariants that exist so far, by the numbers of `docs/concepts/invariants.md`."""
    return (
        Check("I1", "stock is the sum of its movements", ("stock",), stock.sums),
        Check("I2", "amounts add up and agree with payments", ("orders",), orders.amounts),
        Check("I3", "coupons were used as often as they say", ("coupons",), coupons.uses),
        Check("I3", "redemptions are of orders", ("coupon_redemptions",), coupons.redemptions),
        Check("I4", "one order a cart, one capture a reference", ("orders", "payments"), orders.once),
        Check("I5", "histories are legal paths", ("orders",), orders.histories),
        Check("I6", "every order has one confirmation event", ("orders",), orders.events),
        Check("I7", "only active people are signed in", ("users",), links.sign_ins),
        Check("I8", "nothing names what is not there", tuple(one[0] for one in links.LINKS), links.orphans),
        Check("I8", "files have their bytes", ("files",), of_files(shop)),
        Check("I10", "lists say what is true", ("products",), stock.listings),
        Check("I10", "stars are what people gave", ("products", "user_ratings"), stars.averages),
        Check("I11", "the audit trail is whole", ("audit",), trail.chain_of(shop.sealer.keys)),
        Check(
            "I12", "figures are the sums of what they count", ("orders", "users"), figures.sums_in(shop.store.shop.zone)
        ),
    )


async def audit(shop: Shop, progress: Progress | None = None) -> Report:
    """Look at everything; `progress` is told of rows as they are done."""
    report = Report()
    async with snapshot(shop.client, shop.store.db) as moment:
        for check in checks(shop):
            key = f"{check.invariant} {check.says}"
            report.checked[key] = 0
            async for found in check.look(moment):
                if isinstance(found, Breach):
                    report.breaches.append(found)
                else:
                    report.checked[key] += found
                    if progress is not None:
                        progress(check, found)
    return report


async def expected_rows(shop: Shop, check: Check) -> int:
    """About how many rows a check will look at."""
    return sum([await shop.store.db[name].estimated_document_count() for name in check.collections])


async def repair(shop: Shop, report: Report) -> int:
    """Work out again what can be: flags and stars of products, uses of coupons, figures; never money. How many."""
    ids = [
        one.documents["product_id"]
        for one in report.breaches
        if "product_id" in one.documents and one.invariant == "I10"
    ]
    for first in range(0, len(ids), BATCH):
        part = ids[first : first + BATCH]

        async def work(tx: Store, part: list[object] = part) -> None:
            await refresh_flags(tx, part)  # type: ignore[arg-type]
            for key in part:
                await reviews.count_again(tx, key)  # type: ignore[arg-type]

        await shop.store.transaction(work)
    uses = [one.documents for one in report.breaches if one.invariant == "I3" and "coupon_id" in one.documents]
    for found in uses:
        await shop.store.coupons.recount(found["coupon_id"], found["live"])
    figured = [one.documents for one in report.breaches if one.invariant == "I12"]
    return len(ids) + len(uses) + await mending.mend(shop.store, figured)
