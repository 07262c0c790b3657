"""Exporting the catalogue as CSV or as a workbook, a few products at a time, however many there are."""

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import IO, Any

import structlog

from truestyle.auth.models import Caller
from truestyle.catalog.exporting import rows
from truestyle.catalog.products.models import ProductStatus
from truestyle.catalog.products.service import own
from truestyle.infra.workbook import MOST_ROWS, Workbook
from truestyle.kit.errors import ValidationFailed
from truestyle.store import Store

CHUNK = 262_144  # bytes
log = structlog.get_logger("exporting")


class ExportFormat(StrEnum):
    """What kind of file."""

    CSV = "csv"
    XLSX = "xlsx"


MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def export(store: Store, format_: ExportFormat, caller: Caller | None = None) -> AsyncIterator[bytes]:
    """The file in parts: all products, or of a vendor its own. Raises ValidationFailed for more than a sheet holds.

    Without a caller it is the operator's. Nothing larger than a few hundred products is in memory; a workbook grows on
    disk and is sent when it is whole.
    """
    # All statuses, said so that the indexes by vendor and status give the order.
    where = {**(own(caller) if caller else {}), "status": {"$in": list(ProductStatus)}}
    if format_ is ExportFormat.XLSX and await store.stock.count({}) >= MOST_ROWS:
        raise ValidationFailed(f"a sheet has at most {MOST_ROWS} rows; export as csv", ("query", "format"))
    parts = _csv(store, where) if format_ is ExportFormat.CSV else _workbook(store, where)
    return _told(parts, format_, caller)


async def _told(parts: AsyncIterator[bytes], format_: ExportFormat, caller: Caller | None) -> AsyncIterator[bytes]:
    size, whole = 0, False
    try:
        async for part in parts:
            size += len(part)
            yield part
        whole = True
    finally:
        by = str(caller.user_id) if caller else None
        log.info("catalogue_exported", format=format_.value, by=by, bytes=size, whole=whole)


async def _csv(store: Store, where: Mapping[str, Any]) -> AsyncIterator[bytes]:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(rows.COLUMNS)
    async for batch in rows.batches(store, where):
        await asyncio.to_thread(writer.writerows, batch)
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
    if out.tell():  # no products: the columns alone
        yield out.getvalue().encode()


async def _workbook(store: Store, where: Mapping[str, Any]) -> AsyncIterator[bytes]:
    with tempfile.TemporaryFile() as file:
        with Workbook(file, "Products", rows.HEADINGS) as book:
            async for batch in rows.batches(store, where):
                await asyncio.to_thread(book.write, batch)
            await asyncio.to_thread(book.close)
        file.seek(0)
        while part := await _read(file):
            yield part


async def _read(file: IO[bytes]) -> bytes:
    return await asyncio.to_thread(file.read, CHUNK)
