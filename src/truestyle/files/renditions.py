"""Smaller copies of pictures: from a fixed ladder of widths, made once, kept like any file."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bson import ObjectId

from truestyle.files import service
from truestyle.files.models import File, Format
from truestyle.infra.storage import Storage
from truestyle.kit.errors import Duplicate, NotFound
from truestyle.setting_groups import LADDER
from truestyle.store import Store

SAVING: dict[Format, dict[str, Any]] = {
    Format.WEBP: {"quality": 80, "method": 4},
    Format.AVIF: {"quality": 60, "speed": 8},
    Format.JPEG: {"quality": 82, "optimize": True},
}
_making: dict[tuple[ObjectId, int, Format], asyncio.Task[File]] = {}
_POOL = ThreadPoolExecutor(1, "renditions")  # one at a time: pictures must not slow the shop


def rung(width: int | None, original: int | None) -> int:
    """The width of the ladder that serves `width`: the next larger one, never larger than the original needs."""
    wanted = min(width or LADDER[-1], original or LADDER[-1])
    return next((one for one in LADDER if one >= wanted), LADDER[-1])


async def of(store: Store, storage: Storage, source: File, width: int | None, kind: Format) -> File:
    """The rendition, made now if it is the first time. Raises NotFound when the source is gone, Unavailable."""
    step = rung(width, source.width)
    found = await store.files.rendition(source.id, step, kind)
    if found is not None:
        return found
    name = (source.id, step, kind)
    making = _making.get(name)
    if making is None:
        making = _making[name] = asyncio.create_task(make(store, storage, source, step, kind))
        making.add_done_callback(lambda _: _making.pop(name, None))
    # Whoever asks for the same meanwhile waits for it too; who hangs up ends it for nobody.
    return await asyncio.shield(making)


async def make(store: Store, storage: Storage, source: File, step: int, kind: Format) -> File:
    """Make and keep a rendition; the one kept, where another process was sooner. Raises NotFound, Unavailable."""
    original = await service.content(storage, source)
    encoded, size = await asyncio.get_running_loop().run_in_executor(_POOL, _encoded, original, step, kind)
    made = await service.stage(
        store,
        storage,
        io.BytesIO(encoded),
        f"image/{kind}",
        size,
        source_id=source.id,
        rendition_width=step,
        rendition_format=kind,
    )

    async def work(tx: Store) -> None:
        if not await tx.files.hold(source.id):  # deleted meanwhile
            raise NotFound
        await service.adopt(tx, made)

    try:
        await store.transaction(work)
    except Duplicate:  # another process made it at the same moment: theirs stays
        await service.discard(storage, made)
        kept = await store.files.rendition(source.id, step, kind)
        if kept is None:
            raise NotFound from None
        return kept
    except NotFound:
        await service.discard(storage, made)
        raise
    return made


def _encoded(content: bytes, width: int, kind: Format) -> tuple[bytes, tuple[int, int]]:
    from PIL import Image  # noqa: PLC0415 - heavy, and only for who makes pictures

    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as opened:
        picture = opened.convert("RGB" if kind is Format.JPEG or not opened.has_transparency_data else "RGBA")
    if picture.width > width:
        picture = picture.resize(
            (width, max(1, round(picture.height * width / picture.width))), Image.Resampling.LANCZOS
        )
    out = io.BytesIO()
    picture.save(out, kind.upper(), **SAVING[kind])
    return out.getvalue(), picture.size
