"""`truestyle export`: the catalogue as a file, written beside its place and then put there whole."""

import asyncio
from pathlib import Path

from rich.console import Console

from truestyle.catalog.exporting.service import ExportFormat, export
from truestyle.cli.common import CommandFailedError
from truestyle.kit.errors import ValidationFailed
from truestyle.shop import Shop


def format_of(path: Path, asked: str | None) -> ExportFormat:
    """What was asked for, or what the name says. Raises CommandFailedError."""
    try:
        return ExportFormat(asked or path.suffix.lower().removeprefix("."))
    except ValueError as error:
        message = f"{path.name}: name it .csv or .xlsx, or say --format."
        raise CommandFailedError(message) from error


async def run_export(shop: Shop, path: Path, format_: ExportFormat, *, console: Console | None = None) -> None:
    """Write all products to a file. Raises CommandFailedError."""
    out, size = console or Console(), 0
    part_file = path.with_name(f".{path.name}.part")
    try:
        with part_file.open("wb") as file:
            async for part in await export(shop.store, format_):
                size += await asyncio.to_thread(file.write, part)
        part_file.replace(path)
    except ValidationFailed as refused:
        message = str(refused.members["errors"][0]["msg"])
        raise CommandFailedError(message) from refused
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise CommandFailedError(message) from error
    finally:
        part_file.unlink(missing_ok=True)
    out.print(f"[green]✓[/] {path.name}: {size:,} bytes", highlight=False)
