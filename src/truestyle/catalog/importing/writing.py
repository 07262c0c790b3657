"""Plans carried out: many products in one transaction, each wholly or not at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from truestyle.catalog.importing import plan as planning
from truestyle.catalog.importing.lookups import Shelf
from truestyle.catalog.importing.models import Actor, Draft
from truestyle.catalog.importing.plan import Ground, Plan
from truestyle.catalog.lookups import Brand, Category, Lookup, Occasion, ProductType
from truestyle.catalog.products.models import Product
from truestyle.inventory.service import open_stock, sizes_in_stock
from truestyle.kit.errors import Duplicate, Unavailable, ValidationFailed
from truestyle.store import Store

TRIES = 3
NAMED = {"slugs": "slug"}
STAMPS = frozenset({"_id", "created_at", "updated_at", "version", "popularity", "rating"})


@dataclass
class Writer:
    """Writes the drafts of one file."""

    store: Store
    shelf: Shelf
    actor: Actor
    dry_run: bool = False
    claimed: dict[ObjectId, int] = field(default_factory=dict)  # products that this file has changed, with the row

    async def write(self, drafts: Sequence[Draft]) -> list[Plan]:
        """Carry out a batch; in a dry run only say what would be done."""
        await self._stock_shelf(drafts)
        if self.dry_run:
            done = await self._plans(self.store, drafts)
        else:
            done = await self._batch(drafts)
        self.claimed |= {one.before.id: one.draft.row for one in done if one.before and not one.errors}
        return done

    async def _batch(self, drafts: Sequence[Draft]) -> list[Plan]:
        async def work(tx: Store) -> list[Plan]:
            found = await self._plans(tx, drafts)
            return await _carry_out(tx, found, self.actor)

        try:
            return await self.store.transaction(work)
        except (Duplicate, Unavailable, ValidationFailed):
            return [await self._alone(draft) for draft in drafts]

    async def _alone(self, draft: Draft) -> Plan:
        """One product in a transaction of its own: somebody has taken a SKU, a slug or a lookup row meanwhile."""

        async def work(tx: Store) -> list[Plan]:
            found = await self._plans(tx, [draft])
            return await _carry_out(tx, found, self.actor)

        told = ""
        for _ in range(TRIES):
            try:
                (done,) = await self.store.transaction(work)
            except Duplicate as error:
                told = f"another record has this {NAMED.get(error.members['field'], error.members['field'])}"
            except ValidationFailed as error:
                told = str(error.members["errors"][0]["msg"])
                self.shelf.rows = (await Shelf.load(self.store)).rows
                await self._stock_shelf([draft])
            else:
                return done
        return Plan(draft, errors=((draft.row, "row", told),))

    async def _plans(self, tx: Store, drafts: Sequence[Draft]) -> list[Plan]:
        skus = [sku for draft in drafts for sku in draft.skus]
        owners = {one.sku: product for product in await tx.products.by_skus(skus) for one in product.variants}
        ground = Ground(owners, self.shelf, self.actor, self.store.shop.file_url(""))
        return planning.plans(drafts, ground, self.claimed)

    async def _stock_shelf(self, drafts: Sequence[Draft]) -> None:
        """Make the lookup rows that are missing, but only those that a product which goes in will name."""
        if not any(self.shelf.missing(draft.names) for draft in drafts):
            return
        for draft in drafts:
            self.shelf.invent(draft.names, self.actor)
        if self.dry_run:
            return
        for one in await self._plans(self.store, drafts):
            if not one.errors:
                await self.shelf.make(self.store, one.draft.names, self.actor)
        self.shelf.forget_invented()


async def _carry_out(tx: Store, plans: Sequence[Plan], actor: Actor) -> list[Plan]:
    """Write what is to be written, inside a transaction. Raises Duplicate, ValidationFailed."""
    plans = await _slugged(tx, plans)
    writing = [one for one in plans if one.after is not None and not one.errors]
    await _hold_all(tx, writing)
    changed = [(one.before, one.after) for one in writing if one.before is not None and one.after is not None]
    await tx.products.add_many([_stocked(one) for one in writing if one.before is None])
    opened = [(sku, one.product.id, pieces) for one in writing if one.product for sku, pieces in one.opening.items()]
    await open_stock(tx, opened, actor.user_id)
    rows = await tx.stock.of_products([before.id for before, _ in changed]) if changed else []
    available = {row.sku: row.available for row in rows}
    await tx.products.change_many({before.id: _changes(before, after, available) for before, after in changed})
    return list(plans)


async def _slugged(tx: Store, plans: Sequence[Plan]) -> list[Plan]:
    """The plans, with a slug for each new product that nobody has."""
    wanted = [one.draft.slug for one in plans if one.before is None and one.after is not None]
    taken = await tx.products.taken_slugs(wanted) if wanted else set()
    done = []
    for one in plans:
        after = one.after
        if one.before is None and after is not None:
            slug = after.slug
            if slug in taken:
                taken |= await tx.products.slugs_like(slug)
                slug = _numbered(slug, taken)
                after = after.model_copy(update={"slug": slug, "slugs": [slug]})
            taken.add(slug)
        done.append(Plan(one.draft, one.before, after, one.opening, one.touched, one.errors))
    return done


def _numbered(slug: str, taken: set[str]) -> str:
    number = 2
    while f"{slug}-{number}" in taken:
        number += 1
    return f"{slug}-{number}"


async def _hold_all(tx: Store, plans: Iterable[Plan]) -> None:
    ids: dict[type[Lookup], set[ObjectId]] = {Brand: set(), ProductType: set(), Occasion: set(), Category: set()}
    for one in plans:
        for document, named in _named(one.after).items():
            ids[document] |= named - _named(one.before)[document]
    for document, some in ids.items():
        if len(await tx.of(document).hold(sorted(some))) != len(some):
            raise ValidationFailed("names something that does not exist")


def _named(product: Product | None) -> dict[type[Lookup], set[ObjectId]]:
    """The lookup rows that a product names."""
    if product is None:
        return {Brand: set(), ProductType: set(), Occasion: set(), Category: set()}
    return {
        Brand: {product.brand.id} if product.brand else set(),
        ProductType: {product.product_type.id} if product.product_type else set(),
        Occasion: {ref.id for ref in product.occasions},
        Category: {ref.id for ref in product.categories},
    }


def _stocked(plan: Plan) -> Product:
    product = plan.after
    assert product is not None  # noqa: S101 - only plans that write come here
    sizes = sizes_in_stock(product, dict(plan.opening))
    return product.model_copy(update={"in_stock": any(plan.opening.values()), "sizes_in_stock": sizes})


def _changes(before: Product, after: Product, available: Mapping[str, int]) -> dict[str, Any]:
    """The fields that differ. `available` has the new SKUs too: their rows are there by now."""
    there = dict(available)
    flags = {"in_stock": any(there.get(one.sku, 0) > 0 for one in after.variants)}
    after = after.model_copy(update={**flags, "sizes_in_stock": sizes_in_stock(after, there)})
    old, new = before.dump(), after.dump()
    return {name: value for name, value in new.items() if name not in STAMPS and old[name] != value}
