"""`settlement`: a gateway's settlement file against the payment ledger."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from truestyle.cli.common import CommandFailedError, problems
from truestyle.kit.errors import ValidationFailed
from truestyle.kit.money import wire
from truestyle.payments.models import PaymentType
from truestyle.payments.settlement import matching
from truestyle.payments.settlement.models import SettlementReport
from truestyle.shop import Shop

SHOWN = 50


def provider_of(asked: str | None) -> PaymentType | None:
    """Who was named, if anybody. Raises CommandFailedError."""
    if asked not in {None, PaymentType.STRIPE, PaymentType.RAZORPAY}:
        message = f"{asked}: say stripe or razorpay."
        raise CommandFailedError(message)
    return PaymentType(asked) if asked else None


async def settlement(shop: Shop, path: Path, provider: PaymentType | None, *, console: Console | None = None) -> bool:
    """Check a file with a bar, print what differs; whether nothing does. Raises CommandFailedError."""
    bar = Progress(TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=problems, transient=True)
    try:
        with bar, bar.open(path, "rt", encoding="utf-8-sig", newline="", description=path.name) as file:
            report = await matching.check(shop.store, file, provider)
    except ValidationFailed as refused:
        message = f"{path.name} {refused.members['errors'][0]['msg']}."
        raise CommandFailedError(message) from refused
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise CommandFailedError(message) from error
    show(console or Console(), path.name, report)
    return report.clean


def show(out: Console, name: str, report: SettlementReport) -> None:
    """Print the figures, and a table of the differences."""
    if not report.rows:
        out.print(f"[yellow]![/] {name} has no lines: nothing was checked.", highlight=False, soft_wrap=True)
        return
    mark = "[green]✓[/]" if report.clean else "[red]✗[/]"
    out.print(f"{mark} {name} ({report.provider}): {report.rows} rows, {report.matched} matched", highlight=False)
    figures = Table("", "lines", "amount", box=None)
    for words, group in (("payments", report.payments), ("refunds", report.refunds), ("other", report.other)):
        figures.add_row(words, str(group.count), wire(group.amount))
    for words, amount in (("fees", -report.fees), ("tax on fees", -report.tax), ("paid out", report.net)):
        figures.add_row(words, "", wire(amount))
    for column in figures.columns[1:]:
        column.justify = "right"
    out.print(figures)
    if report.clean:
        return
    count = report.difference_count
    out.print(f"{count} {'line differs' if count == 1 else 'lines differ'}:", highlight=False)
    for one in report.differences[:SHOWN]:  # whole, however narrow the terminal is: references are to be copied
        settled, ledger = ("–" if amount is None else wire(amount) for amount in (one.settled, one.ledger))
        row = f"row {one.row}" if one.row else "no row"
        order = f", order {one.order_id}" if one.order_id else ""
        facts = f"{row}: {one.kind} {one.reference or ''}  settled {settled}, ledger {ledger}{order}"
        out.print(Text(facts), soft_wrap=True)
        out.print(Text(f"    {one.message}", style="dim"), soft_wrap=True)
    if report.difference_count > SHOWN:
        out.print(f"… and {report.difference_count - SHOWN} more.", highlight=False)
