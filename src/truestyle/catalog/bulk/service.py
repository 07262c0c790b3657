"""Bulk changes: previewed, applied in one transaction if nothing they rest on has changed, and taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.bulk import carrying
from truestyle.catalog.bulk.models import (
    MOST_LEFT,
    MOST_PRODUCTS,
    MOST_VARIANTS,
    BulkAsk,
    BulkFilter,
    Changeset,
    ChangesetStatus,
    Counts,
    Item,
    ItemAnswer,
    Left,
    Preview,
)
from truestyle.catalog.bulk.planning import Ground, plan
from truestyle.catalog.products import reading
from truestyle.catalog.products.models import Product
from truestyle.catalog.products.reading import Filters
from truestyle.catalog.products.service import own
from truestyle.inventory import service as inventory
from truestyle.inventory.models import Movement, Reason, Stock
from truestyle.kit import clock, trail
from truestyle.kit.errors import Forbidden, Problem, Unavailable, ValidationFailed
from truestyle.kit.paging import Found, PageQuery
from truestyle.store import Store

KEPT = timedelta(days=7)  # a preview that nobody applies
SHOWN = 100  # products of a preview
DEADLINE = 20.0  # seconds: hundreds of products meet more sales than one
WRITTEN = ("base_mrp", "base_price", "mrp", "price", "discounted", "variants", "status")


class ChangesetMoved(Problem):
    """A changeset goes from previewed to applied to undone, once."""

    status, code, detail = 409, "invalid_transition", "The changeset cannot go there from where it stands."

    def __init__(self, now: ChangesetStatus, to: ChangesetStatus) -> None:
        super().__init__()
        after = {ChangesetStatus.PREVIEWED: ["applied"], ChangesetStatus.APPLIED: ["undone"]}
        self.members = {"from": now, "to": to, "allowed": after.get(now, [])}


class PreviewStale(Problem):
    """What a preview rests on has changed; `items` names the first rows."""

    status, code, detail = 409, "preview_stale", "Some rows have changed since the preview. Nothing was applied."

    def __init__(self, left: Sequence[Left]) -> None:
        super().__init__(items=[one.model_dump(mode="json") for one in left[:MOST_LEFT]])


def mine(caller: Caller) -> dict[str, Any]:
    """The filter for changesets that the caller may see: a vendor's are its own."""
    return {} if caller.may(Permission.PRODUCTS_ANY) else {"owner_id": caller.user_id}


async def preview(store: Store, caller: Caller, ask: BulkAsk) -> Preview:
    """Work out what a bulk change would do, and keep it for a while. Raises ValidationFailed, Forbidden."""
    if ask.stock is not None and not caller.may(Permission.STOCK_WRITE):
        raise Forbidden
    products = await _chosen(store, caller, ask)
    _require_few(products)
    changeset = Changeset(
        owner_id=caller.user_id,
        note=ask.note,
        asked=ask.model_dump(mode="json", exclude_unset=True),
        expires_at=clock.now() + KEPT,
    )
    ground = await _ground(store, ask, products)
    found = [plan(changeset.id, ask, one, ground) for one in products]
    items = [one.model_copy(update={"expires_at": changeset.expires_at}) for one in found if one is not None]
    changeset.counts = _counts(items, unchanged=len(products) - len(items))

    async def work(tx: Store) -> None:
        await tx.changesets.add(changeset)
        await tx.changeset_items.write(items)

    await store.transaction(work)
    return await shown(store, changeset)


def _counts(items: Sequence[Item], *, unchanged: int) -> Counts:
    sound = [sum(not one.problems for one in item.variants) for item in items]
    return Counts(
        products=sum(1 for item, count in zip(items, sound, strict=True) if count or item.status),
        variants=sum(sound),
        problems=sum(bool(one.problems) for item in items for one in item.variants),
        unchanged=unchanged,
    )


async def shown(store: Store, changeset: Changeset) -> Preview:
    """A changeset with its first products."""
    items = await store.changeset_items.first_of(changeset.id, SHOWN)
    return Preview(**changeset.model_dump(), items=[one.answer() for one in items])


async def items_of(
    store: Store, caller: Caller, key: ObjectId, query: PageQuery, *, problem: bool | None
) -> Found[ItemAnswer]:
    """One page of a changeset's products. Raises NotFound."""
    await store.changesets.get(key, **mine(caller))
    where: dict[str, Any] = {"changeset_id": key}
    if problem is not None:
        where["problem"] = problem
    return (await store.changeset_items.find(where, query)).map(Item.answer)


