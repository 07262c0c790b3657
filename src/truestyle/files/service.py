"""Storing pictures, and reading files back."""

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, Self

from bson import ObjectId
from fastapi import UploadFile

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.lookups import RESOURCES
from truestyle.cms.content import CONTENT
from truestyle.files import pictures
from truestyle.files.models import File, FileAnswer, FileRefused, FileTooLarge, InvalidImage
from truestyle.infra import scan
from truestyle.infra.outbox import event
from truestyle.infra.storage import Storage
from truestyle.kit import clock, writes
from truestyle.kit.errors import InUse, NotFound, Unavailable, UnsupportedMediaType, ValidationFailed
from truestyle.setting_groups import ShopSettings
from truestyle.settings import Settings
from truestyle.store import Store

SWEPT_AFTER = timedelta(minutes=15)  # an upload that has no row by then was broken off
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}
PIECE = 64 * 1024  # bytes
LONGEST_SIGN = max(map(len, PICTURES))
SWEEP, RELEASE, FORGET = "file.sweep", "file.release", "file.forget"
NAMED_BY: tuple[tuple[str, str], ...] = (
    ("products", "images.id"),
    ("products", "variants.image_id"),
    ("products", "size_chart.thumbnail_id"),
    ("product_types", "size_chart.thumbnail_id"),
    ("users", "image_id"),
    ("user_reviews", "image_ids"),
    ("invoices", "pdf_id"),
    ("credit_notes", "pdf_id"),
    ("returns", "image_ids"),
    *(
        (resource.name, "image_id")
        for resource in (*RESOURCES, *CONTENT)
        if "image_id" in resource.document.model_fields
    ),
)
PICTURE = {"source_id": None, "content_type": {"$regex": "^image/"}}  # not a rendition, nor a file waiting for a job


@dataclass(frozen=True)
class Limits:
    """What uploads may be: bytes, types by what the bytes are, and what a program says of them."""

    most_bytes: int
    types: Sequence[str]
    scanning: Sequence[str]
    scan_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        data, files = settings.data, settings.files
        return cls(data.upload_max_bytes, data.upload_allowed_types, files.scanning, files.upload_scan_seconds)

    async def look_at(self, content: BinaryIO) -> None:
        """Let the program look at it, if there is one. Raises FileRefused, Unavailable."""
        if self.scanning and await scan.refuses(self.scanning, content, self.scan_seconds):
            raise FileRefused


async def upload(store: Store, storage: Storage, caller: Caller, sent: UploadFile, limits: Limits) -> File:
    """Keep a picture that somebody sent: known by its bytes, looked at, encoded anew, without metadata.

    Pictures of people who write the catalogue or content are public; others are for their owner and staff.
    Raises FileTooLarge, UnsupportedMediaType, InvalidImage, FileRefused, ValidationFailed, Unavailable.
    """
    public = caller.may(Permission.PRODUCTS_WRITE) or caller.may(Permission.CMS_WRITE)
    file = await take(store, storage, sent, limits, owner_id=caller.user_id, public=public)
    return await store.transaction(lambda tx: adopt(tx, file))


async def take(
    store: Store,
    storage: Storage,
    sent: UploadFile,
    limits: Limits,
    *,
    owner_id: ObjectId,
    public: bool,
    field: str = "file",
) -> File:
    """Store the bytes of a picture that somebody sent, for the caller to `adopt`. Raises as `upload`."""
    content = sent.file  # on the disk already, if it is large
    size = content.seek(0, os.SEEK_END)
    if size > limits.most_bytes:
        raise FileTooLarge(f"The file is larger than {limits.most_bytes} bytes.")
    if not size:
        raise ValidationFailed("is empty", ("body", field))
    content.seek(0)
    start = content.read(LONGEST_SIGN)
    kind = next((kind for sign, kind in PICTURES.items() if start.startswith(sign)), None)
    if kind is None or kind not in limits.types:
        raise UnsupportedMediaType(f"Only these types are taken: {', '.join(limits.types)}.")
    await limits.look_at(content)
    try:
        picture = await pictures.cleaned(content)
    except pictures.UnreadablePictureError as error:
        raise InvalidImage(f"The picture {error}.") from error
    return await stage(
        store, storage, picture.content, picture.content_type, picture.size, public=public, owner_id=owner_id
    )


async def keep(
    store: Store,
    storage: Storage,
    content: BinaryIO,
    content_type: str,
    size: tuple[int, int] | None = None,
    *,
    public: bool = True,
    owner_id: ObjectId | None = None,
) -> File:
    """Store bytes that we made ourselves or checked before: first them, then the row that names them."""
    file = await stage(store, storage, content, content_type, size, public=public, owner_id=owner_id)
    return await store.transaction(lambda tx: adopt(tx, file))


