"""`audit`: the books of a live store."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from truestyle.audit import service
from truestyle.audit.report import Check, Report
from truestyle.cli.common import console, problems
from truestyle.shop import Shop

SHOWN = 50


async def audit(shop: Shop, *, repair: bool) -> bool:
    """Check everything with a bar for each invariant, print each breach; whether it is clean."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=problems,
        transient=True,
    ) as bars:
        tasks = {
            (check.invariant, check.says): bars.add_task(
                f"{check.invariant} {check.says}", total=await service.expected_rows(shop, check)
            )
            for check in service.checks(shop)
        }

        def progress(check: Check, rows: int) -> None:
            bars.advance(tasks[check.invariant, check.says], rows)

        report = await service.audit(shop, progress)
    _print(report)
    head = await shop.store.trail_head.read()
    console.print(
        f"The audit trail has {head['seq']} entries; the last seal is {head['seal'].hex()[:16]}.", highlight=False
    )
    if repair and not report.clean:
        console.print(f"Worked out again: {await service.repair(shop, report)} rows.")
        report = await service.audit(shop)
        _print(report)
    return report.clean


def _print(report: Report) -> None:
    table = Table("", "invariant", "rows", "breaches", box=None)
    for key, rows in report.checked.items():
        invariant = key.split(" ", 1)[0]
        found = sum(one.invariant == invariant for one in report.breaches)
        table.add_row("[red]✗[/]" if found else "[green]✓[/]", key, str(rows), str(found))
    console.print(table)
    for breach in report.breaches[:SHOWN]:
        console.print(f"[red]{breach.invariant}[/] {breach.message}: {breach.documents}", highlight=False)
    if len(report.breaches) > SHOWN:
        console.print(f"… and {len(report.breaches) - SHOWN} more")
    console.print("[green]The books are clean.[/]" if report.clean else f"[red]{len(report.breaches)} breaches.[/]")
