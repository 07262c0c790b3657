"""Ten thousand rows, and the command line."""

import io
from pathlib import Path

from rich.console import Console

from tests.catalog import rows
from tests.catalog.rows import bring, ours, shirt
from truestyle.cli.importing import run_import
from truestyle.shop import Shop


async def test_ten_thousand_rows(shop: Shop) -> None:
    """How long it takes is measured in benchmarks; here it must be right."""
    file = rows.large(2500)

    first = await bring(shop, file)
    again = await bring(shop, file)
    dearer = await bring(shop, file.replace(",2499.00,", ",2599.00,"))

    assert (first.rows, first.products.created, first.variants.created) == (10_000, 2500, 10_000)
    assert again.products.unchanged == 2500
    assert (dearer.products.updated, dearer.variants.updated) == (2500, 10_000)
    assert await shop.store.products.count({}) == 2500
    assert await shop.store.stock.count({}) == 10_000
    moved = await shop.store.movements.collection.aggregate(
        [{"$group": {"_id": None, "pieces": {"$sum": "$on_hand_delta"}}}]
    )
    there = await shop.store.stock.collection.aggregate([{"$group": {"_id": None, "pieces": {"$sum": "$on_hand"}}}])
    assert await moved.to_list() == await there.to_list()


async def test_the_command_line(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "[shirts].csv"
    path.write_text(ours(shirt(), shirt(slug="b", sku="B", price="[x]"), shirt(slug="c", sku="C", stock="-1")))
    out = io.StringIO()
    console = Console(file=out, width=120)

    tried = await run_import(shop, path, dry_run=True, console=console)
    empty = await shop.store.products.count({})
    failed = await run_import(shop, path, console=console)

    assert tried
    assert failed
    assert empty == 0
    assert await shop.store.products.count({}) == 2
    text = out.getvalue()
    assert "2 would be created" in text
    assert "! [shirts].csv (truestyle): 3 rows" in text
    assert "Row 4: a stock of -1 was read as 0." in text
    assert "must be an amount like 1499.00" in text


async def test_the_command_line_with_a_sound_file_and_with_none(shop: Shop, tmp_path: Path) -> None:
    sound, none = tmp_path / "a.csv", tmp_path / "b.csv"
    sound.write_text(ours(shirt()))
    none.write_bytes(b"\x00")
    out = io.StringIO()
    console = Console(file=out, width=120)

    assert not await run_import(shop, sound, console=console)
    assert await run_import(shop, none, console=console)

    assert "✓ a.csv (truestyle): 1 rows" in out.getvalue()
    assert "✗ b.csv is not text." in out.getvalue()
