"""WooCommerce's product CSV."""

from tests.catalog import rows
from tests.catalog.rows import WOO, bring, product, told
from truestyle.catalog.products.models import ProductStatus
from truestyle.shop import Shop

TEE = {
    "ID": 44,
    "Type": "variable",
    "SKU": "tee",
    "Name": "V-neck tee &amp; more",
    "Published": 1,
    "Short description": "Short.",
    "Description": r"<p>First line.</p>\n<p>Second.</p>",
    "Categories": r"Clothing > T-shirts, Sale\, all, Clothing &amp; more",
    "Tags": "Summer, Cotton",
    "Brands": "Kora",
    "Images": "ftp://example.com/1.jpg, ftp://example.com/2.jpg",
    "Attribute 1 name": "Color",
    "Attribute 1 value(s)": "Blue, Green",
    "Attribute 2 name": "Size",
    "Attribute 2 value(s)": "Large, Small",
}
GREEN = {
    "ID": 77,
    "Type": "variation",
    "SKU": "tee-green",
    "Name": "V-neck tee - Green",
    "Published": 1,
    "Stock": 4,
    "Regular price": "20.00",
    "Sale price": "15",
    "Parent": "tee",
    "Attribute 1 name": "Color",
    "Attribute 1 value(s)": "Green",
    "Attribute 2 name": "Size",
}
BLUE = {
    **GREEN,
    "ID": 78,
    "SKU": "",
    "Parent": "id:44",
    "Sale price": "",
    "Stock": "parent",
    "In stock?": 1,
    "Attribute 1 value(s)": "Blue",
    "Attribute 2 value(s)": "Large",
}
CAP = {
    "ID": 60,
    "Type": "simple, virtual",
    "SKU": "cap",
    "GTIN, UPC, EAN, or ISBN": "8904103721171",
    "Name": "Cap",
    "Published": -1,
    "Short description": "A cap.",
    "Stock": "16.0",
    "Regular price": "18",
    "Attribute 1 name": "Colour",
    "Attribute 1 value(s)": "Yellow",
    "Attribute 2 name": "Material",
    "Attribute 2 value(s)": "Cotton, Linen",
}


async def test_simple_and_variable_products(shop: Shop) -> None:
    result = await bring(shop, rows.text(WOO, [GREEN, TEE, BLUE, CAP]))  # a variation may stand above its parent

    assert told(result) == []
    assert result.dialect == "woocommerce"
    assert (result.products.created, result.variants.created) == (2, 3)
    tee = await product(shop.store, "v-neck-tee-and-more")
    assert tee.name == "V-neck tee & more"
    assert tee.description == "First line.\n\nSecond."
    assert tee.brand is not None
    assert tee.brand.name == "Kora"
    assert [one.name for one in tee.categories] == ["T-shirts", "Sale, all", "Clothing & more"]
    assert tee.tags == ["summer", "cotton"]
    green, blue = tee.variants
    assert (green.sku, green.color, green.size, green.price, green.mrp) == ("tee-green", "Green", None, 15_00, 20_00)
    assert (blue.color, blue.size, blue.price, blue.mrp) == ("Blue", "Large", 20_00, 20_00)
    cap = await product(shop.store, "cap")
    assert (cap.status, cap.description) == (ProductStatus.DRAFT, "A cap.")
    (only,) = cap.variants
    assert (only.color, only.attributes, only.barcode) == ("Yellow", {"Material": "Cotton, Linen"}, "8904103721171")
    assert await shop.store.stock.available([green.sku, blue.sku, "cap"]) == {green.sku: 4, blue.sku: 0, "cap": 16}
    assert result.notes[0] == "Row 4: WooCommerce does not count its stock; a new SKU opens with 0."
    assert result.images.skipped == 2


async def test_twice_changes_nothing(shop: Shop) -> None:
    file = rows.text(WOO, [TEE, GREEN, BLUE, CAP])
    await bring(shop, file)
    before = await rows.dump(shop.store)

    again = await bring(shop, file)

    assert again.products.unchanged == 2
    assert await rows.dump(shop.store) == before


async def test_what_cannot_go_in_is_told(shop: Shop) -> None:
    file = [
        {**TEE, "ID": 1, "SKU": "alone"},
        {**GREEN, "ID": 2, "SKU": "orphan", "Parent": "nobody"},
        {"ID": 3, "Type": "grouped", "Name": "Set"},
        {**CAP, "ID": 4, "SKU": "dear", "Sale price": "30"},
        {**CAP, "ID": 5, "SKU": "free", "Regular price": ""},
        {**CAP, "ID": 6, "SKU": "good"},
    ]

    result = await bring(shop, rows.text(WOO, file))

    assert told(result) == [
        (2, "Type", "is variable, but has no variations"),
        (3, "Parent", "names no variable product of this file"),
        (5, "Sale price", "must not be above the MRP of 18.00"),
        (6, "Regular price", "is missing"),
    ]
    assert (result.products.created, result.products.skipped) == (1, 5)
    assert "Row 4: products of type grouped are left out." in result.notes


async def test_unpublished_variations_and_sales_to_come(shop: Shop) -> None:
    hidden = {**BLUE, "Published": 0}
    later = {**GREEN, "Date sale price starts": "2999-01-01"}

    result = await bring(shop, rows.text(WOO, [TEE, later, hidden]))

    (variant,) = (await product(shop.store, "v-neck-tee-and-more")).variants
    assert (variant.sku, variant.price) == ("tee-green", 20_00)
    assert "Row 2: 1 variations that are not published were left out." in result.notes
