"""Shopify's product CSV, both kinds of header."""

import pytest

from tests.catalog import rows
from tests.catalog.rows import CURRENT, LEGACY, bring, product, told
from truestyle.catalog.lookups import Category
from truestyle.catalog.products.models import ProductGender, ProductStatus
from truestyle.shop import Shop

HTML = (
    "<style>p{color:red}</style><p>Hand-block-printed &amp; washed.</p><ul><li>Cotton</li><li>Side&nbsp;slits</li></ul>"
    "<script>alert(1)</script>Under &lt;500 g"
)
KURTA = [
    {
        "Handle": "bagru-kurta",
        "Title": "Bagru kurta",
        "Body (HTML)": HTML,
        "Vendor": "Sutvana",
        "Product Category": "Apparel & Accessories > Clothing > Shirts & Tops > Kurtas",
        "Type": "Kurta",
        "Tags": "Cotton, Block Print, cotton",
        "Published": "TRUE",
        "Option1 Name": "SIZE",
        "Option1 Value": "M",
        "Option2 Name": "Colour",
        "Option2 Value": "Indigo",
        "Option3 Name": "Fit",
        "Option3 Value": "Slim",
        "Variant SKU": "'00120",
        "Variant Grams": "300",
        "Variant Inventory Qty": "12",
        "Variant Price": "1299.00",
        "Variant Compare At Price": "1899",
        "Variant Barcode": "8.90E+12",
        "SEO Title": "Bagru block print kurta",
        "Variant Tax Code": "6211",
        "Price / India": "1",
        "Status": "active",
    },
    {
        "Handle": "bagru-kurta",
        "Option1 Value": "L",
        "Option2 Value": "Indigo",
        "Option3 Value": "Slim",
        "Variant SKU": "00121",
        "Variant Inventory Qty": "-3",
        "Variant Price": "1399.00",
        "Variant Compare At Price": "1200",
        "Variant Barcode": "8904103721171",
    },
    {"Handle": "bagru-kurta", "Image Src": "ftp://example.com/a.jpg", "Image Position": "2"},
    {
        "Handle": "plain-dupatta",
        "Title": "Plain dupatta",
        "Published": "false",
        "Option1 Name": "Title",
        "Option1 Value": "Default Title",
        "Variant Price": "499.00",
        "Variant Tax Code": "P0000000",
        "Status": "active",
    },
]


async def test_old_exports(shop: Shop) -> None:
    result = await bring(shop, rows.text(LEGACY, KURTA))

    assert told(result) == []
    assert result.dialect == "shopify_legacy"
    assert (result.rows, result.products.created, result.variants.created) == (4, 2, 3)
    kurta = await product(shop.store, "bagru-kurta")
    assert kurta.description == "Hand-block-printed & washed.\n- Cotton\n- Side slits\n\nUnder <500 g"
    assert kurta.brand is not None
    assert kurta.brand.name == "Sutvana"
    assert kurta.product_type is not None
    assert kurta.product_type.name == "Kurta"
    assert [one.name for one in kurta.categories] == ["Kurtas"]
    above = await shop.store.of(Category).first({"name": "Shirts & Tops"})
    below = await shop.store.of(Category).first({"name": "Kurtas"})
    assert above is not None
    assert below is not None
    assert (above.parent_id, below.parent_id) == (None, above.id)
    assert kurta.tags == ["cotton", "block print"]
    assert kurta.status is ProductStatus.ACTIVE
    assert kurta.seo.title == "Bagru block print kurta"
    assert kurta.hsn_code == "6211"
    medium, large = kurta.variants
    assert (medium.sku, medium.size, medium.color, medium.attributes) == ("00120", "M", "Indigo", {"Fit": "Slim"})
    assert (medium.price, medium.mrp, medium.barcode) == (1299_00, 1899_00, None)
    assert (large.price, large.mrp, large.barcode) == (1399_00, 1399_00, "8904103721171")
    assert (kurta.price, kurta.mrp, kurta.in_stock, kurta.sizes_in_stock) == (1299_00, 1899_00, True, ["M"])
    dupatta = await product(shop.store, "plain-dupatta")
    assert (dupatta.status, dupatta.hsn_code) == (ProductStatus.DRAFT, None)
    assert (dupatta.variants[0].size, dupatta.variants[0].attributes) == (None, {})
    assert await shop.store.stock.available(["00120", "00121"]) == {"00120": 12, "00121": 0}
    assert await shop.store.movements.count({}) == 1
    assert [note.split(":")[0] for note in result.notes] == ["Row 2", "Row 3", "Row 4"]
    assert result.images.skipped == 1


