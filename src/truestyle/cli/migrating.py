"""`truestyle migrate`: what waits, and carrying it out with bars."""

from rich.table import Table

from truestyle.cli.backing_up import bars
from truestyle.cli.common import console
from truestyle.infra import sql
from truestyle.kit.errors import Unavailable
from truestyle.kit.tables import AWAY
from truestyle.shop import Shop, require
from truestyle.upgrades import service
from truestyle.upgrades.registry import MIGRATIONS


async def preview(shop: Shop, *, again: bool) -> None:
    """Print what would be done, and to how many rows. Raises Unavailable: SQL is away."""
    found = await shop.standing()
    if found.newer is not None:
        require(found)
    try:
        tables = await sql.waiting(shop.sql)
    except AWAY as error:
        msg = "The SQL database does not answer; look at POSTGRESQL_URI."
        raise Unavailable(msg) from error
    indexes = [name for one in shop.store.collections() for name in await one.missing_indexes()]
    console.print(f"SQL tables: {', '.join(tables) or 'nothing to do'}", highlight=False)
    console.print(f"Indexes to build: {len(indexes) or 'none'}", highlight=False)
    table = Table("", "migration", "what", "rows to change", "changed before", box=None, header_style="dim")
    plans = await service.preview(shop.store, MIGRATIONS, again=again)
    for one in plans:
        state = "[green]✓[/]" if one.finished and not one.documents else "[yellow]…[/]"
        told = "done" if one.finished and not again else f"{one.documents:,}"
        table.add_row(
            state, f"{one.migration.number} {one.migration.name}", one.migration.says, told, f"{one.changed:,}"
        )
    console.print(table)
    console.print("Nothing was changed.")


async def migrate(shop: Shop, *, again: bool) -> None:
    """Carry out what waits."""
    with bars() as progress:
        changed = await shop.migrate(progress, again=again)
    for name, rows in changed.items():
        console.print(f"  {name:<20} {rows:,} rows changed", highlight=False)
    console.print("[green]✓[/] Indexes, SQL tables and data are of this release.")
