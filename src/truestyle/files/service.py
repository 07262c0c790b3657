"""Storing pictures of ours, and reading files back."""

import hashlib

from bson import ObjectId

from truestyle.files.models import File
from truestyle.infra.storage import Storage
from truestyle.kit.errors import NotFound
from truestyle.store import Store


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
    """Store bytes that we made ourselves or checked before; the bytes first, then the row that names them."""
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
    await storage.put(file.id, content, {"content_type": content_type})
    return await store.files.add(file)


async def remove(store: Store, storage: Storage, key: ObjectId) -> None:
    """Delete a file: the row first, so that no row is ever without its bytes."""
    await store.files.remove(key)
    await storage.remove(key)


async def public(store: Store, key: ObjectId) -> File:
    """A file that anybody may see. Raises NotFound."""
    return await store.files.get(key, public=True)


async def content(storage: Storage, file: File) -> bytes:
    """The bytes of a file. Raises NotFound when they are gone."""
    found = await storage.read(file.id)
    if found is None:
        raise NotFound
    return found
