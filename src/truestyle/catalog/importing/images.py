"""Pictures of imported products: fetched or drawn after the products are written, then hung on them."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from bson import ObjectId

from truestyle.catalog.importing.fetch import AT_ONCE, Fetcher, NotFetchedError
from truestyle.catalog.importing.models import Findings, Picture, PictureCounts
from truestyle.catalog.importing.own import ART
from truestyle.catalog.importing.plan import Plan, held, own_file
from truestyle.catalog.products.models import Image, Product
from truestyle.files import pictures as cleaning
from truestyle.files import service as files
from truestyle.files.models import FileRefused
from truestyle.files.pictures import UnreadablePictureError
from truestyle.infra.storage import Storage
from truestyle.kit.errors import NotFound, VersionConflict
from truestyle.store import Store

THREADS = 2
TRIES = 5
ART_PARTS = 4  # art:kind:pattern:colour
SHEET = (480, 600)  # px of a drawn picture
SHOWN = 120  # characters of an address in a note


@dataclass(frozen=True, slots=True)
class Wanted:
    """The pictures that a product lacks, and which variants show which."""

    product_id: ObjectId
    pictures: tuple[Picture, ...]
    shown_by: Mapping[str, str]  # SKU → source


def wanted(plan: Plan, file_url: str) -> Wanted | None:
    """What a product that is now in the store still lacks of its pictures."""
    if plan.product is None or plan.errors:
        return None
    there = plan.product.images
    missing = tuple(one for one in plan.draft.pictures if held(there, one.source, file_url) is None)
    if not missing:
        return None
    return Wanted(plan.product.id, missing, {one.sku: one.picture for one in plan.draft.variants if one.picture})


@dataclass
class Gallery:
    """Gets pictures and hangs them. `trusted`: it may draw the placeholder pictures too."""

    store: Store
    storage: Storage
    findings: Findings
    fetcher: Fetcher
    trusted: bool
    counts: PictureCounts = field(default_factory=PictureCounts)
    _files: dict[str, ObjectId | str] = field(default_factory=dict)  # by source: the file, or why there is none

    async def hang(self, all_: Sequence[Wanted], tick: Callable[[int], Awaitable[None]]) -> None:
        """Everything that is wanted, a few products at a time. What cannot be had is noted and counted."""
        waiting = iter(all_)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="pictures") as threads:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(AT_ONCE):
                        group.create_task(self._serve(waiting, threads, tick))
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from failed

    async def _serve(
        self, waiting: Iterator[Wanted], threads: ThreadPoolExecutor, tick: Callable[[int], Awaitable[None]]
    ) -> None:
        for one in waiting:
            got: list[tuple[Picture, ObjectId]] = []
            for picture in one.pictures:
                found = self._files.get(picture.source)
                if found is None:
                    found = self._files[picture.source] = await self._get(picture.source, threads)
                if isinstance(found, ObjectId):
                    got.append((picture, found))
                else:
                    self.counts.skipped += 1
                    self.findings.note(f"Row {picture.row}: picture {picture.source[:SHOWN]} left out: {found}.")
            if got:
                await _hang(self.store, one, got)
                self.counts.stored += len(got)
            await tick(len(one.pictures))

    async def _get(self, source: str, threads: ThreadPoolExecutor) -> ObjectId | str:
        """The file of a source, or in words why there is none."""
        known = own_file(source, self.store.shop.file_url(""))
        try:
            if known is not None:
                return (await files.visible(self.store, None, known)).id
            if source.startswith(ART):
                return await self._draw(source, threads)
            content = io.BytesIO(await self.fetcher.fetch(source))
            await self.fetcher.look_at(content)
            picture = await cleaning.cleaned(content)
        except (NotFetchedError, UnreadablePictureError) as error:
            return str(error)
        except FileRefused:
            return "it is refused as unsafe"
        except NotFound:
            return "there is no such file here"
        file = await files.keep(self.store, self.storage, picture.content, picture.content_type, picture.size)
        return file.id

    async def _draw(self, source: str, threads: ThreadPoolExecutor) -> ObjectId | str:
        if not self.trusted:
            return "only the seeding draws pictures"
        from truestyle.seed import artwork  # noqa: PLC0415 - heavy, and only for the demo store

        parts = source.split(":")
        if len(parts) != ART_PARTS:
            return "must be like art:kurta:plain"
        loop = asyncio.get_running_loop()
        try:
            draw = partial(artwork.draw, parts[1], parts[2], parts[3], size=SHEET)
            content = io.BytesIO(await loop.run_in_executor(threads, draw))
        except ValueError as error:
            return str(error)[:SHOWN]
        return (await files.keep(self.store, self.storage, content, "image/webp", SHEET)).id


async def _hang(store: Store, wanted_: Wanted, got: Iterable[tuple[Picture, ObjectId]]) -> None:
    """Add pictures to a product as it stands by now, guarded by its version."""
    for _ in range(TRIES):
        product = await store.products.first({"_id": wanted_.product_id})
        if product is None:  # deleted meanwhile
            return
        try:
            changed = _with(store, product, wanted_, got)
            rows = {name: [one.model_dump() for one in getattr(changed, name)] for name in ("images", "variants")}
            await store.products.change(product.id, {"$set": rows}, version=product.version)
        except VersionConflict:
            continue
        return


def _with(store: Store, product: Product, wanted_: Wanted, got: Iterable[tuple[Picture, ObjectId]]) -> Product:
    ours = store.shop.file_url("")
    images, by_source = list(product.images), dict[str, ObjectId]()
    position = max((one.position for one in images), default=-1) + 1
    there = {one.id for one in images}
    for picture, file_id in got:
        by_source[picture.source] = file_id
        if file_id not in there:
            source = None if own_file(picture.source, ours) else picture.source
            images.append(Image(id=file_id, alt=picture.alt, position=position, source=source))
            there.add(file_id)
            position += 1
    variants = [
        one.model_copy(update={"image_id": by_source.get(wanted_.shown_by.get(one.sku, ""))})
        if one.image_id is None
        else one
        for one in product.variants
    ]
    return product.model_copy(update={"images": images, "variants": variants})
