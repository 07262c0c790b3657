"""Storing pictures, and reading files back."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from fastapi import UploadFile

from truestyle.auth.models import Caller
from truestyle.auth.permissions import Permission
from truestyle.catalog.lookups import RESOURCES
from truestyle.cms.content import CONTENT
from truestyle.files import pictures
from truestyle.files.models import File, FileAnswer, FileTooLarge, InvalidImage
from truestyle.infra.outbox import event
from truestyle.infra.storage import Storage
from truestyle.kit import clock
from truestyle.kit.errors import InUse, NotFound, UnsupportedMediaType, ValidationFailed
from truestyle.settings import ShopSettings
from truestyle.store import Store

SWEPT_AFTER = timedelta(minutes=15)  # an upload that has no row by then was broken off
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}
NAMED_BY: tuple[tuple[str, str], ...] = (
    ("products", "images.id"),
    ("products", "variants.image_id"),
    ("products", "size_chart.thumbnail_id"),
    ("product_types", "size_chart.thumbnail_id"),
    ("users", "image_id"),
    ("user_reviews", "image_ids"),
    *(
        (resource.name, "image_id")
        for resource in (*RESOURCES, *CONTENT)
        if "image_id" in resource.document.model_fields
    ),
)


PICTURE = {"source_id": None, "content_type": {"$regex": "^image/"}}  # not a rendition, nor a file waiting for a job


@dataclass(frozen=True)
class Limits:
    """What uploads may be: bytes, and types by what the bytes are."""

    most_bytes: int
    types: Sequence[str]


async def upload(store: Store, storage: Storage, caller: Caller, sent: UploadFile, limits: Limits) -> File:
    """Keep a picture that somebody sent: known by its bytes, encoded anew, without metadata.

    Pictures of people who write the catalogue or content are public; others are for their owner and staff.
    Raises FileTooLarge, UnsupportedMediaType, InvalidImage, ValidationFailed.
    """
    content = await sent.read(limits.most_bytes + 1)
    if len(content) > limits.most_bytes:
        raise FileTooLarge(f"The file is larger than {limits.most_bytes} bytes.")
    if not content:
        raise ValidationFailed("is empty", ("body", "file"))
    kind = next((kind for start, kind in PICTURES.items() if content.startswith(start)), None)
    if kind is None or kind not in limits.types:
        raise UnsupportedMediaType(f"Only these types are taken: {', '.join(limits.types)}.")
    try:
        picture = await asyncio.to_thread(pictures.clean, content)
    except pictures.UnreadablePictureError as error:
        raise InvalidImage(f"The picture {error}.") from error
    public = caller.may(Permission.PRODUCTS_WRITE) or caller.may(Permission.CMS_WRITE)
    return await keep(
        store,
        storage,
        picture.content,
        picture.content_type,
        picture.size,
        public=public,
        owner_id=caller.user_id,
    )


async def keep(
    store: Store,
    storage: Storage,
    content: bytes,
    content_type: str,
    size: tuple[int, int] | None = None,
    *,
    public: bool = True,
    owner_id: ObjectId | None = None,
) -> File:
    """Store bytes that we made ourselves or checked before; the bytes first, then the row that names them.

    An event that was written before both sweeps up bytes whose row never came.
    """
    width, height = size or (None, None)
    file = File(
        content_type=content_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        public=public,
        owner_id=owner_id,
    )
    return await put(store, storage, file, content)


async def put(store: Store, storage: Storage, file: File, content: bytes) -> File:
    """Store the bytes of a new file, then its row. Raises Duplicate (and keeps no bytes) for a second rendition."""
    swept = event("file.sweep", {"file_id": file.id}, f"file.sweep:{file.id}")
    await store.outbox.write([swept.model_copy(update={"due_at": clock.now() + SWEPT_AFTER})])
    await storage.put(file.id, content, {"content_type": file.content_type})
    return await store.files.add(file)


async def sweep(store: Store, storage: Storage, key: ObjectId) -> None:
    """Delete bytes that no row names."""
    if await store.files.first({"_id": key}) is None:
        await storage.remove(key)


async def remove(store: Store, storage: Storage, key: ObjectId) -> None:
    """Delete a file that nothing names, with its renditions: the rows first, so that no row is without bytes.

    Raises InUse.
    """

    async def work(tx: Store) -> list[ObjectId]:
        gone = [*await tx.files.renditions(key), key]
        for one in gone:
            await tx.files.remove(one)
        if await tx.files.is_named(key, NAMED_BY):
            raise InUse
        await tx.outbox.write([event("file.sweep", {"file_id": one}) for one in gone])
        return gone

    for one in await store.transaction(work):
        await storage.remove(one)  # at once if we can; the event does it again, harmlessly


def owned(caller: Caller) -> dict[str, ObjectId]:
    """The filter for files that the caller may delete."""
    return {} if caller.may(Permission.FILES_WRITE) else {"owner_id": caller.user_id}


async def visible(store: Store, caller: Caller | None, key: ObjectId) -> File:
    """A file that is public, the caller's own, or anybody's for staff. Raises NotFound."""
    file = await store.files.get(key, **PICTURE)
    own = caller is not None and (file.owner_id == caller.user_id or caller.may(Permission.FILES_WRITE))
    if not file.public and not own:
        raise NotFound
    return file


async def content(storage: Storage, file: File) -> bytes:
    """The bytes of a file. Raises NotFound when they are gone."""
    found = await storage.read(file.id)
    if found is None:
        raise NotFound
    return found


def answer(file: File, shop: ShopSettings) -> FileAnswer:
    """A file with its address."""
    return FileAnswer(**file.model_dump(include=set(FileAnswer.model_fields)), url=shop.file_url(file.id))