async def _chosen(store: Store, caller: Caller, ask: BulkAsk) -> list[Product]:
    if ask.filter is not None:
        return await store.products.following(await _where(store, caller, ask.filter), None, MOST_PRODUCTS + 1)
    field_ = "ids" if ask.ids is not None else "skus"
    wanted: set[Any] = set(ask.ids or ask.skus or ())
    where = {"_id" if ask.ids is not None else "variants.sku": {"$in": list(wanted)}, **own(caller)}
    products = await store.products.following(where, None, MOST_PRODUCTS + 1)
    there = {one.id for one in products} | {variant.sku for one in products for variant in one.variants}
    if not wanted <= there:
        raise ValidationFailed("names something that does not exist", ("body", field_))
    return products


async def _where(store: Store, caller: Caller, filter_: BulkFilter) -> dict[str, Any]:
    sent = filter_.sent()
    statuses = sent.pop("status", None)
    parts = [await reading.where(store, caller, Filters(**sent)), own(caller)]
    if statuses:
        parts.append({"status": {"$in": [one.value for one in statuses]}})
    return {"$and": [one for one in parts if one]}


def _require_few(products: Sequence[Product]) -> None:
    if len(products) > MOST_PRODUCTS:
        raise ValidationFailed(f"is more than {MOST_PRODUCTS} products; narrow it", ("body", "filter"))
    if sum(len(one.variants) for one in products) > MOST_VARIANTS:
        raise ValidationFailed(f"is more than {MOST_VARIANTS} variants; narrow it", ("body",))


async def _ground(store: Store, ask: BulkAsk, products: Sequence[Product]) -> Ground:
    stock, edits = dict[str, Stock](), dict[str, ObjectId | None]()
    if ask.stock is not None:
        edits = await store.stock.edits([one.sku for product in products for one in product.variants])
        stock = {row.sku: row for row in await store.stock.of_products([one.id for one in products])}
    return Ground(stock, edits, set(ask.skus) if ask.skus is not None else None, clock.now())


@dataclass
class Deed:
    """What applying or undoing is going to write."""

    products: dict[ObjectId, tuple[Product, Product]] = field(default_factory=dict)  # before and after
    pieces: dict[ObjectId, dict[str, int]] = field(default_factory=dict)  # by the mark that their stock gets
    left: dict[ObjectId, list[Left]] = field(default_factory=dict)  # by item

    @property
    def all_left(self) -> list[Left]:
        """Every row that is left as it is."""
        return [one for rows in self.left.values() for one in rows]


@dataclass(frozen=True)
class Scene:
    """What the items of a changeset are about, as it stands now and cannot change until the commit."""

    products: Mapping[ObjectId, Product]
    stock: Mapping[str, Stock]
    edits: Mapping[str, ObjectId | None]


async def _items(store: Store, caller: Caller, key: ObjectId) -> list[Item]:
    """What a changeset does: fixed by its preview, so it is read before the transaction, whose time is short.

    Once applied, only what was. Raises NotFound, Forbidden.
    """
    changeset = await store.changesets.get(key, **mine(caller))
    done = changeset.status is not ChangesetStatus.PREVIEWED
    items = await store.changeset_items.of(key, {"applied": True} if done else None)
    if not caller.may(Permission.STOCK_WRITE) and any(mark.delta for item in items for mark in item.basis.marks):
        raise Forbidden
    return items


async def _scene(tx: Store, caller: Caller, items: Sequence[Item]) -> Scene:
    skus = sorted(mark.sku for item in items for mark in item.basis.marks if mark.delta)
    return Scene(
        products=await tx.products.by_ids([one.product_id for one in items], own(caller)),
        stock=await tx.stock.of(skus) if skus else {},
        edits=await tx.stock.edits(skus) if skus else {},
    )


