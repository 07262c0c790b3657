"""Orders and quotes as they are read."""

from collections.abc import Sequence

from bson import ObjectId

from truestyle.catalog.products.models import Product, Variant
from truestyle.kit import clock
from truestyle.orders.amounts import Amounts, Priced
from truestyle.orders.flow import EDITABLE, OrderStatus, allowed_actions
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
from truestyle.orders.steps import returnable_until
from truestyle.orders.tax import Tax
from truestyle.payments.models import PaymentType
from truestyle.setting_groups import ShopSettings
from truestyle.shipping.service import Service


def answer(order: Order, window_days: int) -> OrderAnswer:
    """An order for its buyer or the staff. `window_days`: how long after delivery goods can be sent back."""
    items = [item_answer(order, item, window_days) for item in order.items]
    more = ["edit_items"] if lines_editable(order) else []
    acts = allowed_actions(order.status, more, payable=payable(order))
    facts = {name: getattr(order, name) for name in OrderAnswer.model_fields if hasattr(order, name)}
    return OrderAnswer.model_validate({**facts, "items": items, "allowed_actions": acts})


def payable(order: Order) -> bool:
    """Whether another way to pay may be tried: it waits for its payment, and still has time."""
    ends = order.payment.expires_at
    return order.status is OrderStatus.PLACED and ends is not None and clock.now() < ends


def item_answer(order: Order, item: OrderItem, window_days: int) -> OrderItemAnswer:
    """A line for whoever may see it."""
    until = returnable_until(order, window_days) if item.returnable else None
    left = item.quantity - item.returned_quantity if until is not None and clock.now() <= until else 0
    return OrderItemAnswer(**item.model_dump(), returnable_quantity=left)


def lines_editable(order: Order) -> bool:
    """Whether its lines and its address may still change: before packing, and while nothing is paid."""
    on_delivery = order.payment.type is PaymentType.COD and order.amount_paid == 0
    return order.status in EDITABLE and on_delivery


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
        list_price=line.list_price,
        discount=line.discount,
        taxable_value=priced.tax.taxable,
        tax=line_tax(priced.tax),
        line_total=priced.total,
        returnable=product.returnable,
        vendor_id=product.vendor_id,
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
    service: Service,
    available: dict[str, int],
    store_credit: int = 0,
) -> Quote:
    """What the lines would cost, delivered to a PIN code, and how many paise of it store credit would pay."""
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
        store_credit=store_credit,
        to_pay=figures.total - store_credit,
        deliverable=service.deliverable,
        cod=CodTerms(available=service.takes_cod(figures.total), fee=service.cod_fee),
        estimated_delivery=service.arrives(clock.now(), shop.zone) if service.deliverable else None,
    )
