"""`audit`: the books of a live store."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from truestyle.audit import repairing, service
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
    if not repair and not report.clean:
        mendable = sum(one.mend is not None for one in report.breaches)
        told = f"`--repair` mends {mendable} of them; the others are for people."
        console.print(told if mendable else "None of them can be worked out again: they are for people.")
    if repair and not report.clean:
        found = repairing.plan(report)
        for line in repairing.told(found):
            console.print(Text.assemble(("to mend", "yellow"), f" {line}"), soft_wrap=True)
        console.print(
            f"Mended {await repairing.repair(shop, report)} of {len(report.breaches)} breaches; looking again."
        )
        report = await service.audit(shop)
        _print(report)
    return report.clean


def _print(report: Report) -> None:
    table = Table("", "invariant", "rows", "breaches", box=None)
    for key, rows in report.checked.items():
        invariant = key.split(" ", 1)[0]
        found = sum(one.invariant == invariant for one in report.breaches)
        # A breach names its invariant, not which of its checks has found it.
        told = f"{found} of {invariant}" if found else "0"
        table.add_row("[red]✗[/]" if found else "[green]✓[/]", key, str(rows), told)
    console.print(table)
    for breach in report.breaches[:SHOWN]:
        facts = ", ".join(f"{name} {value}" for name, value in breach.documents.items())
        console.print(Text.assemble((breach.invariant, "red"), f" {breach.message}: {facts}"), soft_wrap=True)
    count = len(report.breaches)
    if count > SHOWN:
        console.print(f"… and {count - SHOWN} more")
    said = f"[red]{count} {'breach' if count == 1 else 'breaches'}.[/]"
    console.print("[green]The books are clean.[/]" if report.clean else said)
