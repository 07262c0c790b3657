"""What one product of a file changes in the store: pure, from the draft and what is stored."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from truestyle.catalog.importing import lookups
from truestyle.catalog.importing.lookups import Shelf
from truestyle.catalog.importing.models import Actor, Draft, Picture, VariantDraft
from truestyle.catalog.lookups import Category, Occasion
from truestyle.catalog.products.models import Image, Product, Seo, Variant
from truestyle.catalog.products.pricing import effective, listing
from truestyle.catalog.products.service import PLAIN
from truestyle.kit import money
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.types import object_id

Wrong = tuple[int, str, str]  # row, field, message
MOST_VARIANTS = 250
ELSEWHERE = "belongs to another product"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with a draft: nothing where there are errors, or where `after` is None."""

    draft: Draft
    before: Product | None = None
    after: Product | None = None
    opening: Mapping[str, int] = field(default_factory=dict)
    touched: int = 0  # known SKUs that change
    errors: tuple[Wrong, ...] = ()

    @property
    def product(self) -> Product | None:
        """The product as it will stand."""
        return self.after or self.before


@dataclass(frozen=True)
class Ground:
    """What plans are made on: what is known of the store, and for whom it is."""

    owners: Mapping[str, Product]  # by SKU
    shelf: Shelf
    actor: Actor
    file_url: str  # how addresses of our own files begin


def plans(drafts: Iterable[Draft], ground: Ground, claimed: Mapping[ObjectId, int]) -> list[Plan]:
    """A plan for each draft. `claimed`: products that earlier rows have changed already, with the row."""
    taken = dict(claimed)
    found = []
    for draft in drafts:
        one = plan(draft, ground, taken)
        if one.before is not None and not one.errors:
            taken[one.before.id] = draft.row
        found.append(one)
    return found


def plan(draft: Draft, ground: Ground, claimed: Mapping[ObjectId, int]) -> Plan:
    """What is to be done with one draft."""
    before, wrong = _owner(draft, ground, claimed)
    wrong += [
        (draft.row, lookups.FIELD[document], f"names {path[-1]!r}, which does not exist; ask the store's staff")
        for document, path in ground.shelf.missing(draft.names)
        if ground.shelf.find(document, path) is None
    ]
    if wrong:
        return Plan(draft, before, errors=tuple(wrong))
    variants, prices, wrong = _variants(draft, before, ground)
    if before is None and "name" not in draft.change.model_fields_set:
        wrong.append((draft.row, "name", "is missing"))
    if wrong:
        return Plan(draft, before, errors=tuple(wrong))
    return _planned(draft, before, {**_fields(draft, before, ground), **prices, "variants": variants}, ground)


def _planned(draft: Draft, before: Product | None, values: dict[str, Any], ground: Ground) -> Plan:
    try:
        after = listing(_new(draft, values, ground.actor) if before is None else before.model_copy(update=values))
    except ValidationFailed as error:
        return Plan(draft, before, errors=((draft.row, "price", str(error.members["errors"][0]["msg"])),))
    known = {one.sku: one for one in before.variants} if before else {}
    opening = {one.sku: one.write.opening_stock or 0 for one in draft.variants if one.sku not in known}
    touched = sum(1 for one in after.variants if one.sku in known and _shown(known[one.sku]) != _shown(one))
    return Plan(draft, before, None if after == before else after, opening, touched)


def _shown(variant: Variant) -> Variant:
    """A variant without how its prices are written down, which changes when the product's own price does."""
    return variant.model_copy(update={"base_mrp": None, "base_price": None})


def _owner(draft: Draft, ground: Ground, claimed: Mapping[ObjectId, int]) -> tuple[Product | None, list[Wrong]]:
    """The one stored product that has any of these SKUs. Two of them, or somebody else's, are errors."""
    found: Product | None = None
    wrong: list[Wrong] = []
    for variant in draft.variants:
        owner = ground.owners.get(variant.sku)
        if owner is None:
            continue
        strange = ground.actor.vendor_id is not None and owner.vendor_id != ground.actor.vendor_id
        if strange or (found is not None and found.id != owner.id):
            wrong.append((variant.row, "sku", ELSEWHERE))
        elif owner.id in claimed:
            wrong.append((variant.row, "sku", f"{ELSEWHERE}, which row {claimed[owner.id]} has changed"))
        else:
            found = found or owner
    return found, wrong


def _new(draft: Draft, values: dict[str, Any], actor: Actor) -> Product:
    base: dict[str, Any] = {"mrp": 0, "price": 0, "sort_name": "", "slug": draft.slug, "slugs": [draft.slug]}
    return Product(**{**base, "vendor_id": actor.vendor_id, **values})


