"""The catalogue into an empty database, and into the search index: `python fill.py catalogue.json`."""

import json
import sys
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django.utils.text import slugify  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402

Product = get_model("catalogue", "Product")
StockRecord = get_model("partner", "StockRecord")


@transaction.atomic
def fill(pieces: list[dict]) -> None:
    """A parent for each piece, a child with its stock for each size."""
    get_model("address", "Country").objects.create(
        iso_3166_1_a2="IN",
        iso_3166_1_a3="IND",
        iso_3166_1_numeric="356",
        printable_name="India",
        name="Republic of India",
        is_shipping_country=True,
    )
    kind = get_model("catalogue", "ProductClass").objects.create(name="Clothes", track_stock=True)
    attribute = get_model("catalogue", "ProductAttribute")
    size = attribute.objects.create(product_class=kind, name="Size", code="size", type="text")
    colour = attribute.objects.create(product_class=kind, name="Colour", code="colour", type="text")
    partner = get_model("partner", "Partner").objects.create(name="House")
    category = get_model("catalogue", "Category")
    garments = {name: category.add_root(name=name) for name in sorted({one["garment"] for one in pieces})}

    parents = Product.objects.bulk_create(
        Product(
            structure=Product.PARENT,
            upc=f"TS-{one['number']:05}",
            title=one["name"],
            slug=slugify(one["name"]),
            description=one["description"],
            product_class=kind,
        )
        for one in pieces
    )
    through = get_model("catalogue", "ProductCategory")
    through.objects.bulk_create(
        through(product=parent, category=garments[one["garment"]]) for parent, one in zip(parents, pieces, strict=True)
    )
    rows = [
        (parent, one, sku, name)
        for parent, one in zip(parents, pieces, strict=True)
        for sku, name in zip(one["skus"], one["sizes"], strict=True)
    ]
    children = Product.objects.bulk_create(
        Product(structure=Product.CHILD, parent=parent, upc=sku, title=f"{one['name']} {name}", slug=slugify(sku))
        for parent, one, sku, name in rows
    )
    value = get_model("catalogue", "ProductAttributeValue")
    value.objects.bulk_create(
        value(product=child, attribute=what, value_text=text)
        for child, (_, one, _, name) in zip(children, rows, strict=True)
        for what, text in ((size, name), (colour, one["colour"]))
    )
    StockRecord.objects.bulk_create(
        StockRecord(
            product=child,
            partner=partner,
            partner_sku=sku,
            price_currency="INR",
            price=one["price"],
            num_in_stock=one["units"],
        )
        for child, (_, one, sku, _) in zip(children, rows, strict=True)
    )


call_command("migrate", verbosity=0, interactive=False)
fill(json.loads(Path(sys.argv[1]).read_text()))
call_command("rebuild_index", interactive=False, verbosity=0)
