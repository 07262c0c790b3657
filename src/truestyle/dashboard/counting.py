"""Counting orders and accounts into the figures.

An event only says *that* something changed. Whoever handles it looks at the order as it stands, compares it with what
it was counted as, adds the difference to the sums and notes the new facts, all in one transaction. So an event may come
twice, late, out of order or not at all: the next look makes it right.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from bson import ObjectId

from truestyle.dashboard.figures import ALL, ORDER_FIELDS, USER_FIELDS, Tally, order_facts, user_facts
from truestyle.infra.outbox import Event, event
from truestyle.kit import clock
from truestyle.kit.repository import Row
from truestyle.store import Store

ORDER_TOPICS = ("order.placed", "order.changed")
USER_TOPICS = ("user.registered", "user.removed")
TOPICS = (*ORDER_TOPICS, *USER_TOPICS)
RECOUNT = "figures.recount"
MOST = 200  # events counted in one transaction
READ_MOST = 5 * MOST  # events that a reader counts in before it answers
PATIENCE = 1.0  # seconds that a reader waits for others who count
RULES = 2  # changes when days or amounts are reckoned in another way
log = structlog.get_logger("figures")


async def count_in(store: Store, one: Event) -> None:
    """Handle an event, and with it what else waits to be counted; an event that cannot be is kept apart."""
    try:
        await store.transaction(lambda tx: _count_waiting(tx, one, MOST - 1))
    except Exception:  # noqa: BLE001 - one bad neighbour must not hold up the rest: alone, it will raise again
        await store.transaction(lambda tx: _count_waiting(tx, one, 0))


async def catch_up(store: Store) -> None:
    """Count in what waits, before figures are shown; never in the way of showing them."""
    try:
        done, again = 0, True
        while again and done < READ_MOST and await store.outbox.waiting(TOPICS, 1):
            found = await store.transaction(lambda tx: _count_waiting(tx, None, MOST), deadline=PATIENCE)
            done, again = done + found, found > 0
    except Exception:
        log.exception("figures_are_behind")


async def _count_waiting(tx: Store, leased: Event | None, most: int) -> int:
    await tx.figures.lock(clock.now())
    events = [] if leased is None else [leased]
    if most:
        events += [one for one in await tx.outbox.waiting(TOPICS, most) if leased is None or one.id != leased.id]
    await tx.outbox.delivered_all(events)
    await recount(
        tx,
        orders=[one.payload["order_id"] for one in events if one.topic in ORDER_TOPICS],
        users=[one.payload["user_id"] for one in events if one.topic in USER_TOPICS],
    )
    return len(events)


async def recount(tx: Store, *, orders: Sequence[ObjectId] = (), users: Sequence[ObjectId] = ()) -> None:
    """Make the figures say of these orders and accounts what is true now. Inside a transaction that holds the lock."""
    ids = {*orders, *users}
    if not ids:
        return
    zone = tx.shop.zone
    now: dict[ObjectId, Row] = {}
    if orders:
        now |= {row["_id"]: order_facts(row, zone) for row in await tx.orders.rows(orders, ORDER_FIELDS)}
    if users:
        now |= {row["_id"]: user_facts(row, zone) for row in await tx.users.rows(users, USER_FIELDS)}
    before = await tx.counted.of(sorted(ids))
    changed = {key: now.get(key) for key in sorted(ids) if now.get(key) != before.get(key)}
    tally = Tally()
    for key, facts in changed.items():
        if key in before:
            tally.take(before[key])
        if facts is not None:
            tally.add(facts)
    await _count_buyers(tx, tally)
    await tx.counted.write(changed)
    await tx.figures.add(tally.days)
    await tx.figure_products.add(tally.products)
    await tx.figure_buyers.add(tally.buyers)
    moved = [product_id for (day, product_id), row in tally.products.items() if day == ALL and row["quantity"]]
    if moved:
        await tx.products.sold(await tx.figure_products.sold(moved))


async def _count_buyers(tx: Store, tally: Tally) -> None:
    """How many have bought at all, and how many again: what the changes make of each buyer."""
    had = await tx.figure_buyers.orders(tally.buyers)
    for key, change in tally.buyers.items():
        was, becomes = had.get(key, 0), had.get(key, 0) + change["orders"]
        for name, least in (("buyers", 1), ("repeat_buyers", 2)):
            tally.days[ALL][name] += (becomes >= least) - (was >= least)


async def prepare(store: Store) -> None:
    """See to it that what was there before these figures, or was counted by other rules, is counted (again)."""
    rules = f"{RULES} {store.shop.store_timezone}"

    async def work(tx: Store) -> None:
        if not await tx.figures.made_for(rules) and (await tx.orders.ids(None, 1) or await tx.users.ids(None, 1)):
            await tx.outbox.write([event(RECOUNT, {"kind": "orders", "after": None})])

    await store.transaction(work)


async def recount_all(store: Store) -> None:
    """Have every order and account counted again, in the background."""
    await store.outbox.write([event(RECOUNT, {"kind": "orders", "after": None})])


async def recount_some(store: Store, one: Event) -> None:
    """Handle a step of counting everything: some rows, and an event for the next step in the same transaction."""

    async def work(tx: Store) -> None:
        await tx.figures.lock(clock.now())
        if not await tx.outbox.delivered(one):
            return
        kind: str = one.payload["kind"]
        after: ObjectId | None = one.payload["after"]
        ids = await (tx.orders if kind == "orders" else tx.users).ids(after, MOST)
        await recount(tx, **{kind: ids})
        following: dict[str, Any] | None = {"kind": kind, "after": ids[-1]} if ids else None
        if following is None and kind == "orders":
            following = {"kind": "users", "after": None}
        if following is not None:
            await tx.outbox.write([event(RECOUNT, following)])

    await store.transaction(work)