def _fields(draft: Draft, before: Product | None, ground: Ground) -> dict[str, Any]:
    """The product's own fields as far as the file gives them."""
    sent = draft.change.sent()
    values = {name: value for name, value in sent.items() if name in PLAIN}
    if "seo" in sent:
        old = before.seo if before else Seo()
        values["seo"] = old.model_copy(update=sent["seo"].sent())
    if sent.get("discount"):
        values["discount"] = sent["discount"].stored()
    names, shelf = draft.names, ground.shelf
    if names.brand:
        values["brand"] = _kept(before and before.brand, lookups.brand(shelf, names))
    if names.product_type:
        values["product_type"] = _kept(before and before.product_type, lookups.product_type(shelf, names))
    if names.occasions:
        values["occasions"] = lookups.several(shelf, Occasion, [(one,) for one in names.occasions])
    if names.categories:
        values["categories"] = lookups.several(shelf, Category, names.categories)
    if before is not None and before.images:
        values["images"] = _alts(before.images, draft.pictures, ground.file_url)
    return values


def _kept(old: Any, new: Any) -> Any:
    return old if old is not None and new is not None and old.id == new.id else new


def _alts(images: Sequence[Image], pictures: Iterable[Picture], file_url: str) -> list[Image]:
    alts = {found.id: one.alt for one in pictures if one.alt and (found := held(images, one.source, file_url))}
    return [one.model_copy(update={"alt": alts[one.id]}) if one.id in alts else one for one in images]


def held(images: Iterable[Image], source: str, file_url: str) -> Image | None:
    """The picture of a product that came from this source, or that is this file of ours."""
    ident = own_file(source, file_url)
    return next((one for one in images if one.source == source or (ident is not None and one.id == ident)), None)


def own_file(source: str, file_url: str) -> ObjectId | None:
    """Which file of ours an address names."""
    if not source.startswith(file_url):
        return None
    try:
        return object_id(source.removeprefix(file_url))
    except ValueError:
        return None


def _variants(
    draft: Draft, before: Product | None, ground: Ground
) -> tuple[list[Variant], dict[str, Any], list[Wrong]]:
    """The variants as they will stand, with the product's own prices, and what is wrong with them."""
    wrong: list[Wrong] = []
    stored = list(before.variants) if before else []
    known = {one.sku: (one, effective(before, one)) for one in stored} if before else {}
    prices: dict[str, tuple[int, int]] = {sku: pair for sku, (_, pair) in known.items()}
    found: dict[str, Variant] = {one.sku: one for one in stored}
    for one in draft.variants:
        old = known.get(one.sku)
        pair = _pair(one, old[1] if old else None)
        if isinstance(pair, str):
            wrong.append((one.row, "price", pair))
            continue
        prices[one.sku] = pair
        images = before.images if before else []
        found[one.sku] = _changed(old[0], one) if old else _fresh(one, images, ground.file_url)
    if len(found) > MOST_VARIANTS:
        wrong.append((draft.row, "sku", f"makes more than {MOST_VARIANTS} variants of this product"))
    wrong += _same_options(draft, found.values())
    if wrong or not found:
        return [], {}, wrong
    moved = before is None or any(prices[sku] != pair for sku, (_, pair) in known.items())
    base = min(prices.values(), key=lambda pair: (pair[1], pair[0]))
    if before is not None and not moved:
        base = (before.base_mrp, before.base_price)
    done = [one if one.sku in known and not moved else _priced(one, prices[one.sku], base) for one in found.values()]
    return done, {"base_mrp": base[0], "base_price": base[1]}, wrong


def _pair(variant: VariantDraft, old: tuple[int, int] | None) -> tuple[int, int] | str:
    """(MRP, price) of a variant: what the file leaves out stays, or is the other; or what is wrong."""
    mrp, price = variant.write.mrp, variant.write.price
    if old is not None:
        mrp, price = old[0] if mrp is None else mrp, old[1] if price is None else price
    mrp, price = price if mrp is None else mrp, mrp if price is None else price
    if mrp is None or price is None:
        return "is missing"
    return f"must not be above the MRP of {money.wire(mrp)}" if price > mrp else (mrp, price)


def _changed(old: Variant, draft: VariantDraft) -> Variant:
    names = draft.write.model_fields_set & {"size", "color", "attributes", "barcode"}
    return old.model_copy(update={name: getattr(draft.write, name) for name in names})


def _fresh(draft: VariantDraft, images: Sequence[Image], file_url: str) -> Variant:
    write = draft.write
    image = held(images, draft.picture, file_url) if draft.picture else None
    return Variant(
        sku=draft.sku,
        size=write.size,
        color=write.color,
        attributes=write.attributes,
        mrp=0,
        price=0,
        barcode=write.barcode,
        image_id=image.id if image else None,
    )


def _priced(variant: Variant, pair: tuple[int, int], base: tuple[int, int]) -> Variant:
    own = {
        f"base_{name}": None if mine == common else mine
        for name, mine, common in zip(("mrp", "price"), pair, base, strict=True)
    }
    return variant.model_copy(update=own)


def _same_options(draft: Draft, variants: Iterable[Variant]) -> list[Wrong]:
    """Rows whose options another variant of the product has."""
    rows = {one.sku: one.row for one in draft.variants}
    seen: dict[tuple[Any, ...], str] = {}
    wrong = []
    for one in variants:
        first = seen.setdefault(one.option(), one.sku)
        if first != one.sku:
            row = rows.get(one.sku, rows.get(first, draft.row))
            wrong.append((row, "options", f"has the same options as {first}"))
    return wrong
