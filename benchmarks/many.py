"""A big store that is in order: a few real orders, and all the rows that they left, many times over.

The orders are placed, moved and called off by the store's own code. What each left in MongoDB (payment, movements,
events, trail, redemption) is then copied with other ids, numbers, buyers and times, as bytes, so that 100,000 orders
take seconds a collection and whatever the code writes next year is copied too. Figures are tallied by their own rules.
"""

import random
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.write_concern import WriteConcern

from benchmarks import stock
from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission, Role
from truestyle.cart.models import Cart, CartItem, Wishlist
from truestyle.cart.service import Owner
from truestyle.catalog.products.models import Product
from truestyle.coupons import service as coupons
from truestyle.coupons.models import CouponCreate
from truestyle.dashboard.figures import ALL, Tally, order_facts, user_facts
from truestyle.infra import mongo
from truestyle.inventory.models import Movement, Reason
from truestyle.invoices.series import number_in
from truestyle.kit import clock
from truestyle.kit.repository import Collection, Row
from truestyle.kit.trail import digest
from truestyle.orders import moving, placing
from truestyle.orders.flow import OrderStatus
from truestyle.orders.models import OrderPlace, StatusMove
from truestyle.shop import Shop
from truestyle.store import Store
from truestyle.trail import chain
from truestyle.users.models import User

S = OrderStatus
ON_THE_WAY = (S.PACKED, S.SHIPPED, S.OUT_FOR_DELIVERY, S.DELIVERED)
WAYS: tuple[tuple[OrderStatus, ...], ...] = (
    *(ON_THE_WAY,) * 12,
    *((), ON_THE_WAY[:1], ON_THE_WAY[:2], ON_THE_WAY[:3]),
    *((S.CANCELLED,), (S.PACKED, S.CANCELLED)),
    *((*ON_THE_WAY[:2], S.RETURNED_TO_ORIGIN), (*ON_THE_WAY[:3], S.RETURNED_TO_ORIGIN)),
)
PRODUCTS, DAYS, AT_ONCE, CODE = 60, 365, 2_000, "MANY10"
EVENTS_KEPT = timedelta(days=30)
# What an order leaves beside itself: the collection, and the field that names the order.
LEFT = {
    "payments": "order_id",
    "stock_movements": "order_id",
    "coupon_redemptions": "order_id",
    "outbox": "payload.order_id",
    "invoices": "order_id",
    "credit_notes": "order_id",
}
PAPERS = ("invoices", "credit_notes")  # whose numbers have no gaps
FAST = WriteConcern(w=1, j=False)


@dataclass
class Template:
    """One real order: its rows as bytes, and what differs in a copy."""

    order: Row
    rows: dict[str, list[bytes]]
    trail: list[Row]
    ids: list[ObjectId]
    moments: list[datetime]
    facts: Row
    papers: dict[str, list[Row]]
    moved: Counter[tuple[str, ObjectId]] = field(default_factory=Counter)  # pieces by SKU and product


