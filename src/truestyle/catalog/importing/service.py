"""Importing a catalogue: read, check, plan, write in batches, then the pictures. Doing it twice changes nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from truestyle.catalog.importing import checks, dialects
from truestyle.catalog.importing.fetch import Fetcher
from truestyle.catalog.importing.images import Gallery, Wanted, wanted
from truestyle.catalog.importing.lookups import Shelf
from truestyle.catalog.importing.models import (
    STORE,
    Actor,
    DialectName,
    Draft,
    Findings,
    ImportResult,
    PictureCounts,
    ProductCounts,
    VariantCounts,
)
from truestyle.catalog.importing.plan import Plan
from truestyle.catalog.importing.writing import Writer
from truestyle.infra.storage import Storage
from truestyle.store import Store

BATCH = 100  # products of a transaction
MOST_IN_BATCH = 1000  # variants of a transaction
OnProgress = Callable[[int, int], Awaitable[None]]
log = structlog.get_logger("importing")


@dataclass(frozen=True)
class Checked:
    """A file that was read and checked."""

    dialect: DialectName
    rows: int
    drafts: Sequence[Draft]
    refused: int  # products with a bad row
    findings: Findings


@dataclass
class Progress:
    """How far an import is, in rows and pictures."""

    total: int
    tell: OnProgress | None
    done: int = 0

    async def add(self, count: int) -> None:
        """Some more are done."""
        self.done = min(self.total, self.done + count)
        if self.tell is not None:
            await self.tell(self.done, self.total)


@dataclass
class Tally:
    """What became of the products so far."""

    products: ProductCounts = field(default_factory=ProductCounts)
    variants: VariantCounts = field(default_factory=VariantCounts)
    pictures: list[Wanted] = field(default_factory=list)

    def count(self, plan: Plan, findings: Findings, file_url: str) -> None:
        """Take a plan that was carried out."""
        for row, name, message in plan.errors:
            findings.error(row, name, message)
        if plan.errors:
            self.products.skipped += 1
            return
        if plan.after is None:
            self.products.unchanged += 1
        elif plan.before is None:
            self.products.created += 1
        else:
            self.products.updated += 1
        self.variants.created += len(plan.opening) if plan.after else 0
        self.variants.updated += plan.touched
        lacking = wanted(plan, file_url)
        if lacking is not None:
            self.pictures.append(lacking)


async def import_catalogue(
    store: Store,
    storage: Storage,
    content: bytes,
    *,
    name: str = "",
    actor: Actor = STORE,
    dry_run: bool = False,
    trusted: bool = False,
    fetcher: Fetcher | None = None,
    on_progress: OnProgress | None = None,
) -> ImportResult:
    """Bring the products of a CSV file in, found again by SKU, and say what was done. Raises ValidationFailed.

    `name` is for the log. `trusted`: the file may have placeholder pictures drawn. `on_progress(done, total)` counts
    rows and pictures.
    """
    file = await asyncio.to_thread(read, content)
    findings, tally = file.findings, Tally(ProductCounts(skipped=file.refused + file.findings.left_out))
    progress = Progress(file.rows + sum(len(one.pictures) for one in file.drafts), on_progress)
    await progress.add(0)
    writer = Writer(store, await Shelf.load(store), actor, dry_run)
    for batch in batches(file.drafts):
        for plan in await writer.write(batch):
            tally.count(plan, findings, store.shop.file_url(""))
        await progress.add(sum(len(draft.variants) for draft in batch))
    gallery = Gallery(store, storage, findings, fetcher or Fetcher(), trusted)
    if dry_run:
        gallery.counts = PictureCounts(stored=sum(len(one.pictures) for one in tally.pictures))
    else:
        await gallery.hang(tally.pictures, progress.add)
    await progress.add(progress.total)
    result = ImportResult(
        dialect=file.dialect,
        rows=file.rows,
        products=tally.products,
        variants=tally.variants,
        images=gallery.counts,
        notes=findings.told(),
        errors=findings.count,
        dry_run=dry_run,
        bad_rows=sorted(findings.errors, key=lambda one: one.row),
    )
    log.info("catalogue_imported", name=name, dry_run=dry_run, products=result.products.model_dump())
    return result


def read(content: bytes) -> Checked:
    """The drafts of a file: only computing, so it belongs in a thread. Raises ValidationFailed."""
    dialect, rows, products, findings = dialects.parse(content)
    drafts = checks.check(products, findings)
    return Checked(dialect, rows, drafts, len(products) - len(drafts), findings)


def batches(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    """What goes into one transaction: not too many products, nor too many variants."""
    batch: list[Draft] = []
    for draft in drafts:
        if len(batch) >= BATCH or sum(len(one.variants) for one in batch) + len(draft.variants) > MOST_IN_BATCH:
            if batch:
                yield batch
            batch = []
        batch.append(draft)
    if batch:
        yield batch
