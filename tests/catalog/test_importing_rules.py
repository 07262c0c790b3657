"""What goes in, what stays out, and what stays as it is."""

from tests import make
from tests.catalog import rows
from tests.catalog.rows import bring, ours, product, shirt, told
from truestyle.catalog.importing.models import Actor
from truestyle.catalog.lookups import Brand, Category
from truestyle.shop import Shop

FULL = shirt(
    description="Hand-block-printed, 60s cotton.",
    brand="Sutvana",
    categories="Women > Shirts|Sale",
    product_type="Shirt",
    occasions="Everyday|Work",
    gender="women",
    tags="cotton|block print",
    status="active",
    hsn_code="6206",
    country_of_origin="India",
    manufacturer="Sutvana Prints Pvt Ltd, Jaipur",
    net_quantity="1 N",
    max_per_order="3",
    returnable="false",
    seo_title="Indigo block print shirt",
    seo_description="A shirt.",
    attributes="Fit=Slim|Sleeve=3/4",
    barcode="8904103721171",
)
LARGE = {"slug": "indigo-shirt", "sku": "SH-L", "size": "L", "color": "Indigo", "mrp": "1999.00", "price": "1599.00"}


async def test_everything_of_our_own_kind(shop: Shop) -> None:
    result = await bring(shop, ours(FULL, LARGE))

    assert told(result) == []
    assert (result.dialect, result.rows) == ("truestyle", 2)
    found = await product(shop.store, "indigo-shirt")
    assert (found.base_mrp, found.base_price, found.mrp, found.price) == (1999_00, 1499_00, 1999_00, 1499_00)
    assert (found.max_per_order, found.returnable, found.net_quantity) == (3, False, "1 N")
    assert [one.name for one in found.categories] == ["Shirts", "Sale"]
    assert [one.name for one in found.occasions] == ["Everyday", "Work"]
    assert found.variants[0].attributes == {"Fit": "Slim", "Sleeve": "3/4"}
    assert [(one.base_price, one.price) for one in found.variants] == [(None, 1499_00), (1599_00, 1599_00)]
    assert (found.sizes, found.sizes_in_stock, found.in_stock, found.vendor_id) == (["M", "L"], ["M"], True, None)
    women = await shop.store.of(Category).first({"name": "Women"})
    below = await shop.store.of(Category).first({"name": "Shirts"})
    assert women is not None
    assert below is not None
    assert (below.parent_id, below.slug) == (women.id, "women-shirts")
    movements = await shop.store.movements.collection.find({}).to_list()
    assert [(one["sku"], one["on_hand_delta"], one["reason"]) for one in movements] == [("SH-M", 5, "opening")]
    assert set(await shop.store.stock.of(["SH-M", "SH-L"])) == {"SH-M", "SH-L"}


async def test_twice_changes_nothing(shop: Shop) -> None:
    file = ours(FULL, LARGE, shirt(slug="b", sku="B"))
    await bring(shop, file)
    before = await rows.dump(shop.store)

    again = await bring(shop, file)

    assert (again.products.unchanged, again.products.created, again.products.updated) == (2, 0, 0)
    assert (again.variants.created, again.variants.updated) == (0, 0)
    assert await rows.dump(shop.store) == before


async def test_a_dry_run_writes_nothing_and_says_what_would_happen(shop: Shop) -> None:
    await bring(shop, ours(FULL))
    before = await rows.dump(shop.store)
    file = ours(
        {**FULL, "price": "1399.00", "image": "https://example.com/a.jpg"},
        LARGE,
        shirt(slug="new", sku="NEW", brand="Never seen", categories="A > B"),
        shirt(slug="bad", sku="BAD", price="x"),
    )

    result = await bring(shop, file, dry_run=True)

    assert result.dry_run
    counts = result.products
    assert (counts.created, counts.updated, counts.unchanged, counts.skipped) == (1, 1, 0, 1)
    assert (result.variants.created, result.variants.updated, result.images.stored) == (2, 1, 1)
    assert told(result) == [(5, "price", "must be an amount like 1499.00")]
    assert await rows.dump(shop.store) == before
    really = await bring(shop, file.replace("https://", "ftp://"))
    assert really.products == result.products
    assert really.variants == result.variants