async def stage(
    store: Store,
    storage: Storage,
    content: BinaryIO,
    content_type: str,
    size: tuple[int, int] | None = None,
    **fields: Any,
) -> File:
    """Store the bytes of a new file, for the caller to `adopt`. Raises Unavailable.

    An event that is written before sweeps up bytes whose row never came.
    """
    width, height = size or (None, None)
    digest = _digest(content)
    file = File(content_type=content_type, size=content.tell(), sha256=digest, width=width, height=height, **fields)
    content.seek(0)
    swept = event(SWEEP, {"file_id": file.id}, _sweeping(file))
    await store.outbox.write([swept.model_copy(update={"due_at": clock.now() + SWEPT_AFTER})])
    await storage.put(file.id, content, file.size, content_type)
    return file


def _digest(content: BinaryIO) -> str:
    content.seek(0)
    digest = hashlib.sha256()
    while piece := content.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _sweeping(file: File) -> str:
    return f"{SWEEP}:{file.id}"


async def adopt(tx: Store, file: File) -> File:
    """Add the row of a staged file, in a transaction: from now on its bytes stay.

    Raises Duplicate for a second rendition, Unavailable if so much time went by that the bytes are swept up already.
    """
    if not await tx.outbox.withdraw(_sweeping(file)):
        raise Unavailable
    return await tx.files.add(file)


async def discard(storage: Storage, file: File) -> None:
    """Delete the bytes of a file that gets no row, at once if that can be; its event does it otherwise."""
    with suppress(Unavailable):
        await storage.remove(file.id)


async def sweep(store: Store, storage: Storage, key: ObjectId) -> None:
    """Delete bytes that no row names. While the storage is away, another event does it later."""
    if await store.files.first({"_id": key}) is not None:
        return
    try:
        await storage.remove(key)
    except Unavailable:
        again = event(SWEEP, {"file_id": key}).model_copy(update={"due_at": clock.now() + SWEPT_AFTER})
        await store.outbox.write([again])


async def remove(store: Store, storage: Storage, key: ObjectId) -> None:
    """Delete a file that nothing names, with its renditions: the rows first, so that no row is without bytes.

    Raises InUse.
    """

    async def work(tx: Store) -> list[ObjectId]:
        gone = [*await tx.files.drop_renditions(key), key]
        await tx.files.remove(key)
        if await tx.files.is_named(key, NAMED_BY):
            raise InUse
        await tx.outbox.write([event(SWEEP, {"file_id": one}) for one in gone])
        return gone

    for one in await store.transaction(work):
        with suppress(Unavailable):  # at once if we can; the event does it again, harmlessly
            await storage.remove(one)


async def release(store: Store, storage: Storage, key: ObjectId) -> None:
    """Delete a file that something has stopped to name, unless something else names it."""
    with suppress(InUse):
        await remove(store, storage, key)


async def forget(store: Store, storage: Storage, owner_id: ObjectId) -> None:
    """Somebody has left: delete their pictures that nobody else may see or names; the others are nobody's."""
    async for file in store.files.every({"owner_id": owner_id, "source_id": None, "public": False}):
        await release(store, storage, file.id)

    async def work(tx: Store) -> None:
        await tx.files.disown(owner_id)
        await tx.trail.forget(owner_id)  # what was just written of it, too

    await store.transaction(work)


def owned(caller: Caller) -> dict[str, ObjectId]:
    """The filter for files that the caller may delete."""
    return {} if caller.may(Permission.FILES_WRITE) else {"owner_id": caller.user_id}


async def visible(store: Store, caller: Caller | None, key: ObjectId) -> File:
    """A file that is public, the caller's own, or anybody's for staff. Raises NotFound."""
    file = await store.files.get(key, **PICTURE)
    writes.consulted(store.files.name, [key])
    own = caller is not None and (file.owner_id == caller.user_id or caller.may(Permission.FILES_WRITE))
    if not file.public and not own:
        raise NotFound
    return file


async def content(storage: Storage, file: File) -> bytes:
    """The bytes of a file, all at once. Raises NotFound when they are gone, Unavailable."""
    return await collected(await opened(storage, file))


async def opened(storage: Storage, file: File, first: int = 0, last: int | None = None) -> AsyncIterator[bytes]:
    """The bytes of a file, or some of them, in pieces. Raises NotFound when they are gone, Unavailable."""
    found = await storage.open(file.id, first, last)
    if found is None:
        raise NotFound
    return found


async def collected(pieces: AsyncIterator[bytes]) -> bytes:
    """All pieces in one."""
    return b"".join([one async for one in pieces])


def answer(file: File, shop: ShopSettings) -> FileAnswer:
    """A file with its address."""
    return FileAnswer(**file.model_dump(include=set(FileAnswer.model_fields)), url=shop.file_url(file.id))
