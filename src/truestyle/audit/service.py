"""Checking a live store against its invariants: read-only, streaming, all as of one moment."""

import time
from collections.abc import Callable

from truestyle.audit import coupons, credit, figures, invoices, links, orders, repairing, returns, stars, stock, trail
from truestyle.audit.contents import of_files
from truestyle.audit.guards import of_uniqueness
from truestyle.audit.report import Breach, Check, Report
from truestyle.audit.search import of_search
from truestyle.infra.snapshot import snapshot
from truestyle.kit import tasks
from truestyle.shop import Shop

Progress = Callable[[Check, int], None]
repair = repairing.repair
AT_ONCE = 2  # checks: while one waits for MongoDB, the other works


def checks(shop: Shop) -> tuple[Check, ...]:
    """The invariants that exist so far, by the numbers of `docs/concepts/invariants.md`."""
    return (
        Check("I1", "stock is the sum of its movements", ("stock",), stock.sums),
        Check("I1", "what is set aside is for orders that wait", ("orders",), stock.reservations),
        Check("I2", "amounts add up and agree with payments", ("orders",), orders.amounts),
        Check("I2", "store credit is the sum of its rows", ("store_credit",), credit.balances),
        Check("I2", "store credit that was spent paid an order", ("store_credit",), credit.spent),
        Check("I2", "refunds are what they say", ("payments",), credit.refunds),
        Check("I3", "coupons were used as often as they say", ("coupons",), coupons.uses),
        Check("I3", "redemptions are of orders", ("coupon_redemptions",), coupons.redemptions),
        Check("I4", "one order a cart, one capture a reference", ("orders", "payments"), orders.once),
        Check("I4", "an Idempotency-Key answers with one order", ("idempotency_keys",), orders.keys),
        Check("I4", "unique indexes are there", (), of_uniqueness(shop)),
        Check("I5", "histories are legal paths", ("orders",), orders.histories),
        Check("I6", "every order has one confirmation event", ("orders",), orders.events),
        Check("I7", "only active people are signed in", ("users",), links.sign_ins),
        Check("I8", "nothing names what is not there", tuple(one[0] for one in links.LINKS), links.orphans),
        Check("I8", "files have their bytes", ("files",), of_files(shop)),
        Check("I9", "invoice numbers have no gaps", ("invoices", "credit_notes"), invoices.numbers),
        Check("I9", "invoices and credit notes say what was sold and given back", ("invoices",), invoices.papers),
        Check("I10", "lists say what is true", ("products",), stock.listings),
        Check("I1", "returns moved the stock that they say", ("returns",), returns.stock),
        Check("I2", "returns are counted and settled once", ("orders",), returns.pieces),
        Check("I5", "returns went their legal ways", ("returns",), returns.histories),
        Check("I10", "fit is what came back for its size", ("products",), returns.fit),
        Check("I10", "stars are what people gave", ("products", "user_ratings"), stars.averages),
        Check("I10", "search finds what MongoDB finds", ("products",), of_search(shop)),
        Check("I11", "the audit trail is whole", ("audit",), trail.chain_of(shop.sealer.keys)),
        Check(
            "I12", "figures are the sums of what they count", ("orders", "users"), figures.sums_in(shop.store.shop.zone)
        ),
    )


async def audit(shop: Shop, progress: Progress | None = None, *, took: dict[str, float] | None = None) -> Report:
    """Look at everything; `progress` is told of rows as they are done, `took` of the seconds by check."""
    report, looked = Report(), checks(shop)
    breaches: dict[str, list[Breach]] = {}
    async with snapshot(shop.client, shop.store.db) as moment:

        async def look(check: Check) -> None:
            key, began = f"{check.invariant} {check.says}", time.perf_counter()
            async for found in check.look(moment):
                if isinstance(found, Breach):
                    breaches.setdefault(key, []).append(found)
                else:
                    report.checked[key] += found
                    if progress is not None:
                        progress(check, found)
            if took is not None:
                took[key] = time.perf_counter() - began

        report.checked = {f"{check.invariant} {check.says}": 0 for check in looked}
        await tasks.a_few(looked, look, AT_ONCE)
    for key in report.checked:
        report.breaches += breaches.get(key, [])
    return report


async def expected_rows(shop: Shop, check: Check) -> int:
    """About how many rows a check will look at."""
    return sum([await shop.store.db[name].estimated_document_count() for name in check.collections])
