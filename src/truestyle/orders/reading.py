"""Orders and quotes as they are read."""

from collections.abc import Sequence

from bson import ObjectId

from truestyle.catalog.products.models import Product, Variant
from truestyle.kit import clock
from truestyle.orders import delivery
from truestyle.orders.amounts import Amounts, Priced
from truestyle.orders.flow import OrderStatus, allowed_actions
from truestyle.orders.models import (
    CodTerms,
    LineTax,
    Order,
    OrderAnswer,
    OrderItem,
    OrderItemAnswer,
    Quote,
    QuoteItem,
    TaxTotals,
)
from truestyle.orders.tax import Tax
from truestyle.setting_groups import ShopSettings


def answer(order: Order) -> OrderAnswer:
    """An order for its buyer or the staff."""
    delivered = order.status is OrderStatus.DELIVERED
    items = [
        OrderItemAnswer(
            **item.model_dump(),
            returnable_quantity=item.quantity - item.returned_quantity if delivered and item.returnable else 0,
        )
        for item in order.items
    ]
    facts = {name: getattr(order, name) for name in OrderAnswer.model_fields if hasattr(order, name)}
    return OrderAnswer.model_validate({**facts, "items": items, "allowed_actions": allowed_actions(order.status)})


def frozen_item(product: Product, variant: Variant, priced: Priced, image_url: str | None) -> OrderItem:
    """A line as it is kept with the order."""
    line = priced.line
    return OrderItem(
        id=ObjectId(),
        product_id=product.id,
        sku=line.sku,
        name=product.name,
        size=variant.size,
        color=variant.color,
        image_url=image_url,
        hsn_code=product.hsn_code,
        quantity=line.quantity,
        unit_price=line.unit_price,
        mrp=line.mrp,
        discount=line.discount,
        taxable_value=priced.tax.taxable,
        tax=line_tax(priced.tax),
        line_total=priced.total,
        returnable=product.returnable,
        explanation=priced.explanation,
    )


def line_tax(tax: Tax) -> LineTax:
    """The taxes of a line."""
    return LineTax(rate=str(tax.rate), cgst=tax.cgst, sgst=tax.sgst, igst=tax.igst)


def tax_totals(figures: Amounts) -> TaxTotals:
    """The taxes of an order, shipping included."""
    cgst, sgst, igst = figures.cgst, figures.sgst, figures.igst
    return TaxTotals(cgst=cgst, sgst=sgst, igst=igst, total=cgst + sgst + igst)


def quote_of(
    shop: ShopSettings,
    chosen: Sequence[tuple[Product, Variant]],
    figures: Amounts,
    pincode: str,
    available: dict[str, int],
) -> Quote:
    """What the lines would cost, delivered to a PIN code."""
    there = delivery.deliverable(pincode)
    items = [
        QuoteItem(
            product_id=product.id,
            sku=variant.sku,
            name=product.name,
            size=variant.size,
            color=variant.color,
            quantity=priced.line.quantity,
            unit_price=priced.line.unit_price,
            discount=priced.line.discount,
            taxable_value=priced.tax.taxable,
            tax=line_tax(priced.tax),
            line_total=priced.total,
            available=available.get(variant.sku, 0),
        )
        for (product, variant), priced in zip(chosen, figures.lines, strict=True)
    ]
    return Quote(
        items=items,
        subtotal=figures.subtotal,
        discount=figures.discount,
        shipping=figures.shipping,
        tax=tax_totals(figures),
        total=figures.total,
        deliverable=there,
        cod=CodTerms(available=delivery.cod_offered(shop, pincode, figures.total), fee=shop.cod_fee),
        estimated_delivery=delivery.estimate(shop, clock.now()) if there else None,
    )
