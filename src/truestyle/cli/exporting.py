"""`truestyle export`: data as a file, written beside its place and then put there whole."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from truestyle.catalog.exporting.service import ExportFormat, export
from truestyle.cli.common import CommandFailedError, problems
from truestyle.exports import making
from truestyle.exports import service as exports
from truestyle.exports.models import ASKS, Export, FileFormat, Subject
from truestyle.invoices import gstr1
from truestyle.kit.errors import ValidationFailed
from truestyle.shop import Shop

# Rule 48(4) of the CGST Rules: whose turnover was above five crore rupees, which is what six digits of HSN are set for.
E_INVOICE = "With that turnover these invoices need an IRN (e-invoice), which the store does not ask for."


def format_of(path: Path, asked: str | None) -> ExportFormat:
    """What was asked for, or what the name says. Raises CommandFailedError."""
    try:
        return ExportFormat(asked or path.suffix.lower().removeprefix("."))
    except ValueError as error:
        message = f"{path.name}: name it .csv or .xlsx, or say --format; or say orders, products, users or sales."
        raise CommandFailedError(message) from error


def is_subject(what: str) -> bool:
    """Whether it is something to export, rather than a file."""
    return what in set(Subject)


def asked_of(what: str, format_: str | None, out: Path | None, first: str | None, last: str | None) -> Export:
    """What the options ask for; CSV where neither they nor the name say. Raises CommandFailedError."""
    subject, suffix = Subject(what), out.suffix.lower().removeprefix(".") if out else ""
    kind = format_ or (suffix if suffix in set(FileFormat) else FileFormat.CSV)
    given = {"format": kind, "from": first, "to": last}
    try:
        return making.new(subject, ASKS[subject].model_validate(given))
    except ValidationError as refused:
        error = refused.errors()[0]
        message = f"--{error['loc'][0]}: {error['msg'].removeprefix('Value error, ')}."
        raise CommandFailedError(message) from refused


async def run_subject(shop: Shop, asked: Export, path: Path | None, *, console: Console | None = None) -> None:
    """Write it. Raises CommandFailedError."""
    out, path = console or Console(), path or Path(asked.name(shop.settings.shop.zone))
    with _whole(path) as file, _bar(asked.subject) as bar:

        async def tell(done: int, total: int) -> None:
            bar.update(bar.task_ids[0], completed=done, total=total)

        made = await exports.written(shop, asked, await making.planned(shop, asked), file, tell)
    out.print(f"[green]✓[/] {path}: {made.rows:,} rows, {made.size:,} bytes", highlight=False)


@contextmanager
def _bar(subject: str) -> Iterator[Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=problems, transient=True) as bar:
        bar.add_task(subject, total=None)
        yield bar


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when all of it is written. Raises CommandFailedError, also for what is refused."""
    part_file = path.with_name(f".{path.name}.part")
    try:
        with part_file.open("w+b") as file:
            yield file
        part_file.replace(path)
    except ValidationFailed as refused:
        message = str(refused.members["errors"][0]["msg"])
        raise CommandFailedError(message) from refused
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise CommandFailedError(message) from error
    finally:
        part_file.unlink(missing_ok=True)


async def run_gstr1(shop: Shop, month: str, folder: Path, *, console: Console | None = None) -> None:
    """Write every table to `gstr1-<month>-<table>.csv`. Raises CommandFailedError."""
    out = console or Console()
    try:
        span = gstr1.month_of(month)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for table in gstr1.Table:
            path = folder / f"gstr1-{month}-{table.value}.csv"
            lines = -1  # the heading
            with path.open("wb") as file:
                async for part in gstr1.export(shop.store, table, span):
                    lines += part.count(b"\n")
                    await asyncio.to_thread(file.write, part)
            told = f"{lines} {'line' if lines == 1 else 'lines'}" if lines > 0 else "nothing to tell"
            out.print(f"[green]✓[/] {path}: {told}", highlight=False, soft_wrap=True)
            if table is gstr1.Table.B2B and lines > 0 and shop.store.shop.hsn_digits == "6":
                out.print(f"[yellow]![/] {E_INVOICE}", highlight=False, soft_wrap=True)
    except ValidationFailed as refused:
        message = f"{month} is no month like 2026-11."
        raise CommandFailedError(message) from refused
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}."
        raise CommandFailedError(message) from error


async def run_export(shop: Shop, path: Path, format_: ExportFormat, *, console: Console | None = None) -> None:
    """Write all products to a file. Raises CommandFailedError."""
    out, size = console or Console(), 0
    with _whole(path) as file:
        async for part in await export(shop.store, format_):
            size += await asyncio.to_thread(file.write, part)
    out.print(f"[green]✓[/] {path.name}: {size:,} bytes", highlight=False)
