"""Making the file of an export: whole, on disk, from the store as it was at one moment, before anybody gets a byte."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar

from truestyle.catalog.products.models import CURRENCY
from truestyle.exports import orders, printing, products, sales, users
from truestyle.exports.columns import Kind
from truestyle.exports.models import Ask, Export, FileFormat, Subject
from truestyle.exports.sinks import sink, too_many_for_paper
from truestyle.exports.sources import Plan, Source
from truestyle.infra.snapshot import snapshot
from truestyle.infra.typesetting import shown
from truestyle.kit import clock

if TYPE_CHECKING:
    from truestyle.shop import Shop

SOURCES: dict[Subject, Source] = {
    Subject.ORDERS: orders.SOURCE,
    Subject.PRODUCTS: products.SOURCE,
    Subject.USERS: users.SOURCE,
    Subject.SALES: sales.SOURCE,
}
PIECE = 256 * 1024  # bytes
OnProgress = Callable[[int, int], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True)
class Made:
    """A file: how many rows below the headings, bytes, and its SHA-256."""

    rows: int
    size: int
    sha256: str


async def planned(shop: "Shop", export: Export) -> Plan:
    """What would be read. Raises ValidationFailed, also for a PDF of too many rows."""
    plan = await SOURCES[export.subject].plan(shop.store, export.ask)
    most = shop.settings.exports.export_pdf_rows
    counted = export.format is FileFormat.PDF and export.subject is not Subject.SALES
    if counted and await plan.of.count(plan.where, most + 1) > most:
        raise too_many_for_paper(most)
    return plan


async def make(shop: "Shop", export: Export, plan: Plan, file: IO[bytes], tell: OnProgress | None = None) -> Made:
    """Write the file. `tell` hears of the rows of the store: how many were read, of about how many.

    Raises ValidationFailed for more rows than such a file holds.
    """
    source, moment, rows, done = SOURCES[export.subject], clock.now(), 0, 0
    total = await plan.of.count(plan.where) if tell else 0
    about = _about(shop, export, source, moment)
    out = sink(export.format, file, source.columns, about, moment, shop.settings.exports.export_pdf_rows)
    try:
        async with snapshot(shop.client, shop.store.db) as seen:
            async for read, told in source.batches(shop.store, seen, export.ask, plan):
                await _in_thread(out.write, told)
                rows, done = rows + len(told), done + read
                if tell:
                    await tell(done, max(done, total))
        await _in_thread(out.finish, pool=printing.POOL if export.format is FileFormat.PDF else None)
        if tell:
            await tell(done, done)
    finally:
        out.close()
    size, digest = await _in_thread(_weighed, file)
    return Made(rows, size, digest)


async def _in_thread(work: Callable[..., T], *args: Any, pool: ThreadPoolExecutor | None = None) -> T:
    """As `asyncio.to_thread`, but whoever is cancelled waits for the thread: nothing is closed under its hands."""
    task = asyncio.get_running_loop().run_in_executor(pool, work, *args)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _weighed(file: IO[bytes]) -> tuple[int, str]:
    """Bytes and SHA-256; the file is left at its beginning."""
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        digest.update(piece)
        size += len(piece)
    file.seek(0)
    return size, digest.hexdigest()


def _about(shop: "Shop", export: Export, source: Source, moment: datetime) -> dict[str, Any]:
    """What paper says above the table."""
    zone, settings = shop.store.shop.zone, shop.store.shop
    words = {"from": "from", "to": "to", "payment_type": "paid by", "payment_status": "payment"}
    asked = {name: value for name, value in export.asked.items() if name not in {"format", "as_job"}}
    facts = [f"{words.get(name, name.replace('_', ' '))} {value}" for name, value in asked.items()]
    if any(one.kind is Kind.MONEY and one.printed for one in source.columns):
        facts.append(f"amounts in {CURRENCY}")
    return {
        "title": source.title,
        "store": shown(settings.project_name),
        "facts": [shown(one) for one in facts],
        "made": f"{moment.astimezone(zone):%-d %B %Y, %H:%M} ({settings.store_timezone})",
        "zone": zone,
    }


def new(subject: Subject, ask: Ask, **more: Any) -> Export:
    """The row of an export that is asked for."""
    asked = ask.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Export(subject=subject, format=ask.format, asked=asked, user_id=getattr(ask, "user_id", None), **more)
