"""Creating, changing and retiring products."""

import secrets
from collections.abc import Sequence
from typing import Any

from bson import ObjectId

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.products import references
from truestyle.catalog.products.models import (
    Discount,
    Product,
    ProductChange,
    ProductCreate,
    ProductStatus,
    Seo,
    Variant,
    VariantWrite,
)
from truestyle.catalog.products.pricing import listing
from truestyle.inventory.models import Movement, Reason
from truestyle.inventory.service import open_stock, record, sizes_in_stock
from truestyle.kit.errors import Duplicate, InUse, NotFound, ValidationFailed, VersionConflict
from truestyle.kit.resource import to_slug
from truestyle.reviews import leaving as reviews
from truestyle.store import Store

PLAIN = (
    *("name", "description", "gender", "tags", "status", "hsn_code", "country_of_origin", "manufacturer"),
    "importer",
    *("net_quantity", "max_per_order", "returnable", "size_chart"),
)


def own(caller: Caller) -> dict[str, Any]:
    """The filter for products that the caller may write: a vendor's are its own."""
    return {} if caller.may(Permission.PRODUCTS_ANY) else {"vendor_id": caller.user_id}


async def create(store: Store, caller: Caller, body: ProductCreate) -> Product:
    """A new product with its stock rows. Raises ValidationFailed, Duplicate."""
    mrp, price = _first_prices(body)

    async def work(tx: Store) -> Product:
        slug = await _free_slug(tx, body.name)
        variants = [_new_variant(slug, one) for one in body.variants or [VariantWrite()]]
        _require_distinct(variants)
        product = Product(
            **_plain(body),
            **await references.resolve(tx, body),
            slug=slug,
            slugs=[slug],
            sort_name="",
            seo=Seo(**body.seo.model_dump()) if body.seo else Seo(),
            vendor_id=None if caller.may(Permission.PRODUCTS_ANY) else caller.user_id,
            base_mrp=mrp,
            base_price=price,
            discount=body.discount.stored() if body.discount else None,
            mrp=mrp,
            price=price,
            variants=variants,
        )
        opening = {
            variant.sku: written.opening_stock or 0
            for variant, written in zip(variants, body.variants or [VariantWrite()], strict=True)
        }
        return await add_stocked(tx, listing(product), opening, caller.user_id)

    return await _retrying_slug(store, work)


async def add_stocked(tx: Store, product: Product, opening: dict[str, int], actor: ObjectId | None) -> Product:
    """Store a new product and open its stock, inside a transaction. Raises Duplicate."""
    product = product.model_copy(
        update={"in_stock": any(opening.values()), "sizes_in_stock": sizes_in_stock(product, opening)}
    )
    await tx.products.add(product)
    await open_stock(tx, [(sku, product.id, count) for sku, count in opening.items()], actor)
    return product


async def change(
    store: Store, caller: Caller, key: ObjectId, body: ProductChange, version: int | None = None
) -> Product:
    """Change what was sent. Raises NotFound, ValidationFailed, Duplicate, InUse, VersionConflict."""
    gone: list[str] = []

    async def work(tx: Store) -> Product:
        before = await tx.products.get(key, **own(caller))
        if version is not None and before.version != version:
            raise VersionConflict
        values: dict[str, Any] = {**_plain(body), **await references.resolve(tx, body), **_prices(before, body)}
        if "seo" in body.model_fields_set:
            values["seo"] = Seo(**body.seo.model_dump()) if body.seo else Seo()
        opening: dict[str, int] = {}
        if "variants" in body.model_fields_set:
            values["variants"], opening = _variants(before, body.variants)
        if "name" in values and to_slug(values["name"]) != to_slug(before.name):
            values["slug"] = await _free_slug(tx, values["name"], before.slugs)
            values["slugs"] = list(dict.fromkeys([*before.slugs, values["slug"]]))
        after = listing(before.model_copy(update=values))
        gone.clear()
        gone.extend(await _drop_stock(tx, before, after))
        await open_stock(tx, [(sku, key, count) for sku, count in opening.items()], caller.user_id)
        return await store_changes(tx, before, after)

    changed = await _retrying_slug(store, work)
    if gone:
        await store.carts.forget(gone)  # after the commit: whoever adds such a line later finds the SKU gone
    return changed


