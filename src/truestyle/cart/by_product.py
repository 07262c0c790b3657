"""Cart lines named by their product, as another seed does; ours are named by the line."""

from typing import Annotated

from bson import ObjectId
from fastapi import Query

from truestyle.cart import service
from truestyle.cart.models import CartAnswer, CartChange
from truestyle.cart.service import Owner
from truestyle.deps import CartOwner, Db
from truestyle.kit.errors import NotFound, Problem
from truestyle.kit.types import Id, Sku
from truestyle.store import Store

Wanted = Annotated[Sku | None, Query(description="Which line, when the product has several.")]


class SeveralLines(Problem):
    """The cart has several variants of the product; `skus` names them."""

    status, code, detail = 409, "several_lines", "The cart has several lines of this product: say which by `sku`."


async def change_product_in_cart(
    product_id: Id, body: CartChange, store: Db, owner: CartOwner, sku: Wanted = None
) -> CartAnswer:
    """Set the quantity of a product's line; 0 removes it."""
    await service.set_quantity(store, owner, await _line(store, owner, product_id, sku), body.quantity)
    return await service.view(store, owner)


async def remove_product_from_cart(product_id: Id, store: Db, owner: CartOwner, sku: Wanted = None) -> CartAnswer:
    """Remove a product's line."""
    await service.drop(store, owner, await _line(store, owner, product_id, sku))
    return await service.view(store, owner)


async def _line(store: Store, owner: Owner, product_id: ObjectId, sku: str | None) -> ObjectId:
    """The line of a product. Raises NotFound, SeveralLines."""
    items = [one for one in (await service.get(store, owner)).items if one.product_id == product_id]
    items = [one for one in items if sku is None or one.sku == sku]
    if not items:
        raise NotFound
    if len(items) > 1:
        raise SeveralLines(skus=[one.sku for one in items])
    return items[0].id
