"""The pictures of products: which files hang where."""

from typing import Annotated, Any

from bson import ObjectId
from pydantic import Field

from truestyle.auth.models import Caller
from truestyle.catalog.products.models import Image, Product
from truestyle.catalog.products.service import own, visible
from truestyle.kit.documents import Answer, Body, example, optional
from truestyle.kit.errors import Duplicate, NotFound, ValidationFailed
from truestyle.kit.paging import Found, PageQuery
from truestyle.kit.resource import SHOWN
from truestyle.kit.types import Id, Line
from truestyle.setting_groups import ShopSettings
from truestyle.store import Store

MOST = 50
Position = Annotated[int, Field(strict=True, ge=0, le=1000)]


class ProductImageAdd(Body):
    """A file to hang on a product; without `position`, after the others."""

    product_id: Id
    file_id: Id
    alt: Line | None = None
    position: Position = optional()

    model_config = example({"product_id": "65af0b12c4a1d2e3f4a5b6c7", "file_id": "65af0b12c4a1d2e3f4a5b6c8"})


class ProductImageChange(Body):
    """Other words or another place for a picture."""

    alt: Line | None = None
    position: Position = optional()


class ProductImageAnswer(Answer):
    """A picture on a product. Its id is the file's."""

    id: Id
    product_id: Id
    file_id: Id
    url: str
    thumbnails: dict[str, str]
    alt: str | None
    position: int


def answer(product_id: ObjectId, image: Image, shop: ShopSettings) -> ProductImageAnswer:
    """A picture as it is read."""
    return ProductImageAnswer(
        id=image.id,
        product_id=product_id,
        file_id=image.id,
        url=shop.file_url(image.id),
        thumbnails=shop.thumbnails(image.id),
        alt=image.alt,
        position=image.position,
    )


async def add(store: Store, caller: Caller, body: ProductImageAdd) -> ProductImageAnswer:
    """Hang a file on a product. Raises NotFound, Duplicate, ValidationFailed."""

    async def work(tx: Store) -> ProductImageAnswer:
        product = await tx.products.get(body.product_id, **own(caller))
        if not await tx.files.hold(body.file_id, **SHOWN):
            raise ValidationFailed("names something that does not exist", ("body", "file_id"))
        if any(one.id == body.file_id for one in product.images):
            raise Duplicate("file_id")
        if len(product.images) >= MOST:
            raise ValidationFailed(f"the product has {MOST} pictures already", ("body", "product_id"))
        last = max((one.position for one in product.images), default=-1)
        placed = body.position if "position" in body.model_fields_set else last + 1
        image = Image(id=body.file_id, alt=body.alt, position=placed)
        await tx.products.change(product.id, {"$push": {"images": image.model_dump()}})
        return answer(product.id, image, store.shop)

    return await store.transaction(work)


async def one(store: Store, caller: Caller | None, key: ObjectId) -> tuple[Product, Image]:
    """A picture and the product it hangs on. Raises NotFound."""
    return _find(await store.products.first({"images.id": key, **visible(caller)}), key)


def _find(product: Product | None, key: ObjectId) -> tuple[Product, Image]:
    image = next((one for one in product.images if one.id == key), None) if product else None
    if product is None or image is None:
        raise NotFound
    return product, image


async def change(store: Store, caller: Caller, key: ObjectId, body: ProductImageChange) -> ProductImageAnswer:
    """Change the words or the place. Raises NotFound."""
    product, image = _find(await store.products.first({"images.id": key, **own(caller)}), key)
    fresh = {name: value for name, value in body.sent().items() if getattr(image, name) != value}
    if fresh:
        values = {f"images.$.{name}": value for name, value in fresh.items()}
        if await store.products.change(product.id, {"$set": values}, where={"images.id": key}) is None:
            raise NotFound
    return answer(product.id, image.model_copy(update=fresh), store.shop)


async def remove(store: Store, caller: Caller, key: ObjectId) -> None:
    """Take a picture off its product; the file stays. Raises NotFound."""
    product, _ = _find(await store.products.first({"images.id": key, **own(caller)}), key)
    gone: dict[str, Any] = {"$pull": {"images": {"id": key}}}
    if await store.products.change(product.id, gone, where={"images.id": key}) is None:
        raise NotFound


async def find(
    store: Store, caller: Caller | None, product_id: ObjectId | None, query: PageQuery
) -> Found[ProductImageAnswer]:
    """One page of pictures, of one product or of all, in the order they are shown."""
    if query.cursor is not None:
        raise ValidationFailed("is not a cursor of this list", ("query", "cursor"))
    where = {**visible(caller), **({} if product_id is None else {"_id": product_id})}
    rows, total = await store.products.pictures(where, ((query.page or 1) - 1) * query.size, query.size)
    shown = [answer(key, Image.model_validate(row), store.shop) for key, row in rows]
    return Found(shown, query, total)