async def fill(shop: Shop, count: int, *, days: int = DAYS, seed: int = 1) -> None:
    """Add `count` orders of the last `days`, one account for three of them, to a store that is prepared."""
    templates = await _templates(shop)
    store, chance = shop.store, random.Random(seed)  # noqa: S311 - to be the same each time
    users = await _accounts(store, max(1, count // 3))
    series = {row["_id"]: row["n"] async for row in store.db["counters"].find({"n": {"$type": "number"}})}
    tally, copier = Tally(), _Copier(store, users, days, chance, series)
    names = ["orders", *LEFT, "audit", "counted"]
    for name in names:
        await store.db[name].drop_indexes()
    batches: dict[str, list[Any]] = {name: [] for name in names}
    head = await store.trail_head.read()
    for number in range(count):
        copy = copier.copy(templates[number % len(templates)], number, count)
        for name, rows in copy.rows.items():
            batches[name] += rows
        tally.add(copy.facts)
        batches["counted"].append({"_id": copy.order_id, **copy.facts})
        batches["audit"] += copy.trail
        for name in names:
            if len(batches[name]) >= AT_ONCE:
                head = await _write(shop, name, batches, head)
    for name in names:
        head = await _write(shop, name, batches, head)
    await store.trail_head.move(head["seq"], head["seal"])
    await mongo.ensure_indexes(store.collections())
    await _make_up(store, templates, copier.made, tally)
    for name in {row["series"] for one in templates for papers in one.papers.values() for row in papers}:
        await store.counters.take(name, copier.series[name] - series[name])
    await store.counters.take(f"orders:{clock.now():%y}", count + FIRST)


async def _write(shop: Shop, name: str, batches: dict[str, list[Any]], head: Row) -> Row:
    rows, batches[name] = batches[name], []
    if not rows:
        return head
    if name == "audit":
        for row, (_, fields) in zip(
            rows, chain.sealed(rows, head["seq"], head["seal"], shop.sealer.keys[0]), strict=True
        ):
            row.update(fields)
        head = {"seq": rows[-1]["seq"], "seal": rows[-1]["seal"]}
    await shop.store.db[name].with_options(write_concern=FAST).insert_many(rows, ordered=False)
    return head


FIRST = 100_001  # the first number of a copy: as many digits as those of the templates


@dataclass(frozen=True)
class Copy:
    """An order that is like another."""

    order_id: ObjectId
    rows: dict[str, list[RawBSONDocument]]
    trail: list[Row]
    facts: Row


class _Copier:
    """Makes orders out of templates."""

    def __init__(
        self, store: Store, users: Sequence[ObjectId], days: int, chance: random.Random, series: Mapping[str, int]
    ) -> None:
        self.series = Counter(series)
        self._zone, self._users, self._chance = store.shop.zone, users, chance
        self._prefix, self._until = store.shop.order_prefix, clock.now() - timedelta(minutes=10)
        self._span, self.made = timedelta(days=days - 1), Counter[int]()
        self._own, self._drawn = chance.randbytes(5), 0

    def copy(self, of: Template, number: int, count: int) -> Copy:
        """The order `number` of `count`, in the order of time."""
        self.made[id(of)] += 1
        placed = self._until - self._span * ((count - number) / count)
        placed = placed.replace(microsecond=placed.microsecond // 1000 * 1000)
        shift = placed - of.order["placed_at"]
        fresh = {one: self._id(placed) for one in of.ids}
        if of.order["user_id"] is not None:
            fresh[of.order["user_id"]] = self._chance.choice(self._users)
        text = {str(one): str(new) for one, new in fresh.items()}
        text[of.order["number"]] = f"{self._prefix}-{of.order['number'].split('-')[1]}-{FIRST + number:06d}"
        drawn = {name: [(row, self._draw(row["series"])) for row in of.papers[name]] for name in PAPERS}
        for row, place in (one for found in drawn.values() for one in found):
            text[row["number"]] = number_in(row["series"], place)
        swaps = [(one.binary, new.binary) for one, new in fresh.items()]
        swaps += [(one.encode(), new.encode()) for one, new in text.items()]
        swaps += [(_packed(one), _packed(one + shift)) for one in of.moments]
        kept = self._until - placed < EVENTS_KEPT
        rows = {
            name: [RawBSONDocument(_swapped(one, [*swaps, *_places(drawn.get(name, ()))])) for one in found]
            for name, found in of.rows.items()
            if name != "outbox" or kept
        }
        sale = of.facts["sale"] and {**of.facts["sale"], "user_id": fresh.get(of.facts["sale"]["user_id"])}
        facts = {**of.facts, "day": placed.astimezone(self._zone).date().isoformat(), "sale": sale}
        return Copy(
            fresh[of.order["_id"]], rows, [_entry(one, fresh, text, shift, self._id(placed)) for one in of.trail], facts
        )

    def _draw(self, series: str) -> int:
        self.series[series] += 1
        return self.series[series]

    def _id(self, moment: datetime) -> ObjectId:
        self._drawn = (self._drawn + 1) % 2**24
        return ObjectId(struct.pack(">I", int(moment.timestamp())) + self._own + self._drawn.to_bytes(3))


def _places(drawn: Iterable[tuple[Row, int]]) -> list[tuple[bytes, bytes]]:
    """The places of papers in their series, as BSON holds them."""
    return [(_place(row["sequence"]), _place(new)) for row, new in drawn]


def _place(number: int) -> bytes:
    return b"\x10sequence\x00" + struct.pack("<i", number)


def _packed(moment: datetime) -> bytes:
    return struct.pack("<q", round(moment.timestamp() * 1000))


def _swapped(row: bytes, swaps: Iterable[tuple[bytes, bytes]]) -> bytes:
    for old, new in swaps:
        row = row.replace(old, new)
    return row


def _entry(row: Row, fresh: Mapping[Any, ObjectId], text: Mapping[str, str], shift: timedelta, key: ObjectId) -> Row:
    details = row["details"]
    for old, new in text.items():
        details = details.replace(old, new)
    actor = {**row["actor"], "id": fresh.get(row["actor"]["id"], row["actor"]["id"])}
    return {
        **row,
        "_id": key,
        "created_at": row["created_at"] + shift,
        "updated_at": row["updated_at"] + shift,
        "actor": actor,
        "resource_id": text[row["resource_id"]],
        "subject": fresh.get(row["subject"], row["subject"]),
        "details": details,
        "digest": digest(row["salt"], details),
    }


async def _templates(shop: Shop) -> list[Template]:
    """Real orders of one to three lines, each brought as far as its way goes; some by guests, some with a coupon."""
    made = [await stock.product(shop, number, ["S", "M"], 5_000) for number in range(PRODUCTS)]
    await coupons.create(shop.store, CouponCreate.model_validate({"code": CODE, "type": "percent", "value": "10"}))
    staff = Caller(ObjectId(), Role.ADMIN, ObjectId(), frozenset(Permission))
    found = [await _order(shop, staff, made, number) for number in range(2 * len(WAYS))]
    await shop.worker.drain()
    return [await _template(shop, key) for key in found]


async def _order(shop: Shop, staff: Caller, made: Sequence[Product], number: int) -> ObjectId:
    store, way = shop.store, WAYS[number % len(WAYS)]
    buyer = _account(clock.now() - timedelta(days=DAYS + 30))
    await _open(store, [buyer])
    chosen = [made[(number * 7 + step) % len(made)] for step in range(1 + number % 3)]
    items = [
        CartItem(
            product_id=one.id,
            sku=one.variants[0].sku,
            quantity=1 + number % 2,
            unit_price=one.price,
            added_at=clock.now(),
        )
        for one in chosen
    ]
    await store.carts.add(Cart(user_id=buyer.id, items=items))
    body = OrderPlace.model_validate({**stock.COD, **({"coupon_code": CODE} if number % 5 == 0 else {})})
    done = await placing.place(shop, Owner(buyer.id), body, placing.Repeat(None, b""))
    key = ObjectId(done.order_id)
    for status in way:
        await moving.move(store, staff, key, StatusMove(status=status))
    return key


async def _template(shop: Shop, key: ObjectId) -> Template:
    db = shop.store.db
    order: Row = await db["orders"].find_one({"_id": key}) or {}
    rows = {"orders": [order]}
    for name, where in LEFT.items():
        rows[name] = await db[name].find({where: key}).to_list()
    told = [str(key), *(str(one["_id"]) for name in ("payments", *PAPERS) for one in rows[name])]
    trail = await db["audit"].find({"resource_id": {"$in": told}}, sort=[("_id", 1)]).to_list()
    owned = {one["_id"] for name in rows for one in rows[name]}
    owned.add(ObjectId(order["cart_key"].partition(":")[0]))
    owned |= {one["id"] for one in order["items"]} | {one["id"] for row in rows["payments"] for one in row["ledger"]}
    moments = {one for name in rows for row in rows[name] for one in _moments(row)}
    # Fields of the chain are made anew.
    bare = [
        {name: value for name, value in one.items() if name not in {"seq", "seal", "previous", "key"}} for one in trail
    ]
    moved = Counter[tuple[str, ObjectId]]()
    for one in rows["stock_movements"]:
        moved[one["sku"], one["product_id"]] += one["on_hand_delta"]
    return Template(
        order,
        {name: [bson.encode(one) for one in found] for name, found in rows.items()},
        bare,
        sorted(owned),
        sorted(moments),
        order_facts(order, shop.store.shop.zone),
        {name: [one for one in rows[name] if one["series"]] for name in PAPERS},
        moved,
    )


def _moments(value: Any) -> Iterator[datetime]:
    if isinstance(value, datetime):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _moments(one)
    elif isinstance(value, list):
        for one in value:
            yield from _moments(one)


def _account(opened: datetime) -> User:
    key = ObjectId()
    return User(id=key, email=f"{key}@example.com", full_name="Somebody", created_at=opened, updated_at=opened)


async def _accounts(store: Store, count: int) -> list[ObjectId]:
    opened, found = clock.now() - timedelta(days=DAYS + 20), list[ObjectId]()
    admin = _account(opened).model_copy(update={"role": Role.ADMIN, "email": f"admin-{ObjectId()}@example.com"})
    await _open(store, [admin])
    while len(found) < count:
        users = [_account(opened) for _ in range(min(AT_ONCE, count - len(found)))]
        await _open(store, users)
        found += [one.id for one in users]
    return found


async def _open(store: Store, users: Sequence[User]) -> None:
    """Accounts that are counted already."""
    tally, facts = Tally(), dict[ObjectId, Row]()
    for one in users:
        facts[one.id] = user_facts({"created_at": one.created_at}, store.shop.zone)
        tally.add(facts[one.id])
    await _insert(store.users, [one.dump() for one in users])
    await _insert(store.wishlists, [Wishlist(user_id=one.id).dump() for one in users])
    await _insert(store.counted, [{"_id": key, **one} for key, one in facts.items()])
    await store.figures.add(tally.days)


async def _insert(into: Collection, rows: Sequence[Row]) -> None:
    await into.unwatched.with_options(write_concern=FAST).insert_many(rows, ordered=False)


async def _make_up(store: Store, templates: Sequence[Template], made: Mapping[int, int], tally: Tally) -> None:
    """What the copies moved comes in again, so that stock is as it was; figures and uses follow."""
    moved, used = Counter[tuple[str, ObjectId]](), 0
    for one in templates:
        used += made[id(one)] * sum(bson.decode(row)["released_at"] is None for row in one.rows["coupon_redemptions"])
        for key, pieces in one.moved.items():
            moved[key] += pieces * made[id(one)]
    received = [
        Movement(sku=sku, product_id=product_id, on_hand_delta=-pieces, reason=Reason.RECEIVED)
        for (sku, product_id), pieces in moved.items()
        if pieces
    ]
    await store.movements.write(received)
    coupon = await store.coupons.first({"code": CODE})
    if coupon is not None:
        await store.coupons.recount(coupon.id, coupon.used_count + used)
    had = await store.figure_buyers.orders(tally.buyers)
    for buyer, change in tally.buyers.items():
        was, becomes = had.get(buyer, 0), had.get(buyer, 0) + change["orders"]
        for name, least in (("buyers", 1), ("repeat_buyers", 2)):
            tally.days[ALL][name] += (becomes >= least) - (was >= least)
    await store.figures.add(tally.days)
    await store.figure_products.add(tally.products)
    await store.figure_buyers.add(tally.buyers)
    sold = [product_id for (day, product_id), row in tally.products.items() if day == ALL and row["quantity"]]
    await store.products.sold(await store.figure_products.sold(sold))
