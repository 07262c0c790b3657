"""Buying and signing in. Buyers and their carts are in the store before the clock starts; each orders once."""

import asyncio
from functools import partial

from benchmarks import stock
from benchmarks.case import Bench, Case, Reading
from benchmarks.processes import PREFIX
from truestyle.bench import load
from truestyle.bench.load import CONNECTIONS
from truestyle.bench.wire import Ask

UNITS, BUYERS, TIMES, AT_ONCE = 50, 400, 3, 200
SLOWLY = 4  # one after the other takes so much longer that fewer orders do


async def _spread(at_once: int, bench: Bench, *, keyed: bool = False) -> Reading:
    skus = bench.stocked.skus
    count = bench.pace.orders // (SLOWLY if at_once == 1 else 1)
    people = await stock.buyers(bench.shop, [[skus[number * 7 % len(skus)]] for number in range(count)])
    asks = [stock.checkout(one, str(one.user.id) if keyed else None) for one in people]
    return _timed(await load.send(bench.url, asks, at_once, expected=201))


async def _hot(bench: Bench) -> Reading:
    people = await stock.buyers(bench.shop, [bench.stocked.skus[:1]] * bench.pace.orders)
    return _timed(await load.send(bench.url, [stock.checkout(one) for one in people], 64, expected=201))


def _timed(found: load.Load) -> Reading:
    return Reading.of(found, **{"p50 ms": found.p50, "p99 ms": found.p99})


async def _race(bench: Bench) -> Reading:
    """Orders and what is left are counted in the database afterwards."""
    product = await stock.product(bench.shop, 0, ["M"], UNITS)
    [sku] = [one.sku for one in product.variants]
    people = await stock.buyers(bench.shop, [[(product, sku)]] * BUYERS)
    asks = [stock.checkout(one, str(one.user.id)) for _ in range(TIMES) for one in people]
    found = await load.send(bench.url, asks, AT_ONCE, expected=201)
    orders = await bench.shop.store.orders.count({"items.sku": sku})
    left = (await bench.shop.store.stock.available([sku]))[sku]
    broken = sum(count for said, count in found.unexpected.items() if not said.startswith("4"))
    figures = {"s": found.seconds, "orders": orders, "left": left, "5xx": broken}
    wrong = {"orders are not 50" if orders != UNITS else "", "stock is not 0" if left else ""} - {""}
    return Reading(None, figures, found.told(), dict.fromkeys(wrong, 1))


async def _login(bench: Bench) -> Reading:
    found = await load.send(bench.url, _logins(bench), CONNECTIONS)
    return Reading.of(found, **{"a second": found.rate, "p99 ms": found.p99})


async def _meanwhile(bench: Bench) -> Reading:
    """Another read's rate while people sign in, as a part of its rate before."""
    read = partial(load.get, bench.url, f"{PREFIX}/occasions", bench.pace.seconds)
    before = await read()
    logins = _logins(bench)
    going_on = asyncio.create_task(load.send(bench.url, logins, CONNECTIONS, seconds=bench.pace.seconds + 1))
    await asyncio.sleep(0.5)
    during = await read()
    signed_in = await going_on
    unexpected = {**during.unexpected, **signed_in.unexpected}
    return Reading(None, {"of its rate": during.rate / before.rate}, signed_in.told(), unexpected)


def _logins(bench: Bench) -> list[Ask]:
    emails = bench.stocked.emails
    return [
        Ask("POST", f"{PREFIX}/auth/login", None, {"email": emails[at % len(emails)], "password": stock.PASSWORD})
        for at in range(bench.pace.logins)
    ]


def _cases(workers: int) -> tuple[Case, ...]:
    served = f"{workers} worker{'s' if workers > 1 else ''}"
    budgets = {16: "≥ 0.3 J", 64: "≥ 0.3 J"}
    spread = (
        Case(
            f"checkout-{at_once}-w{workers}",
            f"checkout, {at_once} at once, {served}",
            partial(_spread, at_once),
            workers,
            inserts=True,
            budget=budgets.get(at_once, ""),
        )
        for at_once in (1, 16, 64)
    )
    keyed = Case(
        f"checkout-key-64-w{workers}",
        f"the same with Idempotency-Key, {served}",
        partial(_spread, 64, keyed=True),
        workers,
        inserts=True,
    )
    hot = Case(
        f"checkout-hot-w{workers}",
        f"64 at once, all the same SKU, {served}",
        _hot,
        workers,
        inserts=True,
        budget="≥ 0.5 of spread, p99 ≤ 250 ms",
    )
    return (*spread, keyed, hot)


CASES = (
    Case("login", "sign in, 16 at once", _login, budget="≥ 60 a second"),
    Case("login-meanwhile", "a lookup list while people sign in", _meanwhile, budget="≥ 0.8 of its rate"),
    *_cases(1),
    *_cases(2),
    Case("race", "50 units, 400 buyers, 3 times each", _race, 2, budget="50 orders, 0 left, ≤ 1 s"),
)