async def apply(store: Store, caller: Caller, key: ObjectId, *, skip_stale: bool) -> Changeset:
    """Carry out a preview, all or nothing; `skip_stale`: but for products that have changed since.

    Raises NotFound, ChangesetMoved, PreviewStale, Forbidden.
    """
    items = await _items(store, caller, key)

    async def work(tx: Store) -> Changeset:
        await _move(tx, caller, key, ChangesetStatus.PREVIEWED, ChangesetStatus.APPLIED)
        scene, deed = await _scene(tx, caller, items), Deed()
        for item in items:
            product = scene.products.get(item.product_id)
            rows = carrying.stale(item, product, scene.stock, scene.edits)
            if rows or product is None:
                deed.left[item.id] = rows
                continue
            deed.products[product.id] = (product, carrying.carried(item, product))
            deed.pieces[item.id] = {mark.sku: mark.delta for mark in item.basis.marks if mark.delta}
        if deed.left and not skip_stale:
            raise PreviewStale(deed.all_left)
        await tx.changeset_items.applied(key, [one.id for one in items if one.id not in deed.left])
        return await _do(tx, caller, key, deed, scene)

    with trail.within_changeset(key):
        return await store.transaction(work, deadline=DEADLINE)


async def undo(store: Store, caller: Caller, key: ObjectId) -> Changeset:
    """Take back what nobody has changed since; the rest is left and told.

    Raises NotFound, ChangesetMoved, Forbidden.
    """
    items = await _items(store, caller, key)

    async def work(tx: Store) -> Changeset:
        await _move(tx, caller, key, ChangesetStatus.APPLIED, ChangesetStatus.UNDONE)
        scene, deed = await _scene(tx, caller, items), Deed()
        for item in items:
            product = scene.products.get(item.product_id)
            after, rows = carrying.restored(item, product)
            if product is not None and after is not None:
                deed.products[product.id] = (product, after)
                pieces, more = carrying.stock_back(item, scene.stock, scene.edits)
                deed.pieces[ObjectId()] = pieces
                rows += more
            if rows:
                deed.left[item.id] = rows
        return await _do(tx, caller, key, deed, scene)

    with trail.within_changeset(key):
        return await store.transaction(work, deadline=DEADLINE)


async def _move(tx: Store, caller: Caller, key: ObjectId, old: ChangesetStatus, new: ChangesetStatus) -> None:
    """First of all, so that of several who try at once only one goes on."""
    word = "applied" if new is ChangesetStatus.APPLIED else "undone"
    stamps = {f"{word}_at": clock.now(), f"{word}_by": caller.user_id, "expires_at": None}
    if await tx.changesets.move(key, {"status": old, **mine(caller)}, {**stamps, "status": new}) is None:
        raise ChangesetMoved((await tx.changesets.get(key, **mine(caller))).status, new)


async def _do(tx: Store, caller: Caller, key: ObjectId, deed: Deed, scene: Scene) -> Changeset:
    moved = {sku: (mark, delta) for mark, pieces in deed.pieces.items() for sku, delta in pieces.items()}
    if moved:  # first: these are the rows that others want
        await _move_stock(tx, caller, key, moved, scene)
    await tx.products.change_many(
        {key_: fields for key_, pair in deed.products.items() if (fields := _differing(*pair))}
    )
    left = deed.all_left
    await tx.changeset_items.leave(deed.left)
    changeset = await tx.changesets.get(key)
    if left:
        told = {"left": [one.model_dump() for one in left[:MOST_LEFT]], "counts.left": len(left)}
        changeset = await tx.changesets.change(key, {"$set": told}) or changeset
    return changeset


def _differing(before: Product, after: Product) -> dict[str, Any]:
    old, new = (one.model_dump(mode="python", include=set(WRITTEN)) for one in (before, after))
    return {name: new[name] for name in WRITTEN if old[name] != new[name]}


async def _move_stock(
    tx: Store, caller: Caller, key: ObjectId, moved: Mapping[str, tuple[ObjectId, int]], scene: Scene
) -> None:
    if not await tx.stock.adjust_many(moved):
        raise Unavailable  # cannot be: they were read in this transaction, and a change since would have ended it
    changeset = await tx.changesets.get(key)
    reason, note = inventory.reason_of(changeset.stock_reason)
    if changeset.status is ChangesetStatus.UNDONE:
        reason, note = Reason.CORRECTION, "bulk change undone"
    await inventory.record(
        tx,
        [
            Movement(
                sku=sku,
                product_id=scene.stock[sku].product_id,
                on_hand_delta=delta,
                reason=reason,
                actor_id=caller.user_id,
                changeset_id=key,
                note=note,
            )
            for sku, (_, delta) in moved.items()
        ],
    )
    crossed = {
        row.product_id
        for sku, (_, delta) in moved.items()
        if ((row := scene.stock[sku]).available > 0) != (row.available + delta > 0)
    }
    await inventory.refresh_flags(tx, crossed)