async def test_nothing_is_half_written(shop: Shop) -> None:
    file = ours(
        shirt(slug="one", sku="1-A", size="S"),
        {**LARGE, "slug": "one", "sku": "1-B", "price": "abc"},
        {**LARGE, "slug": "one", "sku": "1-C", "price": "9999", "size": "XL"},
        shirt(slug="two", sku="2-A", brand="Only of two"),
        shirt(slug="three", sku="3-A"),
        {**LARGE, "slug": "three", "sku": "2-A"},
        shirt(slug="four", sku="4-A"),
        {**LARGE, "slug": "four", "sku": "4-B", "size": "M"},
    )

    result = await bring(shop, file)

    assert told(result) == [
        (3, "price", "must be an amount like 1499.00"),
        (4, "price", "must not be above the MRP of 1999.00"),
        (7, "sku", "stands in row 5 already"),
        (9, "size", "has the same options as row 8"),
    ]
    assert (result.products.created, result.products.skipped) == (1, 3)
    assert await shop.store.products.count({}) == 1
    assert [row["_id"] for row in await shop.store.stock.collection.find({}).to_list()] == ["2-A"]
    assert await shop.store.movements.count({}) == 1
    assert await shop.store.of(Brand).count({}) == 1


async def test_only_what_differs_is_changed(shop: Shop) -> None:
    await bring(shop, ours(FULL, LARGE, shirt(slug="b", sku="B")))
    before = await rows.dump(shop.store)

    result = await bring(shop, "slug,sku,price\nwhatever,SH-L,1299\n")

    assert (result.products.updated, result.variants.updated, result.variants.created) == (1, 1, 0)
    after = await rows.dump(shop.store)
    old, new = before["products"][0], after["products"][0]
    changed = {name for name in old if old[name] != new[name]}
    assert changed == {"variants", "price", "base_price", "version", "updated_at"}
    assert new["version"] == old["version"] + 1
    assert (new["price"], new["slug"]) == (1299_00, "indigo-shirt")
    assert [one["price"] for one in new["variants"]] == [1499_00, 1299_00]
    assert before["products"][1] == after["products"][1]
    assert (before["stock"], before["stock_movements"]) == (after["stock"], after["stock_movements"])


async def test_new_variants_join_and_stock_of_known_skus_stays(shop: Shop) -> None:
    await bring(shop, ours(FULL, LARGE))

    result = await bring(
        shop, ours({**FULL, "stock": 99}, {**LARGE, "sku": "SH-XL", "size": "XL", "stock": 7, "price": "1699.00"})
    )

    assert (result.products.updated, result.variants.created, result.variants.updated) == (1, 1, 0)
    found = await product(shop.store, "indigo-shirt")
    assert [one.sku for one in found.variants] == ["SH-M", "SH-L", "SH-XL"]
    assert found.sizes_in_stock == ["M", "XL"]
    assert await shop.store.stock.available(["SH-M", "SH-L", "SH-XL"]) == {"SH-M": 5, "SH-L": 0, "SH-XL": 7}
    assert await shop.store.movements.count({"sku": "SH-M"}) == 1


async def test_a_discount_stays_and_must_leave_something(shop: Shop) -> None:
    kept = await make.product(shop, variants=[{"sku": "D-1"}], discount={"type": "fixed", "value": "500.00"})
    file = "slug,sku,price\nd,D-1,{}\n"

    same = await bring(shop, file.format("1499.00"))
    lower = await bring(shop, file.format("1400"))
    nothing = await bring(shop, file.format("400"))

    assert (same.products.unchanged, lower.products.updated) == (1, 1)
    assert told(nothing) == [(2, "price", "is more than the price")]
    assert (await shop.store.products.get(kept.id)).price == 900_00


async def test_a_sku_of_another_product(shop: Shop) -> None:
    await bring(
        shop, ours(shirt(slug="a", sku="A-1"), shirt(slug="b", sku="B-1"), {**LARGE, "slug": "b", "sku": "B-2"})
    )
    before = await rows.dump(shop.store)

    result = await bring(
        shop,
        ours(
            shirt(slug="a", sku="A-1", name="Other"),
            {**LARGE, "slug": "a", "sku": "B-2"},
            shirt(slug="c", sku="C-1"),
        ),
    )

    assert told(result) == [(3, "sku", "belongs to another product")]
    assert (result.products.created, result.products.skipped) == (1, 1)
    after = await rows.dump(shop.store)
    assert before["products"] == after["products"][:2]


async def test_two_products_of_a_file_for_one_of_the_store(shop: Shop) -> None:
    await bring(shop, ours(shirt(slug="a", sku="A-1"), {**LARGE, "slug": "a", "sku": "A-2"}))

    result = await bring(
        shop, ours(shirt(slug="p", sku="A-1", name="P"), {**LARGE, "slug": "q", "sku": "A-2", "name": "Q"})
    )

    assert told(result) == [(3, "sku", "belongs to another product, which row 2 has changed")]
    assert (await product(shop.store, "a")).name == "P"


