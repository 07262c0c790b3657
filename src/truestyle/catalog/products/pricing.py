"""What a product costs, from what was written: pure functions on paise."""

from collections.abc import Iterable, Sequence

from truestyle.catalog.products.models import Discount, DiscountType, Product, Variant
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.money import half_up


def charged(list_price: int, discount: Discount | None) -> int:
    """The selling price less the discount, in paise. Raises ValidationFailed when nothing would be left."""
    if discount is None:
        return list_price
    if discount.type is DiscountType.PERCENT:
        return list_price - half_up(list_price * discount.value, 100_00)
    if discount.value > list_price:
        raise ValidationFailed("is more than the price", ("body", "discount", "value"))
    return list_price - discount.value


def effective(product: Product, variant: Variant) -> tuple[int, int]:
    """(MRP, selling price before a discount) of a variant: its own figures, or the product's."""
    mrp = product.base_mrp if variant.base_mrp is None else variant.base_mrp
    return mrp, product.base_price if variant.base_price is None else variant.base_price


def reprice(
    base_mrp: int, base_price: int, discount: Discount | None, variants: Sequence[Variant]
) -> tuple[int, int, list[Variant]]:
    """(mrp, price, variants) as they hold now; a variant's own figures come before the product's.

    The product shows its cheapest variant. Raises ValidationFailed where a price is above its MRP, which Indian law
    bars (Legal Metrology (Packaged Commodities) Rules).
    """
    done: list[Variant] = []
    for at, variant in enumerate(variants):
        mrp = base_mrp if variant.base_mrp is None else variant.base_mrp
        list_price = base_price if variant.base_price is None else variant.base_price
        if list_price > mrp:
            where = ("body", "price") if variant.base_price is None else ("body", "variants", at, "price")
            raise ValidationFailed("must not be above the MRP", where)
        done.append(variant.model_copy(update={"mrp": mrp, "price": charged(list_price, discount)}))
    cheapest = min(done, key=lambda one: (one.price, one.mrp))
    return cheapest.mrp, cheapest.price, done


def option_names(variants: Sequence[Variant]) -> list[str]:
    """Which options tell the variants apart: size, color, then further attributes."""
    names = [name for name in ("size", "color") if any(getattr(one, name) for one in variants)]
    return names + sorted({name for one in variants for name in one.attributes})


def listing(product: Product) -> Product:
    """The product with every field that a list needs worked out from its parts (but the stock flags)."""
    mrp, price, variants = reprice(product.base_mrp, product.base_price, product.discount, product.variants)
    sizes = _distinct(one.size for one in variants)
    colors = _distinct(one.color for one in variants)
    keys = [f"size:{size.casefold()}" for size in sizes] + [f"color:{color.casefold()}" for color in colors]
    return product.model_copy(
        update={
            "mrp": mrp,
            "price": price,
            "discounted": price < mrp,
            "variants": variants,
            "sizes": sizes,
            "colors": colors,
            "option_keys": keys,
            "sort_name": product.name.casefold(),
        }
    )


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
