"""`truestyle import`: progress while it runs, then what was done and every bad row."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from truestyle.catalog.importing.fetch import Fetcher
from truestyle.catalog.importing.models import ImportResult
from truestyle.catalog.importing.service import import_catalogue
from truestyle.files.service import Limits
from truestyle.kit.errors import ValidationFailed
from truestyle.shop import Shop

MOST_SHOWN = 50  # bad rows, and notes


async def run_import(shop: Shop, path: Path, *, dry_run: bool = False, console: Console | None = None) -> bool:
    """Import the file into an opened shop as its operator, and print what came of it; whether any row was refused.

    Call it as `failed = run(data, lambda shop: run_import(shop, path, dry_run=dry_run))`; a true answer is exit 1.
    """
    out = console or Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("Trying" if dry_run else "Importing", total=None)

        async def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        try:
            result = await import_catalogue(
                shop.store,
                shop.storage,
                await asyncio.to_thread(path.read_bytes),
                name=path.name,
                dry_run=dry_run,
                fetcher=Fetcher(shop.settings.data.upload_max_bytes, look_at=Limits.of(shop.settings).look_at),
                on_progress=show,
            )
        except ValidationFailed as refused:
            bar.stop()
            words = f"{path.name} {refused.members['errors'][0]['msg']}."
            out.print(f"[bold red]✗[/] {escape(words)}", highlight=False, soft_wrap=True)
            return True
    show_result(out, path.name, result)
    return result.errors > 0


def show_result(out: Console, name: str, result: ImportResult) -> None:
    """Print the figures, the notes and a table of the bad rows."""
    products, variants, images = result.products, result.variants, result.images
    would = "would be " if result.dry_run else ""
    mark = "[green]✓[/]" if not result.errors else "[yellow]![/]"
    out.print(f"{mark} {escape(name)} ({result.dialect}): {result.rows} rows", highlight=False)
    out.print(
        f"  products  {products.created} {would}created · {products.updated} {would}updated · "
        f"{products.unchanged} unchanged · {products.skipped} skipped",
        highlight=False,
    )
    out.print(f"  variants  {variants.created} {would}created · {variants.updated} {would}updated", highlight=False)
    out.print(f"  pictures  {images.stored} {would}stored · {images.skipped} skipped", highlight=False)
    for note in result.notes[:MOST_SHOWN]:
        out.print(f"  · {note}", highlight=False, markup=False)
    if not result.bad_rows:
        return
    table = Table(title="Rows that were refused, with the whole product they belong to", title_justify="left")
    table.add_column("row", justify="right")
    table.add_column("column")
    table.add_column("what is wrong")
    for bad in result.bad_rows[:MOST_SHOWN]:
        table.add_row(str(bad.row), Text(bad.field), Text(bad.message))
    out.print(table)
    if result.errors > min(len(result.bad_rows), MOST_SHOWN):
        out.print(f"  … and {result.errors - min(len(result.bad_rows), MOST_SHOWN)} more.", highlight=False)
