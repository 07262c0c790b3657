"""`truestyle backup` and `truestyle restore`, with bars."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from truestyle.backups import making, one_order, restoring, running, service
from truestyle.backups.models import BackupFailedError, BackupLog, RestoreLog, Scope
from truestyle.cli.common import CommandFailedError, console, problems
from truestyle.infra.archive import BACKUP_NAME, MANIFEST, BackupDamagedError
from truestyle.shop import Shop

LATEST = "latest"


async def back_up(shop: Shop, collections: str | None, out: Path | None) -> None:
    """Make a backup now. Raises CommandFailedError."""
    names = sorted({one.strip() for one in collections.split(",") if one.strip()}) if collections else None
    unknown = [one for one in names or () if one not in service.known(shop)]
    if unknown:
        msg = f"The store has no collection or table {', '.join(unknown)}."
        raise CommandFailedError(msg)
    asked = BackupLog(scope=Scope.FULL if names is None else Scope.COLLECTIONS, collections=names)
    base, began = out or shop.settings.backups.backup_base_path, time.perf_counter()
    try:
        async with running.alone(shop):
            await shop.store.backup_logs.add(asked)
            with bars() as progress:
                made = await running.back_up(shop, asked, base, progress)
    except BackupFailedError as error:
        raise CommandFailedError(str(error)) from error
    manifest = made.manifest
    size = sum(one.size for one in manifest.parts)
    console.print(
        f"[green]✓[/] {made.folder}: {manifest.rows:,} rows of {len(manifest.parts)} collections and tables, "
        f"{size:,} bytes in {manifest.stored:,}, {'encrypted' if manifest.encrypted else 'not encrypted'}; restored to "
        f"a scratch database and found the same. {time.perf_counter() - began:.1f} s",
        highlight=False,
        soft_wrap=True,
    )


async def restore(shop: Shop, backup: str, *, yes: bool) -> None:
    """Put a backup in the place of the store. Raises CommandFailedError."""
    folder, began = await found(shop, backup), time.perf_counter()
    name = shop.settings.shop.project_name
    if not yes and asked_name(folder) != name:
        msg = f"That is not the name of the store ({name}). Nothing was touched."
        raise CommandFailedError(msg)
    asked = RestoreLog(backup=folder.name)
    try:
        await restoring.recover(shop)
        await shop.lay_out()  # whatever is there now, it need not be of this release
        async with running.alone(shop):
            await shop.store.restore_logs.add(asked)
            with bars() as progress:
                manifest = await running.bring_back(shop, asked, folder, progress)
    except (BackupFailedError, BackupDamagedError) as error:
        raise CommandFailedError(str(error)) from error
    console.print(
        f"[green]✓[/] The store is as it was at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC: {manifest.rows:,} rows. "
        f"Everybody is signed out. {time.perf_counter() - began:.1f} s. Now run `truestyle audit`.",
        highlight=False,
        soft_wrap=True,
    )
    if (wrong := (await shop.standing()).wrong) is not None:  # a backup that an earlier release made
        problems.print(f"[yellow]![/] {wrong}", highlight=False, soft_wrap=True)


def asked_name(folder: Path) -> str:
    """What somebody types. Raises CommandFailedError where nobody is there to be asked, or wants to go on."""
    try:
        return str(typer.prompt(f"Everything since {folder.name} will be lost. Type the name of the store"))
    except typer.Abort as error:
        console.print()  # the question is still on the line
        msg = "Nothing was touched; --yes does not ask."
        raise CommandFailedError(msg) from error


async def restore_order(shop: Shop, backup: str, order: str) -> None:
    """Bring back one order. Raises CommandFailedError."""
    folder = await found(shop, backup)
    try:
        with bars() as progress:
            done = await one_order.bring_back(shop, folder, order, progress)
    except (BackupFailedError, BackupDamagedError) as error:
        raise CommandFailedError(str(error)) from error
    number = done.rows[one_order.ORDERS][0]["number"]
    back = {name: count for name, count in done.back.items() if count}
    rows = ", ".join(f"{name.replace('_', ' ')} {count} of {len(done.rows[name])}" for name, count in back.items())
    told = f"put back: {rows}. What was there stayed; nobody is written to" if rows else "nothing of it is missing"
    console.print(f"[green]✓[/] {number}: {told}.", highlight=False, soft_wrap=True)
    if rows:
        console.print("Stock, store credit, coupons and figures follow. Now run `truestyle audit`.", soft_wrap=True)
        if await shop.store.migrations.any_since(done.taken_at):
            mend = "now run `truestyle migrate --again`, which looks through what came back"
            problems.print(f"[yellow]![/] The backup is older than the last data migration: {mend}.", soft_wrap=True)


async def found(shop: Shop, backup: str) -> Path:
    """The folder of a backup: a path, a name under BACKUP_BASE_PATH or in the bucket, or `latest`.

    Raises CommandFailedError.
    """
    base = shop.settings.backups.backup_base_path
    here = await asyncio.to_thread(_names, base)
    there = await shop.attic.names() if shop.attic is not None else []
    name = max([*here, *there], default="") if backup == LATEST else backup
    if name in here:
        return base / name
    if name in there:
        try:
            return await running.fetch(shop, name)
        except BackupFailedError as error:
            raise CommandFailedError(str(error)) from error
    folder = Path(backup)
    if backup != LATEST and await asyncio.to_thread((folder / MANIFEST).is_file):
        return folder
    raise CommandFailedError(_missing(shop, backup, sorted({*here, *there})))


def _missing(shop: Shop, backup: str, known: list[str]) -> str:
    folder = shop.settings.backups.backup_base_path.resolve()
    where = f"{folder} or in the bucket" if shop.attic is not None else str(folder)
    name = "" if backup == LATEST else f" {backup}"
    there = f" There {'is' if len(known) == 1 else 'are'} {', '.join(known)}." if known else ""
    return f"There is no backup{name} in {where}.{there} BACKUP_BASE_PATH names the folder."


def _names(base: Path) -> list[str]:
    if not base.is_dir():
        return []
    return sorted(one.name for one in base.iterdir() if BACKUP_NAME.fullmatch(one.name) and (one / MANIFEST).is_file())


@contextmanager
def bars() -> Iterator[making.Progress]:
    """A bar for each stage, in the order in which they come."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=problems, transient=True) as shown:
        known = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in known:
                known[stage] = shown.add_task(stage, total=total)
            shown.update(known[stage], completed=done, total=total)

        yield progress