async def store_changes(tx: Store, before: Product, after: Product) -> Product:
    """Write the fields that differ, with the stock flags worked out again. Unchanged is left alone."""
    available = {row.sku: row.available for row in await tx.stock.of_products([before.id])}
    after = after.model_copy(
        update={
            "in_stock": any(available.get(one.sku, 0) > 0 for one in after.variants),
            "sizes_in_stock": sizes_in_stock(after, available),
        }
    )
    old, new = before.dump(), after.dump()
    fresh = {name: value for name, value in new.items() if name not in _STAMPS and old[name] != value}
    if not fresh:
        return before
    changed = await tx.products.change(before.id, {"$set": fresh})
    if changed is None:
        raise NotFound
    return changed


_STAMPS = {"_id", "created_at", "updated_at", "version", "popularity", "rating", "rating_sum"}


async def remove(store: Store, caller: Caller, key: ObjectId) -> None:
    """Delete, or archive what was ever ordered. Raises NotFound."""

    async def work(tx: Store) -> list[str]:
        product = await tx.products.get(key, **own(caller))
        stock = await tx.stock.of_products([key])
        if await tx.orders.names_product(key) or any(row.reserved for row in stock):
            await tx.products.archive(key)
            return []
        for row in stock:
            await tx.stock.adjust(row.sku, -row.on_hand, expected=row.on_hand)
        skus = [one.sku for one in product.variants]
        await tx.stock.close(skus)
        await record(
            tx,
            [
                Movement(
                    sku=row.sku,
                    product_id=key,
                    on_hand_delta=-row.on_hand,
                    reason=Reason.CORRECTION,
                    actor_id=caller.user_id,
                    note="product deleted",
                )
                for row in stock
                if row.on_hand
            ],
        )
        await reviews.forget_product(tx, key)
        await tx.products.remove(key)
        return skus

    await store.carts.forget(await store.transaction(work))  # after the commit, as in `change`


def _plain(body: ProductChange) -> dict[str, Any]:
    return {name: value for name, value in body.sent().items() if name in PLAIN}


def _first_prices(body: ProductCreate) -> tuple[int, int]:
    sent = body.model_fields_set
    figures = [getattr(body, name) for name in ("mrp", "price") if name in sent]
    figures += [max(filter(None, (one.mrp, one.price)), default=None) for one in body.variants or []]
    known = [one for one in figures if one is not None]
    if not known:
        raise ValidationFailed("give an mrp or a price", ("body", "mrp"))
    mrp = body.mrp if "mrp" in sent else (body.price if "price" in sent else max(known))
    return mrp, body.price if "price" in sent else mrp


def _prices(before: Product, body: ProductChange) -> dict[str, Any]:
    """What a change says about money. A figure that only repeats what was shown changes nothing."""
    sent, values = body.model_fields_set, dict[str, Any]()
    discount: Discount | None = before.discount
    if "discount" in sent:
        discount = values["discount"] = body.discount.stored() if body.discount else None
    if "mrp" in sent and body.mrp != before.mrp:
        values["base_mrp"] = body.mrp
    if "price" in sent and (body.price != before.price or discount != before.discount):
        values["base_price"] = body.price
    return values


