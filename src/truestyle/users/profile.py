"""What people change on their own account, with the picture of themselves."""

from typing import TYPE_CHECKING, Any

from bson import ObjectId
from fastapi import UploadFile
from pydantic import ValidationError

from truestyle.auth.models import Caller
from truestyle.files import service as files
from truestyle.files.models import File
from truestyle.files.service import Limits
from truestyle.infra.http.problems import validation_failed
from truestyle.infra.outbox import event
from truestyle.kit.errors import NotFound, VersionConflict
from truestyle.store import Store
from truestyle.users.models import ProfileChange, User, searchable

if TYPE_CHECKING:
    from truestyle.shop import Shop

IMAGE = "image"


async def update(
    shop: "Shop", caller: Caller, sent: dict[str, str], image: UploadFile | None, version: int | None
) -> User:
    """Change the caller's own account from form text, and the picture; an empty text clears.

    Raises ValidationFailed, VersionConflict, and what `files.upload` does.
    """
    values = _values({name: text for name, text in sent.items() if name != IMAGE})
    if IMAGE in sent:
        values["image_id"] = None
    if image is None or not (image.filename or image.size):  # a browser sends a nameless part for no choice
        return await _store(shop.store, caller.user_id, values, None, version)
    limits = Limits.of(shop.settings)
    kept = await files.take(shop.store, shop.storage, image, limits, owner_id=caller.user_id, public=False, field=IMAGE)
    return await _store(shop.store, caller.user_id, values | {"image_id": kept.id}, kept, version)


def _values(sent: dict[str, str]) -> dict[str, Any]:
    try:
        body = ProfileChange.model_validate({name: value.strip() or None for name, value in sent.items()})
    except ValidationError as error:
        raise validation_failed([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error
    return body.model_dump(include=body.model_fields_set)


async def _store(
    store: Store, key: ObjectId, values: dict[str, Any], picture: File | None, version: int | None
) -> User:
    """Write the row with its new picture, and let the old one go."""

    async def work(tx: Store) -> User:
        before = await tx.users.get(key)
        if version is not None and before.version != version:
            raise VersionConflict
        if not values:
            return before
        fresh = dict(values)
        if "full_name" in fresh:
            fresh["words"] = searchable(fresh["full_name"], before.email)
        if picture is not None:
            await files.adopt(tx, picture)
        if "image_id" in fresh and before.image_id is not None:
            await tx.outbox.write([event(files.RELEASE, {"file_id": before.image_id})])
        changed = await tx.users.change(key, {"$set": fresh})
        if changed is None:
            raise NotFound
        return changed

    return await store.transaction(work)