async def test_a_slug_that_is_taken_gets_a_number(shop: Shop) -> None:
    await bring(shop, ours(shirt(sku="A")))

    result = await bring(shop, ours(shirt(sku="B"), shirt(slug="Indigo Shirt", sku="C"), shirt(slug="साड़ी", sku="D")))

    assert result.products.created == 3
    slugs = [row["slug"] for row in await shop.store.products.collection.find({}).sort("_id", 1).to_list()]
    assert slugs[:3] == ["indigo-shirt", "indigo-shirt-2", "indigo-shirt-3"]
    assert slugs[3].isascii()


async def test_names_are_found_ignoring_case(shop: Shop) -> None:
    await bring(shop, ours(FULL))
    file = ours(
        shirt(slug="b", sku="B", brand="SUTVANA", categories="women > SHIRTS|women>Skirts", occasions="everyday"),
        shirt(slug="c", sku="C", brand="Sut Vana", product_type="shirt"),
        shirt(slug="d", sku="D", brand="Sut-Vana", categories="Men > Shirts"),
    )

    result = await bring(shop, file)

    assert told(result) == []
    brands = {row["name"] for row in await shop.store.of(Brand).collection.find({}).to_list()}
    assert brands == {"Sutvana", "Sut Vana", "Sut-Vana"}
    names = sorted(row["name"] for row in await shop.store.of(Category).collection.find({}).to_list())
    assert names == ["Men", "Sale", "Shirts", "Shirts", "Skirts", "Women"]
    assert await shop.store.db["product_types"].count_documents({}) == 1


async def test_long_paths_of_long_names(shop: Shop) -> None:
    path = " > ".join(f"{letter * 60} and accessories" for letter in "abcdefgh")

    result = await bring(shop, ours(shirt(categories=path), shirt(slug="b", sku="B", categories=path + "x")))

    assert told(result) == []
    assert await shop.store.of(Category).count({}) == 9


async def test_a_vendor_writes_only_its_own(shop: Shop, vendor: make.Person) -> None:
    actor = Actor.of(vendor.caller)
    await bring(shop, ours(FULL))
    before = await rows.dump(shop.store)
    file = ours(
        {**FULL, "name": "Stolen"},
        shirt(slug="mine", sku="V-1", brand="sutvana"),
        shirt(slug="new-brand", sku="V-2", brand="Unheard of"),
    )

    result = await bring(shop, file, actor=actor)

    assert told(result) == [
        (2, "sku", "belongs to another product"),
        (4, "brand", "names 'Unheard of', which does not exist; ask the store's staff"),
    ]
    assert result.products.created == 1
    mine = await product(shop.store, "mine")
    assert mine.vendor_id == vendor.user.id
    after = await rows.dump(shop.store)
    assert [one["name"] for one in after["brands"]] == ["Sutvana"]
    assert after["products"][0] == before["products"][0]
    changed = await bring(shop, ours(shirt(slug="mine", sku="V-1", price="1000")), actor=actor)
    assert changed.products.updated == 1
    opened = await shop.store.movements.first({"sku": "V-1"})
    assert opened is not None
    assert opened.actor_id == vendor.user.id


async def test_staff_change_a_vendors_product_without_taking_it(shop: Shop, vendor: make.Person) -> None:
    await make.product(shop, caller=vendor.caller, variants=[{"sku": "V-1"}])

    result = await bring(shop, ours(shirt(sku="V-1", size="", color="", name="Renamed")))

    assert result.products.updated == 1
    (found,) = await shop.store.products.by_skus(["V-1"])
    assert (found.name, found.vendor_id) == ("Renamed", vendor.user.id)


async def test_too_many_variants(shop: Shop) -> None:
    many = [{**LARGE, "slug": "m", "sku": f"M-{number}", "size": str(number)} for number in range(251)]

    result = await bring(shop, ours({**many[0], "name": "Many"}, *many[1:]))
    most = await bring(shop, ours({**many[0], "name": "Many"}, *many[1:250]))
    more = await bring(shop, ours(*many[250:]))

    assert told(result) == [(2, "sku", "has more than 250 variants")]
    assert (most.products.created, most.variants.created) == (1, 250)
    assert told(more) == [(2, "name", "is missing")]


async def test_errors_are_counted_but_not_all_kept(shop: Shop) -> None:
    result = await bring(shop, ours(*(shirt(slug=f"s{n}", sku=f"S{n}", price="x") for n in range(1200))))

    assert (result.errors, len(result.bad_rows)) == (1200, 1000)
    assert result.bad_rows[-1].row == 1001


async def test_notes_are_capped(shop: Shop) -> None:
    result = await bring(shop, ours(*(shirt(slug=f"s{n}", sku=f"S{n}", stock="-1") for n in range(150))))

    assert len(result.notes) == 100
    assert result.notes[-1] == "… and 51 more notes."