def _variants(before: Product, written: Sequence[VariantWrite]) -> tuple[list[Variant], dict[str, int]]:
    """The new set, matched to the old by SKU or else by its options, and the opening stock of new SKUs."""
    by_sku = {one.sku: one for one in before.variants}
    by_option = {one.option(): one for one in before.variants}
    found, opening = list[Variant](), dict[str, int]()
    for at, write in enumerate(written):
        option = (write.size, write.color, tuple(sorted(write.attributes.items())))
        old = by_sku.get(write.sku) if write.sku else by_option.get(option)
        if old is None:
            fresh = _new_variant(before.slug, write)
            opening[fresh.sku] = write.opening_stock or 0
            found.append(fresh)
            continue
        if write.opening_stock is not None:
            msg = "is only for new SKUs: use the product's stock route"
            raise ValidationFailed(msg, ("body", "variants", at, "opening_stock"))
        values: dict[str, Any] = {name: value for name, value in write.sent().items() if name not in {"mrp", "price"}}
        for name in ("mrp", "price"):  # again: repeating what was shown changes nothing
            if name in write.model_fields_set and getattr(write, name) != getattr(old, name):
                values[f"base_{name}"] = getattr(write, name)
        found.append(old.model_copy(update={**values, "sku": old.sku}))
    _require_distinct(found)
    return found, opening


def _new_variant(slug: str, write: VariantWrite) -> Variant:
    return Variant(
        sku=write.sku or make_sku(slug, write.color, write.size),
        size=write.size,
        color=write.color,
        attributes=write.attributes,
        base_mrp=write.mrp,
        base_price=write.price,
        mrp=0,
        price=0,
        barcode=write.barcode,
        image_id=write.image_id,
    )


def make_sku(slug: str, *options: str | None) -> str:
    """A readable SKU with four random characters, like `INDIGO-KURTA-M-7F3A`."""
    parts = [slug[:30].strip("-"), *(to_slug(one)[:12] for one in options if one)]
    return "-".join([*parts, secrets.token_hex(2)]).upper()


def _require_distinct(variants: Sequence[Variant]) -> None:
    seen_skus, seen_options = set[str](), set[tuple[Any, ...]]()
    for at, one in enumerate(variants):
        if one.sku in seen_skus:
            raise ValidationFailed("is there twice", ("body", "variants", at, "sku"))
        if one.option() in seen_options:
            raise ValidationFailed("has the same options as another variant", ("body", "variants", at))
        seen_skus.add(one.sku)
        seen_options.add(one.option())


async def _drop_stock(tx: Store, before: Product, after: Product) -> list[str]:
    """Close the stock of SKUs that are gone; which. Raises InUse where there is stock, a reservation or an order."""
    gone = [one.sku for one in before.variants if after.variant(one.sku) is None]
    if gone and (await tx.stock.close(gone) != len(gone) or await tx.orders.names_skus(gone)):
        msg = "A SKU that is left out has stock, reservations or orders."
        raise InUse(msg)
    return gone


async def _free_slug(tx: Store, name: str, mine: Sequence[str] = ()) -> str:
    wanted = to_slug(name)
    taken = await tx.products.slugs_like(wanted) - set(mine)
    if wanted not in taken:
        return wanted
    numbered = (f"{wanted}-{number}" for number in range(2, 200))
    return next((one for one in numbered if one not in taken), f"{wanted}-{secrets.token_hex(4)}")


async def _retrying_slug(store: Store, work: Any) -> Product:
    """Two products of one name at once: whoever loses the slug takes the next."""
    for _ in range(3):
        try:
            product: Product = await store.transaction(work)
        except Duplicate as error:
            if error.members["field"] != "slugs":
                raise
        else:
            return product
    raise Duplicate("slug")


def visible(caller: Caller | None) -> dict[str, Any]:
    """The filter for products that the caller may see: shoppers the active ones, a vendor also its own."""
    if caller is not None and caller.may(Permission.PRODUCTS_ANY):
        return {"status": {"$in": list(ProductStatus)}}  # all, said so that the indexes of the list serve
    if caller is not None and caller.may(Permission.PRODUCTS_WRITE):
        return {"$or": [{"status": ProductStatus.ACTIVE}, {"vendor_id": caller.user_id}]}
    return {"status": ProductStatus.ACTIVE}