async def test_the_current_template(shop: Shop) -> None:
    common = {"URL handle": "pivot-shirt", "Price": "999.50", "Option1 name": "Shade"}
    file = [
        {
            **common,
            "Title": "Pivot shirt",
            "Description": "Plain words.",
            "Option1 value": "Ochre",
            "Option1 Linked To": "product.metafields.shopify.color-pattern",
            "SKU": "PV-O",
            "Compare-at price": "1200.00",
            "Published on online store": "TRUE",
            "Status": "Archived",
            "Tax code": "62052090",
            "Product category": "Shirts",
            "Google Shopping / Gender": "Female",
            "Inventory quantity": "7",
        },
        {**common, "Option1 value": "Sky", "SKU": "PV-S"},
        {"Title": "No handle here", "Price": "100", "SKU": "NH-1", "Product category": "aa-1-13-7"},
    ]

    result = await bring(shop, rows.text(CURRENT, file))

    assert told(result) == []
    assert result.dialect == "shopify"
    shirt = await product(shop.store, "pivot-shirt")
    assert shirt.status is ProductStatus.ARCHIVED
    assert shirt.gender is ProductGender.WOMEN
    assert shirt.hsn_code == "62052090"
    assert [(one.sku, one.color, one.price, one.mrp) for one in shirt.variants] == [
        ("PV-O", "Ochre", 999_50, 1200_00),
        ("PV-S", "Sky", 999_50, 999_50),
    ]
    assert [one.name for one in shirt.categories] == ["Shirts"]
    assert (await product(shop.store, "no-handle-here")).categories == []


@pytest.mark.parametrize("columns", [LEGACY, CURRENT])
async def test_columns_may_stand_in_any_order_and_case(shop: Shop, columns: tuple[str, ...]) -> None:
    names = sorted([*columns, "Metafield: custom.care [single_line]"], key=lambda name: name[::-1])
    values = {
        **dict.fromkeys(names, ""),
        "Handle" if columns is LEGACY else "URL handle": "x-1",
        "Title": "X one",
        "Variant SKU" if columns is LEGACY else "SKU": "X1",
        "Variant Price" if columns is LEGACY else "Price": "10",
    }
    values = {name: values[name] for name in names}

    result = await bring(shop, rows.text([name.upper() for name in names], [{k.upper(): v for k, v in values.items()}]))

    assert told(result) == []
    assert result.products.created == 1


async def test_variants_without_sku_are_found_again(shop: Shop) -> None:
    file = [
        {"Handle": "t", "Title": "Tee", "Option1 Name": "Size", "Option1 Value": "S/M", "Variant Price": "10"},
        {"Handle": "t", "Option1 Value": "S M", "Variant Price": "10"},
    ]
    await bring(shop, rows.text(LEGACY, file))
    before = await rows.dump(shop.store)

    again = await bring(shop, rows.text(LEGACY, file))

    assert (again.products.unchanged, again.products.created) == (1, 0)
    assert await rows.dump(shop.store) == before
    assert len({one.sku for one in (await product(shop.store, "t")).variants}) == 2


async def test_a_variant_row_needs_a_price(shop: Shop) -> None:
    file = [
        {"Handle": "a", "Title": "A", "Option1 Name": "Size", "Option1 Value": "S", "Variant Price": "10"},
        {"Handle": "a", "Option1 Value": "M", "Variant SKU": "A-M"},
        {"Handle": "b", "Title": "B", "Variant SKU": "B-1", "Variant Price": "10"},
    ]

    result = await bring(shop, rows.text(LEGACY, file))

    assert told(result) == [(3, "Variant Price", "is missing")]
    assert (result.products.created, result.products.skipped) == (1, 1)
    assert await shop.store.products.count({}) == 1


async def test_options_and_amounts_that_are_amiss(shop: Shop) -> None:
    common = {"Handle": "a", "Option1 Name": "Size"}
    file = [
        {**common, "Title": "A", "Option1 Value": "S", "Variant Price": "40.000"},
        {**common, "Option1 Value": "S", "Variant SKU": "A-S", "Variant Price": "40"},
        {"Handle": "b", "Title": "B", "Variant Price": "40.001"},
        {"Handle": "c", "Title": "C", "Variant Price": "10", "Variant Compare At Price": "lots"},
        {"Handle": "d", "Title": "D", "Variant Price": "40.000", "Variant Compare At Price": "45.5000"},
    ]

    result = await bring(shop, rows.text(LEGACY, file))

    assert told(result) == [
        (3, "Option1 Value", "has the same options as row 2"),
        (4, "Variant Price", "must have at most 2 decimal places"),
        (5, "Variant Compare At Price", "must be an amount like 1499.00"),
    ]
    assert ((await product(shop.store, "d")).price, (await product(shop.store, "d")).mrp) == (40_00, 45_50)


async def test_a_status_that_is_none(shop: Shop) -> None:
    file = [{"Handle": "a", "Title": "A", "Variant Price": "10", "Status": "sleeping", "Published": "maybe"}]

    result = await bring(shop, rows.text(LEGACY, file))

    assert told(result) == [
        (2, "Published", "must be true or false"),
        (2, "Status", "must be one of 'draft', 'active' or 'archived'"),
    ]


async def test_a_second_import_without_compare_at_column_keeps_the_mrp(shop: Shop) -> None:
    await bring(shop, rows.text(LEGACY, KURTA))
    few = ["Handle", "Variant SKU", "Variant Price"]

    result = await bring(shop, rows.text(few, [{"Handle": "x", "Variant SKU": "00120", "Variant Price": "1799"}]))
    dear = await bring(shop, rows.text(few, [{"Handle": "x", "Variant SKU": "00120", "Variant Price": "1900"}]))

    assert (result.products.updated, result.variants.updated) == (1, 1)
    variant = (await product(shop.store, "bagru-kurta")).variant("00120")
    assert variant is not None
    assert (variant.price, variant.mrp) == (1799_00, 1899_00)
    assert told(dear) == [(2, "Variant Price", "must not be above the MRP of 1899.00")]
